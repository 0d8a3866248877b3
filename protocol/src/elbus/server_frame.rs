//! One frame from the broker to a client.
//!
//! ```text
//! | kind u8 | length u32 | realtime u8 | sender 00 [topic 00] payload |
//! | FE | op_id u32 | code u8 |                                          an acknowledgement
//! | 00 00 00 00 00 00 |                                                 a sign of life
//! ```

/// Bytes before the body.
pub const SERVER_HEADER_BYTES: usize = 6;

/// What an acknowledgement begins with.
pub const ACK: u8 = 0xFE;

/// How a message came to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ServerKind {
    /// It was published to a topic.
    Publication = 0x01,
    /// It was sent to the client by its name.
    Message = 0x12,
    /// It was sent to a mask of names.
    Broadcast = 0x13,
}

/// One frame that is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerFrame<'a> {
    /// A sign of life, which wants no answer.
    Ping,
    /// What became of the operation with this number: the number of a
    /// [`ResultCode`](super::ResultCode).
    Ack {
        /// The number.
        op_id: u32,
        /// The code.
        code: u8,
    },
    /// A message.
    Message {
        /// How it came.
        kind: ServerKind,
        /// Whether its sender was in a hurry.
        realtime: bool,
        /// Name of the client that sent it.
        sender: &'a [u8],
        /// The topic; only of what was published to one.
        topic: Option<&'a [u8]>,
        /// The payload.
        payload: &'a [u8],
    },
}

/// What the front of some bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerReading<'a> {
    /// A frame of so many bytes.
    Frame(ServerFrame<'a>, usize),
    /// The beginning of something that is so long, as far as one can see.
    Incomplete(usize),
    /// Nothing that a broker says.
    Malformed,
    /// A body of more bytes than the client takes.
    TooLong(usize),
}

/// Reads what begins at the front of `bytes`, if its body has at most `body_bytes_max` bytes.
#[must_use]
pub fn read_server_frame(bytes: &[u8], body_bytes_max: usize) -> ServerReading<'_> {
    let Some(header) = bytes.first_chunk::<SERVER_HEADER_BYTES>() else {
        return ServerReading::Incomplete(SERVER_HEADER_BYTES);
    };
    let [kind, a, b, c, d, last] = *header;
    let number = u32::from_le_bytes([a, b, c, d]);
    let kind = match kind {
        0 => return ServerReading::Frame(ServerFrame::Ping, SERVER_HEADER_BYTES),
        ACK => {
            let ack = ServerFrame::Ack { op_id: number, code: last };
            return ServerReading::Frame(ack, SERVER_HEADER_BYTES);
        }
        0x01 => ServerKind::Publication,
        0x12 => ServerKind::Message,
        0x13 => ServerKind::Broadcast,
        _ => return ServerReading::Malformed,
    };
    let body_bytes = number as usize;
    if body_bytes > body_bytes_max {
        return ServerReading::TooLong(body_bytes);
    }
    let whole = SERVER_HEADER_BYTES + body_bytes;
    let Some(body) = bytes.get(SERVER_HEADER_BYTES..whole) else {
        return ServerReading::Incomplete(whole);
    };
    match message(kind, last != 0, body) {
        Some(frame) => ServerReading::Frame(frame, whole),
        None => ServerReading::Malformed,
    }
}

fn message(kind: ServerKind, realtime: bool, body: &[u8]) -> Option<ServerFrame<'_>> {
    let (sender, rest) = cut(body)?;
    let (topic, payload) = match kind {
        ServerKind::Publication => {
            let (topic, payload) = cut(rest)?;
            (Some(topic), payload)
        }
        ServerKind::Message | ServerKind::Broadcast => (None, rest),
    };
    Some(ServerFrame::Message { kind, realtime, sender, topic, payload })
}

/// What stands before the first 00, and behind it.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..nul], &bytes[nul + 1..]))
}

/// Fuzz entry: any bytes read as frames, each of which is within them.
pub fn fuzz_server_frame(bytes: &[u8]) {
    let mut rest = bytes;
    while let ServerReading::Frame(_, len) = read_server_frame(rest, 4096) {
        rest = &rest[len..];
    }
}
