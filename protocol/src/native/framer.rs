//! Bytes into frames.
//!
//! What it does: finds the frame at the front of some bytes and checks everything that its header
//! says. What it never does: it keeps no bytes; who calls it waits for as many as it says.

use super::error::DecodeError;
use super::features::Features;
use super::header::{FrameHeader, HEADER_BYTES};
use super::operation::{HeadKind, Operation, Peer};
use crate::model::limits::{
    BATCH_FRAME_BYTES_MAX, CONTROL_FRAME_BYTES_MAX, FRAME_OVERHEAD_BYTES_MAX, HEADERS_BYTES_MAX,
    PAYLOAD_BYTES_CEILING,
};

/// What may come from one side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRules {
    sender: Peer,
    message_frame_bytes_max: u32,
    batch_frame_bytes_max: u32,
    /// Whether frames of streams may come.
    streams: bool,
}

/// What is at the front of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing<'a> {
    /// A whole frame.
    Complete(Frame<'a>),
    /// The beginning of a frame, of which nothing more can be said until this many bytes of it are
    /// there.
    Incomplete {
        /// Bytes from the beginning of the frame.
        need: usize,
    },
}

/// A whole frame whose header was checked: the operation may come from this side, its flags have a
/// meaning, its head has the right size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    header: FrameHeader,
    bytes: &'a [u8],
}

impl FrameRules {
    /// Rules before the handshake is done: no frame may be longer than a control frame.
    #[must_use]
    pub fn handshake(sender: Peer) -> FrameRules {
        FrameRules {
            sender,
            message_frame_bytes_max: CONTROL_FRAME_BYTES_MAX as u32,
            batch_frame_bytes_max: CONTROL_FRAME_BYTES_MAX as u32,
            // Who sends one now hears that it comes too early, whether it may come later or not.
            streams: true,
        }
    }

    /// Rules after the handshake: messages may carry payloads of this size, and no frames of streams
    /// may come.
    ///
    /// # Panics
    /// If the size is above the outermost one, [`PAYLOAD_BYTES_CEILING`].
    #[must_use]
    pub fn messages(sender: Peer, payload_bytes_max: u32) -> FrameRules {
        assert!(payload_bytes_max as usize <= PAYLOAD_BYTES_CEILING, "the ceiling holds");
        let beside_payload = (HEADERS_BYTES_MAX + FRAME_OVERHEAD_BYTES_MAX) as u32;
        FrameRules {
            sender,
            message_frame_bytes_max: payload_bytes_max + beside_payload,
            batch_frame_bytes_max: BATCH_FRAME_BYTES_MAX as u32,
            streams: false,
        }
    }

    /// The same rules, with frames of streams if the feature is in force.
    #[must_use]
    pub fn with_features(self, features: Features) -> FrameRules {
        FrameRules { streams: features.contains(Features::STREAMS), ..self }
    }

    /// Longest frame of this kind, with its header, in bytes.
    #[inline]
    fn frame_bytes_max(&self, kind: HeadKind) -> u32 {
        match kind {
            HeadKind::Message(_) => self.message_frame_bytes_max,
            HeadKind::Batch(_) => self.batch_frame_bytes_max,
            HeadKind::Struct(_) | HeadKind::Table | HeadKind::Nothing => {
                CONTROL_FRAME_BYTES_MAX as u32
            }
        }
    }

    /// Everything that can be said of a frame by its header alone.
    #[inline]
    fn check(&self, header: &FrameHeader) -> Result<(), DecodeError> {
        let FrameHeader { length, operation, flags, head_len } = *header;
        if !operation.is_sent_by(self.sender) {
            return Err(DecodeError::Direction { operation, sender: self.sender });
        }
        if !self.streams && operation.needs_streams() {
            return Err(DecodeError::FeatureNotAgreed { operation, feature: "STREAMS" });
        }
        let kind = operation.head();
        let bytes_max = self.frame_bytes_max(kind);
        if length > bytes_max - HEADER_BYTES as u32 {
            let bytes = u64::from(length) + HEADER_BYTES as u64;
            return Err(DecodeError::FrameTooLarge { operation, bytes, bytes_max });
        }
        let bits = flags & !operation.flags_allowed();
        if bits != 0 {
            return Err(DecodeError::UnknownBits { operation, field: "flags", bits });
        }
        let fits = match kind {
            HeadKind::Message(expected) | HeadKind::Batch(expected) => {
                head_len == expected && length >= u32::from(expected)
            }
            HeadKind::Struct(expected) => head_len == expected && length == u32::from(expected),
            HeadKind::Table => length == u32::from(head_len),
            HeadKind::Nothing => length == 0 && head_len == 0,
        };
        if fits { Ok(()) } else { Err(head_error(header)) }
    }
}

#[cold]
fn head_error(header: &FrameHeader) -> DecodeError {
    let expected = match header.operation.head() {
        HeadKind::Message(_) | HeadKind::Batch(_) => {
            "the head is a struct of fixed size, and the frame holds it"
        }
        HeadKind::Struct(_) => "the head is a struct of fixed size, and nothing follows it",
        HeadKind::Table => "the head is a table that fills the frame",
        HeadKind::Nothing => "the frame ends with its header",
    };
    DecodeError::HeadBytes {
        operation: header.operation,
        bytes: header.head_len,
        length: header.length,
        expected,
    }
}

impl<'a> Frame<'a> {
    /// What the frame is for.
    #[inline]
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.header.operation
    }

    /// The operation's flags.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.header.flags
    }

    /// The whole frame with its header.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The head: a struct or a table.
    #[inline]
    #[must_use]
    pub fn head(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..self.body_offset()]
    }

    /// The head of an operation whose head is a struct of `N` bytes.
    ///
    /// # Panics
    /// If this is not such an operation.
    #[inline]
    pub(super) fn fixed_head<const N: usize>(&self) -> [u8; N] {
        *self.head().first_chunk().expect("the framer checked the length of the head")
    }

    /// Where the body begins in the frame.
    #[inline]
    #[must_use]
    pub fn body_offset(&self) -> usize {
        HEADER_BYTES + usize::from(self.header.head_len)
    }

    /// What is behind the head.
    #[inline]
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[self.body_offset()..]
    }
}

/// Finds the frame at the front of `bytes`.
///
/// # Errors
/// As soon as the header is there and breaks a rule; no byte behind it is waited for then.
#[inline]
pub fn next_frame<'a>(bytes: &'a [u8], rules: &FrameRules) -> Result<Framing<'a>, DecodeError> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(Framing::Incomplete { need: HEADER_BYTES });
    };
    let header = FrameHeader::decode(*header)?;
    rules.check(&header)?;
    // The limit keeps the sum far below the end of usize.
    let need = HEADER_BYTES + header.length as usize;
    match bytes.get(..need) {
        Some(bytes) => Ok(Framing::Complete(Frame { header, bytes })),
        None => Ok(Framing::Incomplete { need }),
    }
}

/// Fuzz entry: whatever is called a frame lies inside the bytes and inside its limits, and cutting
/// the bytes short never turns a refusal into a frame.
pub fn fuzz_framer(bytes: &[u8]) {
    const PAYLOAD_BYTES_MAX: u32 = 4096;
    for rules in [
        FrameRules::handshake(Peer::Client),
        FrameRules::messages(Peer::Client, PAYLOAD_BYTES_MAX),
        FrameRules::messages(Peer::Client, PAYLOAD_BYTES_MAX).with_features(Features::STREAMS),
        FrameRules::messages(Peer::Server, PAYLOAD_BYTES_MAX).with_features(Features::STREAMS),
    ] {
        match next_frame(bytes, &rules) {
            Ok(Framing::Complete(frame)) => {
                let header = frame.bytes().first_chunk().expect("a frame has a header");
                assert_eq!(FrameHeader::decode(*header), Ok(frame.header));
                assert_eq!(frame.header.encode(), *header, "a header reads back");
                let whole = [header.as_slice(), frame.head(), frame.body()].concat();
                assert_eq!(whole, frame.bytes(), "a frame is header, head and body");
                let shorter = next_frame(&bytes[..frame.bytes().len() - 1], &rules);
                assert!(matches!(shorter, Ok(Framing::Incomplete { .. })), "cut short it waits");
            }
            Ok(Framing::Incomplete { need }) => {
                assert!(need > bytes.len(), "a frame that is there is complete");
                let bytes_max = rules.message_frame_bytes_max.max(rules.batch_frame_bytes_max);
                assert!(need <= bytes_max as usize, "within the limit");
            }
            Err(error) => {
                assert!(bytes.len() >= HEADER_BYTES, "a refusal needs the header");
                assert!(!error.to_string().is_empty(), "every refusal has a text");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits::PAYLOAD_BYTES_DEFAULT;

    fn header(length: u32, operation: Operation, flags: u8, head_len: u16) -> [u8; 8] {
        FrameHeader { length, operation, flags, head_len }.encode()
    }

    fn open() -> FrameRules {
        FrameRules::messages(Peer::Client, PAYLOAD_BYTES_DEFAULT as u32)
    }

    fn refusal(bytes: &[u8], rules: &FrameRules) -> DecodeError {
        next_frame(bytes, rules).expect_err("the header breaks a rule")
    }

    #[test]
    fn a_frame_is_awaited_header_first() {
        let mut bytes = header(8, Operation::Ping, 0, 8).to_vec();
        bytes.extend_from_slice(b"12345678next");
        for len in 0..16 {
            let need = if len < 8 { 8 } else { 16 };
            let framing = next_frame(&bytes[..len], &open());
            assert_eq!(framing, Ok(Framing::Incomplete { need }), "{len} bytes");
        }
        let Ok(Framing::Complete(frame)) = next_frame(&bytes, &open()) else {
            panic!("the frame is whole");
        };
        assert_eq!((frame.bytes().len(), frame.head()), (16, b"12345678".as_slice()));
        assert!(frame.body().is_empty());
    }

    #[test]
    fn s7_a_length_is_refused_before_anything_is_waited_for() {
        let rules = FrameRules::messages(Peer::Client, 100);
        let most = 100 + (HEADERS_BYTES_MAX + FRAME_OVERHEAD_BYTES_MAX) as u32;
        let fits = header(most - 8, Operation::Publish, 0, 24);
        assert_eq!(next_frame(&fits, &rules), Ok(Framing::Incomplete { need: most as usize }));
        let over = header(most - 7, Operation::Publish, 0, 24);
        assert_eq!(
            refusal(&over, &rules),
            DecodeError::FrameTooLarge {
                operation: Operation::Publish,
                bytes: u64::from(most) + 1,
                bytes_max: most
            }
        );
        let control = CONTROL_FRAME_BYTES_MAX as u32;
        for (rules, operation) in [
            (rules, Operation::Subscribe),
            (FrameRules::handshake(Peer::Client), Operation::Publish),
            (FrameRules::handshake(Peer::Client), Operation::Hello),
        ] {
            let refused = refusal(&header(u32::MAX, operation, 0, 24), &rules);
            let bytes = (1 << 32) + 7;
            assert_eq!(
                refused,
                DecodeError::FrameTooLarge { operation, bytes, bytes_max: control }
            );
        }
    }

    #[test]
    fn s7_a_batch_has_its_own_limit_and_is_not_waited_for_without_streams() {
        let rules = FrameRules::messages(Peer::Client, 100);
        let most = BATCH_FRAME_BYTES_MAX as u32;
        let (fits, over) = (header(most - 8, Operation::Append, 0, 64), most - 7);
        let operation = Operation::Append;
        let refused = DecodeError::FeatureNotAgreed { operation, feature: "STREAMS" };
        assert_eq!(refusal(&fits, &rules), refused);
        let rules = rules.with_features(Features::KNOWN);
        assert_eq!(next_frame(&fits, &rules), Ok(Framing::Incomplete { need: most as usize }));
        let (bytes, bytes_max) = (u64::from(most) + 1, most);
        let refused = DecodeError::FrameTooLarge { operation, bytes, bytes_max };
        assert_eq!(refusal(&header(over, operation, 0, 64), &rules), refused);
    }

    #[test]
    fn heads_flags_and_directions_are_checked_by_the_header() {
        for (bytes, expected) in [
            (header(0, Operation::Publish, 0, 24), "struct of fixed size"),
            (header(24, Operation::Publish, 0, 23), "struct of fixed size"),
            (header(9, Operation::Ping, 0, 8), "nothing follows"),
            (header(8, Operation::Ping, 0, 7), "nothing follows"),
            (header(8, Operation::Hello, 0, 7), "fills the frame"),
            (header(1, Operation::Goodbye, 0, 0), "ends with its header"),
            (header(24, Operation::Publish, 0x10, 24), "unknown bits 0x10 in flags"),
            (header(8, Operation::Ping, 1, 8), "unknown bits 0x01 in flags"),
            (header(8, Operation::Deliver, 0, 8), "not sent by a client"),
            (header(64, Operation::Append, 0, 64), "feature STREAMS, which is not in force"),
        ] {
            let text = refusal(&bytes, &open()).to_string();
            assert!(text.contains(expected), "{text} should say: {expected}");
        }
    }
}
