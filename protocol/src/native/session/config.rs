//! What an operator may choose about native connections.

use super::super::features::Features;
use crate::model::limits::{
    BATCH_BYTES_MAX, HEADERS_BYTES_MAX, PAYLOAD_BYTES_CEILING, PAYLOAD_BYTES_DEFAULT,
    PING_INTERVAL_MS, RECORD_BYTES_DEFAULT,
};

/// Settings of every native session of a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NativeConfig {
    /// Name and version of the broker's software, for WELCOME; up to 1,024 bytes.
    pub software: &'static str,
    /// Largest payload, in bytes; at most [`PAYLOAD_BYTES_CEILING`].
    pub payload_bytes_max: u32,
    /// Largest block of headers of one message, in bytes; at most [`HEADERS_BYTES_MAX`].
    pub headers_bytes_max: u32,
    /// How long a connection may be silent before it is asked for a sign of life, in milliseconds;
    /// 0: it is never asked, and never cut off for silence.
    pub ping_interval_ms: u32,
    /// Whether the broker has streams: then the feature is in force for clients that ask for it.
    pub streams: bool,
    /// Largest payload of one record of a stream, in bytes; at most [`BATCH_BYTES_MAX`].
    pub record_bytes_max: u32,
}

impl Default for NativeConfig {
    fn default() -> Self {
        NativeConfig {
            software: concat!("coilgun/", env!("CARGO_PKG_VERSION")),
            payload_bytes_max: PAYLOAD_BYTES_DEFAULT as u32,
            headers_bytes_max: HEADERS_BYTES_MAX as u32,
            ping_interval_ms: PING_INTERVAL_MS as u32,
            streams: false,
            record_bytes_max: RECORD_BYTES_DEFAULT as u32,
        }
    }
}

impl NativeConfig {
    /// The features that clients may use if they ask for them.
    pub(super) fn features(&self) -> Features {
        match self.streams {
            true => Features::KNOWN,
            false => Features::KNOWN.without(Features::STREAMS),
        }
    }

    /// Stops a program that was put together wrongly.
    ///
    /// # Panics
    /// If a value is out of its range.
    pub(super) fn assert_in_range(&self) {
        assert!(self.software.len() <= 1024, "the software's name fits a control frame");
        assert!(self.payload_bytes_max as usize <= PAYLOAD_BYTES_CEILING, "the ceiling holds");
        assert!(self.record_bytes_max as usize <= BATCH_BYTES_MAX, "a record fits a batch");
        assert!(self.headers_bytes_max as usize <= HEADERS_BYTES_MAX, "frames have room for them");
    }
}

const _: () = assert!(PAYLOAD_BYTES_DEFAULT <= u32::MAX as usize, "WELCOME says it in 32 bits");
const _: () = assert!(HEADERS_BYTES_MAX <= u32::MAX as usize);
const _: () = assert!(PING_INTERVAL_MS <= u32::MAX as u64, "WELCOME says it in 32 bits");
