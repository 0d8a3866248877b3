//! Where to listen, and what is spoken there.

use std::path::PathBuf;

use coilgun_protocol::model::{SlowConsumer, SlowConsumerPolicy};
use serde::{Deserialize, Serialize};

use super::configuration::{Config, ConfigError, PATIENCE_MS_MAX, in_range_ms};
use super::policy;
use super::user::Guests;
use crate::net::ListenAddress;
use crate::shard::ListenerProtocol;

/// What is spoken on a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The native protocol.
    #[default]
    Native,
    /// That of elbus and busrt.
    Elbus,
    /// The same in the binary messages of a WebSocket.
    ElbusWebsocket,
}

impl Protocol {
    /// Every protocol there is.
    pub const ALL: [Protocol; 3] = [Protocol::Native, Protocol::Elbus, Protocol::ElbusWebsocket];

    /// Its name, as configurations write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Native => "native",
            Protocol::Elbus => "elbus",
            Protocol::ElbusWebsocket => "elbus-websocket",
        }
    }

    /// Whether a thread beside the shards accepts its connections.
    #[must_use]
    pub fn is_bridged(self) -> bool {
        self == Protocol::ElbusWebsocket
    }
}

impl core::fmt::Display for Protocol {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// A listener with settings of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// A TCP address, or `unix:` and a path.
    pub address: String,
    /// What is spoken there.
    #[serde(default)]
    pub protocol: Protocol,
    /// What happens to messages for its clients that do not read fast enough; absent: as elsewhere.
    #[serde(default, with = "policy::optional", skip_serializing_if = "Option::is_none")]
    pub slow_consumer: Option<SlowConsumerPolicy>,
    /// How long publishers wait for its clients, in milliseconds; absent: as elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backpressure_ms: Option<u64>,
}

impl ListenerConfig {
    /// Its address, if it is one.
    pub(super) fn parsed_address(&self) -> Option<ListenAddress> {
        match self.address.strip_prefix("unix:") {
            Some("") => None,
            Some(path) => Some(ListenAddress::Unix(PathBuf::from(path))),
            None => self.address.parse().ok().map(ListenAddress::Tcp),
        }
    }
}

/// One place to listen, with what holds there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listening {
    /// Where.
    pub address: ListenAddress,
    /// What is spoken.
    pub protocol: Protocol,
    /// What happens to messages for clients that do not read fast enough.
    pub slow_consumer: SlowConsumer,
}

impl Config {
    /// Path of the UNIX socket of the native protocol, if there is to be one.
    #[must_use]
    pub fn unix_path(&self) -> Option<PathBuf> {
        unix_path(self.unix.as_ref(), || self.data.join("coilgun.sock"))
    }

    /// Path of the UNIX socket for clients of elbus, if there is to be one.
    #[must_use]
    pub fn elbus_unix_path(&self) -> Option<PathBuf> {
        unix_path(self.elbus.unix.as_ref(), || self.data.join("elbus.sock"))
    }

    /// Everywhere to listen. Listeners whose address is none are left out; [`Config::check`] names them.
    #[must_use]
    pub fn listeners(&self) -> Vec<Listening> {
        let on = |protocol, address| Listening {
            address,
            protocol,
            slow_consumer: self.slow_consumer_of(protocol, None, None),
        };
        let (native, elbus) = (Protocol::Native, Protocol::Elbus);
        let tcp = self.listen.iter().map(|it| on(native, ListenAddress::Tcp(*it)));
        let unix = self.unix_path().map(|path| on(native, ListenAddress::Unix(path)));
        let elbus_tcp = self.elbus.listen.iter().map(|it| on(elbus, ListenAddress::Tcp(*it)));
        let elbus_unix = self.elbus_unix_path().map(|path| on(elbus, ListenAddress::Unix(path)));
        let others = self.listeners.iter().filter_map(|it| {
            let slow_consumer =
                self.slow_consumer_of(it.protocol, it.slow_consumer, it.backpressure_ms);
            Some(Listening { slow_consumer, ..on(it.protocol, it.parsed_address()?) })
        });
        tcp.chain(unix).chain(elbus_tcp).chain(elbus_unix).chain(others).collect()
    }

    /// Those on which the shards accept themselves.
    pub(crate) fn shard_listeners(&self) -> impl Iterator<Item = Listening> {
        self.listeners().into_iter().filter(|it| !it.protocol.is_bridged())
    }

    /// Those on which a thread beside the shards accepts.
    pub(crate) fn bridged_listeners(&self) -> impl Iterator<Item = Listening> {
        self.listeners().into_iter().filter(|it| it.protocol.is_bridged())
    }

    /// Checks where to listen.
    pub(super) fn check_listeners(&self) -> Result<(), ConfigError> {
        for listener in &self.listeners {
            let ms = listener.backpressure_ms.unwrap_or(0);
            in_range_ms("listener.backpressure_ms", ms, 0, PATIENCE_MS_MAX)?;
            match listener.parsed_address() {
                Some(ListenAddress::Unix(_)) if listener.protocol.is_bridged() => {
                    return Err(ConfigError::NoNetwork(
                        listener.address.clone(),
                        listener.protocol,
                    ));
                }
                Some(_) => {}
                None => return Err(ConfigError::Listener(listener.address.clone())),
            }
        }
        for (key, value, min, max) in self.elbus.ranges() {
            in_range_ms(key, value, min, max)?;
        }
        let listeners = self.listeners();
        let twice = listeners.iter().enumerate().find(|(at, it)| {
            it.address.is_fixed()
                && listeners[..*at].iter().any(|other| other.address == it.address)
        });
        if let Some((_, twice)) = twice {
            return Err(ConfigError::Twice(twice.address.to_string()));
        }
        let exposed = listeners.into_iter().find_map(|it| match it.address {
            ListenAddress::Tcp(address) if !address.ip().is_loopback() => Some(address),
            ListenAddress::Tcp(_) | ListenAddress::Unix(_) => None,
        });
        match exposed {
            Some(address) if self.lets_strangers_in() => Err(ConfigError::Exposed(address)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether somebody on another machine who does not say who it is would be let in, and nobody said
    /// that this is meant.
    fn lets_strangers_in(&self) -> bool {
        !self.insecure && (self.users.is_empty() || self.guests() == Guests::Everybody)
    }

    /// What happens to messages for clients of this process that do not read fast enough.
    #[must_use]
    pub fn slow_consumer_in_process(&self, protocol: Protocol) -> SlowConsumer {
        self.slow_consumer_of(protocol, None, None)
    }

    /// What is spoken, with all its settings.
    #[must_use]
    pub(crate) fn spoken(&self, protocol: Protocol) -> ListenerProtocol {
        match protocol {
            Protocol::Native => ListenerProtocol::Native,
            Protocol::Elbus | Protocol::ElbusWebsocket => {
                ListenerProtocol::Elbus(self.elbus.session(self.limits.payload_bytes_max))
            }
        }
    }

    /// How long what is sent to a client may wait for more to go out with it, in microseconds.
    #[must_use]
    pub(crate) fn flush_delay_us(&self, protocol: Protocol) -> u32 {
        match protocol {
            Protocol::Native => 0,
            Protocol::Elbus | Protocol::ElbusWebsocket => {
                u32::try_from(self.elbus.flush_delay_us).unwrap_or(u32::MAX)
            }
        }
    }

    /// What a listener says about slow consumers, else its protocol, else the broker.
    fn slow_consumer_of(
        &self,
        protocol: Protocol,
        policy: Option<SlowConsumerPolicy>,
        ms: Option<u64>,
    ) -> SlowConsumer {
        let (by_protocol, protocol_ms) = match protocol {
            Protocol::Native => (None, None),
            Protocol::Elbus | Protocol::ElbusWebsocket => {
                (self.elbus.slow_consumer, self.elbus.backpressure_ms)
            }
        };
        let ms = ms.or(protocol_ms).unwrap_or(self.timing.backpressure_ms);
        SlowConsumer {
            policy: policy.or(by_protocol).unwrap_or(self.slow_consumer),
            backpressure_ms: u16::try_from(ms).unwrap_or(u16::MAX),
        }
    }
}

/// A path that was given, none if that is empty, or the usual one.
fn unix_path(given: Option<&PathBuf>, usual: impl FnOnce() -> PathBuf) -> Option<PathBuf> {
    match given {
        None => Some(usual()),
        Some(path) if path.as_os_str().is_empty() => None,
        Some(path) => Some(path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Elbus;

    #[test]
    fn what_a_listener_says_counts_before_its_protocol_and_the_broker() {
        let elbus = Elbus {
            slow_consumer: Some(SlowConsumerPolicy::Disconnect),
            backpressure_ms: Some(7),
            ..Elbus::default()
        };
        let listener = |protocol, slow_consumer| ListenerConfig {
            address: "unix:x".to_owned(),
            protocol,
            slow_consumer,
            backpressure_ms: None,
        };
        let listeners = vec![
            listener(Protocol::Elbus, None),
            listener(Protocol::Elbus, Some(SlowConsumerPolicy::DropNewest)),
            listener(Protocol::Native, None),
        ];
        let config = Config { elbus, listeners, ..Config::default() };
        let found: Vec<_> = config
            .listeners()
            .iter()
            .map(|it| (it.protocol, it.slow_consumer.policy, it.slow_consumer.backpressure_ms))
            .collect();
        let (native, elbus) = (Protocol::Native, Protocol::Elbus);
        let usual = SlowConsumerPolicy::default();
        assert_eq!(
            found,
            [
                (native, usual, 500),
                (native, usual, 500),
                (elbus, SlowConsumerPolicy::Disconnect, 7),
                (elbus, SlowConsumerPolicy::Disconnect, 7),
                (elbus, SlowConsumerPolicy::DropNewest, 7),
                (native, usual, 500),
            ]
        );
    }
}
