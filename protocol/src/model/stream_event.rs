//! What a client is told of streams.

use super::error_code::ErrorCode;
use super::event::{Event, Outcome};
use super::ids::Ticket;
use super::stream::{AckLevel, BodyKind, FollowId, Offset, PartitionHealth, PartitionId, UnixMs};
use super::stream_command::{PartitionChoice, StreamCommand};
use crate::buffer::Chunk;

/// Something about a stream that a session tells its client.
#[derive(Clone, Copy, Debug)]
pub enum StreamEvent<'a> {
    /// What a stream is like.
    Described(StreamDescribed<'a>),
    /// Which streams there are.
    Listed(StreamsListed<'a>),
    /// What became of an append.
    Appended(Appended),
    /// A batch for a follower.
    Records(RecordsRead<'a>),
    /// A follower has ended by itself: nothing is read for it any more.
    FollowEnded(FollowEnded),
}

/// What a stream is like. With many partitions a session says it in several frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamDescribed<'a> {
    /// The command's ticket.
    pub ticket: Ticket,
    /// Name of the stream; at most 256 bytes.
    pub name: &'a [u8],
    /// When it was made.
    pub created: UnixMs,
    /// All its partitions are in one co-location group.
    pub co_located: bool,
    /// Some of its partitions, by index.
    pub partitions: &'a [PartitionRow],
    /// Another event with more partitions follows.
    pub more: bool,
}

/// What a partition is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionRow {
    /// Its index in the stream, counted from 0.
    pub index: u32,
    /// The broker's number for it.
    pub id: PartitionId,
    /// The first record that can be read, if there is one.
    pub first_offset: Offset,
    /// Behind the last record that can be read.
    pub end_offset: Offset,
    /// What it lets be done.
    pub health: PartitionHealth,
    /// Number of the shard that owns it.
    pub shard: u16,
}

/// Which streams there are. A session says it in several frames where they are many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamsListed<'a> {
    /// The command's ticket.
    pub ticket: Ticket,
    /// Some of the streams.
    pub streams: &'a [StreamRow<'a>],
    /// Another event with more streams follows.
    pub more: bool,
}

/// A stream in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamRow<'a> {
    /// Its name; at most 256 bytes.
    pub name: &'a [u8],
    /// How many partitions it has.
    pub partition_count: u32,
    /// When it was made.
    pub created: UnixMs,
}

/// What became of an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The command's ticket; none: the session writes nothing.
    pub ticket: Ticket,
    /// [`ErrorCode::Ok`], or why not.
    pub code: ErrorCode,
    /// Index of the partition; [`PartitionChoice::BY_KEY`] if it was refused before that was known.
    pub partition: u32,
    /// The offset of its first record; 0 if it has none.
    pub base_offset: Offset,
    /// When it was appended; 0: it was not, or an earlier append stored it.
    pub append_time: UnixMs,
    /// How far it has come, for sure; [`AckLevel::None`] if it was refused.
    pub level: AckLevel,
    /// An earlier append stored it.
    pub is_duplicate: bool,
    /// What the code is about: the next offset for [`ErrorCode::UnexpectedOffset`], the sequence that
    /// comes next for [`ErrorCode::SequenceGap`], the first that is remembered for
    /// [`ErrorCode::SequenceForgotten`], the producer's epoch for [`ErrorCode::ProducerFenced`], the
    /// record, counted from 0, for one that is wrong; otherwise 0.
    pub detail: u64,
}

/// A batch for a follower.
#[derive(Clone, Copy, Debug)]
pub struct RecordsRead<'a> {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// Index of the partition.
    pub partition: u32,
    /// The offset of its first record, which may lie before where the follower wanted to begin.
    pub base_offset: Offset,
    /// When it was appended.
    pub append_time: UnixMs,
    /// Behind the last record that could be read when it was read.
    pub end_offset: Offset,
    /// How many records it holds.
    pub count: u32,
    /// CRC-32C of the body.
    pub body_crc: u32,
    /// How the body is written.
    pub body_kind: BodyKind,
    /// The body, as it was appended (law L5).
    pub body: Chunk<'a>,
}

/// A follower has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowEnded {
    /// The client's number for the follower, which may be used again.
    pub follow: FollowId,
    /// [`ErrorCode::Ok`]: it has been sent everything, and was to stop then; otherwise why it ended.
    pub code: ErrorCode,
    /// The record that would have been sent next.
    pub next_offset: Offset,
    /// The first record that can be read, if there is one.
    pub first_offset: Offset,
    /// Behind the last record that can be read.
    pub end_offset: Offset,
}

impl Appended {
    /// That an append was refused.
    #[must_use]
    pub fn refused(
        ticket: Ticket,
        partition: PartitionChoice,
        code: ErrorCode,
        detail: u64,
    ) -> Appended {
        Appended {
            ticket,
            code,
            partition: partition.index_or_by_key(),
            base_offset: Offset(0),
            append_time: UnixMs(0),
            level: AckLevel::None,
            is_duplicate: false,
            detail,
        }
    }
}

impl StreamCommand {
    /// The event that refuses the command, with this error unless it says one itself; nothing where
    /// nobody wants to hear of it.
    #[must_use]
    pub fn refused(&self, code: ErrorCode) -> Option<Event<'static>> {
        let ticket = match self {
            StreamCommand::Create(it) => it.ticket,
            StreamCommand::Delete(it) => it.ticket,
            StreamCommand::List(it) => it.ticket,
            StreamCommand::Describe(it) => it.ticket,
            StreamCommand::Follow(it) => it.ticket,
            StreamCommand::Unfollow(it) => it.ticket,
            StreamCommand::AddCredit(_) => return None,
            StreamCommand::Append(it) => {
                let appended = Appended::refused(it.ticket, it.partition, code, 0);
                return it.ticket.is_some().then_some(appended).map(Event::appended);
            }
            StreamCommand::RefuseAppend(it) => {
                let appended = Appended::refused(it.ticket, it.partition, it.code, it.detail);
                return it.ticket.is_some().then_some(appended).map(Event::appended);
            }
        };
        let outcome = Outcome { ticket, code, receivers: 0, is_starved: false };
        ticket.is_some().then_some(Event::Outcome(outcome))
    }
}

impl Event<'_> {
    fn appended(appended: Appended) -> Event<'static> {
        Event::Stream(StreamEvent::Appended(appended))
    }
}
