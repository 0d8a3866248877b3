//! One frame of the binary protocol, client to server.
//!
//! ```text
//! | op_id u32 LE | flags u8: operation in the low six bits, qos above | len u32 LE | body |
//! ```

use coilgun_protocol::model::limits;

/// Bytes before the body.
pub(super) const HEADER_BYTES: usize = 9;

/// Done.
pub(super) const RESULT_OK: u8 = 0x01;
/// Nobody has this name.
pub(super) const RESULT_NOT_REGISTERED: u8 = 0x71;
/// The text is none that can be.
pub(super) const RESULT_DATA: u8 = 0x72;
/// Something else.
pub(super) const RESULT_OTHER: u8 = 0x74;
/// Not this protocol, or not this version of it.
pub(super) const RESULT_NOT_SUPPORTED: u8 = 0x75;
/// Somebody has this name already.
pub(super) const RESULT_BUSY: u8 = 0x76;
/// Not allowed.
pub(super) const RESULT_ACCESS: u8 = 0x79;

/// What a client wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Publish,
    Subscribe,
    Unsubscribe,
    Message,
    Broadcast,
}

/// A frame whose header was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) operation: Operation,
    /// The client's number for the frame, which comes back in an acknowledgement.
    pub(super) op_id: u32,
    pub(super) wants_ack: bool,
    pub(super) is_realtime: bool,
    pub(super) body_bytes: usize,
}

/// What the front of some bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// A frame, whole.
    Frame(Frame),
    /// A ping: a header without a body, whatever its length says.
    Ping,
    /// The beginning of something that is so long, as far as one can see.
    Incomplete(usize),
    /// No operation that there is.
    Unknown,
    /// A body that is longer than the server takes.
    TooLong,
}

/// Reads what begins at the front of `bytes`.
pub(super) fn read_frame(bytes: &[u8]) -> Reading {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Reading::Incomplete(HEADER_BYTES);
    };
    let [a, b, c, d, flags, e, f, g, h] = *header;
    if flags == 0 {
        return Reading::Ping;
    }
    let operation = match flags & 0x3F {
        0x01 => Operation::Publish,
        0x02 => Operation::Subscribe,
        0x03 => Operation::Unsubscribe,
        0x12 => Operation::Message,
        0x13 => Operation::Broadcast,
        _ => return Reading::Unknown,
    };
    let body_bytes = u32::from_le_bytes([e, f, g, h]) as usize;
    if body_bytes > limits::PAYLOAD_BYTES_DEFAULT {
        return Reading::TooLong;
    }
    if bytes.len() < HEADER_BYTES + body_bytes {
        return Reading::Incomplete(HEADER_BYTES + body_bytes);
    }
    Reading::Frame(Frame {
        operation,
        op_id: u32::from_le_bytes([a, b, c, d]),
        wants_ack: flags & 0x40 != 0,
        is_realtime: flags & 0x80 != 0,
        body_bytes,
    })
}

/// Appends an acknowledgement.
pub(super) fn write_ack(op_id: u32, result: u8, out: &mut Vec<u8>) {
    out.push(0xFE);
    out.extend_from_slice(&op_id.to_le_bytes());
    out.push(result);
}
