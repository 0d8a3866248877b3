//! What a shard is told at its start.

use coilgun_core::router::RouterLimits;
use coilgun_protocol::model::{NamespaceId, SlowConsumer, limits};
use coilgun_protocol::native::NativeConfig;

use super::protocols::ListenerProtocol;
use super::rate::RateLimits;

/// What holds for the connections that come through one listening socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSettings {
    /// What is spoken.
    pub protocol: ListenerProtocol,
    /// What happens to messages for clients that do not read fast enough, where neither they nor
    /// their subscriptions say it. Nobody makes publishers wait longer than this.
    pub slow_consumer: SlowConsumer,
    /// Who is let in that does not say who it is.
    pub guests: GuestRule,
    /// Whether its clients are looked up among those of elbus that are listed.
    pub is_listed: bool,
    /// How long what is sent to a client may wait for more to go out with it, in microseconds; 0: it goes
    /// out with all else that the same turn brings.
    pub flush_delay_us: u32,
}

/// Who is let in that does not say who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GuestRule {
    /// Nobody.
    Refused,
    /// Everybody, into the namespace `default` only.
    Default,
    /// Everybody, into any namespace.
    #[default]
    Trusted,
}

impl From<ListenerProtocol> for ListenerSettings {
    fn from(protocol: ListenerProtocol) -> Self {
        let slow_consumer = SlowConsumer::default();
        ListenerSettings {
            protocol,
            slow_consumer,
            guests: GuestRule::default(),
            is_listed: false,
            flush_delay_us: 0,
        }
    }
}

/// Settings of a shard.
#[derive(Clone, Debug)]
pub struct ShardSettings {
    /// Names of the namespaces, by number; the first is `default`.
    pub namespaces: Vec<String>,
    /// Settings of native sessions.
    pub native: NativeConfig,
    /// What the router may hold.
    pub router: RouterLimits,
    /// Connections beyond this number are refused.
    pub connections_max: usize,
    /// Bytes that may wait for one client before its policy says what happens to more.
    pub outbox_high_bytes: usize,
    /// How long a frame may take to arrive, in milliseconds, beside what its length allows.
    pub frame_ms: u64,
    /// How fast one connection may send.
    pub rate: RateLimits,
    /// How long a shard that drains waits for its clients, in milliseconds.
    pub drain_ms: u64,
}

impl Default for ShardSettings {
    fn default() -> Self {
        ShardSettings {
            namespaces: vec!["default".to_owned()],
            native: NativeConfig::default(),
            router: RouterLimits::default(),
            connections_max: limits::CONNECTIONS_DEFAULT,
            outbox_high_bytes: limits::OUTBOX_HIGH_BYTES,
            frame_ms: limits::FRAME_MS_MAX,
            rate: RateLimits::default(),
            drain_ms: limits::DRAIN_MS_MAX,
        }
    }
}

impl ShardSettings {
    /// The number of a namespace; no name means the default one.
    #[must_use]
    pub fn namespace(&self, name: &[u8]) -> Option<NamespaceId> {
        if name.is_empty() {
            return Some(NamespaceId::DEFAULT);
        }
        let index = self.namespaces.iter().position(|known| known.as_bytes() == name)?;
        u16::try_from(index).ok().map(NamespaceId)
    }
}
