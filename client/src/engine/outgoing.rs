//! What waits to be sent: on the connection that stands, or on the next one.
//!
//! ```text
//! open    publish --> waiting --take--> the driver's buffer --> socket
//! away    publish --> away (bounded)          |
//!            ^                                | broke: plain messages that the socket
//!            +--------------------------------+ did not take whole
//! ```
//!
//! Plain messages are those that nobody waits for: published, or appended without an answer.

use coilgun_protocol::model::PublishFlags;
use coilgun_protocol::native::{
    ClientFrame, EncodeError, HEADER_BYTES, Operation, PREFACE_BYTES, Preface, encode_frame,
};

use crate::engine::away::{Away, Kept};
use crate::engine::calls::Call;
use crate::error::ClientError;

/// Length of the head of a PUBLISH frame, in bytes.
const PUBLISH_HEAD_BYTES: usize = coilgun_protocol::native::PUBLISH_PREFIX_BYTES - HEADER_BYTES;
/// Output that waits at this length holds publishers back, in bytes.
const OUTPUT_HIGH_BYTES: usize = 1024 * 1024;
/// Room for output that is kept although nothing is in it, in bytes.
const OUTPUT_KEPT_BYTES: usize = 2 * OUTPUT_HIGH_BYTES;

/// Frames on their way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    waiting: Vec<u8>,
    away: Away,
    is_open: bool,
    /// Plain messages that went to `waiting` on this connection.
    pub(super) sent: u64,
    /// How many of them have certainly taken effect.
    pub(super) confirmed: u64,
    /// Messages may be lost with an earlier connection, and nobody was told yet.
    pub(super) is_doubtful: bool,
    /// Messages that were kept and could not be sent on the next connection.
    pub(super) unsendable: u64,
}

impl Outgoing {
    pub(super) fn new(away_bytes_max: usize) -> Outgoing {
        Outgoing {
            waiting: Vec::new(),
            away: Away::new(away_bytes_max),
            is_open: false,
            sent: 0,
            confirmed: 0,
            is_doubtful: false,
            unsendable: 0,
        }
    }

    /// Whether publishers may go on.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < OUTPUT_HIGH_BYTES
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn away_bytes(&self) -> usize {
        self.away.bytes()
    }

    /// Puts what waits into `buffer`, which is empty, and takes its memory in exchange.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>) {
        assert!(buffer.is_empty(), "what was taken before was sent");
        if buffer.capacity() > OUTPUT_KEPT_BYTES {
            buffer.shrink_to(OUTPUT_KEPT_BYTES);
        }
        core::mem::swap(buffer, &mut self.waiting);
    }

    /// Appends what belongs to this connection only.
    pub(super) fn push_now(&mut self, frame: &ClientFrame<'_>) -> Result<(), EncodeError> {
        encode_frame(frame, &mut self.waiting)
    }

    /// Appends the preface: a connection begins.
    pub(super) fn begin(&mut self) {
        assert!(self.waiting.is_empty(), "nothing waits for a connection that is not there");
        self.waiting.extend_from_slice(&Preface::OURS.encode());
    }

    /// Appends a frame for this connection or the next, and returns whether it was for this one. `call`:
    /// who waits for the answer to it.
    #[inline]
    pub(super) fn push(
        &mut self,
        frame: &ClientFrame<'_>,
        call: Option<Call>,
    ) -> Result<bool, ClientError> {
        if self.is_open {
            encode_frame(frame, &mut self.waiting)?;
            self.sent += u64::from(call.is_none());
            return Ok(true);
        }
        let mut bytes = Vec::new();
        encode_frame(frame, &mut bytes)?;
        self.away.push(Kept { frame: bytes, call })?;
        Ok(false)
    }

    /// Nobody waits for the answer to a call any more: if its frame still waits, it is not sent.
    pub(super) fn take_back(&mut self, call: Call) {
        self.away.take_back(call);
    }

    /// The broker let the client in: sends what was kept, unless it is nothing for this broker, which
    /// has streams or none, or `resume` says that nobody waits for it any more. `resume` may change the
    /// deadline in the frame.
    pub(super) fn open(
        &mut self,
        payload_bytes_max: usize,
        has_streams: bool,
        mut resume: impl FnMut(Call, u64) -> Option<u32>,
    ) {
        self.is_open = true;
        for Kept { frame, call } in self.away.take() {
            let is_for_it = has_streams || !is_append(&frame) || call.is_some();
            if payload_bytes(&frame) > payload_bytes_max || !is_for_it {
                self.unsendable += 1;
                continue;
            }
            let Some(call) = call else {
                self.waiting.extend_from_slice(&frame);
                self.sent += 1;
                continue;
            };
            let Some(deadline_ms) = resume(call, self.sent) else { continue };
            let at = self.waiting.len();
            self.waiting.extend_from_slice(&frame);
            if is_publish(&frame) && frame[5] & PublishFlags::REQUEST.0 != 0 {
                self.waiting[at + 16..at + 20].copy_from_slice(&deadline_ms.to_le_bytes());
            }
        }
    }

    /// The client is about to leave the broker: what comes now waits for the next connection.
    pub(super) fn park(&mut self) {
        self.is_open = false;
    }

    /// The connection is lost. `buffer` is what the driver took and did not finish, and `written`
    /// how much of it the socket took: plain messages that the broker cannot have seen whole are
    /// kept for the next connection, in their order, as far as there is room. `told`: how many
    /// messages stand before the last barrier that fails with the connection, which tells of them.
    pub(super) fn lose(&mut self, buffer: &[u8], written: usize, told: u64) {
        let waiting = core::mem::take(&mut self.waiting);
        let mut kept = Vec::new();
        let mut kept_bytes = 0;
        for (bytes, written) in [(buffer, written), (&waiting[..], 0)] {
            for frame in frames(bytes) {
                let end = frame.as_ptr_range().end as usize - bytes.as_ptr() as usize;
                let fits = self.away.has_room(kept_bytes + frame.len());
                if end > written && is_plain(frame) && fits {
                    kept.push(frame.to_vec());
                    kept_bytes += frame.len();
                }
            }
        }
        self.is_doubtful |= self.sent - kept.len() as u64 > self.confirmed.max(told);
        self.away.prepend(kept);
        (self.sent, self.confirmed, self.is_open) = (0, 0, false);
    }

    /// Drops everything: the client has ended.
    pub(super) fn clear(&mut self) {
        self.waiting = Vec::new();
        drop(self.away.take());
        self.is_open = false;
    }
}

/// The frames in bytes that this client wrote itself; a preface before them is passed over.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    // No frame is as long as the preface's magic would say.
    if bytes.starts_with(&Preface::OURS.encode()) {
        bytes = &bytes[PREFACE_BYTES..];
    }
    core::iter::from_fn(move || {
        let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?) as usize;
        let (frame, rest) = bytes.split_at(HEADER_BYTES + length);
        bytes = rest;
        Some(frame)
    })
}

fn is_publish(frame: &[u8]) -> bool {
    frame[4] == Operation::Publish as u8
}

fn is_append(frame: &[u8]) -> bool {
    frame[4] == Operation::Append as u8
}

/// Whether nobody waits for an answer to a frame that this client wrote.
fn is_plain(frame: &[u8]) -> bool {
    let asks = frame[5] & (PublishFlags::ACK.0 | PublishFlags::REQUEST.0) != 0;
    let is_numbered = || frame[HEADER_BYTES..][..8] != [0; 8];
    is_publish(frame) && !asks || is_append(frame) && !is_numbered()
}

/// Length of the payload of a message; 0 for any other frame.
fn payload_bytes(frame: &[u8]) -> usize {
    if !is_publish(frame) {
        return 0;
    }
    let at = |offset: usize| usize::from(frame[offset]);
    let u16_at = |offset: usize| at(offset) | at(offset + 1) << 8;
    let headers = u16_at(20) | u16_at(22) << 16;
    frame.len() - HEADER_BYTES - PUBLISH_HEAD_BYTES - headers - u16_at(24) - u16_at(26)
}
