//! All partitions, and what is under way.

use std::collections::{BTreeMap, BTreeSet};

use coilgun_core::stream::Placed;
use coilgun_storage::format::{Append, LogPosition};
use coilgun_storage::journal::GroupNumber;

use super::answers::Attempt;
use super::partition::{ModelBatch, PartitionModel};
use crate::finding::{Finding, demand};
use crate::streams::batch::{body, hash};
use crate::streams::book::ReadBatch;

/// What must and may be.
#[derive(Debug, Default)]
pub(in crate::streams) struct Model {
    pub(in crate::streams) partitions: BTreeMap<u64, PartitionModel>,
    /// Requests of this life that are not answered or not to be, by ticket and part.
    pub(super) attempts: BTreeMap<(u64, u16), Attempt>,
    /// The parts of each atomic append, as partition and offset.
    pub(super) atomics: BTreeMap<u64, Vec<(u64, u64)>>,
    /// What is logged and not durable.
    pub(super) controls: Vec<(usize, GroupNumber, Control)>,
    /// Journals that have failed in this life.
    pub(super) poisoned: BTreeSet<usize>,
    /// Commit groups in which a bit has turned over, by journal.
    pub(super) rotten: BTreeSet<(usize, LogPosition)>,
}

/// What was done to a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::streams) enum Control {
    Created { partition: u64 },
    Trimmed { partition: u64, start: u64 },
    Purged { partition: u64, start: u64, incarnation: u32 },
    Deleted { partition: u64 },
}

impl Model {
    /// A partition; the simulation speaks of none that it has not planned.
    pub(in crate::streams) fn of(&self, partition: u64) -> &PartitionModel {
        &self.partitions[&partition]
    }

    pub(super) fn of_mut(&mut self, partition: u64) -> &mut PartitionModel {
        self.partitions.get_mut(&partition).expect("a partition of the simulation")
    }

    /// A part of a request got its offsets; `atomic`: the atomic append that it is a part of.
    pub(in crate::streams) fn on_placed(
        &mut self,
        ticket: u64,
        part: u16,
        placed: &Placed,
        now: u64,
        atomic: Option<u64>,
    ) -> Result<(), Finding> {
        let attempt = self.attempts.get_mut(&(ticket, part)).expect("it was sent");
        attempt.placed = Some(placed.base_offset.0);
        let sent = attempt.sent;
        let batch = ModelBatch {
            base_offset: placed.base_offset.0,
            count: sent.count,
            body_hash: hash(&body(sent.body)),
            time: placed.append_time.0,
            incarnation: placed.incarnation.0,
            identity: sent.identity,
            atomic,
            is_of_stranger: false,
        };
        let is_expected = sent.expected.is_none_or(|expected| expected == batch.base_offset);
        demand(is_expected, "an append gets the offset that it expects", || {
            format!("{sent:?} at {}", batch.base_offset)
        })?;
        let is_whole = placed.end.0 == batch.end() && placed.partition.0 == sent.partition;
        demand(is_whole, "a batch is placed as it was sent", || format!("{sent:?}: {placed:?}"))?;
        let shard = self.of(sent.partition).shard;
        demand(!self.poisoned.contains(&shard), "nothing is appended after poison", || {
            format!("{batch:?}")
        })?;
        self.of_mut(sent.partition).place(batch, now)?;
        if let Some(atomic) = atomic {
            self.atomics.entry(atomic).or_default().push((sent.partition, batch.base_offset));
        }
        Ok(())
    }

    /// Something was done to a partition, and is in this commit group.
    pub(in crate::streams) fn on_control(&mut self, group: GroupNumber, control: Control) {
        let shard = match control {
            Control::Created { partition } => {
                let made = self.of_mut(partition);
                made.is_created = true;
                made.shard
            }
            Control::Trimmed { partition, start } => {
                let trimmed = self.of_mut(partition);
                trimmed.log_start = start;
                trimmed.shard
            }
            Control::Purged { partition, start, incarnation } => {
                let purged = self.of_mut(partition);
                (purged.log_start, purged.incarnation) = (start, incarnation);
                purged.shard
            }
            Control::Deleted { partition } => {
                let deleted = self.of_mut(partition);
                deleted.is_deleted = true;
                deleted.shard
            }
        };
        self.controls.push((shard, group, control));
    }

    /// A commit group of a journal has become durable.
    pub(in crate::streams) fn on_durable<'a>(
        &mut self,
        shard: usize,
        number: GroupNumber,
        batches: impl Iterator<Item = &'a Append>,
    ) -> Result<(), Finding> {
        for head in batches {
            self.of_mut(head.partition).on_durable(head)?;
        }
        for (of, group, control) in core::mem::take(&mut self.controls) {
            if of == shard && group <= number {
                self.on_certain(control);
            } else {
                self.controls.push((of, group, control));
            }
        }
        Ok(())
    }

    fn on_certain(&mut self, control: Control) {
        match control {
            Control::Created { partition } => self.of_mut(partition).is_certainly_created = true,
            Control::Trimmed { partition, start } => {
                self.of_mut(partition).certain_log_start = start;
            }
            Control::Purged { partition, start, incarnation } => {
                let purged = self.of_mut(partition);
                (purged.certain_log_start, purged.certain_incarnation) = (start, incarnation);
            }
            Control::Deleted { partition } => self.of_mut(partition).is_certainly_deleted = true,
        }
    }

    /// A journal has failed, and its partitions have been told.
    pub(in crate::streams) fn note_poisoned(&mut self, shard: usize) {
        self.poisoned.insert(shard);
    }

    /// After a process was closed everything that it has appended is certain.
    pub(in crate::streams) fn all_are_certain(&self) -> Result<(), Finding> {
        for (id, partition) in &self.partitions {
            let (certain, all) = (partition.certain, partition.batches.len());
            demand(certain == all, "closing makes everything durable", || {
                format!("{certain} of {all} in partition {id}")
            })?;
        }
        demand(self.controls.is_empty(), "closing makes everything durable", || {
            format!("{:?}", self.controls)
        })
    }

    /// A follower was given a batch.
    pub(in crate::streams) fn on_seen(
        &self,
        partition: u64,
        next: u64,
        read: &ReadBatch,
    ) -> Result<(), Finding> {
        let seen = self.of(partition);
        let known = seen.at(read.head.base_offset);
        demand(read.head.base_offset == next, "followers see no gap", || {
            format!("{:?}, not offset {next} of partition {partition}", read.head)
        })?;
        demand(
            known.is_some_and(|(_, known)| known.is(read)),
            "followers see what was appended",
            || format!("{read:?}, not {known:?}"),
        )?;
        demand(
            known.is_some_and(|(index, _)| index < seen.certain),
            "followers see what is durable",
            || format!("{:?}, {} are certain", read.head, seen.certain),
        )
    }

    /// A bit of a batch's commit group has turned over.
    pub(in crate::streams) fn on_rotten(&mut self, shard: usize, group: LogPosition) {
        self.rotten.insert((shard, group));
    }

    /// Whether a bit of a journal has turned over.
    pub(in crate::streams) fn has_rotten(&self, shard: usize) -> bool {
        self.rotten.iter().any(|(of, _)| *of == shard)
    }
}
