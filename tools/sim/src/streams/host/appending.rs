//! Appends: from the plan of a partition to the entry in the journal.

use coilgun_core::stream::{AppendAnswer, AtomicReady, DuplicatePart, Effects, Placed};
use coilgun_protocol::model::UnixMs;
use coilgun_storage::disk::Disk;
use coilgun_storage::journal::Purpose;

use super::requests::{AppendAtomicOutcome, AppendOutcome, Batch, NotTaken};
use super::stream_host::StreamHost;

impl<D: Disk> StreamHost<D> {
    /// Appends a batch at `now`, or says why not. Only what is placed or waits is answered later.
    pub(crate) fn append(
        &mut self,
        now: UnixMs,
        batch: &Batch<'_>,
        out: &mut Effects,
    ) -> AppendOutcome {
        let Some(partition) = self.partitions.get_mut(&batch.partition) else {
            return AppendOutcome::NotTaken(NotTaken::NoPartition);
        };
        let plan = match partition.plan_append(now, &batch.request()) {
            Ok(plan) => plan,
            Err(AppendAnswer::Duplicate(ack)) => return AppendOutcome::Duplicate(ack),
            Err(AppendAnswer::Wait(plan)) => {
                partition.commit_wait(plan);
                return AppendOutcome::Waits;
            }
            Err(AppendAnswer::OutcomeUnknown) => return AppendOutcome::OutcomeUnknown,
            Err(AppendAnswer::Refused(why)) => return AppendOutcome::Refused(why),
        };
        if let Err(refused) = self.journal.has_room(batch.entry_bytes(), 1, Purpose::Data) {
            return AppendOutcome::NotTaken(NotTaken::Journal(refused));
        }
        let placed = partition.commit_append(plan, out);
        self.enter(batch, &placed, 0, out);
        AppendOutcome::Placed(placed)
    }

    /// Appends several batches of one co-location group at `now`, or none. Where each was put is added to
    /// `placed`, in their order.
    pub(crate) fn append_atomic(
        &mut self,
        now: UnixMs,
        parts: &[Batch<'_>],
        placed: &mut Vec<Placed>,
        out: &mut Effects,
    ) -> AppendAtomicOutcome {
        self.atomic.clear();
        for part in parts {
            let Some(partition) = self.partitions.get(&part.partition) else {
                return AppendAtomicOutcome::NotTaken(NotTaken::NoPartition);
            };
            self.atomic.plan(partition, now, &part.request());
        }
        let first = placed.len();
        match self.atomic.ready() {
            AtomicReady::Refused(why) => return AppendAtomicOutcome::Refused(why),
            AtomicReady::Duplicate(duplicates) => {
                let mut answered = Vec::new();
                for duplicate in duplicates.drain(..) {
                    match duplicate {
                        DuplicatePart::Answered { part, ack } => answered.push((part, ack)),
                        DuplicatePart::Waits { plan, .. } => {
                            let partition = self.partitions.get_mut(&plan.partition());
                            partition.expect("it made the plan").commit_wait(plan);
                        }
                    }
                }
                return AppendAtomicOutcome::Duplicates(answered);
            }
            AtomicReady::Commit(commit) => {
                let bytes = parts.iter().map(Batch::entry_bytes).sum();
                if let Err(refused) = self.journal.has_room(bytes, parts.len(), Purpose::Data) {
                    return AppendAtomicOutcome::NotTaken(NotTaken::Journal(refused));
                }
                let partitions = &mut self.partitions;
                commit.commit_each(|plan| {
                    let partition = partitions.get_mut(&plan.partition());
                    placed.push(partition.expect("it made the plan").commit_append(plan, out));
                });
            }
        }
        // All of them before anything else: room was found for all in one commit group.
        let placed = &placed[first..];
        for (index, place) in placed.iter().enumerate() {
            let is_it = |part: &&Batch<'_>| part.partition == place.partition;
            let part = parts.iter().find(is_it).expect("what is placed was asked for");
            self.enter(part, place, placed.len() - index - 1, out);
        }
        AppendAtomicOutcome::Placed
    }

    /// Puts a batch that has its place into the journal, where room was found for it.
    fn enter(&mut self, batch: &Batch<'_>, placed: &Placed, atomic_with: usize, out: &mut Effects) {
        let head = batch.head(placed, atomic_with);
        let entered = self.journal.append_batch(&head, &[batch.body], Purpose::Data);
        entered.expect("room was found for it, and nothing happened since");
        // What is in an open commit group is not taken out of it any more: it will be there or not.
        let partition = self.partitions.get_mut(&placed.partition);
        partition.expect("it has just placed it").on_written(placed.end, out);
    }

    /// Lets every partition look at so many of its producers.
    pub(crate) fn tick(&mut self, now: UnixMs, budget: usize) {
        for partition in self.partitions.values_mut() {
            partition.tick(now, budget);
        }
    }
}
