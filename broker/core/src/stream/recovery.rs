//! Making a partition again from a checkpoint and the log behind it.

use std::sync::Arc;

use coilgun_protocol::model::{CoLocationGroupId, Incarnation, Offset, PartitionId, UnixMs};
use thiserror::Error;

use super::append::ProducerPosition;
use super::limits::PartitionLimits;
use super::partition::{Partition, PartitionState};
use super::places::{OFFSET_MAX, Places};
use super::producers::{ProducedBatch, Producers};
use super::recent_batches::RecentBatch;
use super::snapshot::PartitionSnapshot;

/// A partition that is made again: it takes what the log says, in its order, and nothing else. What
/// does not fit is an error, because it comes from a disk, and changes nothing. There are no effects:
/// nobody who waited is left.
///
/// The log does not say who was forgotten. Here the bound alone decides that; before, it also mattered who
/// was looked for because it was idle too long. So one may be forgotten here that was not before, and goes
/// on in the log. From the first one on that is forgotten here, the log knows better.
#[derive(Debug)]
pub struct Recovery {
    partition: Partition,
    is_deleted: bool,
    /// Somebody was forgotten for somebody else.
    has_forgotten: bool,
}

/// A batch as its envelope in the log says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoggedAppend {
    /// The incarnation that it was appended to.
    pub incarnation: Incarnation,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// How many records it holds, at least 1.
    pub count: u32,
    /// When it was appended.
    pub append_time: UnixMs,
    /// Who produced it; none: nobody says.
    pub producer: Option<ProducerPosition>,
}

/// Whether it is proven where a partition ends (law L8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndOfLog {
    /// It is: the partition is open.
    Proven,
    /// Something may be missing: the partition is read-only until it is repaired.
    Unproven,
}

/// Why what the log or a checkpoint says cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum RecoveryError {
    /// Records are missing before the batch.
    #[error(
        "a batch begins at offset {found}, and the partition ends at {end}: records are missing"
    )]
    Gap {
        /// Where the batch begins.
        found: Offset,
        /// Where the partition ends.
        end: Offset,
    },
    /// The batch has offsets that are taken.
    #[error("a batch begins at offset {found}, and the partition ends at {end}: offsets are taken")]
    Overlap {
        /// Where the batch begins.
        found: Offset,
        /// Where the partition ends.
        end: Offset,
    },
    /// It belongs to another incarnation of the partition.
    #[error("the log says incarnation {}, and the partition is in {}", found.0, incarnation.0)]
    WrongIncarnation {
        /// What the log says.
        found: Incarnation,
        /// The one of the partition.
        incarnation: Incarnation,
    },
    /// A batch without records, or with more than any offset can count.
    #[error("a batch has no records, or more than can be counted")]
    WrongCount,
    /// It was appended before its predecessor (law L18).
    #[error("a batch was appended at {} ms, before its predecessor at {} ms", found.0, last.0)]
    TimeWentBack {
        /// When it says it was.
        found: UnixMs,
        /// When its predecessor was.
        last: UnixMs,
    },
    /// It is not the next batch of its producer.
    #[error("a batch is not the next one of its producer")]
    WrongSequence,
    /// A truncation or a beginning lies outside of the partition.
    #[error("offset {found} lies outside of the partition, from {start} to {end}")]
    OutOfRange {
        /// What the log says.
        found: Offset,
        /// Where the partition begins.
        start: Offset,
        /// Where it ends.
        end: Offset,
    },
    /// Something comes behind the deletion of the partition.
    #[error("the log goes on behind the deletion of the partition")]
    Deleted,
    /// The state of a checkpoint contradicts itself.
    #[error("the checkpoint of the partition contradicts itself")]
    WrongSnapshot,
}

impl Recovery {
    /// Begins with a partition that the log says was made.
    #[must_use]
    pub fn of_new(
        id: PartitionId,
        co_location_group: CoLocationGroupId,
        limits: Arc<PartitionLimits>,
    ) -> Recovery {
        Recovery::begin(Partition::new(id, co_location_group, limits))
    }

    fn begin(partition: Partition) -> Recovery {
        Recovery { partition, is_deleted: false, has_forgotten: false }
    }

    /// Begins with what a checkpoint says.
    ///
    /// # Errors
    /// If that contradicts itself.
    pub fn restore(
        snapshot: &PartitionSnapshot,
        limits: Arc<PartitionLimits>,
    ) -> Result<Recovery, RecoveryError> {
        let PartitionSnapshot { partition, co_location_group, log_start, end, .. } = *snapshot;
        if log_start > end || end.0 > OFFSET_MAX {
            return Err(RecoveryError::WrongSnapshot);
        }
        let producers = Producers::restore(&snapshot.producers, end);
        let mut partition = Partition::new(partition, co_location_group, limits);
        partition.producers = producers.ok_or(RecoveryError::WrongSnapshot)?;
        partition.incarnation = snapshot.incarnation;
        partition.last_append_time = snapshot.last_append_time;
        partition.places = Places::all_durable(log_start, end);
        if snapshot.is_read_only {
            partition.set_state(PartitionState::ReadOnly);
        }
        Ok(Recovery::begin(partition))
    }

    /// Takes a batch.
    ///
    /// # Errors
    /// If it does not fit behind what was taken so far.
    pub fn replay_append(&mut self, logged: &LoggedAppend) -> Result<(), RecoveryError> {
        self.check_incarnation(logged.incarnation)?;
        let LoggedAppend { base_offset, count, append_time, producer, .. } = *logged;
        let partition = &mut self.partition;
        let (found, end) = (base_offset, partition.places.assigned);
        match found.cmp(&end) {
            core::cmp::Ordering::Less => return Err(RecoveryError::Overlap { found, end }),
            core::cmp::Ordering::Greater => return Err(RecoveryError::Gap { found, end }),
            core::cmp::Ordering::Equal => {}
        }
        if count == 0 || end.0 > OFFSET_MAX - u64::from(count) {
            return Err(RecoveryError::WrongCount);
        }
        let last = partition.last_append_time;
        if append_time < last {
            return Err(RecoveryError::TimeWentBack { found: append_time, last });
        }
        if let Some(position) = producer {
            if !partition.producers.accepts_from_log(position, count, self.has_forgotten) {
                return Err(RecoveryError::WrongSequence);
            }
            let most = partition.limits.producers;
            // Everything is durable here.
            self.has_forgotten |= partition.producers.make_room(position.producer, most, end);
            let batch = RecentBatch { base_offset, count };
            partition.producers.note(&ProducedBatch { position, batch, append_time });
        }
        partition.last_append_time = append_time;
        let log_start = partition.places.log_start;
        partition.places = Places::all_durable(log_start, base_offset.plus(count));
        Ok(())
    }

    /// Takes that every record from `end` on was taken back.
    ///
    /// # Errors
    /// If `end` does not lie in the partition, or the incarnation is another.
    pub fn replay_truncate(
        &mut self,
        incarnation: Incarnation,
        end: Offset,
    ) -> Result<(), RecoveryError> {
        self.check_incarnation(incarnation)?;
        self.check_range(end)?;
        let partition = &mut self.partition;
        partition.places = Places::all_durable(partition.places.log_start, end);
        partition.producers.truncate(end);
        Ok(())
    }

    /// Takes that every record before `start` was given up. A beginning that lies before that of a
    /// checkpoint changes nothing.
    ///
    /// # Errors
    /// If `start` lies behind the partition, or the incarnation is another.
    pub fn replay_trim(
        &mut self,
        incarnation: Incarnation,
        start: Offset,
    ) -> Result<(), RecoveryError> {
        self.check_incarnation(incarnation)?;
        let Places { log_start, assigned, .. } = self.partition.places;
        self.check_range(start.max(log_start))?;
        self.partition.places = Places::all_durable(log_start.max(start), assigned);
        Ok(())
    }

    /// Takes that every record was given up, and this incarnation began.
    ///
    /// # Errors
    /// If that is not the next one.
    pub fn replay_purge(&mut self, incarnation: Incarnation) -> Result<(), RecoveryError> {
        let before = self.partition.incarnation;
        self.check_incarnation(before)?;
        if before.0.checked_add(1) != Some(incarnation.0) {
            return Err(RecoveryError::WrongIncarnation {
                found: incarnation,
                incarnation: before,
            });
        }
        let end = self.partition.places.assigned;
        self.partition.incarnation = incarnation;
        self.partition.places = Places::all_durable(end, end);
        Ok(())
    }

    /// Takes that the partition was deleted.
    ///
    /// # Errors
    /// If it was before.
    pub fn replay_delete(&mut self) -> Result<(), RecoveryError> {
        self.check_incarnation(self.partition.incarnation)?;
        self.is_deleted = true;
        Ok(())
    }

    /// The partition as the log says, everything durable; nothing, if it was deleted.
    #[must_use]
    pub fn finish(self, end: EndOfLog) -> Option<Partition> {
        if self.is_deleted {
            return None;
        }
        let mut partition = self.partition;
        let is_open = partition.state == PartitionState::Open;
        match end {
            EndOfLog::Unproven if is_open => partition.set_state(PartitionState::ReadOnly),
            EndOfLog::Proven | EndOfLog::Unproven => {}
        }
        partition.idle_since = partition.places.assigned;
        Some(partition)
    }

    fn check_incarnation(&self, found: Incarnation) -> Result<(), RecoveryError> {
        let incarnation = self.partition.incarnation;
        if self.is_deleted {
            return Err(RecoveryError::Deleted);
        }
        if found != incarnation {
            return Err(RecoveryError::WrongIncarnation { found, incarnation });
        }
        Ok(())
    }

    fn check_range(&self, found: Offset) -> Result<(), RecoveryError> {
        let Places { log_start: start, assigned: end, .. } = self.partition.places;
        if (start..=end).contains(&found) {
            Ok(())
        } else {
            Err(RecoveryError::OutOfRange { found, start, end })
        }
    }
}
