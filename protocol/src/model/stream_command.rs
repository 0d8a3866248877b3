//! What a session wants done with streams.
//!
//! As all commands these hold spans and no bytes, and fit 64 bytes. What most appends do not say, who
//! their producer is and which offset they expect, lies behind a span as well.

use super::error_code::ErrorCode;
use super::ids::Ticket;
use super::span::Span;
use super::stream::{
    AckLevel, BodyKind, FollowId, Offset, ProducerEpoch, ProducerId, ProducerSequence,
};

/// One thing to do with a stream for a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamCommand {
    /// Make a stream; answered by `StreamEvent::Described`, or by an outcome that is an error.
    Create(CreateStream),
    /// Delete a stream with all its records; answered by an outcome.
    Delete(DeleteStream),
    /// Say which streams there are; answered by `StreamEvent::Listed`, or by an outcome that is an
    /// error.
    List(ListStreams),
    /// Say what a stream is like; answered by `StreamEvent::Described`, or by an outcome that is an
    /// error.
    Describe(DescribeStream),
    /// Append a batch to a partition; answered by `StreamEvent::Appended`, at level
    /// [`AckLevel::None`] only if it is refused.
    Append(Append),
    /// A batch was not fit to be appended: answer that with `StreamEvent::Appended`, in the place of
    /// the append.
    RefuseAppend(RefuseAppend),
    /// Begin to read a partition as it grows; answered by an outcome, then by `StreamEvent::Records`
    /// as far as its credit goes.
    Follow(Follow),
    /// Let a follower read more. It is ignored if there is no such follower.
    AddCredit(AddFollowCredit),
    /// Stop reading; answered by an outcome, behind which nothing is read for it.
    Unfollow(Unfollow),
}

/// Make a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreateStream {
    /// Its name, not checked; see [`StreamName`](super::StreamName).
    pub name: Span,
    /// Answer under this ticket.
    pub ticket: Ticket,
    /// How many partitions it has; at least 1, otherwise not checked.
    pub partition_count: u32,
    /// All its partitions are in one co-location group (law L6); otherwise each is in one of its own.
    pub co_located: bool,
}

/// Delete a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeleteStream {
    /// Its name, not checked.
    pub name: Span,
    /// Answer under this ticket.
    pub ticket: Ticket,
}

/// Say which streams there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListStreams {
    /// Answer under this ticket.
    pub ticket: Ticket,
}

/// Say what a stream is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DescribeStream {
    /// Its name, not checked.
    pub name: Span,
    /// Answer under this ticket.
    pub ticket: Ticket,
}

/// Append a batch. Its body was checked: it has the checksum it is said to have, and the right number
/// of records where its kind says how they lie in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Append {
    /// Name of the stream; at most [`STREAM_NAME_BYTES_MAX`](super::limits::STREAM_NAME_BYTES_MAX)
    /// bytes, otherwise not checked.
    pub stream: Span,
    /// The body, as it is stored (law L5); at most
    /// [`BATCH_BYTES_MAX`](super::limits::BATCH_BYTES_MAX) bytes.
    pub body: Span,
    /// The bytes of an [`AppendConditions`]; empty: none.
    pub conditions: Span,
    /// Answer under this ticket; none: nobody hears of it.
    pub ticket: Ticket,
    /// Which partition.
    pub partition: PartitionChoice,
    /// How many records it holds; 1 to
    /// [`RECORDS_PER_BATCH_MAX`](super::limits::RECORDS_PER_BATCH_MAX).
    pub count: u32,
    /// CRC-32C of the body.
    pub body_crc: u32,
    /// How the body is written.
    pub body_kind: BodyKind,
    /// How far it must have come before it is answered.
    pub level: AckLevel,
}

/// Which partition of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartitionChoice {
    /// The one with this index, counted from 0.
    Index(u32),
    /// The one whose index is this hash of a key modulo the number of partitions.
    KeyHash(u32),
}

/// What an append says beside its batch, and few do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AppendConditions {
    /// Who produces; [`ProducerId::NONE`]: it is stored as often as it comes, and sequence and epoch
    /// mean nothing.
    pub producer: ProducerId,
    /// Which of the producer's records in this partition and epoch the first one is.
    pub sequence: ProducerSequence,
    /// The offset that the first record must get; none: whichever comes next (law L13).
    pub expected: Option<Offset>,
    /// How often the producer began anew.
    pub epoch: ProducerEpoch,
}

/// A batch that is not appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefuseAppend {
    /// Answer under this ticket; none: nobody hears of it.
    pub ticket: Ticket,
    /// Which partition it was for.
    pub partition: PartitionChoice,
    /// Why not.
    pub code: ErrorCode,
    /// What the code is about: for a record that is wrong, which one, counted from 0; otherwise 0.
    pub detail: u64,
}

/// Begin to read a partition as it grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Follow {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// Answer under this ticket.
    pub ticket: Ticket,
    /// Name of the stream, not checked.
    pub stream: Span,
    /// Where to begin.
    pub from: FollowFrom,
    /// Index of the partition, not checked.
    pub partition: u32,
    /// So many records may be sent before more credit is needed.
    pub credit_records: u32,
    /// So many bytes of batches may be sent before more credit is needed.
    pub credit_bytes: u32,
    /// It ends once it has been sent everything that can be read.
    pub stop_at_end: bool,
}

/// Where a follower begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowFrom {
    /// With the record that has this offset.
    At(Offset),
    /// With the first record that becomes readable from now on.
    End,
}

/// Let a follower read more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddFollowCredit {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// How many records more.
    pub records: u32,
    /// How many bytes of batches more.
    pub bytes: u32,
}

/// Stop reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfollow {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// Answer under this ticket.
    pub ticket: Ticket,
}

impl StreamCommand {
    /// The spans of the command; the empty ones mean nothing.
    #[must_use]
    pub fn spans(&self) -> [Span; 3] {
        match self {
            StreamCommand::Create(it) => [it.name, Span::EMPTY, Span::EMPTY],
            StreamCommand::Delete(it) => [it.name, Span::EMPTY, Span::EMPTY],
            StreamCommand::Describe(it) => [it.name, Span::EMPTY, Span::EMPTY],
            StreamCommand::Append(it) => [it.stream, it.body, it.conditions],
            StreamCommand::Follow(it) => [it.stream, Span::EMPTY, Span::EMPTY],
            StreamCommand::List(_)
            | StreamCommand::RefuseAppend(_)
            | StreamCommand::AddCredit(_)
            | StreamCommand::Unfollow(_) => [Span::EMPTY; 3],
        }
    }

    /// The same command after the first `by` bytes of the chunk were cut off.
    ///
    /// # Panics
    /// If one of its spans begins before `by`.
    #[must_use]
    pub fn rebased(mut self, by: usize) -> StreamCommand {
        match &mut self {
            StreamCommand::Create(it) => it.name = it.name.rebased(by),
            StreamCommand::Delete(it) => it.name = it.name.rebased(by),
            StreamCommand::Describe(it) => it.name = it.name.rebased(by),
            StreamCommand::Append(it) => {
                it.stream = it.stream.rebased(by);
                it.body = it.body.rebased(by);
                it.conditions = it.conditions.rebased(by);
            }
            StreamCommand::Follow(it) => it.stream = it.stream.rebased(by),
            StreamCommand::List(_)
            | StreamCommand::RefuseAppend(_)
            | StreamCommand::AddCredit(_)
            | StreamCommand::Unfollow(_) => {}
        }
        self
    }
}

impl PartitionChoice {
    /// What says that the key chooses, where indices travel.
    pub const BY_KEY: u32 = u32::MAX;

    /// The index of the partition in a stream that has so many; it may be one that there is not.
    ///
    /// # Panics
    /// If the stream has no partition.
    #[must_use]
    pub fn index_in(self, partition_count: u32) -> u32 {
        match self {
            PartitionChoice::Index(index) => index,
            PartitionChoice::KeyHash(hash) => {
                assert!(partition_count > 0, "a stream has a partition");
                hash % partition_count
            }
        }
    }

    /// The index where it was given; otherwise [`PartitionChoice::BY_KEY`].
    #[must_use]
    pub fn index_or_by_key(self) -> u32 {
        match self {
            PartitionChoice::Index(index) => index,
            PartitionChoice::KeyHash(_) => PartitionChoice::BY_KEY,
        }
    }
}

impl AppendConditions {
    /// How long they are as bytes.
    pub const BYTES: usize = 28;
    /// What stands where no offset is expected.
    pub const NO_OFFSET: u64 = u64::MAX;

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.producer == ProducerId::NONE && self.expected.is_none()
    }

    /// As bytes: producer u64, sequence u64, expected offset u64, epoch u32, little-endian; so they
    /// stand in the head of APPEND.
    #[must_use]
    pub fn encode(&self) -> [u8; AppendConditions::BYTES] {
        let mut bytes = [0; AppendConditions::BYTES];
        let expected = self.expected.map_or(AppendConditions::NO_OFFSET, |offset| offset.0);
        bytes[..8].copy_from_slice(&self.producer.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&expected.to_le_bytes());
        bytes[24..].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes
    }

    /// Reads what the span of an [`Append`] covers.
    ///
    /// # Panics
    /// If these are neither [`AppendConditions::BYTES`] bytes nor none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> AppendConditions {
        if bytes.is_empty() {
            return AppendConditions::default();
        }
        assert!(bytes.len() == AppendConditions::BYTES, "a session writes them whole");
        let word = |at: usize| {
            let word = bytes[at..].first_chunk::<8>().expect("they are long enough");
            u64::from_le_bytes(*word)
        };
        let epoch = bytes[24..].first_chunk::<4>().expect("they are long enough");
        let expected = Some(word(16)).filter(|offset| *offset != AppendConditions::NO_OFFSET);
        AppendConditions {
            producer: ProducerId(word(0)),
            sequence: ProducerSequence(word(8)),
            expected: expected.map(Offset),
            epoch: ProducerEpoch(u32::from_le_bytes(*epoch)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_back() {
        let all = AppendConditions {
            producer: ProducerId(7),
            sequence: ProducerSequence(1 << 40),
            expected: Some(Offset(9)),
            epoch: ProducerEpoch(3),
        };
        let without_offset = AppendConditions { expected: None, ..all };
        for conditions in [all, without_offset, AppendConditions::default()] {
            assert_eq!(AppendConditions::decode(&conditions.encode()), conditions);
        }
        assert!(AppendConditions::decode(&[]).is_empty());
        assert!(!all.is_empty() && !without_offset.is_empty());
    }

    #[test]
    fn a_key_chooses_one_of_the_partitions_there_are() {
        assert_eq!(PartitionChoice::KeyHash(19).index_in(16), 3);
        assert_eq!(PartitionChoice::Index(19).index_in(16), 19, "there may be no such partition");
        assert_eq!(PartitionChoice::KeyHash(19).index_or_by_key(), u32::MAX);
    }
}
