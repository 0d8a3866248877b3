//! What an operator may choose about elbus connections.

use crate::model::limits::{
    ELBUS_PING_INTERVAL_MS, FRAME_OVERHEAD_BYTES_MAX, HANDSHAKE_MS_MAX, PAYLOAD_BYTES_CEILING,
    PAYLOAD_BYTES_DEFAULT,
};

/// Settings of elbus sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ElbusConfig {
    /// Largest payload, in bytes; at most [`PAYLOAD_BYTES_CEILING`]. A frame may hold a few names
    /// more.
    pub payload_bytes_max: u32,
    /// How long the handshake may take, in milliseconds.
    pub handshake_ms: u32,
    /// How often the broker gives a sign of life, in milliseconds; 0: never.
    pub ping_interval_ms: u32,
    /// How long a client may be silent before it is cut off, in milliseconds; 0: for ever. Not every
    /// client of elbus gives signs of life.
    pub idle_ms: u32,
    /// A client whose name somebody has already takes it from them.
    pub force_register: bool,
}

impl Default for ElbusConfig {
    fn default() -> Self {
        ElbusConfig::new()
    }
}

impl ElbusConfig {
    /// What holds unless configured otherwise.
    #[must_use]
    pub const fn new() -> ElbusConfig {
        ElbusConfig {
            payload_bytes_max: PAYLOAD_BYTES_DEFAULT as u32,
            handshake_ms: HANDSHAKE_MS_MAX as u32,
            ping_interval_ms: ELBUS_PING_INTERVAL_MS as u32,
            idle_ms: 0,
            force_register: false,
        }
    }

    /// The largest body of a frame, in bytes.
    pub(super) fn body_bytes_max(&self) -> usize {
        self.payload_bytes_max as usize + FRAME_OVERHEAD_BYTES_MAX
    }

    /// Stops a program that was put together wrongly.
    ///
    /// # Panics
    /// If a value is out of its range.
    pub(super) fn assert_in_range(&self) {
        assert!(self.payload_bytes_max as usize <= PAYLOAD_BYTES_CEILING, "the ceiling holds");
        assert!(self.handshake_ms > 0, "a handshake takes some time");
    }
}

const _: () = assert!(HANDSHAKE_MS_MAX <= u32::MAX as u64);
const _: () = assert!(ELBUS_PING_INTERVAL_MS <= u32::MAX as u64);
