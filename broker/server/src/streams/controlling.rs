//! Making, emptying and ending partitions, each with the entry that says so to whoever opens the log.

use std::sync::Arc;

use coilgun_core::stream::{Effects, Partition, PartitionState};
use coilgun_protocol::model::{CoLocationGroupId, Incarnation, Offset, PartitionId, UnixMs};
use coilgun_storage::disk::Disk;
use coilgun_storage::format::{
    Head, METADATA_PARTITION, Metadata, Truncate, Truncation, entry_bytes,
};
use coilgun_storage::journal::{GroupNumber, Purpose, Refused};

use super::host::StreamHost;

impl<D: Disk> StreamHost<D> {
    /// Makes a partition. It exists for sure once the commit group with this number is durable.
    ///
    /// # Errors
    /// If the journal does not take that; then nothing has changed.
    pub fn create(
        &mut self,
        partition: PartitionId,
        co_location_group: CoLocationGroupId,
    ) -> Result<GroupNumber, Refused> {
        let head =
            Metadata { key: partition.0, metadata_kind: METADATA_PARTITION, ..Metadata::default() };
        let body = co_location_group.0.to_le_bytes();
        let group = self.journal.append(&head, &[&body], Purpose::Control)?;
        let limits = Arc::clone(&self.limits);
        let made = Partition::new(partition, co_location_group, limits);
        let before = self.partitions.insert(partition, made);
        assert!(before.is_none(), "the number of a partition is never used again");
        Ok(group)
    }

    /// Gives up the records before `start`, as far as they are visible. Says where the partition begins
    /// now; what held them may be freed once the commit group is durable.
    ///
    /// # Errors
    /// If the journal does not take it; then nothing has changed.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn trim(
        &mut self,
        partition: PartitionId,
        start: Offset,
        now: UnixMs,
        out: &mut Effects,
    ) -> Result<(GroupNumber, Offset), Refused> {
        self.check_control_room()?;
        let trimmed = self.partitions.get_mut(&partition).expect("a partition that is there");
        let before = trimmed.places().log_start;
        let (start, incarnation) = (trimmed.trim(start, out), trimmed.incarnation());
        let group = self.log(partition, Truncation::Beginning, start, incarnation, now);
        self.give_up(group, partition, incarnation, before);
        Ok((group, start))
    }

    /// Gives up all records. Says which incarnation begins.
    ///
    /// # Errors
    /// If the journal does not take it; then nothing has changed.
    ///
    /// # Panics
    /// If there is no such partition, or it takes no appends.
    pub fn purge(
        &mut self,
        partition: PartitionId,
        now: UnixMs,
        out: &mut Effects,
    ) -> Result<(GroupNumber, Incarnation), Refused> {
        self.check_control_room()?;
        let purged = self.partitions.get_mut(&partition).expect("a partition that is there");
        let (old, before) = (purged.incarnation(), purged.places().log_start);
        let (incarnation, end) = (purged.purge(out), purged.places().assigned);
        let group = self.log(partition, Truncation::Purge, end, incarnation, now);
        self.give_up(group, partition, old, before);
        Ok((group, incarnation))
    }

    /// Ends a partition.
    ///
    /// # Errors
    /// If the journal does not take it; then nothing has changed.
    ///
    /// # Panics
    /// If there is no such partition, or it is poisoned or deleted.
    pub fn delete(
        &mut self,
        partition: PartitionId,
        now: UnixMs,
        out: &mut Effects,
    ) -> Result<GroupNumber, Refused> {
        self.check_control_room()?;
        let deleted = self.partitions.get_mut(&partition).expect("a partition that is there");
        let before = deleted.places().log_start;
        deleted.delete(out);
        let (incarnation, end) = (deleted.incarnation(), deleted.places().assigned);
        let group = self.log(partition, Truncation::Delete, end, incarnation, now);
        self.give_up(group, partition, incarnation, before);
        self.retire();
        Ok(group)
    }

    /// Whether a partition takes what changes it.
    pub fn is_open(&self, partition: PartitionId) -> bool {
        let state = self.partitions.get(&partition).map(Partition::state);
        state == Some(PartitionState::Open)
    }

    /// Whether a partition is there to be deleted.
    pub fn can_delete(&self, partition: PartitionId) -> bool {
        let state = self.partitions.get(&partition).map(Partition::state);
        matches!(state, Some(PartitionState::Open | PartitionState::ReadOnly))
    }

    fn check_control_room(&self) -> Result<(), Refused> {
        self.journal.has_room(entry_bytes(Truncate::BYTES, 0), 1, Purpose::Control)
    }

    /// Puts into the journal what was done to a partition, where room was found for it.
    fn log(
        &self,
        partition: PartitionId,
        truncation: Truncation,
        offset: Offset,
        incarnation: Incarnation,
        now: UnixMs,
    ) -> GroupNumber {
        let head = Truncate {
            partition: partition.0,
            offset: offset.0,
            time_ms: now.0,
            incarnation: incarnation.0,
            truncation: truncation.number(),
            reserved: 0,
        };
        let group = self.journal.append(&head, &[], Purpose::Control);
        group.expect("room was found for it, and nothing happened since")
    }
}
