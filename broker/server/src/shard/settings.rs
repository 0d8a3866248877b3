//! What a shard is told at its start.

use coilgun_core::router::RouterLimits;
use coilgun_protocol::model::{NamespaceId, limits};
use coilgun_protocol::native::NativeConfig;

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
    /// Bytes that may wait for one client before those who publish to it have to wait.
    pub outbox_high_bytes: usize,
    /// How long they wait before that client is cut off, in milliseconds.
    pub backpressure_ms: u64,
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
            backpressure_ms: limits::BACKPRESSURE_MS_MAX,
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
