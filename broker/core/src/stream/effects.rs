//! What a partition wants done.

use coilgun_protocol::model::{Offset, PartitionId};

use super::append::{Ack, Requester};
use super::followers::FollowerId;
use super::places::ReadableRange;

/// One thing that the shard has to do for a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// An append has come as far as its requester wanted.
    Acked {
        /// Where.
        partition: PartitionId,
        /// Who waits for it.
        to: Requester,
        /// What is true of it.
        ack: Ack,
    },
    /// An append has its offsets, and nobody knows whether it stays: the log failed, or the end of
    /// the partition was taken back. It must not be told as "not stored" (laws L13, L14).
    OutcomeUnknown {
        /// Where.
        partition: PartitionId,
        /// Who waits for it.
        to: Requester,
    },
    /// A follower wants to be read for. [`on_read`](super::Partition::on_read) says what came of it;
    /// before that there is no other read for this follower.
    Read(FollowerRead),
    /// A follower stands where there is nothing any more. It is read for again after
    /// [`seek`](super::Partition::seek).
    OutOfRange {
        /// Where.
        partition: PartitionId,
        /// Who.
        follower: FollowerId,
        /// Where it may go.
        readable: ReadableRange,
    },
    /// A follower is gone, because its partition is.
    FollowerEnded {
        /// Where.
        partition: PartitionId,
        /// Who.
        follower: FollowerId,
    },
}

/// What to read for a follower: whole batches, one at least, and no more than the bounds say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowerRead {
    /// Where.
    pub partition: PartitionId,
    /// For whom.
    pub follower: FollowerId,
    /// From here.
    pub from: Offset,
    /// Up to here, which is behind `from`.
    pub up_to: Offset,
    /// Most records, at least 1; a first batch with more is given whole.
    pub records_max: u32,
    /// Most bytes, at least 1; a first batch with more is given whole.
    pub bytes_max: usize,
}

/// A list of effects, in the order in which they came; used again, so that it stops allocating once
/// it has grown to its working size.
#[derive(Debug, Default)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// An empty list.
    #[must_use]
    pub fn new() -> Effects {
        Effects::default()
    }

    /// Puts one behind the others.
    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Says how far an append has come.
    pub(super) fn ack(&mut self, partition: PartitionId, to: Requester, ack: Ack) {
        self.push(Effect::Acked { partition, to, ack });
    }

    /// What there is, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Effect] {
        &self.0
    }

    /// Takes all of them out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.0.drain(..)
    }
}
