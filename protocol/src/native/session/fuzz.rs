//! The broker's session against any bytes in any pieces.

use super::config::NativeConfig;
use super::machine::NativeSession;
use crate::fuzz::check_session;

/// Payload limit of the session under test: small, so that the limit is met.
const PAYLOAD_BYTES_MAX: u32 = 256;

/// Fuzz entry: a client's bytes give the same commands, answers and refusal, however they are cut;
/// the first byte says how long the pieces are.
pub fn fuzz_session(bytes: &[u8]) {
    let config = NativeConfig {
        payload_bytes_max: PAYLOAD_BYTES_MAX,
        record_bytes_max: PAYLOAD_BYTES_MAX,
        streams: true,
        ..NativeConfig::default()
    };
    check_session(bytes, || NativeSession::new(config));
}
