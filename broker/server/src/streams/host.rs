//! The partitions of one journal, and what becomes of what they put into it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use coilgun_core::stream::{AtomicAppend, Effects, Partition, PartitionLimits, PartitionState};
use coilgun_protocol::model::{Offset, PartitionHealth, PartitionId};
use coilgun_storage::disk::Disk;
use coilgun_storage::journal::{DurableGroup, GroupNumber, Journal};

use super::checkpointing::Checkpoint;
use super::releasing::Releases;

/// The partitions of one journal.
pub struct StreamHost<D: Disk> {
    pub(super) journal: Journal<D>,
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    pub(super) limits: Arc<PartitionLimits>,
    /// Batches of which the partition does not know yet that they are written, in the order of the log.
    unwritten: VecDeque<Unwritten>,
    /// Used again by every atomic append.
    pub(super) atomic: AtomicAppend,
    /// The checkpoint that is being written.
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) releases: Releases,
    is_poisoned: bool,
}

/// A batch in a commit group that is open or on its way.
#[derive(Clone, Copy, Debug)]
struct Unwritten {
    group: GroupNumber,
    partition: PartitionId,
    /// The offset behind the batch.
    end: Offset,
}

impl<D: Disk> StreamHost<D> {
    /// The partitions that a log was opened with.
    pub fn new(
        journal: Journal<D>,
        partitions: BTreeMap<PartitionId, Partition>,
        limits: Arc<PartitionLimits>,
    ) -> StreamHost<D> {
        StreamHost {
            journal,
            partitions,
            limits,
            unwritten: VecDeque::new(),
            atomic: AtomicAppend::new(),
            checkpoint: None,
            releases: Releases::default(),
            is_poisoned: false,
        }
    }

    /// Its journal.
    pub fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    /// A partition, for what only changes followers.
    pub fn partition_mut(&mut self, partition: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(&partition)
    }

    /// All partitions, by number.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.values()
    }

    /// Whether the journal has failed, and the partitions know.
    pub fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// Takes the next commit group that has become durable, and tells its partitions, in the order of
    /// its batches. When there is none left and the journal has failed, tells all partitions that.
    /// Called until it gives back nothing.
    pub fn take_durable(&mut self, out: &mut Effects) -> Option<DurableGroup<D::Buffer>> {
        let Some(group) = self.journal.next_durable() else {
            if self.journal.is_poisoned() && !self.is_poisoned {
                self.poison(out);
            }
            return None;
        };
        self.on_handed_over(group.number, out);
        for place in &group.batches {
            let partition = self.partitions.get_mut(&PartitionId(place.head.partition));
            let partition = partition.expect("it stays as long as something of it is pending");
            let end = Offset(place.head.base_offset).plus(place.head.count);
            partition.on_durable(end, out);
        }
        self.releases.on_durable(group.number);
        self.retire();
        Some(group)
    }

    /// A batch is in the commit group `group`, which fills.
    pub(super) fn on_appended(
        &mut self,
        group: GroupNumber,
        partition: PartitionId,
        end: Offset,
        out: &mut Effects,
    ) {
        self.on_handed_over(self.journal.handed_over(), out);
        self.unwritten.push_back(Unwritten { group, partition, end });
    }

    /// The groups up to this one were handed to the disk.
    fn on_handed_over(&mut self, group: GroupNumber, out: &mut Effects) {
        // Ends because each turn takes one out.
        while let Some(batch) = self.unwritten.front().filter(|batch| batch.group <= group) {
            let partition = self.partitions.get_mut(&batch.partition);
            let partition = partition.expect("it stays as long as something of it is pending");
            partition.on_written(batch.end, out);
            self.unwritten.pop_front();
        }
    }

    /// The journal failed (law L14).
    fn poison(&mut self, out: &mut Effects) {
        self.is_poisoned = true;
        self.unwritten.clear();
        self.checkpoint = None;
        for partition in self.partitions.values_mut() {
            partition.on_poison(out);
        }
        self.retire();
    }

    /// Lets partitions go that were deleted and have nothing pending any more.
    pub(super) fn retire(&mut self) {
        self.partitions.retain(|_, partition| {
            let is_deleted = partition.state() == PartitionState::Deleted;
            !is_deleted || partition.counts().pending_appends > 0
        });
    }
}

/// What clients are told of the state of a partition.
pub fn health(state: PartitionState) -> PartitionHealth {
    match state {
        PartitionState::Open | PartitionState::Deleted => PartitionHealth::Open,
        PartitionState::ReadOnly => PartitionHealth::ReadOnly,
        PartitionState::Poisoned => PartitionHealth::Poisoned,
    }
}
