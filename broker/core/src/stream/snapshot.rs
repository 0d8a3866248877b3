//! The state of a partition as checkpoints keep it.

use coilgun_protocol::model::{CoLocationGroupId, Incarnation, Offset, PartitionId, UnixMs};

use super::partition::{Partition, PartitionState};
use super::producers::ProducerSnapshot;

/// What a checkpoint keeps of a partition: everything that was assigned when it was made. It belongs
/// into the log behind all of that, and recovery replays what stands behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionSnapshot {
    /// The partition's number.
    pub partition: PartitionId,
    /// The partitions it can be appended to together with.
    pub co_location_group: CoLocationGroupId,
    /// How often it was emptied.
    pub incarnation: Incarnation,
    /// The first record that is kept.
    pub log_start: Offset,
    /// The offset behind the last record.
    pub end: Offset,
    /// When the last record was appended.
    pub last_append_time: UnixMs,
    /// Whether nothing is proven about its end (law L8).
    pub is_read_only: bool,
    /// What is known of its producers, by their number.
    pub producers: Vec<ProducerSnapshot>,
}

impl Partition {
    /// Its state for a checkpoint; nothing, if it is poisoned, because then nothing more is written, or
    /// deleted, because then there is nothing to keep.
    #[must_use]
    pub fn snapshot(&self) -> Option<PartitionSnapshot> {
        let is_read_only = match self.state {
            PartitionState::Open => false,
            PartitionState::ReadOnly => true,
            PartitionState::Poisoned | PartitionState::Deleted => return None,
        };
        Some(PartitionSnapshot {
            partition: self.id,
            co_location_group: self.co_location_group,
            incarnation: self.incarnation,
            log_start: self.places.log_start,
            end: self.places.assigned,
            last_append_time: self.last_append_time,
            is_read_only,
            producers: self.producers.snapshots().to_vec(),
        })
    }
}
