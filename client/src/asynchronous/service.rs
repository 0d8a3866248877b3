//! Running a service on a client.

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::asynchronous::client::Client;
use crate::asynchronous::handler::Request;
use crate::asynchronous::responder::Responder;
use crate::error::ClientError;
use crate::service::{Health, InfoReport, Instance, Service, ServiceError, StatsReport};
use crate::serving::{HandlerError, Reply, ServeOptions};

/// How many requests an endpoint handles at once where nobody says it.
const CONCURRENCY_DEFAULT: usize = 256;

/// A service that is about to run: which handler answers for which endpoint.
///
/// ```no_run
/// use coilgun_client::service::{Endpoint, Service, ServiceError};
/// use coilgun_client::{Client, Options, Reply, ServiceRunner};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::connect(Options::new("127.0.0.1:7700".parse()?)).await?;
/// let service = Service::builder("text", "1.0.0").endpoint(Endpoint::new("upper")).build()?;
/// let running = ServiceRunner::new(service)
///     .handle("upper", |request| async move {
///         let text = str::from_utf8(request.payload())
///             .map_err(|_| ServiceError::new(400, "this is no text"))?;
///         Ok(Reply::new(text.to_uppercase()))
///     })
///     .start(&client)
///     .await?;
/// running.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct ServiceRunner {
    service: Service,
    handlers: BTreeMap<String, Arc<dyn Handler>>,
    concurrency_max: usize,
}

/// A service that runs. Dropping it ends it at once: requests in hand get no answer.
pub struct RunningService {
    instance: Arc<Shared>,
    endpoints: Vec<Responder>,
    discovery: Vec<Responder>,
}

/// Why a service does not run, or does not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFault {
    /// Nobody answers for an endpoint.
    #[error("the endpoint {0} has no handler")]
    NoHandler(String),
    /// There is no endpoint of this name.
    #[error("the service has no endpoint {0}")]
    UnknownEndpoint(String),
    /// The client could not subscribe.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What answers requests to an endpoint.
trait Handler: Send + Sync {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Answered> + Send>>;
}

/// What a handler answered.
struct Answered(Result<Reply, ServiceError>);

/// A handler that is a function.
struct Function<H>(H);

/// The instance, which its endpoints and its discovery share.
struct Shared {
    #[expect(
        clippy::disallowed_types,
        reason = "handlers run on any thread of the runtime; it is held to count or to make one \
                  report, and never across an await"
    )]
    instance: std::sync::Mutex<Instance>,
}

/// A request that is being handled. However it ends, it is counted once: a future that is dropped
/// half way has run out of time, or panicked.
struct InHand {
    shared: Arc<Shared>,
    endpoint: usize,
    began: Instant,
    is_counted: bool,
}

impl ServiceRunner {
    /// A service without handlers yet.
    #[must_use]
    pub fn new(service: Service) -> ServiceRunner {
        ServiceRunner { service, handlers: BTreeMap::new(), concurrency_max: CONCURRENCY_DEFAULT }
    }

    /// The same with this handler for all endpoints of this name.
    ///
    /// What it returns is the reply. Its future is dropped when the requester's time is over, and a
    /// panic is answered; both are counted as errors.
    #[must_use]
    pub fn handle<H, F>(mut self, endpoint: impl Into<String>, handler: H) -> ServiceRunner
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ServiceError>> + Send + 'static,
    {
        self.handlers.insert(endpoint.into(), Arc::new(Function(handler)));
        self
    }

    /// The same with at most so many requests that each endpoint handles at once, instead of 256.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    pub fn concurrency_max(mut self, requests: usize) -> ServiceRunner {
        assert!(requests > 0, "an endpoint handles at least one request at once");
        self.concurrency_max = requests;
        self
    }

    /// Begins to serve; returns when requests arrive and discovery is answered. An instance gets an
    /// identifier of its own at every start.
    ///
    /// # Errors
    /// If an endpoint has no handler or a handler no endpoint, or as
    /// [`Client::subscribe`](crate::Client::subscribe); nothing is served then.
    pub async fn start(self, client: &Client) -> Result<RunningService, ServiceFault> {
        let endpoints = self.service.endpoints();
        let mut unknown = self.handlers.keys();
        if let Some(name) = unknown.find(|name| endpoints.iter().all(|it| it.name() != *name)) {
            return Err(ServiceFault::UnknownEndpoint(name.clone()));
        }
        let instance = Instance::new(self.service.clone(), seed(), SystemTime::now());
        let subjects = instance.discovery_subjects();
        let instance = Arc::new(Shared { instance: instance.into() });
        let mut running = RunningService { instance, endpoints: vec![], discovery: vec![] };
        for (at, endpoint) in endpoints.iter().enumerate() {
            let handler = self.handlers.get(endpoint.name());
            let handler = handler.ok_or(ServiceFault::NoHandler(endpoint.name().to_owned()))?;
            let mut options = ServeOptions::default().with_concurrency_max(self.concurrency_max);
            if let Some(queue_group) = endpoint.queue_group() {
                options = options.with_queue_group(queue_group);
            }
            let (handler, shared) = (Arc::clone(handler), Arc::clone(&running.instance));
            let serve = move |request| {
                handle(InHand::begin(Arc::clone(&shared), at), Arc::clone(&handler), request)
            };
            running.endpoints.push(client.serve(endpoint.subject(), &options, serve).await?);
        }
        // Who finds the service can use it: discovery is answered last.
        for subject in subjects {
            let shared = Arc::clone(&running.instance);
            let answer = move |request: Request| {
                let json = shared.with(|instance| instance.answer(request.message().subject()));
                async { json.map(Reply::new).ok_or_else(not_for_us) }
            };
            let options = ServeOptions::default();
            running.discovery.push(client.serve(&subject, &options, answer).await?);
        }
        Ok(running)
    }
}

impl RunningService {
    /// Its identifier: 22 letters and digits, which tell it from other instances.
    #[must_use]
    pub fn id(&self) -> String {
        self.instance.with(|instance| instance.id().to_owned())
    }

    /// What it offers, as discovery tells it.
    #[must_use]
    pub fn info(&self) -> InfoReport {
        self.instance.with(|instance| instance.info())
    }

    /// What it has done and how it is, as discovery tells it.
    #[must_use]
    pub fn stats(&self) -> StatsReport {
        self.instance.with(Instance::stats)
    }

    /// Sets all counters to zero; what is in hand is counted when it is answered.
    pub fn reset(&self) {
        self.instance.with(Instance::reset);
    }

    /// Says how all endpoints of this name are, until something else is said.
    ///
    /// # Errors
    /// If there is none.
    pub fn set_health(&self, endpoint: &str, health: Health) -> Result<(), ServiceFault> {
        self.each(endpoint, |instance, at| instance.set_health(at, health.clone()))
    }

    /// Asks `check` how all endpoints of this name are whenever somebody wants to know. It is to
    /// return at once, and may not call this service, which waits for it.
    ///
    /// # Errors
    /// If there is none.
    pub fn set_health_check(
        &self,
        endpoint: &str,
        check: impl Fn() -> Health + Send + Sync + 'static,
    ) -> Result<(), ServiceFault> {
        let check = Arc::new(check);
        self.each(endpoint, |instance, at| {
            let check = Arc::clone(&check);
            instance.set_health_check(at, move || check());
        })
    }

    /// Ends in good order: takes no more requests, answers those that had arrived, and then answers
    /// discovery no more. Returns what it has done in all.
    pub async fn stop(self) -> StatsReport {
        for responders in [self.endpoints, self.discovery] {
            let mut draining = JoinSet::new();
            for responder in responders {
                draining.spawn(responder.drain());
            }
            // All of them stop at once, so that none takes requests while another one ends. A panic
            // in there is a mistake of ours and goes on here.
            draining.join_all().await;
        }
        self.instance.with(Instance::stats)
    }

    fn each(
        &self,
        endpoint: &str,
        mut change: impl FnMut(&mut Instance, usize),
    ) -> Result<(), ServiceFault> {
        self.instance.with(|instance| {
            let endpoints = instance.service().endpoints().iter().enumerate();
            let named = endpoints.filter(|(_, it)| it.name() == endpoint).map(|(at, _)| at);
            let named: Vec<_> = named.collect();
            named.iter().for_each(|at| change(instance, *at));
            let unknown = || ServiceFault::UnknownEndpoint(endpoint.to_owned());
            (!named.is_empty()).then_some(()).ok_or_else(unknown)
        })
    }
}

/// One request from its arrival to its answer.
async fn handle(
    in_hand: InHand,
    handler: Arc<dyn Handler>,
    request: Request,
) -> Result<Reply, HandlerError> {
    let Answered(answered) = handler.call(request).await;
    in_hand.end(answered.as_ref().err());
    answered.map_err(|error| HandlerError::new(error.code(), error.text()))
}

/// The answer to a question that came although it is for somebody else; there is no such question.
fn not_for_us() -> HandlerError {
    HandlerError::new(404, "this question is for another instance")
}

impl<H, F> Handler for Function<H>
where
    H: Fn(Request) -> F + Send + Sync,
    F: Future<Output = Result<Reply, ServiceError>> + Send + 'static,
{
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Answered> + Send>> {
        let answered = (self.0)(request);
        Box::pin(async move { Answered(answered.await) })
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Instance) -> T) -> T {
        // Only counters and settings are changed under the lock, each in one step; a panic in there
        // leaves them as good as they were.
        work(&mut self.instance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl InHand {
    fn begin(shared: Arc<Shared>, endpoint: usize) -> InHand {
        shared.with(|instance| instance.on_request(endpoint));
        InHand { shared, endpoint, began: Instant::now(), is_counted: false }
    }

    fn end(mut self, error: Option<&ServiceError>) {
        self.count(error);
    }

    fn count(&mut self, error: Option<&ServiceError>) {
        self.is_counted = true;
        let worked: Duration = self.began.elapsed();
        self.shared.with(|instance| instance.on_answered(self.endpoint, worked, error));
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if self.is_counted {
            return;
        }
        let error = if std::thread::panicking() {
            ServiceError::new(500, "the handler panicked")
        } else {
            ServiceError::new(408, "the time for this request was over")
        };
        self.count(Some(&error));
    }
}

impl core::fmt::Debug for ServiceRunner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ServiceRunner")
            .field("service", &self.service.name())
            .field("handlers", &self.handlers.keys())
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for RunningService {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let instance = self.instance.with(|instance| format!("{instance:?}"));
        f.debug_struct("RunningService").field("instance", &instance).finish_non_exhaustive()
    }
}

/// A number that no other instance has: the system seeds each hasher anew.
fn seed() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0));
    (half() << 64) | half()
}
