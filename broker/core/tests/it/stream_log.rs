//! The log that the partitions of a history share, and what a restart makes of it.

use std::sync::Arc;

use coilgun_core::stream::{
    EndOfLog, LoggedAppend, Partition, PartitionLimits, PartitionSnapshot, Recovery,
};
use coilgun_protocol::model::{CoLocationGroupId, Incarnation, Offset, PartitionId, UnixMs};

use crate::stream_shadow::{ShadowBatch, ShadowPartition};

/// One entry, whole or not at all.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Batches that are there together; for which partition, and in which incarnation.
    Append(Vec<(usize, Incarnation, ShadowBatch)>),
    Truncate(usize, Incarnation, u64),
    Trim(usize, Incarnation, u64),
    Purge(usize, Incarnation),
    Checkpoint(usize, PartitionSnapshot, ShadowPartition),
}

/// All entries, and how far they are.
#[derive(Clone, Default, Debug)]
pub(crate) struct StreamLog {
    entries: Vec<Entry>,
    written: usize,
    durable: usize,
}

impl StreamLog {
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(crate) fn write(&mut self, entries: usize) {
        self.written = (self.written + entries).min(self.entries.len());
    }

    pub(crate) fn sync(&mut self, entries: usize) {
        self.durable = (self.durable + entries).min(self.written);
    }

    /// Loses what was not durable, but for some entries that were.
    pub(crate) fn crash(&mut self, lucky: usize) {
        let kept = (self.durable + lucky).min(self.entries.len());
        self.entries.truncate(kept);
        (self.written, self.durable) = (kept, kept);
    }

    pub(crate) fn written_place(&self, partition: usize) -> u64 {
        self.place(partition, self.written)
    }

    pub(crate) fn durable_place(&self, partition: usize) -> u64 {
        self.place(partition, self.durable)
    }

    /// How far a partition is if the first `count` entries are. What was taken back since does not
    /// count, whether that is on the disk or not.
    fn place(&self, partition: usize, count: usize) -> u64 {
        let mut place = 0;
        for (number, entry) in self.entries.iter().enumerate() {
            match entry {
                Entry::Append(parts) if number < count => {
                    let part = parts.iter().find(|it| it.0 == partition);
                    place = part.map_or(place, |it| it.2.end());
                }
                Entry::Truncate(of, _, end) if *of == partition => place = place.min(*end),
                Entry::Append(_)
                | Entry::Truncate(..)
                | Entry::Trim(..)
                | Entry::Purge(..)
                | Entry::Checkpoint(..) => {}
            }
        }
        place
    }

    /// A partition and its shadow as the log says; and whether it has a checkpoint.
    pub(crate) fn recover(
        &self,
        partition: usize,
        limits: &Arc<PartitionLimits>,
    ) -> Result<(Partition, ShadowPartition, bool), String> {
        let checkpoint = self
            .entries
            .iter()
            .rposition(|entry| matches!(entry, Entry::Checkpoint(of, ..) if *of == partition));
        let wrong = |why| format!("recovery: {why}");
        let (mut recovery, mut shadow) = match checkpoint.map(|place| &self.entries[place]) {
            Some(Entry::Checkpoint(_, snapshot, shadow)) => {
                (Recovery::restore(snapshot, limits.clone()).map_err(wrong)?, shadow.clone())
            }
            Some(Entry::Append(_) | Entry::Truncate(..) | Entry::Trim(..) | Entry::Purge(..))
            | None => {
                let id = PartitionId(partition as u64);
                let new = Recovery::of_new(id, CoLocationGroupId(1), limits.clone());
                (new, ShadowPartition::default())
            }
        };
        for entry in &self.entries[checkpoint.map_or(0, |place| place + 1)..] {
            replay(entry, partition, &mut recovery, &mut shadow, limits.producers)?;
        }
        let recovered = recovery.finish(EndOfLog::Proven);
        let recovered = recovered.ok_or("nothing was deleted")?;
        Ok((recovered, shadow, checkpoint.is_some()))
    }
}

fn replay(
    entry: &Entry,
    partition: usize,
    recovery: &mut Recovery,
    shadow: &mut ShadowPartition,
    most: usize,
) -> Result<(), String> {
    let result = match entry {
        Entry::Append(parts) => {
            let Some(part) = parts.iter().find(|it| it.0 == partition) else { return Ok(()) };
            let (_, incarnation, batch) = part;
            if let Some(position) = batch.producer {
                shadow.make_room(position.producer.0, most, u64::MAX);
            }
            shadow.append(*batch);
            recovery.replay_append(&LoggedAppend {
                incarnation: *incarnation,
                base_offset: Offset(batch.base_offset),
                count: batch.count,
                append_time: UnixMs(batch.time),
                producer: batch.producer,
            })
        }
        Entry::Truncate(of, incarnation, end) if *of == partition => {
            shadow.truncate(*end);
            recovery.replay_truncate(*incarnation, Offset(*end))
        }
        Entry::Trim(of, incarnation, start) if *of == partition => {
            shadow.log_start = *start;
            recovery.replay_trim(*incarnation, Offset(*start))
        }
        Entry::Purge(of, incarnation) if *of == partition => {
            shadow.log_start = shadow.end();
            shadow.incarnation = incarnation.0;
            recovery.replay_purge(*incarnation)
        }
        Entry::Truncate(..) | Entry::Trim(..) | Entry::Purge(..) | Entry::Checkpoint(..) => Ok(()),
    };
    result.map_err(|why| format!("replay of {entry:?}: {why}"))
}
