//! The handle of a client.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::model::{SubscriptionId, Timestamp};

use crate::asynchronous::driver::Driver;
use crate::asynchronous::events::Events;
use crate::asynchronous::handler::Request;
use crate::asynchronous::replies::Replies;
use crate::asynchronous::responder::Responder;
use crate::asynchronous::shared::Shared;
use crate::asynchronous::subscriber::Subscriber;
use crate::asynchronous::waiting::Waiting;
use crate::engine::{Answer, Call, ConnectionState, Engine, RequestMode, Statistics};
use crate::error::ClientError;
use crate::message::Message;
use crate::options::Options;
use crate::publication::Publication;
use crate::server_info::ServerInfo;
use crate::serving::{HandlerError, Reply, ServeOptions};
use crate::subscription::SubscribeOptions;

/// A client of a broker: cheap to clone, and to be used from any task.
///
/// It comes back by itself when its connection broke, and subscriptions come back with it; see
/// [`Options::reconnect`]. When the last clone, subscriber and responder is dropped, what was
/// published is still sent, and the connection ends in good order.
///
/// ```no_run
/// use coilgun_client::{Client, Options, Publication, SubscribeOptions};
///
/// # async fn example() -> Result<(), coilgun_client::ClientError> {
/// let client = Client::connect(Options::new("127.0.0.1:7700".parse()?)).await?;
/// let mut orders = client.subscribe("orders.>", &SubscribeOptions::default()).await?;
/// client.publish(&Publication::to("orders.new").with_payload(b"one table")).await?;
/// if let Some(message) = orders.next().await {
///     assert_eq!(message.payload(), b"one table");
/// }
/// client.close().await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What keeps the driver going.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) timeout: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.with(|core| {
            core.is_abandoned = true;
            core.sleep.is_poked = true;
        });
    }
}

impl Client {
    /// Connects, and returns when the broker has let the client in. Its driver is a task of the
    /// runtime that this is called on.
    ///
    /// # Errors
    /// If nothing answers at any of the addresses in time and [`Options::retry_first_connect`] is not
    /// set, or if the broker does not let this client in.
    ///
    /// # Panics
    /// Outside of a runtime of tokio with IO and time.
    pub async fn connect(options: Options) -> Result<Client, ClientError> {
        let timeout = options.timeout;
        // The system seeds the hasher, so that no two clients draw the same numbers.
        let seed = RandomState::new().hash_one(0);
        let shared = Arc::new(Shared::new(|now| Engine::new(options, seed, now)));
        let client = Client { handle: Arc::new(Handle { shared: Arc::clone(&shared), timeout }) };
        tokio::spawn(Driver::new(Arc::clone(&shared), timeout));
        shared
            .watch(|core| match (core.engine.closed(), core.engine.server()) {
                (Some(error), _) => Some(Err(error.clone())),
                (None, Some(_)) => Some(Ok(())),
                (None, None) => None,
            })
            .await?;
        Ok(client)
    }

    /// What the latest broker said about itself.
    ///
    /// # Panics
    /// Never: a client that was handed out was let in once.
    #[must_use]
    pub fn server(&self) -> ServerInfo {
        let info = self.handle.shared.with(|core| core.engine.server().cloned());
        info.expect("a client that was handed out was let in once")
    }

    /// Where the client stands.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.handle.shared.with(|core| core.engine.state())
    }

    /// What the client has counted.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.handle.shared.with(|core| core.engine.statistics())
    }

    /// What happens to the client from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(&self.handle.shared)
    }

    /// Sends a message. Waits for nothing but room in the output; without a connection the message
    /// is kept for the next one, up to [`Options::away_bytes_max`].
    ///
    /// # Errors
    /// If the message cannot be sent, or the client has ended.
    pub async fn publish(&self, publication: &Publication<'_>) -> Result<(), ClientError> {
        let shared = &self.handle.shared;
        publication.check(shared.payload_bytes_max())?;
        std::future::poll_fn(|context| {
            shared.poll_with_room(context, |engine| engine.publish_checked(publication))
        })
        .await
    }

    /// Sends a message, waits until every receiver's outbox has it, and says how many there are.
    ///
    /// # Errors
    /// If the message cannot be sent, the broker refuses it or does not answer in time, or the
    /// connection breaks before the answer comes.
    pub async fn publish_acked(&self, publication: &Publication<'_>) -> Result<u32, ClientError> {
        let timeout = self.handle.timeout;
        let call =
            self.begin(|engine, now| engine.publish_acked(now, publication, timeout)).await?;
        match call.await? {
            Answer::Receivers(count) => Ok(count),
            Answer::Done | Answer::Reply(_) | Answer::End | Answer::Stream(_) => {
                Err(ClientError::Closed)
            }
        }
    }

    /// Returns once everything published before has taken effect: it is in the outboxes of its
    /// receivers (law S12).
    ///
    /// # Errors
    /// If the broker does not answer in time, or a connection broke meanwhile, so that the outcome of
    /// what was published before is unknown; that is said once.
    pub async fn flush(&self) -> Result<(), ClientError> {
        let timeout = self.handle.timeout;
        self.begin(|engine, now| engine.flush(now, timeout)).await?.await.map(drop)
    }

    /// Begins to receive what is published to the subjects that `filter` matches; returns when the
    /// subscription is in force.
    ///
    /// # Errors
    /// If the filter is none, the broker refuses it, or the options ask for credit and the broker
    /// does not offer it.
    pub async fn subscribe(
        &self,
        filter: &str,
        options: &SubscribeOptions,
    ) -> Result<Subscriber, ClientError> {
        let (now, timeout) = (self.handle.shared.now(), self.handle.timeout);
        let subscribed =
            self.handle.shared.with(|core| core.engine.subscribe(now, filter, options, timeout));
        let (call, id) = subscribed?;
        Waiting::new(&self.handle, call).await?;
        Ok(Subscriber::new(&self.handle, id))
    }

    /// What is sent to this client's name and to masks that match it: nothing, if it has no name, or
    /// the subscriber was handed out before.
    #[must_use]
    pub fn named(&self) -> Option<Subscriber> {
        let is_there = self.handle.shared.with(|core| {
            let is_there = core.engine.has_name() && !core.has_named;
            core.has_named |= is_there;
            is_there
        });
        is_there.then(|| Subscriber::new(&self.handle, SubscriptionId::NAME))
    }

    /// Sends a message and waits for the reply to it. Its own subject for replies, if it has one, is
    /// not used. Should more than one responder answer, the first reply counts.
    ///
    /// # Errors
    /// At once, if nobody is there to answer; if the handler failed, as [`ClientError::Handler`]; if
    /// no reply comes within `timeout`, or the connection breaks.
    pub async fn request(
        &self,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Message, ClientError> {
        let call = self.begin_request(publication, RequestMode::One, timeout).await?;
        match call.await? {
            Answer::Reply(reply) => reply.handler_error().map_or(Ok(reply), Err),
            Answer::Done | Answer::Receivers(_) | Answer::End | Answer::Stream(_) => {
                Err(ClientError::Closed)
            }
        }
    }

    /// Sends a message and hands out the replies to it, up to the one that says that none follows.
    /// Each may take up to `timeout`.
    ///
    /// # Errors
    /// If the request cannot be sent.
    pub async fn request_many(
        &self,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Replies, ClientError> {
        self.begin_request(publication, RequestMode::Many, timeout).await.map(Replies::new)
    }

    /// Sends a message and gathers the replies of everybody who answers: until none has come for
    /// `quiet` since the one before, and until `max` after the request at the latest. The first may
    /// take until then. Replies that say that their handler failed are among them. Nobody may have
    /// answered: that is no error. If the connection breaks, those that came before are all.
    ///
    /// # Errors
    /// If the request cannot be sent or is refused, or the connection breaks before the first reply.
    pub async fn request_all(
        &self,
        publication: &Publication<'_>,
        quiet: Duration,
        max: Duration,
    ) -> Result<Vec<Message>, ClientError> {
        let mode = RequestMode::Gather { quiet };
        let mut call = self.begin_request(publication, mode, max).await?;
        let mut all = Vec::new();
        // Ends when `max` is over at the latest.
        loop {
            match (&mut call).await {
                Ok(Answer::Reply(reply)) => all.push(reply),
                Ok(Answer::Done | Answer::Receivers(_) | Answer::End | Answer::Stream(_)) => {
                    return Ok(all);
                }
                Err(error) if all.is_empty() => return Err(error),
                Err(_no_more_come) => return Ok(all),
            }
        }
    }

    /// Answers a message with this payload. The number of the message goes back with the reply. For
    /// headers, or more replies than one, see [`Publication::reply_to`].
    ///
    /// # Errors
    /// If the message wants no reply, or as [`Client::publish`].
    pub async fn reply(
        &self,
        message: &Message,
        payload: &(impl AsRef<[u8]> + ?Sized),
    ) -> Result<(), ClientError> {
        let reply = Publication::reply_to(message).unwrap_or_else(|| Publication::to(""));
        self.publish(&reply.with_payload(payload)).await
    }

    /// Answers what is published to the subjects that `filter` matches; returns when requests
    /// arrive.
    ///
    /// `handler` is called for each message, for up to [`ServeOptions::concurrency_max`] at once. What
    /// it returns is the reply; where the message wants none, it is thrown away. Its future is dropped
    /// when the requester's time is over, counted from when the message arrived. A panic is caught,
    /// counted, and answered as an error with the number 500, without its words; so is a reply that
    /// cannot be sent.
    ///
    /// # Errors
    /// As [`Client::subscribe`].
    pub async fn serve<H, F>(
        &self,
        filter: &str,
        options: &ServeOptions,
        handler: H,
    ) -> Result<Responder, ClientError>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, HandlerError>> + Send + 'static,
    {
        let subscriber = self.subscribe(filter, &options.subscribe).await?;
        Ok(Responder::start(self.clone(), subscriber, options, handler))
    }

    /// Ends in good order: ends all subscriptions, waits until everything that has arrived was handed
    /// out and every request in hand is answered, makes sure that what was published has taken effect,
    /// and says goodbye.
    ///
    /// # Errors
    /// If that takes longer than [`Options::timeout`], or the connection breaks; the client has ended
    /// even so.
    pub async fn drain(&self) -> Result<(), ClientError> {
        let timeout = self.handle.timeout;
        let drained = tokio::time::timeout(timeout, self.drain_all()).await;
        let closed = self.close().await;
        let waited_for = "end of what is in hand";
        drained.unwrap_or(Err(ClientError::TimedOut { waited_for, waited: timeout })).and(closed)
    }

    async fn drain_all(&self) -> Result<(), ClientError> {
        let timeout = self.handle.timeout;
        let call = self.begin(|engine, now| engine.drain(now, timeout)).await?;
        call.await?;
        self.handle
            .shared
            .watch(|core| {
                if !core.has_named {
                    // Nobody took its subscriber, so nobody reads it.
                    core.engine.drop_subscription(SubscriptionId::NAME);
                }
                let is_done = core.engine.is_drained() && core.serving == 0;
                (is_done || core.engine.closed().is_some()).then_some(())
            })
            .await;
        self.flush().await
    }

    /// Says goodbye and waits for the end: what was published is sent before, for which a client
    /// without a connection comes back first. Every call that still waits ends, and so do all
    /// subscribers, with what had arrived.
    ///
    /// # Errors
    /// If the broker does not end the connection in time; if messages were lost, because no connection
    /// came back in time or it broke, as [`ClientError::Lost`].
    pub async fn close(&self) -> Result<(), ClientError> {
        let timeout = self.handle.timeout;
        let is_ready = self.handle.shared.watch(|core| {
            (!core.engine.has_parked() || core.engine.closed().is_some()).then_some(())
        });
        // Where no connection comes in time, the answer to the call says that messages are lost.
        drop(tokio::time::timeout(timeout, is_ready).await);
        let now = self.handle.shared.now();
        let call = self.handle.shared.with(|core| {
            core.sleep.is_poked = true;
            core.engine.close(now, timeout)
        });
        Waiting::new(&self.handle, call).await.map(drop)
    }

    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// The time limit for answers.
    pub(super) fn timeout(&self) -> Duration {
        self.handle.timeout
    }

    /// One more responder serves, or one fewer.
    pub(super) fn count_serving(&self, begins: bool) {
        self.handle.shared.with(|core| {
            core.serving = if begins { core.serving + 1 } else { core.serving - 1 };
            core.changed |= core.serving == 0;
        });
    }

    /// Where the clock of messages stands, and what a moment on it is for tokio.
    pub(super) fn instant(&self, at: Timestamp) -> tokio::time::Instant {
        self.handle.shared.instant(at)
    }

    async fn begin_request(
        &self,
        publication: &Publication<'_>,
        mode: RequestMode,
        timeout: Duration,
    ) -> Result<Waiting, ClientError> {
        self.begin(|engine, now| engine.request(now, publication, mode, timeout)).await
    }

    /// Begins a call once there is room.
    pub(super) async fn begin(
        &self,
        mut begin: impl FnMut(&mut Engine, Timestamp) -> Result<Call, ClientError>,
    ) -> Result<Waiting, ClientError> {
        let shared = &self.handle.shared;
        let call = std::future::poll_fn(|context| {
            let now = shared.now();
            shared.poll_with_room(context, |engine| begin(engine, now))
        })
        .await?;
        Ok(Waiting::new(&self.handle, call))
    }
}
