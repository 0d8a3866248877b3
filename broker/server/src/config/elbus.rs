//! What an operator can set about clients of elbus and busrt.

use std::net::SocketAddr;
use std::path::PathBuf;

use coilgun_protocol::elbus::ElbusConfig;
use coilgun_protocol::model::{SlowConsumerPolicy, limits};
use serde::{Deserialize, Serialize};

use super::policy;

/// Where clients of elbus are served, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Elbus {
    /// TCP addresses.
    pub listen: Vec<SocketAddr>,
    /// Path of the UNIX socket; absent: `elbus.sock` in the data directory; empty: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix: Option<PathBuf>,
    /// What happens to messages for clients that do not read fast enough; absent: as elsewhere.
    #[serde(with = "policy::optional", skip_serializing_if = "Option::is_none")]
    pub slow_consumer: Option<SlowConsumerPolicy>,
    /// How long others wait for a client that does not read, in milliseconds; absent: as elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backpressure_ms: Option<u64>,
    /// How long a handshake may take, in milliseconds.
    pub handshake_ms: u64,
    /// How often a client gets a sign of life, in milliseconds; 0: never.
    pub ping_interval_ms: u64,
    /// How long a client may be silent before it is cut off, in milliseconds; 0: for ever, because not
    /// every client gives signs of life.
    pub idle_ms: u64,
    /// A client whose name somebody has takes it from them, and they are cut off.
    pub force_register: bool,
    /// How long frames that are not in a hurry may wait for more to go out with them, in microseconds.
    pub flush_delay_us: u64,
}

impl Default for Elbus {
    fn default() -> Self {
        Elbus {
            listen: Vec::new(),
            unix: None,
            slow_consumer: None,
            backpressure_ms: None,
            handshake_ms: limits::HANDSHAKE_MS_MAX,
            ping_interval_ms: limits::ELBUS_PING_INTERVAL_MS,
            idle_ms: 0,
            force_register: false,
            flush_delay_us: 0,
        }
    }
}

impl Elbus {
    /// What holds for each session, with the largest payload of the broker.
    ///
    /// # Panics
    /// If the configuration was not checked.
    #[must_use]
    pub(super) fn session(&self, payload_bytes_max: usize) -> ElbusConfig {
        let narrow = |value: u64| u32::try_from(value).expect("the configuration was checked");
        ElbusConfig {
            payload_bytes_max: narrow(payload_bytes_max as u64),
            handshake_ms: narrow(self.handshake_ms),
            ping_interval_ms: narrow(self.ping_interval_ms),
            idle_ms: narrow(self.idle_ms),
            force_register: self.force_register,
        }
    }

    /// The numbers with their keys and ranges.
    pub(super) fn ranges(&self) -> [(&'static str, u64, u64, u64); 5] {
        let hour = 3_600_000;
        [
            ("elbus.handshake_ms", self.handshake_ms, 10, hour),
            ("elbus.ping_interval_ms", self.ping_interval_ms, 0, hour),
            ("elbus.idle_ms", self.idle_ms, 0, 24 * hour),
            ("elbus.flush_delay_us", self.flush_delay_us, 0, limits::FLUSH_DELAY_US_MAX),
            (
                "elbus.backpressure_ms",
                self.backpressure_ms.unwrap_or(0),
                0,
                super::configuration::PATIENCE_MS_MAX,
            ),
        ]
    }
}
