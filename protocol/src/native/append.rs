//! APPEND and APPENDED: a batch on its way to a partition, and what became of it.
//!
//! ```text
//! APPEND body     | stream | body of the batch |      the rest is the body
//! ```

use super::error::DecodeError;
use super::framer::Frame;
use super::header::HEADER_BYTES;
use super::hot::prefix;
use super::operation::{APPENDED_IS_DUPLICATE, Operation};
use super::schema_generated::{AppendHead, AppendedHead};
use crate::model::{
    AckLevel, AppendConditions, Appended, BodyKind, ErrorCode, Offset, PartitionChoice, Ticket,
    UnixMs,
};

/// Length of header and head of an APPEND frame in bytes.
pub const APPEND_PREFIX_BYTES: usize = HEADER_BYTES + size_of::<AppendHead>();
/// Where the bytes of an [`AppendConditions`] begin in an APPEND frame.
pub(super) const CONDITIONS_AT: usize = HEADER_BYTES + 8;

/// Where the reserved fields begin in their frames.
const APPEND_RESERVED_AT: u8 = 65;
const APPENDED_RESERVED_AT: u8 = 47;

/// A batch of the client, as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendFrame<'a> {
    /// Comes back in APPENDED; none: nobody hears what became of it.
    pub correlation: Ticket,
    /// Name of the stream.
    pub stream: &'a [u8],
    /// Which partition.
    pub partition: PartitionChoice,
    /// Its producer, and the offset it expects.
    pub conditions: AppendConditions,
    /// How far it must have come before it is answered.
    pub level: AckLevel,
    /// How the body is written.
    pub body_kind: BodyKind,
    /// How many records the body holds.
    pub count: u32,
    /// CRC-32C of the body, as [`body_crc`](super::body_crc) gives it.
    pub body_crc: u32,
    /// The body.
    pub body: &'a [u8],
}

/// What became of a batch of the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendedFrame {
    /// The correlation of the frame this answers.
    pub correlation: Ticket,
    /// 0, or the number of an error, which may be one that this version does not know.
    pub code: u16,
    /// Index of the partition; [`PartitionChoice::BY_KEY`] if it was refused before that was known.
    pub partition: u32,
    /// The offset of its first record, if the code is 0.
    pub base_offset: Offset,
    /// When it was appended; 0: it was not, or an earlier append stored it.
    pub append_time: UnixMs,
    /// How far it has come, for sure.
    pub level: AckLevel,
    /// An earlier append stored it.
    pub is_duplicate: bool,
    /// What the code is about.
    pub detail: u64,
}

impl AppendedFrame {
    /// Whether the batch was appended, by this append or by an earlier one.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == ErrorCode::Ok as u16
    }

    /// The error, if this version knows its number.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_number(self.code)
    }
}

/// The head of an APPEND frame, its level, and how long the stream's name is, which lies inside of
/// the frame. Name and body are not looked at.
#[inline]
pub(super) fn read_append(frame: &Frame<'_>) -> Result<(AppendHead, AckLevel, usize), DecodeError> {
    let head = AppendHead(frame.fixed_head());
    let operation = Operation::Append;
    if head.reserved_a() != 0 || head.reserved_b() != 0 || head.reserved_c() != 0 {
        return Err(DecodeError::Reserved { operation, offset: APPEND_RESERVED_AT });
    }
    let level = read_level(operation, head.level())?;
    let stream_len = usize::from(head.stream_len());
    let body_bytes = frame.body().len();
    if stream_len > body_bytes {
        let (bytes, body_bytes) = (stream_len as u64, body_bytes as u64);
        return Err(DecodeError::PartsTooLong { operation, bytes, body_bytes });
    }
    Ok((head, level, stream_len))
}

fn read_level(operation: Operation, number: u8) -> Result<AckLevel, DecodeError> {
    AckLevel::from_number(number).ok_or(DecodeError::OutOfRange {
        operation,
        field: "level",
        value: number.into(),
        value_max: AckLevel::Durable as u32,
    })
}

/// What an APPEND frame says beside its batch.
#[inline]
pub(super) fn conditions_of(head: &AppendHead) -> AppendConditions {
    let conditions = &head.0[CONDITIONS_AT - HEADER_BYTES..][..AppendConditions::BYTES];
    AppendConditions::decode(conditions)
}

/// Which partition an APPEND frame is for.
#[inline]
pub(super) fn partition_of_head(head: &AppendHead) -> PartitionChoice {
    match head.partition() {
        PartitionChoice::BY_KEY => PartitionChoice::KeyHash(head.key_hash()),
        index => PartitionChoice::Index(index),
    }
}

/// The 72 bytes before the name of the stream in an APPEND frame.
///
/// # Panics
/// If a length does not fit its field: who calls has checked both.
pub(super) fn append_prefix_bytes(append: &AppendFrame<'_>) -> [u8; APPEND_PREFIX_BYTES] {
    let AppendConditions { producer, sequence, expected, epoch } = append.conditions;
    let key_hash = match append.partition {
        PartitionChoice::Index(_) => 0,
        PartitionChoice::KeyHash(hash) => hash,
    };
    let stream_len = u16::try_from(append.stream.len()).expect("the name was checked");
    let head = AppendHead::new(
        append.correlation.0,
        producer.0,
        sequence.0,
        expected.map_or(AppendConditions::NO_OFFSET, |offset| offset.0),
        epoch.0,
        append.partition.index_or_by_key(),
        key_hash,
        append.count,
        append.body_crc,
        stream_len,
        append.body_kind as u16,
        append.level as u8,
        0,
        0,
        0,
    );
    let length = head.0.len() + append.stream.len() + append.body.len();
    prefix(Operation::Append, 0, length, head.0)
}

/// A whole APPENDED frame.
#[must_use]
pub(super) fn appended_frame(appended: &Appended) -> [u8; 48] {
    let head = AppendedHead::new(
        appended.ticket.0,
        appended.base_offset.0,
        appended.append_time.0,
        appended.detail,
        appended.partition,
        appended.code as u16,
        appended.level as u8,
        0,
    );
    let flags = if appended.is_duplicate { APPENDED_IS_DUPLICATE } else { 0 };
    prefix(Operation::Appended, flags, head.0.len(), head.0)
}

/// Reads an APPENDED frame.
pub(super) fn read_appended(frame: &Frame<'_>) -> Result<AppendedFrame, DecodeError> {
    let head = AppendedHead(frame.fixed_head());
    let operation = Operation::Appended;
    if head.reserved() != 0 {
        return Err(DecodeError::Reserved { operation, offset: APPENDED_RESERVED_AT });
    }
    Ok(AppendedFrame {
        correlation: Ticket(head.correlation()),
        code: head.code(),
        partition: head.partition(),
        base_offset: Offset(head.base_offset()),
        append_time: UnixMs(head.append_time_ms()),
        level: read_level(operation, head.level())?,
        is_duplicate: frame.flags() & APPENDED_IS_DUPLICATE != 0,
        detail: head.detail(),
    })
}

const _: () = assert!(size_of::<AppendHead>() == 64 && size_of::<AppendedHead>() == 40);
