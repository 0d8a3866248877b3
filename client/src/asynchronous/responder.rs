//! Serving requests.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::asynchronous::client::Client;
use crate::asynchronous::handler::Request;
use crate::asynchronous::subscriber::Subscriber;
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;
use crate::serving::{HandlerError, Reply, ServeOptions};

/// The number of the answer to a request whose handler panicked, or whose reply cannot be sent.
const CODE_FAULT: u16 = 500;

/// Somebody who serves requests. Dropping it ends that at once: handlers in hand are dropped, and
/// their requesters get no answer.
#[derive(Debug)]
pub struct Responder {
    task: JoinHandle<()>,
    /// Says that no more requests shall be taken.
    drain: watch::Sender<bool>,
    statistics: watch::Receiver<ResponderStatistics>,
}

/// What a responder has counted since it began.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResponderStatistics {
    /// Requests whose handler was called.
    pub requests: u64,
    /// Those among them that failed: the handler said so, panicked, or took too long.
    pub errors: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Requests whose time was over before their handler ended, or before it began.
    pub expired: u64,
    /// What the latest failure was; empty: there was none.
    pub last_error: String,
    /// Time from the call of a handler to its end, of all together.
    pub processing_time: Duration,
    /// Requests in hand just now.
    pub in_hand: usize,
}

impl Responder {
    pub(super) fn start<H, F>(
        client: Client,
        subscriber: Subscriber,
        options: &ServeOptions,
        handler: H,
    ) -> Responder
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, HandlerError>> + Send + 'static,
    {
        let (drain, drains) = watch::channel(false);
        let (counts, statistics) = watch::channel(ResponderStatistics::default());
        let serving = Serving::begin(&client);
        let (handler, counts) = (Arc::new(handler), Arc::new(counts));
        let worker = Worker { client, handler, counts, _serving: serving };
        let task = tokio::spawn(worker.run(subscriber, options.concurrency_max.max(1), drains));
        Responder { task, drain, statistics }
    }

    /// What it has counted.
    #[must_use]
    pub fn statistics(&self) -> ResponderStatistics {
        self.statistics.borrow().clone()
    }

    /// Waits until what it has counted is as `is_so` says; nothing, if it ended before.
    pub async fn wait_for(
        &mut self,
        is_so: impl FnMut(&ResponderStatistics) -> bool,
    ) -> Option<ResponderStatistics> {
        self.statistics.wait_for(is_so).await.ok().map(|counted| counted.clone())
    }

    /// Ends at once, as dropping it does.
    pub fn stop(self) {}

    /// Ends in good order: takes no more requests, and returns when those that had arrived are
    /// answered. Returns what it has counted in all.
    pub async fn drain(mut self) -> ResponderStatistics {
        self.drain.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            // A handler's panic is caught before it gets here: this one is ours. A task that was
            // cancelled went with its runtime.
            if let Ok(panic) = error.try_into_panic() {
                std::panic::resume_unwind(panic);
            }
        }
        self.statistics()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task of a responder.
struct Worker<H> {
    client: Client,
    handler: Arc<H>,
    counts: Arc<watch::Sender<ResponderStatistics>>,
    _serving: Serving,
}

/// A request in hand: one that is dropped half way is no longer in hand either.
struct InHand {
    counts: Arc<watch::Sender<ResponderStatistics>>,
}

/// A responder that has requests in hand or may get more: a client that drains waits for it.
struct Serving(Client);

impl Serving {
    fn begin(client: &Client) -> Serving {
        client.count_serving(true);
        Serving(client.clone())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.count_serving(false);
    }
}

/// How a handler ended.
enum End {
    Replied(Reply),
    Failed(HandlerError),
    /// With these words.
    Panicked(String),
    Expired,
}

impl<H, F> Worker<H>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Reply, HandlerError>> + Send + 'static,
{
    async fn run(
        self,
        mut subscriber: Subscriber,
        concurrency_max: usize,
        mut drains: watch::Receiver<bool>,
    ) {
        let mut handlers = JoinSet::new();
        let mut is_draining = false;
        // Ends when the subscription does: with the client, or when it shall take no more.
        loop {
            // Those that are done make room; with none left, one has to end first.
            while handlers.try_join_next().is_some() {}
            if handlers.len() >= concurrency_max {
                handlers.join_next().await;
            }
            let message = tokio::select! {
                biased;
                () = drain_wanted(&mut drains), if !is_draining => {
                    is_draining = true;
                    if subscriber.unsubscribe().await.is_err() {
                        // There is no broker to tell: nothing more arrives either.
                        break;
                    }
                    continue;
                }
                message = subscriber.next() => message,
            };
            let Some(message) = message else { break };
            handlers.spawn(self.handle(message));
        }
        while handlers.join_next().await.is_some() {}
    }

    /// One request from its arrival to its answer.
    fn handle(&self, message: Message) -> impl Future<Output = ()> + Send + use<H, F> {
        let (client, handler) = (self.client.clone(), Arc::clone(&self.handler));
        let in_hand = InHand::begin(&self.counts);
        async move {
            let request = Request::new(message.clone(), &client);
            let deadline = request.deadline();
            let began = Instant::now();
            let end = if deadline.is_some_and(|deadline| deadline <= began) {
                End::Expired
            } else {
                call(&*handler, request, deadline).await
            };
            in_hand.count(&end, began.elapsed());
            let Err(error) = answer(&client, &message, &end).await else { return };
            in_hand.count_unanswered(&error);
            if !error.is_fatal() {
                // Nobody shall wait in vain because a handler put into its reply what cannot be sent.
                let told = End::Failed(HandlerError::new(CODE_FAULT, error.to_string()));
                if let Err(error) = answer(&client, &message, &told).await {
                    in_hand.count_unanswered(&error);
                }
            }
        }
    }
}

/// Waits until somebody says that no more requests shall be taken, or nobody can say it any more.
async fn drain_wanted(drains: &mut watch::Receiver<bool>) {
    // A responder that is gone has aborted this task, or is about to.
    let _ = drains.wait_for(|drain| *drain).await;
}

/// Runs a handler until its end or the deadline.
async fn call<H, F>(handler: &H, request: Request, deadline: Option<Instant>) -> End
where
    H: Fn(Request) -> F,
    F: Future<Output = Result<Reply, HandlerError>>,
{
    // The call itself may panic too, so it is made inside.
    let guarded = CatchPanic(Box::pin(async move { handler(request).await }));
    let ended = match deadline {
        None => guarded.await,
        Some(deadline) => match timeout_at(deadline, guarded).await {
            Ok(ended) => ended,
            Err(_elapsed) => return End::Expired,
        },
    };
    match ended {
        Ok(Ok(reply)) => End::Replied(reply),
        Ok(Err(error)) => End::Failed(error),
        Err(words) => End::Panicked(words),
    }
}

async fn answer(client: &Client, message: &Message, end: &End) -> Result<(), ClientError> {
    let Some(to) = Publication::reply_to(message) else { return Ok(()) };
    let reply = match end {
        End::Replied(reply) => reply.fill(to),
        End::Failed(error) => error.fill(to),
        // Its words may name what nobody outside shall know.
        End::Panicked(_words) => HandlerError::new(CODE_FAULT, "the handler panicked").fill(to),
        // Nobody waits any more.
        End::Expired => return Ok(()),
    };
    client.publish(&reply?).await
}

impl InHand {
    fn begin(counts: &Arc<watch::Sender<ResponderStatistics>>) -> InHand {
        counts.send_modify(|it| it.in_hand += 1);
        InHand { counts: Arc::clone(counts) }
    }

    fn count(&self, end: &End, elapsed: Duration) {
        self.counts.send_modify(|it| {
            it.requests += 1;
            it.processing_time += elapsed;
            let error = match end {
                End::Replied(_) => return,
                End::Failed(error) => error.to_string(),
                End::Panicked(words) => {
                    it.panics += 1;
                    format!("the handler panicked: {words} (error {CODE_FAULT})")
                }
                End::Expired => {
                    it.expired += 1;
                    "the requester's time was over".to_owned()
                }
            };
            it.errors += 1;
            it.last_error = error;
        });
    }

    fn count_unanswered(&self, error: &ClientError) {
        self.counts.send_modify(|it| {
            it.errors += 1;
            it.last_error = format!("the reply could not be sent: {error}");
        });
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.counts.send_modify(|it| it.in_hand -= 1);
    }
}

/// A future whose panic is a result: its text.
struct CatchPanic<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.0.as_mut();
        // After a panic the future is not polled again, so nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a text".to_owned())
}
