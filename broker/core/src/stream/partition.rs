//! One partition of a stream: what it consists of.

use std::sync::Arc;

use coilgun_protocol::model::{CoLocationGroupId, Incarnation, Offset, PartitionId, UnixMs};

use super::followers::Followers;
use super::limits::PartitionLimits;
use super::pending::Pending;
use super::places::{Places, Step};
use super::producers::Producers;

/// One partition; see the head of this room. It has one owner, its shard.
#[derive(Debug)]
pub struct Partition {
    pub(super) id: PartitionId,
    pub(super) co_location_group: CoLocationGroupId,
    pub(super) incarnation: Incarnation,
    pub(super) limits: Arc<PartitionLimits>,
    pub(super) state: PartitionState,
    pub(super) places: Places,
    pub(super) last_append_time: UnixMs,
    pub(super) pending: Pending,
    pub(super) producers: Producers,
    pub(super) followers: Followers,
    /// Counts changes after which an older plan may be wrong.
    pub(super) revision: u64,
    /// Where the end was when somebody last looked whether the partition is idle.
    pub(super) idle_since: Offset,
}

/// What a partition takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartitionState {
    /// Appends.
    Open,
    /// No appends: it is not proven that nothing is missing at its end (law L8).
    ReadOnly,
    /// No appends, and nothing becomes durable any more: a write to its log failed (law L14).
    Poisoned,
    /// Nothing: it is gone, but for appends that are on their way to the disk.
    Deleted,
}

/// What a partition holds now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PartitionCounts {
    /// Appends that are not durable.
    pub pending_appends: usize,
    /// Their bodies, in bytes.
    pub pending_bytes: usize,
    /// Duplicates that wait for one of them.
    pub duplicates_waiting: usize,
    /// Producers that are remembered.
    pub producers: usize,
    /// Followers.
    pub followers: usize,
}

impl Partition {
    /// A partition that never held anything. Its number was never used before (law L6).
    #[must_use]
    pub fn new(
        id: PartitionId,
        co_location_group: CoLocationGroupId,
        limits: Arc<PartitionLimits>,
    ) -> Partition {
        Partition {
            id,
            co_location_group,
            incarnation: Incarnation::default(),
            limits,
            state: PartitionState::Open,
            places: Places::default(),
            last_append_time: UnixMs::default(),
            pending: Pending::default(),
            producers: Producers::default(),
            followers: Followers::default(),
            revision: 0,
            idle_since: Offset::default(),
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The partitions it can be appended to together with.
    #[must_use]
    pub fn co_location_group(&self) -> CoLocationGroupId {
        self.co_location_group
    }

    /// How often it was emptied.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// What it takes.
    #[must_use]
    pub fn state(&self) -> PartitionState {
        self.state
    }

    /// How far it is.
    #[must_use]
    pub fn places(&self) -> Places {
        self.places
    }

    /// When its last record was appended, also if that is gone; 0 before the first.
    #[must_use]
    pub fn last_append_time(&self) -> UnixMs {
        self.last_append_time
    }

    /// What it holds now.
    #[must_use]
    pub fn counts(&self) -> PartitionCounts {
        PartitionCounts {
            pending_appends: self.pending.len(),
            pending_bytes: self.pending.bytes(),
            duplicates_waiting: self.pending.duplicate_count(),
            producers: self.producers.len(),
            followers: self.followers.len(),
        }
    }

    /// Goes from one state to another; none changes in any other way.
    pub(super) fn set_state(&mut self, to: PartitionState) {
        let is_legal = match (self.state, to) {
            (PartitionState::Open, PartitionState::Poisoned | PartitionState::Deleted) => true,
            (PartitionState::ReadOnly, PartitionState::Poisoned | PartitionState::Deleted) => true,
            (PartitionState::Open, PartitionState::ReadOnly) => self.pending.len() == 0,
            (PartitionState::Deleted, PartitionState::Poisoned) => false,
            (PartitionState::Poisoned | PartitionState::Deleted | PartitionState::ReadOnly, _)
            | (PartitionState::Open, PartitionState::Open) => false,
        };
        assert!(is_legal, "partition {}: {:?} does not become {to:?}", self.id, self.state);
        self.state = to;
        self.revision += 1;
    }

    /// Moves its places, after which no older plan is good.
    pub(super) fn advance(&mut self, step: Step, next: Places) {
        self.places.advance(step, next);
        self.revision += 1;
    }
}
