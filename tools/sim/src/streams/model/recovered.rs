//! What a process begins with, against what it must begin with.

use std::collections::BTreeMap;

use coilgun_core::stream::{Partition, PartitionState};
use coilgun_storage::recovery::Unproven;

use super::partition::{ModelBatch, PartitionModel};
use super::streams::Model;
use crate::finding::{Finding, demand};
use crate::streams::book::{Book, ReadBatch};

/// What is there of a journal when a process begins.
pub(in crate::streams) struct Recovered<'a> {
    pub(in crate::streams) shard: usize,
    pub(in crate::streams) partitions: BTreeMap<u64, &'a Partition>,
    pub(in crate::streams) unproven: &'a Unproven,
    /// What stands on the disk, and where.
    pub(in crate::streams) book: &'a Book,
    pub(in crate::streams) read: &'a [ReadBatch],
}

impl Model {
    /// A process has begun. From now on certain is what it began with.
    pub(in crate::streams) fn on_recovered(
        &mut self,
        found: &Recovered<'_>,
    ) -> Result<(), Finding> {
        let shard = found.shard;
        let is_rotten = self.rotten.iter().any(|(of, _)| *of == shard);
        demand(
            is_rotten || *found.unproven == Unproven::Nothing,
            "everything is proven where nothing has rotted",
            || format!("{:?}", found.unproven),
        )?;
        for (id, partition) in self.partitions.iter_mut().filter(|(_, it)| it.shard == shard) {
            let is_unproven = match found.unproven {
                Unproven::Nothing => false,
                Unproven::Partitions(some) => some.contains(id),
                Unproven::Everything => true,
            };
            let back = found.partitions.get(id).copied();
            partition.on_recovered(back, is_unproven).map_err(|finding| Finding {
                detail: format!("partition {id}: {}", finding.detail),
                ..finding
            })?;
        }
        let unknown = found.partitions.keys().find(|id| !self.partitions.contains_key(id));
        demand(unknown.is_none(), "only what was made is there", || format!("{unknown:?}"))?;
        self.check_atomics()?;
        self.check_disk(found)
    }

    /// Of an atomic append all parts are there, or none.
    fn check_atomics(&mut self) -> Result<(), Finding> {
        let mut gone = Vec::new();
        for (atomic, parts) in &self.atomics {
            let is_whole = |(partition, _): &(u64, u64)| {
                let partition = self.of(*partition);
                partition.is_created && !partition.is_damaged && !partition.is_deleted
            };
            let is_there = |(partition, base_offset): &&(u64, u64)| {
                let found = self.of(*partition).at(*base_offset);
                found.is_some_and(|(_, batch)| batch.atomic == Some(*atomic))
            };
            let count = parts.iter().filter(is_there).count();
            let is_judged = parts.iter().all(is_whole);
            demand(
                !is_judged || count == 0 || count == parts.len(),
                "an atomic append is there as a whole or not at all",
                || format!("{count} of {parts:?}"),
            )?;
            if count == 0 {
                gone.push(*atomic);
            }
        }
        gone.iter().for_each(|atomic| drop(self.atomics.remove(atomic)));
        Ok(())
    }

    /// Everything that is kept stands on the disk, and nothing else.
    fn check_disk(&self, found: &Recovered<'_>) -> Result<(), Finding> {
        let mut read: BTreeMap<(u64, u64), &ReadBatch> = BTreeMap::new();
        for batch in found.read {
            read.insert((batch.head.partition, batch.head.base_offset), batch);
            let Some(partition) = self.partitions.get(&batch.head.partition) else {
                return Err(Finding::new("only what was appended is there", format!("{batch:?}")));
            };
            if partition.is_deleted || partition.is_damaged {
                continue;
            }
            let known = partition.at(batch.head.base_offset);
            demand(
                known.is_some_and(|(_, known)| known.is(batch)),
                "only what was appended is there",
                || format!("{batch:?}, not {known:?}"),
            )?;
        }
        for (id, partition) in self.partitions.iter().filter(|(_, it)| it.shard == found.shard) {
            if partition.is_deleted || partition.is_damaged {
                continue;
            }
            let kept = partition.batches.iter().filter(|it| it.end() > partition.log_start);
            for batch in kept.filter(|batch| !read.contains_key(&(*id, batch.base_offset))) {
                // Its commit group has rotted, and lies before all that recovery reads.
                let is_rotten = self.rotten.iter().any(|(of, _)| *of == found.shard);
                demand(is_rotten, "what is kept stands on the disk", || {
                    format!(
                        "{batch:?} of partition {id}, {:?}",
                        found.book.place(*id, batch.base_offset)
                    )
                })?;
            }
        }
        Ok(())
    }
}

impl PartitionModel {
    fn on_recovered(
        &mut self,
        found: Option<&Partition>,
        is_unproven: bool,
    ) -> Result<(), Finding> {
        let was_damaged = self.is_damaged;
        // What was not proven may be by a start that reads from further back.
        let is_read_only = found.is_none_or(|it| it.state() == PartitionState::ReadOnly);
        self.is_damaged = is_unproven || (was_damaged && is_read_only);
        let Some(found) = found else { return self.on_missing() };
        demand(!self.is_certainly_deleted || self.is_damaged, "what was deleted is gone", || {
            format!("{:?}", found.places())
        })?;
        (self.is_created, self.is_certainly_created, self.is_deleted) = (true, true, false);
        let state = if self.is_damaged { PartitionState::ReadOnly } else { PartitionState::Open };
        demand(found.state() == state, "whose end is not proven may only be read", || {
            format!("{:?}, not {state:?}", found.state())
        })?;
        let end = found.places().assigned.0;
        let count = self.batches.partition_point(|batch| batch.end() <= end);
        let there = self.batches[..count].last().map_or(0, ModelBatch::end);
        demand(there == end, "a partition ends where a batch does", || {
            format!("at {end}, not at {there} or {:?}", self.batches.get(count))
        })?;
        demand(count >= self.certain || self.is_damaged, "what was durable is there", || {
            format!("{count} batches came back, {} were certain", self.certain)
        })?;
        self.batches.truncate(count);
        self.certain = count;
        self.check_rest(found)
    }

    fn on_missing(&mut self) -> Result<(), Finding> {
        let was_uncertain = !self.is_certainly_created && self.certain == 0;
        demand(
            was_uncertain || self.is_deleted || self.is_damaged,
            "what was made is there",
            || format!("{} batches were certain", self.certain),
        )?;
        if self.is_deleted || self.is_damaged {
            (self.is_deleted, self.is_certainly_deleted) = (true, true);
            self.batches.truncate(self.certain);
        } else {
            *self = PartitionModel::new(self.shard, self.co_location_group);
        }
        Ok(())
    }

    fn check_rest(&mut self, found: &Partition) -> Result<(), Finding> {
        let (log_start, incarnation) = (found.places().log_start.0, found.incarnation().0);
        let starts = self.certain_log_start..=self.log_start;
        let incarnations = self.certain_incarnation..=self.incarnation;
        if !self.is_damaged {
            demand(starts.contains(&log_start), "what was given up stays so", || {
                format!("from {log_start}, not {starts:?}")
            })?;
            demand(incarnations.contains(&incarnation), "what was purged stays so", || {
                format!("{incarnation}, not {incarnations:?}")
            })?;
            demand(
                found.last_append_time().0 == self.last_time(),
                "the time of the last append is known",
                || format!("{}, not {}", found.last_append_time().0, self.last_time()),
            )?;
            let mut producers = self.remembered();
            producers.sort_unstable();
            let known = found.snapshot().map_or(Vec::new(), |snapshot| snapshot.producers);
            let known: Vec<u64> = known.iter().map(|known| known.producer.0).collect();
            demand(known == producers, "the producers that appended last are remembered", || {
                format!("{known:?}, not {producers:?}")
            })?;
        }
        (self.log_start, self.certain_log_start) = (log_start, log_start);
        (self.incarnation, self.certain_incarnation) = (incarnation, incarnation);
        Ok(())
    }
}
