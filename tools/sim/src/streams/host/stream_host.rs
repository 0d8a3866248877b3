//! The partitions of one journal, and what becomes of what they put into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use coilgun_core::stream::{AtomicAppend, Effects, Partition, PartitionLimits, PartitionState};
use coilgun_protocol::model::{Offset, PartitionId};
use coilgun_storage::disk::Disk;
use coilgun_storage::journal::{DurableGroup, Journal};

use super::checkpointing::Checkpoint;

/// The partitions of one journal.
pub(crate) struct StreamHost<D: Disk> {
    pub(super) journal: Journal<D>,
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    pub(super) limits: Arc<PartitionLimits>,
    /// Used again by every atomic append.
    pub(super) atomic: AtomicAppend,
    /// The checkpoint that is being written.
    pub(super) checkpoint: Option<Checkpoint>,
    is_poisoned: bool,
}

impl<D: Disk> StreamHost<D> {
    /// The partitions that a log was opened with.
    pub(crate) fn new(
        journal: Journal<D>,
        partitions: BTreeMap<PartitionId, Partition>,
        limits: Arc<PartitionLimits>,
    ) -> StreamHost<D> {
        StreamHost {
            journal,
            partitions,
            limits,
            atomic: AtomicAppend::new(),
            checkpoint: None,
            is_poisoned: false,
        }
    }

    /// Its journal.
    pub(crate) fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    /// A partition, for what only changes followers.
    pub(crate) fn partition_mut(&mut self, partition: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(&partition)
    }

    /// All partitions, by number.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.values()
    }

    /// Whether the journal has failed, and the partitions know.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// Takes the next commit group that has become durable, and tells its partitions, in the order of
    /// its batches. When there is none left and the journal has failed, tells all partitions that.
    /// Called until it gives back nothing.
    pub(crate) fn take_durable(&mut self, out: &mut Effects) -> Option<DurableGroup<D::Buffer>> {
        let Some(group) = self.journal.next_durable() else {
            if self.journal.is_poisoned() && !self.is_poisoned {
                self.poison(out);
            }
            return None;
        };
        for place in &group.batches {
            let partition = self.partitions.get_mut(&PartitionId(place.head.partition));
            let partition = partition.expect("it stays as long as something of it is pending");
            let end = Offset(place.head.base_offset).plus(place.head.count);
            partition.on_durable(end, out);
        }
        self.retire();
        Some(group)
    }

    /// The journal failed (law L14).
    fn poison(&mut self, out: &mut Effects) {
        self.is_poisoned = true;
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
