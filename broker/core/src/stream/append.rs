//! What is asked of a partition, and what it answers.

use coilgun_protocol::model::{
    AckLevel, ClientId, Incarnation, Offset, PartitionId, ProducerEpoch, ProducerId,
    ProducerSequence, ShardId, Ticket, UnixMs,
};

/// Who waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requester {
    /// The shard that has the client's connection.
    pub home: ShardId,
    /// The client.
    pub client: ClientId,
    /// Its session's number for the request.
    pub ticket: Ticket,
    /// Which part of an atomic append, counted from 0; 0 for one that has no parts.
    pub part: u16,
}

/// Which batch of which producer: as one that is idempotent numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerPosition {
    /// Who; [`ProducerId::NONE`] is as if nothing were said.
    pub producer: ProducerId,
    /// How often it began anew.
    pub epoch: ProducerEpoch,
    /// Which of its records in this partition and epoch the first one is.
    pub sequence: ProducerSequence,
}

/// A batch that wants to be appended, as far as a partition is concerned: its bytes stay outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendRequest {
    /// How many records it holds; at least 1.
    pub count: u32,
    /// How long its body is, in bytes.
    pub bytes: usize,
    /// Where its producer is; none: it is stored as often as it comes.
    pub producer: Option<ProducerPosition>,
    /// The offset that the first record must get; none: whichever comes next (law L13).
    pub expected: Option<Offset>,
    /// How far it must have come before its requester hears of it.
    pub level: AckLevel,
    /// Who asks.
    pub requester: Requester,
}

/// That a batch may be appended. It has changed nothing, and is good for one
/// [`commit_append`](super::Partition::commit_append) to the partition as it is now.
#[must_use = "a plan that is dropped has appended nothing"]
#[derive(PartialEq, Eq, Debug)]
pub struct AppendPlan {
    pub(super) partition: PartitionId,
    pub(super) base_offset: Offset,
    pub(super) append_time: UnixMs,
    pub(super) request: AppendRequest,
    /// Which state of the partition it was made from.
    pub(super) revision: u64,
}

/// That a batch is a duplicate of one that is pending and has to wait with it (law L13). It has
/// changed nothing, and is good for one [`commit_wait`](super::Partition::commit_wait).
#[must_use = "a duplicate that does not wait is never answered"]
#[derive(PartialEq, Eq, Debug)]
pub struct WaitPlan {
    pub(super) partition: PartitionId,
    pub(super) base_offset: Offset,
    pub(super) requester: Requester,
    pub(super) revision: u64,
}

/// Why there is no plan. Somebody who asked for [`AckLevel::None`] hears nothing of it.
#[derive(PartialEq, Eq, Debug)]
pub enum AppendAnswer {
    /// It is there already.
    Duplicate(Ack),
    /// It is there already, not yet as durable as it has to be.
    Wait(WaitPlan),
    /// It is there already, and nobody knows whether it stays: the log failed (law L14).
    OutcomeUnknown,
    /// It was not appended.
    Refused(AppendRefusal),
}

/// What a producer is told about a batch that has its offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// How far it has come, for sure; it may be further than was asked for.
    pub level: AckLevel,
    /// Whether an earlier append stored it.
    pub is_duplicate: bool,
}

/// Why a batch was not appended by this request. An earlier one may have stored it, if the producer
/// sent it before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendRefusal {
    /// The next offset is not the one that was expected.
    UnexpectedOffset {
        /// The next offset.
        next: Offset,
    },
    /// The producer began anew since.
    Fenced {
        /// Its epoch now.
        epoch: ProducerEpoch,
    },
    /// Records before it are missing.
    SequenceGap {
        /// The sequence that comes next.
        expected: ProducerSequence,
    },
    /// It comes before all batches that are remembered, so it was stored or it was lost long ago.
    SequenceTooOld {
        /// The first sequence that is remembered.
        oldest: ProducerSequence,
    },
    /// Some of its records are stored already, in a batch that begins or ends elsewhere.
    SequenceOverlaps {
        /// The sequence that comes next.
        expected: ProducerSequence,
    },
    /// Nothing is known of the producer in this epoch, and this is not its first batch.
    UnknownProducer,
    /// Too many bytes wait for the disk.
    PendingBytesFull,
    /// Too many appends wait for the disk.
    PendingAppendsFull,
    /// As many producers are remembered as may be, and none can be forgotten: all have something pending.
    ProducersFull,
    /// It is a duplicate of a pending batch, for which too many duplicates wait already.
    DuplicatesFull,
    /// The batch has too many records or bytes.
    TooLarge,
    /// The batch has no records.
    Empty,
    /// The partition's end could not be proven; it is not written to before it is repaired (law L8).
    ReadOnly,
    /// A write to the log failed; nothing is appended before a restart (law L14).
    Poisoned,
    /// The partition is gone.
    Deleted,
}

/// Where a batch was put, and what its envelope says (law L5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The partition.
    pub partition: PartitionId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The offset behind the last record; what [`on_written`](super::Partition::on_written) and
    /// [`on_durable`](super::Partition::on_durable) are told about this batch.
    pub end: Offset,
    /// When it was appended; never less than the batch before (law L18).
    pub append_time: UnixMs,
}

impl AppendPlan {
    /// The partition that it is for.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The offset that the first record will get.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        self.base_offset
    }
}

impl WaitPlan {
    /// The partition that it is for.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.partition
    }
}
