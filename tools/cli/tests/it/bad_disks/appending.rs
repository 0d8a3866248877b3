//! Appends one at a time.

use coilgun_protocol::model::{AckLevel, AppendConditions, ErrorCode};

use crate::stream_peer::{Heard, StreamPeer, code};

/// The stream, which has one partition.
pub(super) const STREAM: &str = "records";

/// Makes the stream.
pub(super) fn create(peer: &mut StreamPeer) {
    assert_eq!(peer.create(STREAM, 1).map(|rows| rows.len()), Ok(1));
}

/// Appends a record and waits for the answer: its offset, or why there is none.
pub(super) fn append(peer: &mut StreamPeer, payload: &[u8]) -> Result<u64, ErrorCode> {
    let conditions = AppendConditions::default();
    let sent = peer.try_send_append(STREAM, 0, AckLevel::Durable, conditions, &[payload]);
    sent.expect("the broker is there");
    let heard = peer.hear();
    let Heard::Appended(appended) = heard else {
        panic!("an answer to an append, not {heard:?}");
    };
    let code = code(appended.code);
    if code == ErrorCode::Ok { Ok(appended.base_offset.0) } else { Err(code) }
}
