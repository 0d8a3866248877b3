//! One partition as it ought to be.

use coilgun_storage::format::Append;

use crate::finding::{Finding, demand};
use crate::streams::batch::Identity;
use crate::streams::book::ReadBatch;

/// Producers that a partition remembers: fewer than there are.
pub(in crate::streams) const PRODUCERS_MAX: usize = 4;

/// A batch that got its offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::streams) struct ModelBatch {
    pub(in crate::streams) base_offset: u64,
    pub(in crate::streams) count: u32,
    pub(in crate::streams) body_hash: u64,
    pub(in crate::streams) time: u64,
    pub(in crate::streams) incarnation: u32,
    pub(in crate::streams) identity: Option<Identity>,
    /// The atomic append that it is a part of.
    pub(in crate::streams) atomic: Option<u64>,
    /// Nothing was known of its producer any more, or yet: what it appended before does not count.
    pub(in crate::streams) is_of_stranger: bool,
}

impl ModelBatch {
    pub(in crate::streams) fn end(&self) -> u64 {
        self.base_offset + u64::from(self.count)
    }

    /// Whether this is what was read.
    pub(in crate::streams) fn is(&self, read: &ReadBatch) -> bool {
        let head: &Append = &read.head;
        self.base_offset == head.base_offset
            && self.count == head.count
            && self.body_hash == read.body_hash
            && self.time == head.append_time_ms
            && self.incarnation == head.incarnation
            && self.identity == Identity::of(head)
    }
}

/// A partition, over all lives of the process.
#[derive(Clone, Debug)]
pub(in crate::streams) struct PartitionModel {
    /// Which journal it is in.
    pub(in crate::streams) shard: usize,
    pub(in crate::streams) co_location_group: u64,
    /// In order, also those that were given up.
    pub(in crate::streams) batches: Vec<ModelBatch>,
    /// So many of them are certain.
    pub(in crate::streams) certain: usize,
    /// The first record that is kept, and the one that certainly is the first.
    pub(in crate::streams) log_start: u64,
    pub(in crate::streams) certain_log_start: u64,
    pub(in crate::streams) incarnation: u32,
    pub(in crate::streams) certain_incarnation: u32,
    pub(in crate::streams) is_created: bool,
    pub(in crate::streams) is_certainly_created: bool,
    pub(in crate::streams) is_deleted: bool,
    pub(in crate::streams) is_certainly_deleted: bool,
    /// Something that it was written to has rotted: it may only be read.
    pub(in crate::streams) is_damaged: bool,
}

impl PartitionModel {
    pub(in crate::streams) fn new(shard: usize, co_location_group: u64) -> PartitionModel {
        PartitionModel {
            shard,
            co_location_group,
            batches: Vec::new(),
            certain: 0,
            log_start: 0,
            certain_log_start: 0,
            incarnation: 0,
            certain_incarnation: 0,
            is_created: false,
            is_certainly_created: false,
            is_deleted: false,
            is_certainly_deleted: false,
            is_damaged: false,
        }
    }

    /// The offset behind the last batch.
    pub(in crate::streams) fn end(&self) -> u64 {
        self.batches.last().map_or(0, ModelBatch::end)
    }

    /// The offset behind the last batch that is certain.
    pub(in crate::streams) fn certain_end(&self) -> u64 {
        self.batches[..self.certain].last().map_or(0, ModelBatch::end)
    }

    /// When the last batch was appended.
    pub(in crate::streams) fn last_time(&self) -> u64 {
        self.batches.last().map_or(0, |batch| batch.time)
    }

    /// The batch that begins here, and its place among all.
    pub(in crate::streams) fn at(&self, base_offset: u64) -> Option<(usize, &ModelBatch)> {
        let index = self.batches.binary_search_by_key(&base_offset, |batch| batch.base_offset);
        index.ok().map(|index| (index, &self.batches[index]))
    }

    /// The producers that appended last, the last one first: those and no others are remembered.
    pub(in crate::streams) fn remembered(&self) -> Vec<u64> {
        let mut all = Vec::new();
        for identity in self.batches.iter().rev().filter_map(|batch| batch.identity) {
            if all.len() == PRODUCERS_MAX {
                break;
            }
            if !all.contains(&identity.producer) {
                all.push(identity.producer);
            }
        }
        all
    }

    /// Whether a batch of this producer has another one forgotten.
    pub(in crate::streams) fn displaces(&self, identity: Option<Identity>) -> bool {
        let remembered = self.remembered();
        let is_stranger = identity.is_some_and(|it| !remembered.contains(&it.producer));
        is_stranger && remembered.len() == PRODUCERS_MAX
    }

    /// Whether all that are remembered have something that is not certain.
    pub(in crate::streams) fn is_crowded(&self) -> bool {
        let pending = &self.batches[self.certain..];
        let is_pending = |producer: &u64| {
            let of = |batch: &ModelBatch| batch.identity.is_some_and(|it| it.producer == *producer);
            pending.iter().any(of)
        };
        let remembered = self.remembered();
        remembered.len() == PRODUCERS_MAX && remembered.iter().all(is_pending)
    }

    /// The batches of a producer that its partition may know of.
    fn known(&self, producer: u64) -> impl DoubleEndedIterator<Item = (&ModelBatch, Identity)> {
        let is_of = |identity: Identity| identity.producer == producer;
        let first = self
            .batches
            .iter()
            .rposition(|batch| batch.is_of_stranger && batch.identity.is_some_and(is_of));
        let is_remembered = self.remembered().contains(&producer);
        let from = first.filter(|_| is_remembered).unwrap_or(self.batches.len());
        let of = move |batch| {
            let batch: &ModelBatch = batch;
            batch.identity.filter(|it| it.producer == producer).map(|it| (batch, it))
        };
        self.batches[from..].iter().filter_map(of)
    }

    /// The batch that a producer calls so, if it is remembered.
    pub(in crate::streams) fn find(&self, identity: Identity) -> Option<&ModelBatch> {
        let mut known = self.known(identity.producer);
        known.find(|(_, known)| *known == identity).map(|(batch, _)| batch)
    }

    /// The latest epoch of a producer, if it is remembered.
    pub(in crate::streams) fn epoch_of(&self, producer: u64) -> Option<u32> {
        self.known(producer).map(|(_, known)| known.epoch).max()
    }

    /// The sequence that comes next of a producer in an epoch.
    pub(in crate::streams) fn next_sequence(&self, producer: u64, epoch: u32) -> u64 {
        let of_epoch = self.known(producer).filter(|(_, known)| known.epoch == epoch);
        of_epoch.map(|(batch, _)| u64::from(batch.count)).sum()
    }

    /// Adds a batch that got its offsets at `now`.
    pub(in crate::streams) fn place(
        &mut self,
        mut batch: ModelBatch,
        now: u64,
    ) -> Result<(), Finding> {
        let (end, last_time) = (self.end(), self.last_time());
        demand(batch.base_offset == end, "offsets have no gap", || format!("{batch:?} at {end}"))?;
        demand(batch.time == last_time.max(now), "append times never go back", || {
            format!("{batch:?} at {now} behind {last_time}")
        })?;
        demand(batch.incarnation == self.incarnation, "a batch is in its incarnation", || {
            format!("{batch:?}, not in {}", self.incarnation)
        })?;
        demand(
            !self.is_damaged && !self.is_deleted && self.is_created,
            "only open partitions take appends",
            || format!("{batch:?}"),
        )?;
        if let Some(identity) = batch.identity {
            demand(self.find(identity).is_none(), "a batch is stored once", || {
                format!("{batch:?} again")
            })?;
            let Identity { producer, epoch, sequence } = identity;
            let known = self.epoch_of(producer);
            demand(
                known.is_none_or(|known| known <= epoch),
                "earlier epochs are fenced off",
                || format!("{batch:?} behind epoch {known:?}"),
            )?;
            let next = self.next_sequence(producer, epoch);
            demand(sequence == next, "producers have no gaps and no other order", || {
                format!("{batch:?}, not sequence {next}")
            })?;
            let is_forgotten = !self.displaces(batch.identity) || !self.is_crowded();
            demand(is_forgotten, "who has something pending is not forgotten", || {
                format!("{batch:?}")
            })?;
            batch.is_of_stranger = known.is_none();
        }
        self.batches.push(batch);
        Ok(())
    }

    /// The next batch is durable.
    pub(in crate::streams) fn on_durable(&mut self, read: &Append) -> Result<(), Finding> {
        let next = self.batches.get(self.certain).copied();
        let is_next = next.is_some_and(|next| {
            next.base_offset == read.base_offset
                && next.count == read.count
                && next.identity == Identity::of(read)
        });
        demand(is_next, "what becomes durable is what comes next", || {
            format!("{read:?}, not {next:?}")
        })?;
        self.certain += 1;
        Ok(())
    }
}
