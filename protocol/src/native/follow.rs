//! FOLLOW_CREDIT, UNFOLLOW, RECORDS and FOLLOW_ENDED: batches on their way to who follows a partition.
//!
//! ```text
//! RECORDS body    | body of the batch |      as it was appended
//! ```

use super::error::DecodeError;
use super::framer::Frame;
use super::header::HEADER_BYTES;
use super::hot::prefix;
use super::operation::Operation;
use super::record::{InvalidRecords, Records, body_crc};
use super::schema_generated::{FollowCreditHead, FollowEndedHead, RecordsHead, UnfollowHead};
use crate::model::{
    AddFollowCredit, BodyKind, ErrorCode, FollowEnded, FollowId, Offset, RecordsRead, Ticket,
    Unfollow, UnixMs,
};

/// Length of header and head of a RECORDS frame in bytes.
pub(super) const RECORDS_PREFIX_BYTES: usize = HEADER_BYTES + size_of::<RecordsHead>();

/// Where the reserved fields begin in their frames.
const RECORDS_RESERVED_AT: u8 = 54;
const FOLLOW_ENDED_RESERVED_AT: u8 = 42;

/// A batch for a follower, as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordsFrame<'a> {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// Index of the partition.
    pub partition: u32,
    /// The offset of its first record, which may lie before where the follower began.
    pub base_offset: Offset,
    /// When it was appended.
    pub append_time: UnixMs,
    /// Behind the last record that could be read when this was sent.
    pub end_offset: Offset,
    /// How many records it holds.
    pub count: u32,
    /// CRC-32C of the body, not checked.
    pub body_crc: u32,
    /// Number of how the body is written, which may be one that this version does not know.
    pub body_kind: u16,
    /// The body, as it was appended.
    pub body: &'a [u8],
}

/// A follower has ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowEndedFrame {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// 0: it was to stop at the end, and is there. Otherwise the number of an error, which may be one
    /// that this version does not know.
    pub code: u16,
    /// The record that would have been sent next.
    pub next_offset: Offset,
    /// The first record that can be read, if there is one.
    pub first_offset: Offset,
    /// Behind the last record that can be read.
    pub end_offset: Offset,
}

/// Why the records of a batch cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnreadableBatch {
    /// The body is not the one that was appended.
    #[error("the body does not match its checksum")]
    Checksum,
    /// The body is not written as native records.
    #[error("the body is of kind {0}, and native records are of kind 1")]
    Kind(u16),
    /// The body is not what it is said to be.
    #[error(transparent)]
    Records(#[from] InvalidRecords),
}

impl<'a> RecordsFrame<'a> {
    /// The records of a native body, after a check of its bytes. Those before where the follower began
    /// are among them.
    ///
    /// # Errors
    /// If the body is damaged, or of another kind.
    pub fn records(&self) -> Result<Records<'a>, UnreadableBatch> {
        if self.body_kind != BodyKind::Native as u16 {
            return Err(UnreadableBatch::Kind(self.body_kind));
        }
        if body_crc(self.body) != self.body_crc {
            return Err(UnreadableBatch::Checksum);
        }
        Ok(Records::check(self.body, self.count)?)
    }

    /// The offset behind the last record: the next that the follower wants.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(self.count.into()))
    }
}

impl FollowEndedFrame {
    /// Whether it has been sent everything.
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

/// A whole FOLLOW_CREDIT frame.
#[must_use]
pub(super) fn follow_credit_frame(credit: &AddFollowCredit) -> [u8; 24] {
    let AddFollowCredit { follow, records, bytes } = *credit;
    let head = FollowCreditHead::new(follow.0, records, bytes).0;
    prefix(Operation::FollowCredit, 0, head.len(), head)
}

/// Reads a FOLLOW_CREDIT frame.
pub(super) fn read_follow_credit(frame: &Frame<'_>) -> AddFollowCredit {
    let head = FollowCreditHead(frame.fixed_head());
    let follow = FollowId(head.follower());
    AddFollowCredit { follow, records: head.records(), bytes: head.bytes() }
}

/// A whole UNFOLLOW frame.
#[must_use]
pub(super) fn unfollow_frame(unfollow: &Unfollow) -> [u8; 24] {
    let head = UnfollowHead::new(unfollow.follow.0, unfollow.ticket.0).0;
    prefix(Operation::Unfollow, 0, head.len(), head)
}

/// Reads an UNFOLLOW frame.
pub(super) fn read_unfollow(frame: &Frame<'_>) -> Unfollow {
    let head = UnfollowHead(frame.fixed_head());
    Unfollow { follow: FollowId(head.follower()), ticket: Ticket(head.correlation()) }
}

/// The 56 bytes before the body of a RECORDS frame.
#[inline]
pub(super) fn records_prefix_bytes(read: &RecordsRead<'_>) -> [u8; RECORDS_PREFIX_BYTES] {
    let head = RecordsHead::new(
        read.follow.0,
        read.base_offset.0,
        read.append_time.0,
        read.end_offset.0,
        read.partition,
        read.count,
        read.body_crc,
        read.body_kind as u16,
        0,
    );
    prefix(Operation::Records, 0, head.0.len() + read.body.len(), head.0)
}

/// Reads a RECORDS frame. The body is not looked at.
#[inline]
pub(super) fn read_records<'a>(frame: &Frame<'a>) -> Result<RecordsFrame<'a>, DecodeError> {
    let head = RecordsHead(frame.fixed_head());
    if head.reserved() != 0 {
        let operation = Operation::Records;
        return Err(DecodeError::Reserved { operation, offset: RECORDS_RESERVED_AT });
    }
    Ok(RecordsFrame {
        follow: FollowId(head.follower()),
        partition: head.partition(),
        base_offset: Offset(head.base_offset()),
        append_time: UnixMs(head.append_time_ms()),
        end_offset: Offset(head.end_offset()),
        count: head.count(),
        body_crc: head.body_crc(),
        body_kind: head.body_kind(),
        body: frame.body(),
    })
}

/// A whole FOLLOW_ENDED frame.
#[must_use]
pub(super) fn follow_ended_frame(ended: &FollowEnded) -> [u8; 48] {
    let FollowEnded { follow, code, next_offset, first_offset, end_offset } = *ended;
    let (next, first, end) = (next_offset.0, first_offset.0, end_offset.0);
    let head = FollowEndedHead::new(follow.0, next, first, end, code as u16, 0, 0).0;
    prefix(Operation::FollowEnded, 0, head.len(), head)
}

/// Reads a FOLLOW_ENDED frame.
pub(super) fn read_follow_ended(frame: &Frame<'_>) -> Result<FollowEndedFrame, DecodeError> {
    let head = FollowEndedHead(frame.fixed_head());
    if head.reserved_a() != 0 || head.reserved_b() != 0 {
        let operation = Operation::FollowEnded;
        return Err(DecodeError::Reserved { operation, offset: FOLLOW_ENDED_RESERVED_AT });
    }
    Ok(FollowEndedFrame {
        follow: FollowId(head.follower()),
        code: head.code(),
        next_offset: Offset(head.next_offset()),
        first_offset: Offset(head.first_offset()),
        end_offset: Offset(head.end_offset()),
    })
}

const _: () = assert!(size_of::<FollowCreditHead>() == 16 && size_of::<UnfollowHead>() == 16);
const _: () = assert!(size_of::<RecordsHead>() == 48 && size_of::<FollowEndedHead>() == 40);
