//! What a native client is owed, into bytes.
//!
//! ```text
//! small payload    | header | head | sender | tail in one copy                      |   one run
//! large payload    | header | head | sender | tail before the payload |  + reference to payload
//! ```

use super::super::features::Features;
use super::super::hot::{DELIVER_PREFIX_BYTES, deliver_prefix_bytes, outcome_frame};
use super::super::operation::DELIVER_FLAGS;
use super::machine::NativeSession;
use crate::buffer::OutBuf;
use crate::model::{Delivery, Outcome, PublishFlags};

impl NativeSession {
    /// Writes a DELIVER frame: one run and one copy of the tail where the payload is copied and the
    /// whole fits a block (laws S6, S10).
    #[inline]
    pub(super) fn write_delivery(&self, delivery: &Delivery<'_>, out: &mut OutBuf) {
        let names = self.features.contains(Features::SENDER_NAMES);
        let sender = if names { delivery.sender } else { &[] };
        let flags = PublishFlags(delivery.flags.0 & DELIVER_FLAGS.0);
        let prefix = deliver_prefix_bytes(delivery, sender, flags);
        let by_reference = out.references(delivery.payload);
        let copied = if by_reference { 0 } else { delivery.payload.len() };
        let tail_len = before_payload_len(delivery) + copied;
        let run = DELIVER_PREFIX_BYTES + sender.len() + tail_len;
        if run > out.run_bytes_max() {
            return write_in_parts(delivery, &prefix, sender, out);
        }
        let Some(room) = out.append(run) else { return };
        let (head, rest) = room.split_at_mut(DELIVER_PREFIX_BYTES);
        head.copy_from_slice(&prefix);
        let (name, rest) = rest.split_at_mut(sender.len());
        name.copy_from_slice(sender);
        match delivery.tail {
            Some(tail) => rest.copy_from_slice(&tail.bytes()[..tail_len]),
            None => copy_tail(delivery, rest),
        }
        if by_reference {
            out.payload(delivery.payload);
        } else {
            out.count_copy(copied);
        }
    }

    /// Writes an OUTCOME frame, if the client wants one.
    pub(super) fn write_outcome(&self, outcome: &Outcome, out: &mut OutBuf) {
        if outcome.ticket.is_some() {
            out.copy(&outcome_frame(outcome));
        }
    }
}

/// Length of what lies between the sender's name and the payload.
#[inline]
fn before_payload_len(delivery: &Delivery<'_>) -> usize {
    let len = delivery.subject.len() + delivery.reply.len() + delivery.headers.len();
    if let Some(tail) = delivery.tail {
        let whole = len + delivery.payload.len();
        assert!(tail.len() == whole, "the tail is subject, reply, headers and payload");
    }
    len
}

/// Writes a frame that does not fit one run.
#[inline(never)]
fn write_in_parts(delivery: &Delivery<'_>, prefix: &[u8], sender: &[u8], out: &mut OutBuf) {
    for part in [prefix, sender, delivery.subject, delivery.reply, delivery.headers] {
        out.copy(part);
    }
    out.payload(delivery.payload);
}

/// Copies what did not arrive as one run of bytes, up to the end of the room: behind the headers or
/// behind the payload.
fn copy_tail(delivery: &Delivery<'_>, room: &mut [u8]) {
    let mut rest = room;
    for part in [delivery.subject, delivery.reply, delivery.headers] {
        let (place, behind) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = behind;
    }
    if !rest.is_empty() {
        rest.copy_from_slice(delivery.payload.bytes());
    }
}
