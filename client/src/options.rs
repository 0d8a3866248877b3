//! How a client connects.

use std::time::Duration;

use coilgun_protocol::model::SlowConsumerWish;
use coilgun_protocol::native::{Features, Hello};

use crate::address::Address;
use crate::reconnect::Reconnect;

/// How a client connects, and what it may use.
///
/// ```
/// use coilgun_client::Options;
/// use std::time::Duration;
///
/// let options = Options::new("127.0.0.1:7700".parse().expect("an address"))
///     .with_name("press.7")
///     .with_timeout(Duration::from_secs(2));
/// assert_eq!(options.name, "press.7");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where the broker listens.
    pub address: Address,
    /// Where brokers listen that are as good; they are tried in turn.
    pub addresses_more: Vec<Address>,
    /// How the client comes back after its connection broke; none: it does not. The blocking client
    /// comes back while a call waits.
    pub reconnect: Option<Reconnect>,
    /// Whether the first connection is tried again as later ones are, instead of failing at once.
    pub retry_first_connect: bool,
    /// Most bytes that are kept for the next connection while there is none.
    pub away_bytes_max: usize,
    /// After how much silence the client asks whether the broker is there; after twice as much the
    /// connection is lost. Zero: never. The blocking client does not ask:
    /// its calls have time limits.
    pub ping_interval: Duration,
    /// The name by which others reach this client, unique in its namespace, in the grammar of a
    /// subject; empty: none.
    pub name: String,
    /// The namespace; empty: the broker's default one.
    pub namespace: String,
    /// Who the client says it is, if the broker wants to know.
    pub credentials: Option<Credentials>,
    /// Do not deliver to this client what it published itself.
    pub no_echo: bool,
    /// Deliver each message once, however many of this client's subscriptions match it.
    pub once_per_message: bool,
    /// What the broker shall do with messages for this client that it does not read fast enough,
    /// where a subscription does not say it.
    pub slow_consumer: SlowConsumerWish,
    /// How long connecting may take, the handshake included.
    pub connect_timeout: Duration,
    /// How long a call that waits for the broker may take where it has no time limit of its own.
    pub timeout: Duration,
    /// Most messages that wait in the client while it waits for something else; at least 1.
    pub queue_messages_max: usize,
    /// Most bytes of such messages; one message of any size is taken even so.
    pub queue_bytes_max: usize,
}

/// Who a client says it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name of the user; empty where a token says it all.
    pub user: String,
    /// Password or token.
    pub secret: Vec<u8>,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A secret that stands in a log is none.
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Options {
    /// Connects to `address` without a name, in the default namespace: 5 seconds to connect, 10
    /// seconds for every answer, and a queue of up to 65,536 messages or 64 MiB.
    #[must_use]
    pub fn new(address: Address) -> Options {
        Options {
            address,
            addresses_more: Vec::new(),
            reconnect: Some(Reconnect::default()),
            retry_first_connect: false,
            away_bytes_max: 8 * 1024 * 1024,
            ping_interval: Duration::from_secs(30),
            name: String::new(),
            namespace: String::new(),
            credentials: None,
            no_echo: false,
            once_per_message: false,
            slow_consumer: SlowConsumerWish::default(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            queue_messages_max: 65_536,
            queue_bytes_max: 64 * 1024 * 1024,
        }
    }

    /// The same with one address more, to be tried after those there are.
    #[must_use]
    pub fn with_address(mut self, address: Address) -> Options {
        self.addresses_more.push(address);
        self
    }

    /// The same with this way to come back after the connection broke.
    #[must_use]
    pub fn with_reconnect(mut self, reconnect: Reconnect) -> Options {
        self.reconnect = Some(reconnect);
        self
    }

    /// The same without coming back: a connection that broke ends the client.
    #[must_use]
    pub fn without_reconnect(mut self) -> Options {
        self.reconnect = None;
        self
    }

    /// The same, but that the first connection is tried again until it stands, as later ones are.
    #[must_use]
    pub fn with_retry_first_connect(mut self) -> Options {
        self.retry_first_connect = true;
        self
    }

    /// The same with room for so many bytes while there is no connection.
    #[must_use]
    pub fn with_away_bytes_max(mut self, away_bytes_max: usize) -> Options {
        self.away_bytes_max = away_bytes_max;
        self
    }

    /// The same with this silence after which the client asks whether the broker is there.
    #[must_use]
    pub fn with_ping_interval(mut self, ping_interval: Duration) -> Options {
        self.ping_interval = ping_interval;
        self
    }

    /// The same with this client name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Options {
        self.name = name.into();
        self
    }

    /// The same in this namespace.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Options {
        self.namespace = namespace.into();
        self
    }

    /// The same with these credentials.
    #[must_use]
    pub fn with_credentials(mut self, user: impl Into<String>, secret: &[u8]) -> Options {
        self.credentials = Some(Credentials { user: user.into(), secret: secret.to_vec() });
        self
    }

    /// The same with this time limit for connecting.
    #[must_use]
    pub fn with_connect_timeout(mut self, connect_timeout: Duration) -> Options {
        self.connect_timeout = connect_timeout;
        self
    }

    /// The same with this time limit for answers.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Options {
        self.timeout = timeout;
        self
    }

    /// The same with a queue of at most so many messages and bytes.
    ///
    /// # Panics
    /// If the queue could hold no message.
    #[must_use]
    pub fn with_queue(mut self, messages_max: usize, bytes_max: usize) -> Options {
        assert!(messages_max > 0, "a queue holds at least one message");
        self.queue_messages_max = messages_max;
        self.queue_bytes_max = bytes_max;
        self
    }

    /// What the client says about itself.
    pub(crate) fn hello(&self) -> Hello<'_> {
        let (user, secret) = match &self.credentials {
            Some(credentials) => (credentials.user.as_bytes(), credentials.secret.as_slice()),
            None => (&[][..], &[][..]),
        };
        Hello {
            namespace: self.namespace.as_bytes(),
            name: self.name.as_bytes(),
            user,
            secret,
            features: Features::CREDIT
                .with(Features::SENDER_NAMES)
                .with(Features::NOTICES)
                .with(Features::STREAMS),
            software: concat!("coilgun-client/", env!("CARGO_PKG_VERSION")),
            no_echo: self.no_echo,
            once_per_message: self.once_per_message,
            slow_consumer: self.slow_consumer,
        }
    }
}

#[cfg(feature = "in-process")]
impl Options {
    /// Connects to a broker in this process, with what [`Options::new`] says otherwise.
    #[must_use]
    pub fn in_process(
        connector: std::sync::Arc<dyn coilgun_protocol::link::LinkConnector>,
    ) -> Options {
        Options::new(Address::InProcess(crate::address::InProcess::new(connector)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let options = Options::new(Address::Tcp("h:1".to_owned())).with_credentials("eve", b"hush");
        let printed = format!("{options:?}");
        assert!(printed.contains("eve") && !printed.contains("hush"), "{printed}");
        assert!(!printed.contains("104, 117"), "not as numbers either: {printed}");
    }
}
