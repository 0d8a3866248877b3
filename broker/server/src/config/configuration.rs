//! What an operator can set, with its defaults.
//!
//! Every key has a default, so an empty configuration is a working one: loopback only, data in
//! `./coilgun-data`. Unknown keys are errors.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use coilgun_protocol::model::{SlowConsumerPolicy, Subject, limits};
use serde::{Deserialize, Serialize};

use super::elbus::Elbus;
use super::elbus_client::ElbusClientConfig;
use super::listener::{ListenerConfig, Protocol};
use super::log::LogConfig;
use super::policy;
use super::user::{Guests, UserConfig};
use crate::shard::PlacementPolicy;

/// Longest time that publishers may be made to wait, in milliseconds.
pub(super) const PATIENCE_MS_MAX: u64 = 60_000;

/// The configuration of a broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// TCP addresses of the native protocol.
    pub listen: Vec<SocketAddr>,
    /// Path of the UNIX socket of the native protocol; absent: `coilgun.sock` in the data directory;
    /// empty: none.
    pub unix: Option<PathBuf>,
    /// Where clients of elbus and busrt are served, and how.
    pub elbus: Elbus,
    /// Listeners with settings of their own, beside the others.
    #[serde(rename = "listener")]
    pub listeners: Vec<ListenerConfig>,
    /// What happens to messages for a client that does not read fast enough, where neither its
    /// listener, nor it, nor its subscription says it.
    #[serde(with = "policy")]
    pub slow_consumer: SlowConsumerPolicy,
    /// Directory of the broker's data.
    pub data: PathBuf,
    /// Listen on addresses other machines can reach although nobody has to say who they are.
    pub insecure: bool,
    /// Who is let in that does not say who it is; absent: whoever is on this machine if there are no
    /// users, nobody if there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guests: Option<Guests>,
    /// Who may connect, and what each of them may do.
    #[serde(rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserConfig>,
    /// Which clients of elbus may connect, and what each of them may do; none: all, and everything.
    #[serde(rename = "elbus_client", skip_serializing_if = "Vec::is_empty")]
    pub elbus_clients: Vec<ElbusClientConfig>,
    /// Namespaces beside `default`.
    pub namespaces: Vec<String>,
    /// Shards, each a thread that works; 0: as many as the process may use processors.
    pub shards: usize,
    /// Bind each shard to one of the processors that the process may use.
    pub pin: bool,
    /// Which shard a new connection goes to.
    pub placement: PlacementPolicy,
    /// What clients may use.
    pub limits: Limits,
    /// How long things may take.
    pub timing: Timing,
    /// How logs are kept.
    pub log: LogConfig,
}

/// What clients may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of the whole broker.
    pub connections_max: usize,
    /// Subscriptions of one connection.
    pub subscriptions_per_client_max: usize,
    /// Subscriptions of all connections of one shard.
    pub subscriptions_max: usize,
    /// Bytes of memory for the filters and queue groups of all subscriptions of one shard.
    pub filter_bytes_max: usize,
    /// Bytes of one payload.
    pub payload_bytes_max: usize,
    /// Bytes of the headers of one message.
    pub headers_bytes_max: usize,
    /// Messages and other commands that one connection may send per second; beyond, it is read more
    /// slowly. 0: as many as it likes.
    pub messages_per_second_max: u64,
    /// Bytes that one connection may send per second; beyond, it is read more slowly. 0: as many as
    /// it likes.
    pub bytes_per_second_max: u64,
    /// Bytes of memory of one shard for output, and the same again for the assembly of large frames.
    /// Reserved, and used as it is needed.
    pub buffer_bytes_max: usize,
    /// Payloads up to this many bytes are copied for each receiver; larger ones are sent from where
    /// they arrived.
    pub copy_bytes_max: usize,
    /// Bytes that may wait for one client before `slow_consumer` says what happens to more; one
    /// message of the largest size always may.
    pub outbox_bytes_max: usize,
}

/// How long things may take, in milliseconds unless the name says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// How long a connection may be silent before it is asked for a sign of life.
    pub ping_interval_ms: u64,
    /// How long publishers wait for a client that does not read, if its policy is that they wait;
    /// no client makes them wait longer.
    pub backpressure_ms: u64,
    /// How long a frame may take to arrive once it has begun, beside a second for every 16 KiB.
    pub frame_ms: u64,
    /// How long a broker that shuts down waits for its clients.
    pub drain_ms: u64,
    /// How long a shard with nothing to do looks for more before it sleeps, in microseconds.
    pub spin_us: u64,
}

/// What is wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// A number is outside its range.
    #[error("{key} is {value}, and has to be from {min} to {max}")]
    Range {
        /// The key in the configuration.
        key: &'static str,
        /// What it is.
        value: u64,
        /// The smallest allowed value.
        min: u64,
        /// The largest allowed value.
        max: u64,
    },
    /// An address can be reached from outside, and guests are let in there.
    #[error(
        "listen has {0}, which other machines can reach, and guests are let in there: listen on \
         127.0.0.1, let in users only ([[user]], without guests = \"everybody\"), or say \
         insecure = true (--insecure)"
    )]
    Exposed(SocketAddr),
    /// There are neither users nor guests.
    #[error("guests is \"nobody\" and there are no users, so that nobody could connect")]
    NobodyAdmitted,
    /// Something is wrong with a user.
    #[error("user {user:?} has a wrong {key}: {reason}")]
    User {
        /// Its name.
        user: String,
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Something about a client of elbus is wrong.
    #[error("elbus_client {client:?}: {key}: {reason}")]
    ElbusClient {
        /// Its name.
        client: String,
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The address of a listener is none.
    #[error(
        "listener has the address {0:?}, and needs an IP address with a port, or unix: and a path"
    )]
    Listener(String),
    /// A protocol of the network is to be spoken somewhere else.
    #[error("listener {0:?} speaks {1}, which needs an IP address with a port")]
    NoNetwork(String, Protocol),
    /// Two listeners have the same address.
    #[error("{0} is given twice: each listener needs an address of its own")]
    Twice(String),
    /// There is no address and no UNIX socket.
    #[error("there is nothing to listen on: give listen an address, or unix a path")]
    NoListener,
    /// A namespace has no valid name.
    #[error("namespaces has {0:?}; a name is one token of a subject, at most {max} bytes", max = limits::NAMESPACE_BYTES_MAX)]
    Namespace(String),
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7700)],
            unix: None,
            elbus: Elbus::default(),
            listeners: Vec::new(),
            slow_consumer: SlowConsumerPolicy::default(),
            data: PathBuf::from("coilgun-data"),
            insecure: false,
            guests: None,
            users: Vec::new(),
            elbus_clients: Vec::new(),
            namespaces: Vec::new(),
            shards: 0,
            pin: false,
            placement: PlacementPolicy::default(),
            limits: Limits::default(),
            timing: Timing::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: limits::CONNECTIONS_DEFAULT,
            subscriptions_per_client_max: limits::SUBSCRIPTIONS_PER_CLIENT_MAX,
            subscriptions_max: limits::SUBSCRIPTIONS_PER_SHARD_MAX,
            filter_bytes_max: limits::FILTER_BYTES_PER_SHARD_MAX,
            payload_bytes_max: limits::PAYLOAD_BYTES_DEFAULT,
            headers_bytes_max: limits::HEADERS_BYTES_MAX,
            messages_per_second_max: 0,
            bytes_per_second_max: 0,
            buffer_bytes_max: limits::BUFFER_BYTES_DEFAULT,
            copy_bytes_max: limits::COPY_MAX,
            outbox_bytes_max: limits::OUTBOX_HIGH_BYTES,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            ping_interval_ms: limits::PING_INTERVAL_MS,
            backpressure_ms: limits::BACKPRESSURE_MS_MAX,
            frame_ms: limits::FRAME_MS_MAX,
            drain_ms: limits::DRAIN_MS_MAX,
            spin_us: 0,
        }
    }
}

impl Config {
    /// Bytes that may wait for one client: as configured, and at least one message of the largest
    /// size.
    #[must_use]
    pub fn outbox_bytes(&self) -> usize {
        let frame_overhead = limits::FRAME_BYTES_DEFAULT - limits::PAYLOAD_BYTES_DEFAULT;
        self.limits.outbox_bytes_max.max(self.limits.payload_bytes_max + frame_overhead)
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// Names the first key that is wrong, and what it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let limit = &self.limits;
        let payload_max = limits::PAYLOAD_BYTES_CEILING;
        let buffer_min = 8 * self.outbox_bytes();
        in_range("shards", self.shards, 0, limits::SHARDS_MAX)?;
        self.log.check()?;
        in_range("limits.connections_max", limit.connections_max, 1, 1_000_000)?;
        in_range(
            "limits.subscriptions_per_client_max",
            limit.subscriptions_per_client_max,
            1,
            limits::SUBSCRIPTIONS_PER_SHARD_MAX,
        )?;
        in_range("limits.payload_bytes_max", limit.payload_bytes_max, 1024, payload_max)?;
        in_range("limits.outbox_bytes_max", limit.outbox_bytes_max, 64 * 1024, 1 << 30)?;
        in_range("limits.buffer_bytes_max", limit.buffer_bytes_max, buffer_min, 1 << 40)?;
        in_range_ms("timing.ping_interval_ms", self.timing.ping_interval_ms, 100, 3_600_000)?;
        in_range_ms("timing.backpressure_ms", self.timing.backpressure_ms, 0, PATIENCE_MS_MAX)?;
        in_range_ms("timing.frame_ms", self.timing.frame_ms, 100, 3_600_000)?;
        in_range("limits.copy_bytes_max", limit.copy_bytes_max, 0, limits::COPY_MAX_CEILING)?;
        in_range_ms("timing.spin_us", self.timing.spin_us, 0, 1_000_000)?;
        in_range_ms("timing.drain_ms", self.timing.drain_ms, 0, 600_000)?;
        self.check_limits()?;
        self.check_listeners()?;
        if self.listeners().is_empty() {
            return Err(ConfigError::NoListener);
        }
        self.check_namespaces()?;
        self.elbus_access()?;
        self.check_users()
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let (limit, shard_max) = (&self.limits, limits::SUBSCRIPTIONS_PER_SHARD_MAX);
        let filter_max = limits::FILTER_BYTES_PER_SHARD_MAX;
        let rate_max = u64::from(u32::MAX);
        in_range("limits.subscriptions_max", limit.subscriptions_max, 1, shard_max)?;
        in_range("limits.filter_bytes_max", limit.filter_bytes_max, 64 * 1024, filter_max)?;
        in_range(
            "limits.headers_bytes_max",
            limit.headers_bytes_max,
            0,
            limits::HEADERS_BYTES_MAX,
        )?;
        let rate = limit.messages_per_second_max;
        in_range_ms("limits.messages_per_second_max", rate, 0, rate_max)?;
        in_range_ms("limits.bytes_per_second_max", limit.bytes_per_second_max, 0, 1 << 40)
    }

    fn check_namespaces(&self) -> Result<(), ConfigError> {
        for name in &self.namespaces {
            let bytes = name.as_bytes();
            let one_token = Subject::parse(bytes).is_ok_and(|it| it.tokens().count() == 1);
            if !one_token || bytes.len() > limits::NAMESPACE_BYTES_MAX {
                return Err(ConfigError::Namespace(name.clone()));
            }
        }
        Ok(())
    }
}

pub(super) fn in_range(
    key: &'static str,
    value: usize,
    min: usize,
    max: usize,
) -> Result<(), ConfigError> {
    in_range_ms(key, value as u64, min as u64, max as u64)
}

pub(super) fn in_range_ms(
    key: &'static str,
    value: u64,
    min: u64,
    max: u64,
) -> Result<(), ConfigError> {
    if value < min || value > max {
        return Err(ConfigError::Range { key, value, min, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_loopback_only() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert!(config.listen.iter().all(|address| address.ip().is_loopback()));
        assert_eq!(config.unix_path(), Some(PathBuf::from("coilgun-data/coilgun.sock")));
    }

    #[test]
    fn an_outbox_always_holds_one_message_of_the_largest_size() {
        let limits = Limits { payload_bytes_max: 16 << 20, ..Limits::default() };
        let config = Config { limits, ..Config::default() };
        assert_eq!(config.check(), Ok(()));
        assert!(config.outbox_bytes() > 16 << 20);
        let high = coilgun_protocol::model::limits::OUTBOX_HIGH_BYTES;
        assert_eq!(Config::default().outbox_bytes(), high);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let exposed: SocketAddr = "0.0.0.0:7700".parse().expect("an address");
        let config = Config { listen: vec![exposed], ..Config::default() };
        assert_eq!(config.check(), Err(ConfigError::Exposed(exposed)));
        assert_eq!(Config { insecure: true, ..config }.check(), Ok(()));
        let elbus = Elbus { unix: Some(PathBuf::new()), ..Elbus::default() };
        let unix = Some(PathBuf::new());
        let deaf = Config { listen: vec![], unix, elbus, ..Config::default() };
        assert_eq!(deaf.check(), Err(ConfigError::NoListener));
        let elbus = Elbus { listen: vec![exposed], ..Elbus::default() };
        let strange = Config { elbus: elbus.clone(), ..Config::default() };
        assert_eq!(strange.check(), Err(ConfigError::Exposed(exposed)));
        let twice = Config { listen: vec![exposed], elbus, ..Config::default() };
        assert_eq!(twice.check(), Err(ConfigError::Twice(exposed.to_string())));
        let limits = Limits { payload_bytes_max: 1, ..Limits::default() };
        let small = Config { limits, ..Config::default() }.check().expect_err("too small");
        assert!(small.to_string().contains("limits.payload_bytes_max is 1"), "{small}");
        let namespaces = vec!["two.tokens".to_owned()];
        let named = Config { namespaces, ..Config::default() }.check().expect_err("no token");
        assert!(named.to_string().contains("two.tokens"), "{named}");
    }
}
