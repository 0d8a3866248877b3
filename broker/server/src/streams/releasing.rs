//! Which segments no partition needs any more, so that their files can be used again (laws L9, L10).
//!
//! Segments are given back from the beginning of the log on, so what voids data is always given back behind
//! it. What a deletion, or anything else that gives records up, has let go is needed until the entry that
//! says so is durable: a crash may take the entry back.

use std::collections::VecDeque;

use coilgun_core::stream::PartitionState;
use coilgun_protocol::model::{Incarnation, Offset, PartitionId};
use coilgun_storage::disk::Disk;
use coilgun_storage::format::SegmentSequence;
use coilgun_storage::journal::GroupNumber;

use super::host::StreamHost;
use crate::mutant::{self, Mutant};

/// Records that are given up, as soon as that is durable.
#[derive(Clone, Copy, Debug)]
struct GivenUp {
    /// The commit group that says so.
    group: GroupNumber,
    partition: PartitionId,
    incarnation: Incarnation,
    /// The first of them.
    from: Offset,
}

/// What a log has to give back.
#[derive(Debug)]
pub(super) struct Releases {
    given_up: VecDeque<GivenUp>,
    /// Something may have changed since the last look.
    is_due: bool,
    /// The checkpoint that was the latest at the last look.
    checkpoint: u64,
}

impl Default for Releases {
    /// A log that was opened is looked at once.
    fn default() -> Releases {
        Releases { given_up: VecDeque::new(), is_due: true, checkpoint: 0 }
    }
}

impl Releases {
    /// The commit groups up to this one are durable.
    pub(super) fn on_durable(&mut self, group: GroupNumber) {
        // Ends because each turn takes one out.
        while self.given_up.front().is_some_and(|it| it.group <= group) {
            self.given_up.pop_front();
            self.is_due = true;
        }
    }
}

/// What came of giving segments back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Released {
    /// How many segments become spare files.
    pub segments: usize,
    /// Some that no partition needs are kept because replay may begin in them: two more checkpoints would
    /// let them go.
    pub wants_checkpoint: bool,
}

impl<D: Disk> StreamHost<D> {
    /// The records of a partition from `from` on are given up with this commit group.
    pub(super) fn give_up(
        &mut self,
        group: GroupNumber,
        partition: PartitionId,
        incarnation: Incarnation,
        from: Offset,
    ) {
        if !mutant::is_active(Mutant::EarlyReuse) {
            let given_up = GivenUp { group, partition, incarnation, from };
            self.releases.given_up.push_back(given_up);
        }
        self.releases.is_due = true;
    }

    /// Whether there may be something to give back.
    #[must_use]
    pub fn is_release_due(&self) -> bool {
        let has_checkpoint = self.journal.latest_checkpoint() != self.releases.checkpoint;
        (self.releases.is_due || has_checkpoint) && !self.is_poisoned()
    }

    /// Gives segments back that nobody needs, if something has changed since it was asked last. Called
    /// behind everything that was durable. It looks at every partition, unless one of the first needs the
    /// first segment.
    pub fn release(&mut self) -> Released {
        if !self.is_release_due() {
            return Released::default();
        }
        self.releases.is_due = false;
        self.releases.checkpoint = self.journal.latest_checkpoint();
        let Some(needed) = self.needed_from() else { return Released::default() };
        let last = SegmentSequence(needed.0.saturating_sub(1));
        let segments = self.journal.release_up_to(last);
        Released { segments, wants_checkpoint: self.is_checkpoint_worth_it(last) }
    }

    /// Whether segments up to `last` stay only because replay may begin in them, and two more checkpoints
    /// take less room than that would give back.
    fn is_checkpoint_worth_it(&self, last: SegmentSequence) -> bool {
        let kept_from = self.journal.first_segment().max(self.journal.checkpointed_from());
        let kept = (last.0 + 1).saturating_sub(kept_from.0);
        let kept_bytes = kept * u64::from(self.journal.segment_bytes());
        kept_bytes > 4 * self.journal.checkpoint_bytes()
    }

    /// The first segment that a partition needs, or that is not full yet. Nothing, if one may miss records:
    /// what is left of them is kept for who repairs it.
    fn needed_from(&self) -> Option<SegmentSequence> {
        let mut needed = self.journal.durable().0.segment;
        let first = self.journal.first_segment();
        let mut need = |partition: PartitionId, incarnation: Incarnation, from: Offset| {
            let first = self.journal.first_segment_of(partition.0, incarnation.0, from.0);
            needed = first.map_or(needed, |first| needed.min(first));
            needed
        };
        for (id, partition) in &self.partitions {
            let needed = match partition.state() {
                PartitionState::ReadOnly => return None,
                PartitionState::Deleted => continue,
                PartitionState::Open | PartitionState::Poisoned => {
                    need(*id, partition.incarnation(), partition.places().log_start)
                }
            };
            if needed <= first {
                // Nothing can be given back, whoever else needs what.
                return Some(needed);
            }
        }
        for it in &self.releases.given_up {
            need(it.partition, it.incarnation, it.from);
        }
        Some(needed)
    }
}
