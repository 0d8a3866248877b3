//! One frame from a client to the broker.
//!
//! ```text
//! | op_id u32 | flags u8: operation in the low six bits, qos above | length u32 | body |
//! ```

/// What both sides say first: a magic number and the version.
pub const GREETING: [u8; 3] = [0xEB, 1, 0];

/// Bytes before the body.
pub const HEADER_BYTES: usize = 9;

/// A sign of life from a client. The broker reads no body behind flags that are 0, whatever the
/// length says.
pub const PING: [u8; HEADER_BYTES] = [0; HEADER_BYTES];

/// What a client wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Operation {
    /// Nothing; with a class of service, and so a body.
    Nop = 0x00,
    /// `topic 00 payload`.
    Publish = 0x01,
    /// Masks of topics, with 00 between them.
    Subscribe = 0x02,
    /// The same.
    Unsubscribe = 0x03,
    /// The same: what they match is not delivered.
    Exclude = 0x04,
    /// The same.
    Unexclude = 0x05,
    /// `topic 00 name of a primary 00 payload`.
    PublishFor = 0x06,
    /// `name 00 payload`.
    Message = 0x12,
    /// `mask of names 00 payload`.
    Broadcast = 0x13,
}

impl Operation {
    /// Every operation there is.
    pub const ALL: [Operation; 9] = [
        Operation::Nop,
        Operation::Publish,
        Operation::Subscribe,
        Operation::Unsubscribe,
        Operation::Exclude,
        Operation::Unexclude,
        Operation::PublishFor,
        Operation::Message,
        Operation::Broadcast,
    ];

    fn from_number(number: u8) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| *operation as u8 == number)
    }
}

/// The class of service of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Qos(u8);

impl Qos {
    /// No acknowledgement.
    pub const NO: Qos = Qos(0);
    /// The broker acknowledges.
    pub const PROCESSED: Qos = Qos(1);
    /// As [`Qos::NO`], and nothing waits for more to send.
    pub const REALTIME: Qos = Qos(2);
    /// As [`Qos::PROCESSED`], and nothing waits for more to send.
    pub const REALTIME_PROCESSED: Qos = Qos(3);

    /// Whether an acknowledgement is wanted.
    #[must_use]
    pub fn wants_ack(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether it is in a hurry.
    #[must_use]
    pub fn is_realtime(self) -> bool {
        self.0 & 2 != 0
    }
}

/// A frame whose header was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// What is wanted.
    pub operation: Operation,
    /// The client's number for the frame, which comes back in an acknowledgement.
    pub op_id: u32,
    /// How it is to be treated.
    pub qos: Qos,
    /// Bytes behind the header.
    pub body_bytes: usize,
}

/// What the front of some bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// A frame, whole.
    Frame(Frame),
    /// [`PING`]; it has the length of a header.
    Ping,
    /// The beginning of something that is so long, as far as one can see.
    Incomplete(usize),
    /// No operation that there is.
    Unknown(u8),
    /// A body of more bytes than the broker takes.
    TooLong(usize),
}

/// Reads what begins at the front of `bytes`, if its body has at most `body_bytes_max` bytes. A
/// length is looked at before anything waits for that many bytes (law S7).
#[inline]
#[must_use]
pub fn read_frame(bytes: &[u8], body_bytes_max: usize) -> Reading {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Reading::Incomplete(HEADER_BYTES);
    };
    let [a, b, c, d, flags, e, f, g, h] = *header;
    if flags == 0 {
        return Reading::Ping;
    }
    let Some(operation) = Operation::from_number(flags & 0x3F) else {
        return Reading::Unknown(flags & 0x3F);
    };
    let body_bytes = u32::from_le_bytes([e, f, g, h]) as usize;
    if body_bytes > body_bytes_max {
        return Reading::TooLong(body_bytes);
    }
    if bytes.len() - HEADER_BYTES < body_bytes {
        return Reading::Incomplete(HEADER_BYTES + body_bytes);
    }
    let op_id = u32::from_le_bytes([a, b, c, d]);
    Reading::Frame(Frame { operation, op_id, qos: Qos(flags >> 6), body_bytes })
}

/// Appends a frame whose body is `parts` with a 00 between each two of them.
///
/// # Panics
/// If the body has 4 GiB or more.
pub fn encode_frame(
    op_id: u32,
    operation: Operation,
    qos: Qos,
    parts: &[&[u8]],
    bytes: &mut Vec<u8>,
) {
    let separators = parts.len().saturating_sub(1);
    let len: usize = parts.iter().map(|part| part.len()).sum::<usize>() + separators;
    let len = u32::try_from(len).expect("a frame is shorter than 4 GiB");
    bytes.extend_from_slice(&op_id.to_le_bytes());
    bytes.push(operation as u8 | qos.0 << 6);
    bytes.extend_from_slice(&len.to_le_bytes());
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            bytes.push(0);
        }
        bytes.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back() {
        for operation in Operation::ALL {
            for qos in [Qos::NO, Qos::PROCESSED, Qos::REALTIME, Qos::REALTIME_PROCESSED] {
                let mut bytes = Vec::new();
                encode_frame(7, operation, qos, &[b"a", b"bc"], &mut bytes);
                let expected = match (operation, qos) {
                    (Operation::Nop, Qos::NO) => Reading::Ping,
                    _ => Reading::Frame(Frame { operation, op_id: 7, qos, body_bytes: 4 }),
                };
                assert_eq!(read_frame(&bytes, 4), expected);
                if expected != Reading::Ping {
                    assert_eq!(read_frame(&bytes, 3), Reading::TooLong(4));
                    assert_eq!(read_frame(&bytes[..12], 4), Reading::Incomplete(13));
                }
                assert_eq!(read_frame(&bytes[..8], 4), Reading::Incomplete(9));
            }
        }
        assert_eq!(read_frame(&[0, 0, 0, 0, 0x47, 0, 0, 0, 0], 4), Reading::Unknown(7));
    }
}
