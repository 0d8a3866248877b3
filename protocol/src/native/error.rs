//! Why bytes are not what the protocol allows.

use super::operation::{Operation, Peer};
use super::preface::{VERSION_MAX, VERSION_MIN};
use crate::model::{ErrorCode, InvalidHeaders};
use crate::session::SessionError;

/// What is wrong with the bytes of the other side, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The other side speaks another protocol.
    #[error(
        "this is not a Coilgun {sender}: a connection begins with COIL, and byte {offset} is \"{}\"",
        byte.escape_ascii()
    )]
    NotCoilgun {
        /// Who sent the bytes.
        sender: Peer,
        /// Which byte of the preface differs, 0 to 3.
        offset: u8,
        /// What stands there.
        byte: u8,
    },
    /// A range of versions that holds none.
    #[error("the preface names versions {version_min} to {version_max}, which is no range")]
    VersionRange {
        /// The lowest version of the other side.
        version_min: u16,
        /// The highest version of the other side.
        version_max: u16,
    },
    /// The two ranges of versions do not meet.
    #[error(
        "the {sender} speaks versions {version_min} to {version_max} of the protocol, \
         this side {VERSION_MIN} to {VERSION_MAX}"
    )]
    NoSharedVersion {
        /// Who sent the bytes.
        sender: Peer,
        /// The lowest version of the other side.
        version_min: u16,
        /// The highest version of the other side.
        version_max: u16,
    },
    /// No operation has this number.
    #[error("there is no operation {number:#04x} (op, byte 4 of the frame)")]
    UnknownOperation {
        /// The number.
        number: u8,
    },
    /// The operation is not for this side to send.
    #[error("{operation} is not sent by a {sender} (op, byte 4 of the frame)")]
    Direction {
        /// The operation.
        operation: Operation,
        /// Who sent it.
        sender: Peer,
    },
    /// The first frame is not the one a connection begins with, or that one came twice.
    #[error("{operation} came where {expected} is expected")]
    Handshake {
        /// The operation that came.
        operation: Operation,
        /// What is expected.
        expected: &'static str,
    },
    /// The frame is longer than its operation may be.
    #[error("{operation} of {bytes} bytes (length, byte 0 of the frame); {bytes_max} is the limit")]
    FrameTooLarge {
        /// The operation.
        operation: Operation,
        /// Length of the frame with its header.
        bytes: u64,
        /// The limit for the operation.
        bytes_max: u32,
    },
    /// The head does not have its operation's size, or something follows where nothing may.
    #[error(
        "{operation} with a head of {bytes} bytes (head_len, byte 6 of the frame) in a frame of \
         length {length}; {expected}"
    )]
    HeadBytes {
        /// The operation.
        operation: Operation,
        /// Length of the head as the header says it.
        bytes: u16,
        /// Length of the frame behind its header.
        length: u32,
        /// What is expected.
        expected: &'static str,
    },
    /// A bit is set that has no meaning for the operation.
    #[error("{operation} with unknown bits {bits:#04x} in {field}")]
    UnknownBits {
        /// The operation.
        operation: Operation,
        /// Which field.
        field: &'static str,
        /// The bits without a meaning.
        bits: u8,
    },
    /// A reserved field is not 0.
    #[error("{operation} with a reserved field that is not 0 (byte {offset} of the frame)")]
    Reserved {
        /// The operation.
        operation: Operation,
        /// Where the field begins in the frame.
        offset: u8,
    },
    /// The subject or the subject for replies is longer than any may be.
    #[error("{operation} with a {part} of {bytes} bytes; {bytes_max} is the limit")]
    SubjectTooLong {
        /// The operation.
        operation: Operation,
        /// Which of the two.
        part: &'static str,
        /// Its length.
        bytes: u16,
        /// The limit.
        bytes_max: u16,
    },
    /// The lengths in the head add up to more than there is behind it.
    #[error("{operation} whose parts take {bytes} bytes, with {body_bytes} behind the head")]
    PartsTooLong {
        /// The operation.
        operation: Operation,
        /// What the parts before the payload add up to.
        bytes: u64,
        /// Length of the body.
        body_bytes: u64,
    },
    /// The payload is larger than the broker accepts.
    #[error("a payload of {bytes} bytes; {bytes_max} is the limit")]
    PayloadTooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        bytes_max: u32,
    },
    /// The headers are larger than the broker accepts.
    #[error("headers of {bytes} bytes; {bytes_max} is the limit")]
    HeadersTooLarge {
        /// Length of the block.
        bytes: u64,
        /// The limit.
        bytes_max: u32,
    },
    /// The block of headers breaks its format.
    #[error("PUBLISH or DELIVER with bad headers: {0}")]
    Headers(#[from] InvalidHeaders),
    /// The table does not verify.
    #[error("{operation} with a bad table: {reason}")]
    Table {
        /// The operation.
        operation: Operation,
        /// What the verifier of flatbuffers says.
        reason: Box<str>,
    },
    /// A number in a table is out of its range.
    #[error("{operation} with {value} in {field}; {value_max} is the limit")]
    OutOfRange {
        /// The operation.
        operation: Operation,
        /// Which field.
        field: &'static str,
        /// What stands there.
        value: u32,
        /// The limit.
        value_max: u32,
    },
    /// Something was used that both sides did not agree on.
    #[error("{operation} uses the feature {feature}, which is not in force on this connection")]
    FeatureNotAgreed {
        /// The operation.
        operation: Operation,
        /// The feature's name in docs/WIRE.md.
        feature: &'static str,
    },
}

impl DecodeError {
    /// The number under which the other side is told of it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            DecodeError::NoSharedVersion { .. } => ErrorCode::UnsupportedVersion,
            DecodeError::UnknownOperation { .. }
            | DecodeError::Direction { .. }
            | DecodeError::FeatureNotAgreed { .. } => ErrorCode::UnknownOperation,
            DecodeError::Handshake { .. } => ErrorCode::HandshakeExpected,
            DecodeError::FrameTooLarge { .. } => ErrorCode::FrameTooLarge,
            DecodeError::SubjectTooLong { .. } => ErrorCode::InvalidSubject,
            DecodeError::PayloadTooLarge { .. } => ErrorCode::PayloadTooLarge,
            DecodeError::HeadersTooLarge { .. } => ErrorCode::HeadersTooLarge,
            DecodeError::NotCoilgun { .. }
            | DecodeError::VersionRange { .. }
            | DecodeError::HeadBytes { .. }
            | DecodeError::UnknownBits { .. }
            | DecodeError::Reserved { .. }
            | DecodeError::PartsTooLong { .. }
            | DecodeError::Headers(_)
            | DecodeError::Table { .. }
            | DecodeError::OutOfRange { .. } => ErrorCode::MalformedFrame,
        }
    }
}

impl From<DecodeError> for SessionError {
    #[cold]
    fn from(error: DecodeError) -> SessionError {
        SessionError { code: error.code(), detail: error.to_string() }
    }
}
