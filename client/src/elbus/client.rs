//! One connection, and what can be asked over it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use coilgun_protocol::elbus::{Operation, Qos};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::config::Config;
use super::driver::Driver;
use super::engine::Engine;
use super::error::{Error, ErrorKind};
use super::frame::Frame;
use super::qos::QoS;
use super::shared::Shared;
use crate::asynchronous::Stream;

/// Bytes that may wait to be written before whoever has more to say waits, too.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// What stands between the name of a primary and what its secondary adds to it.
const SECONDARY: &str = "%%";

/// A connection to a broker, under a name. Cheap to clone; all clones are the same connection, which ends
/// with the last of them, when what was said before is written.
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    config: Config,
    secondaries: AtomicU64,
}

/// A client that somebody else keeps.
#[derive(Clone, Debug)]
pub(super) struct WeakClient(Weak<Handle>);

impl WeakClient {
    /// The client, if somebody still keeps it.
    pub(super) fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(Client)
    }
}

/// The answer to an operation, to be awaited: at once, if none was asked for.
#[derive(Debug)]
#[must_use = "an operation may have failed; await it, or say QoS::No"]
pub struct Confirm(Option<Awaited>);

#[derive(Debug)]
struct Awaited {
    answer: oneshot::Receiver<Result<(), Error>>,
    op_id: u32,
    latest: Instant,
    shared: Arc<Shared>,
}

/// Where messages for a client come out. While there is one, and nobody takes them, the broker is not
/// read: its policy for slow clients decides then.
#[derive(Debug)]
pub struct EventChannel(Arc<Shared>);

impl Client {
    /// Connects, and returns when the broker has let the client in.
    ///
    /// # Errors
    /// If nobody listens there, the broker refuses the name, or it takes too long.
    pub async fn connect(config: &Config) -> Result<Client, Error> {
        let connect = timeout(config.timeout, Stream::connect(config.address.clone()));
        let stream = connect.await.map_err(|_| Error::timeout("connecting"))?;
        let stream = stream.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
        let (let_in, is_let_in) = oneshot::channel();
        let engine = Engine::new(&config.name, config.queue_size);
        let shared = Arc::new(Shared::new(engine, let_in));
        let handle = Handle {
            shared: Arc::clone(&shared),
            config: config.clone(),
            secondaries: AtomicU64::new(0),
        };
        let client = Client(Arc::new(handle));
        tokio::spawn(Driver::new(shared, stream, config.timeout));
        let answer = timeout(config.timeout, is_let_in).await;
        answer.map_err(|_| Error::timeout("the handshake"))?.map_err(|_| Error::eof())??;
        Ok(client)
    }

    /// Connects a secondary client, whose name is this one's with a number behind it. What is published for
    /// the primary reaches its secondaries as well.
    ///
    /// # Errors
    /// As [`Client::connect`], and if this is a secondary client itself.
    pub async fn register_secondary(&self) -> Result<Client, Error> {
        let config = &self.0.config;
        if config.name.contains(SECONDARY) {
            return Err(Error::new(ErrorKind::NotSupported, "this client is a secondary itself"));
        }
        let number = self.0.secondaries.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{SECONDARY}{number}", config.name);
        Client::connect(&Config { name, ..config.clone() }).await
    }

    /// The name of the client.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Whether the connection stands.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.shared.is_connected()
    }

    /// Where messages come out; nothing, if it was taken before. Until it is taken, the oldest messages go
    /// when as many wait as may.
    #[must_use]
    pub fn take_event_channel(&self) -> Option<EventChannel> {
        let shared = &self.0.shared;
        let is_free = shared.with(|core| {
            let is_free = !std::mem::replace(&mut core.has_channel, true);
            if is_free {
                core.engine.set_heard(true);
            }
            is_free
        });
        is_free.then(|| EventChannel(Arc::clone(shared)))
    }

    /// Sends a message to the client with this name.
    ///
    /// # Errors
    /// If the connection is over, or takes nothing for too long. Whether it arrived, the answer says.
    pub async fn send(&self, target: &str, payload: &[u8], qos: QoS) -> Result<Confirm, Error> {
        self.ask(Operation::Message, qos, &[target.as_bytes(), payload]).await
    }

    /// Sends a message to every client whose name the mask matches: `?` stands for one part of a name, `*`
    /// for all that follow.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_broadcast(
        &self,
        mask: &str,
        payload: &[u8],
        qos: QoS,
    ) -> Result<Confirm, Error> {
        self.ask(Operation::Broadcast, qos, &[mask.as_bytes(), payload]).await
    }

    /// Publishes to a topic.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn publish(&self, topic: &str, payload: &[u8], qos: QoS) -> Result<Confirm, Error> {
        self.ask(Operation::Publish, qos, &[topic.as_bytes(), payload]).await
    }

    /// Publishes to a topic, for the client with this name and its secondaries only.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn publish_for(
        &self,
        topic: &str,
        receiver: &str,
        payload: &[u8],
        qos: QoS,
    ) -> Result<Confirm, Error> {
        let parts = [topic.as_bytes(), receiver.as_bytes(), payload];
        self.ask(Operation::PublishFor, qos, &parts).await
    }

    /// Subscribes to a topic: `+` stands for one level, `#` for all that follow.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn subscribe(&self, topic: &str, qos: QoS) -> Result<Confirm, Error> {
        self.subscribe_bulk(&[topic], qos).await
    }

    /// Subscribes to several topics.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn subscribe_bulk(&self, topics: &[&str], qos: QoS) -> Result<Confirm, Error> {
        self.ask_for(Operation::Subscribe, topics, qos).await
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn unsubscribe(&self, topic: &str, qos: QoS) -> Result<Confirm, Error> {
        self.unsubscribe_bulk(&[topic], qos).await
    }

    /// Ends several subscriptions.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn unsubscribe_bulk(&self, topics: &[&str], qos: QoS) -> Result<Confirm, Error> {
        self.ask_for(Operation::Unsubscribe, topics, qos).await
    }

    /// Receives nothing of a topic, whatever the client subscribes to.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn exclude(&self, topic: &str, qos: QoS) -> Result<Confirm, Error> {
        self.exclude_bulk(&[topic], qos).await
    }

    /// Excludes several topics.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn exclude_bulk(&self, topics: &[&str], qos: QoS) -> Result<Confirm, Error> {
        self.ask_for(Operation::Exclude, topics, qos).await
    }

    /// Excludes a topic no more.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn unexclude(&self, topic: &str, qos: QoS) -> Result<Confirm, Error> {
        self.unexclude_bulk(&[topic], qos).await
    }

    /// Excludes several topics no more.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn unexclude_bulk(&self, topics: &[&str], qos: QoS) -> Result<Confirm, Error> {
        self.ask_for(Operation::Unexclude, topics, qos).await
    }

    /// Gives a sign of life at once; the client does so by itself, twice within its timeout.
    pub fn ping(&self) {
        self.0.shared.with(|core| core.engine.ping());
        self.0.shared.wake_driver();
    }

    async fn ask_for(
        &self,
        operation: Operation,
        topics: &[&str],
        qos: QoS,
    ) -> Result<Confirm, Error> {
        let parts: Vec<_> = topics.iter().map(|topic| topic.as_bytes()).collect();
        self.ask(operation, qos, &parts).await
    }

    /// Asks for an operation, as soon as there is room.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        qos: QoS,
        parts: &[&[u8]],
    ) -> Result<Confirm, Error> {
        let shared = &self.0.shared;
        let (qos, latest) = (Qos::from(qos), Instant::now() + self.timeout());
        // Ends because there is room, or time runs out.
        loop {
            let mut room = std::pin::pin!(shared.room.notified());
            // Before anything is looked at, so that nothing is missed.
            room.as_mut().enable();
            if let Some(confirm) = self.try_ask(operation, qos, parts, latest)? {
                shared.wake_driver();
                return Ok(confirm);
            }
            let waited = timeout_at(latest, room).await;
            waited.map_err(|_| Error::timeout("waiting to be written"))?;
        }
    }

    /// The same; nothing, if too much waits to be written.
    fn try_ask(
        &self,
        operation: Operation,
        qos: Qos,
        parts: &[&[u8]],
        latest: Instant,
    ) -> Result<Option<Confirm>, Error> {
        let shared = &self.0.shared;
        shared.with(|core| {
            if let Some(error) = &core.end {
                return Err(error.clone());
            }
            if core.engine.output_bytes() >= OUTPUT_BYTES_MAX {
                return Ok(None);
            }
            if !qos.wants_ack() {
                core.engine.operation(operation, qos, parts, None);
                return Ok(Some(Confirm(None)));
            }
            let (who, answer) = oneshot::channel();
            let op_id = core.engine.operation(operation, qos, parts, Some(who));
            let shared = Arc::clone(shared);
            Ok(Some(Confirm(Some(Awaited { answer, op_id, latest, shared }))))
        })
    }

    /// A way back to this client that does not keep it.
    pub(super) fn downgrade(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.0))
    }

    fn timeout(&self) -> Duration {
        self.0.config.timeout
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.with(|core| core.is_abandoned = true);
        self.shared.wake_driver();
    }
}

impl IntoFuture for Confirm {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Some(awaited) = self.0 else { return Ok(()) };
            match timeout_at(awaited.latest, awaited.answer).await {
                Ok(answer) => answer.map_err(|_| Error::eof())?,
                Err(_) => {
                    awaited.shared.with(|core| core.engine.forget(awaited.op_id));
                    Err(Error::timeout("the answer of the broker"))
                }
            }
        })
    }
}

impl EventChannel {
    /// The next message; nothing, when the connection is over and all were taken.
    pub async fn recv(&mut self) -> Option<Frame> {
        // Ends with a message, or with the connection.
        loop {
            let mut came = std::pin::pin!(self.0.frames.notified());
            // Before anything is looked at, so that nothing is missed.
            came.as_mut().enable();
            let (frame, was_full, is_over) = self.0.with(|core| {
                let was_full = core.engine.is_full();
                (core.engine.next_frame(), was_full, core.end.is_some())
            });
            if was_full {
                self.0.wake_driver();
            }
            if frame.is_some() || is_over {
                return frame;
            }
            came.await;
        }
    }

    /// The next message, if there is one.
    pub fn try_recv(&mut self) -> Option<Frame> {
        let (frame, was_full) = self.0.with(|core| {
            let was_full = core.engine.is_full();
            (core.engine.next_frame(), was_full)
        });
        if was_full {
            self.0.wake_driver();
        }
        frame
    }
}

impl Drop for EventChannel {
    fn drop(&mut self) {
        // Nobody takes messages any more: the oldest go.
        self.0.with(|core| core.engine.set_heard(false));
        self.0.wake_driver();
    }
}
