//! Appending to several partitions at once, or to none.

use coilgun_protocol::model::{CoLocationGroupId, PartitionId, UnixMs, limits};

use super::append::{Ack, AppendAnswer, AppendPlan, AppendRefusal, AppendRequest, WaitPlan};
use super::partition::Partition;
use crate::mutant::{self, Mutant};

/// An append to several partitions of one co-location group (law L6): all parts or none.
///
/// Every part is [planned](AtomicAppend::plan), in order; nothing changes. Then
/// [`ready`](AtomicAppend::ready) says whether all may be appended, and
/// [`commit_each`](AtomicCommit::commit_each) has all of them appended, before anything else happens. It
/// is used again for the next append, so that it stops allocating.
#[derive(Debug, Default)]
pub struct AtomicAppend {
    co_location_group: CoLocationGroupId,
    partitions: Vec<PartitionId>,
    plans: Vec<AppendPlan>,
    duplicates: Vec<DuplicatePart>,
    /// Why nothing is appended, if it is known.
    refusal: Option<AtomicRefusal>,
}

/// A part that was stored before.
#[derive(PartialEq, Eq, Debug)]
pub enum DuplicatePart {
    /// It can be answered.
    Answered {
        /// Which part, by its place in the request.
        part: usize,
        /// What to answer.
        ack: Ack,
    },
    /// It has to wait for its original.
    Waits {
        /// Which part, by its place in the request.
        part: usize,
        /// For what.
        plan: WaitPlan,
    },
}

/// Why nothing was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtomicRefusal {
    /// A part was refused.
    Part {
        /// Which part, by its place in the request.
        part: usize,
        /// Why.
        why: AppendRefusal,
    },
    /// A part was stored before, and nobody knows whether it stays (law L14).
    OutcomeUnknown {
        /// Which part, by its place in the request.
        part: usize,
    },
    /// Two parts are for the same partition. The second would have to be judged by what the first one
    /// changes; a producer puts both into one batch.
    SamePartition {
        /// The second of them, by its place in the request.
        part: usize,
    },
    /// A part is for a partition of another co-location group.
    OtherGroup {
        /// Which part, by its place in the request.
        part: usize,
    },
    /// Some parts were stored before, and others were not: this is not a request that was sent again.
    StoredInPart,
    /// There are more parts than there may be, or none.
    WrongPartCount,
}

/// What becomes of all parts.
#[derive(Debug)]
pub enum AtomicReady<'a> {
    /// All of them are appended.
    Commit(AtomicCommit<'a>),
    /// All of them are duplicates; each is answered, or has to wait, by itself.
    Duplicate(&'a mut Vec<DuplicatePart>),
    /// None of them is appended.
    Refused(AtomicRefusal),
}

/// All parts may be appended. If it is dropped, none is.
#[derive(Debug)]
#[must_use = "what is dropped has appended nothing"]
pub struct AtomicCommit<'a> {
    plans: std::vec::Drain<'a, AppendPlan>,
}

impl AtomicAppend {
    /// For appends without parts so far.
    #[must_use]
    pub fn new() -> AtomicAppend {
        AtomicAppend::default()
    }

    /// Forgets all parts.
    pub fn clear(&mut self) {
        self.partitions.clear();
        self.plans.clear();
        self.duplicates.clear();
        self.refusal = None;
    }

    /// Plans the next part. After one that stands against all of them nothing is looked at any more.
    pub fn plan(&mut self, partition: &Partition, now: UnixMs, request: &AppendRequest) {
        if self.refusal.is_none() {
            self.refusal = self.plan_part(partition, now, request).err();
        }
    }

    fn plan_part(
        &mut self,
        partition: &Partition,
        now: UnixMs,
        request: &AppendRequest,
    ) -> Result<(), AtomicRefusal> {
        let part = self.partitions.len();
        if part == limits::ATOMIC_PARTS_MAX {
            return Err(AtomicRefusal::WrongPartCount);
        }
        if part == 0 {
            self.co_location_group = partition.co_location_group();
        }
        if partition.co_location_group() != self.co_location_group {
            return Err(AtomicRefusal::OtherGroup { part });
        }
        if self.partitions.contains(&partition.id()) {
            return Err(AtomicRefusal::SamePartition { part });
        }
        self.partitions.push(partition.id());
        match partition.plan_append(now, request) {
            Ok(plan) => self.plans.push(plan),
            Err(AppendAnswer::Duplicate(ack)) => {
                self.duplicates.push(DuplicatePart::Answered { part, ack });
            }
            Err(AppendAnswer::Wait(plan)) => {
                self.duplicates.push(DuplicatePart::Waits { part, plan });
            }
            Err(AppendAnswer::OutcomeUnknown) => {
                return Err(AtomicRefusal::OutcomeUnknown { part });
            }
            Err(AppendAnswer::Refused(_)) if mutant::is_active(Mutant::AtomicInPart) => {}
            Err(AppendAnswer::Refused(why)) => return Err(AtomicRefusal::Part { part, why }),
        }
        Ok(())
    }

    /// Whether all parts that were planned may be appended. It has no parts afterwards.
    pub fn ready(&mut self) -> AtomicReady<'_> {
        let refusal = self.refusal.take().or_else(|| self.refuse_mixture());
        self.partitions.clear();
        if let Some(refusal) = refusal {
            self.clear();
            return AtomicReady::Refused(refusal);
        }
        if self.plans.is_empty() {
            return AtomicReady::Duplicate(&mut self.duplicates);
        }
        AtomicReady::Commit(AtomicCommit { plans: self.plans.drain(..) })
    }

    fn refuse_mixture(&self) -> Option<AtomicRefusal> {
        match (self.plans.is_empty(), self.duplicates.is_empty()) {
            (true, true) => Some(AtomicRefusal::WrongPartCount),
            (false, false) => Some(AtomicRefusal::StoredInPart),
            (true, false) | (false, true) => None,
        }
    }
}

impl AtomicCommit<'_> {
    /// How many parts there are, at least 1.
    #[must_use]
    pub fn part_count(&self) -> usize {
        self.plans.len()
    }

    /// Has each part appended, in order. `commit` finds the partition of the plan, calls
    /// [`Partition::commit_append`] and puts the batch where it belongs; it drops no plan. All parts go
    /// into one entry of the log, so that they are durable together.
    pub fn commit_each(self, commit: impl FnMut(AppendPlan)) {
        self.plans.for_each(commit);
    }
}
