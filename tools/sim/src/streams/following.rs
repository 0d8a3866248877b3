//! What followers ask for, and what is read for them.

use std::cell::RefCell;
use std::rc::Rc;

use coilgun_core::stream::{
    FollowRefusal, FollowerCredit, FollowerId, FollowerRead, ReadDone, ReadableRange,
};
use coilgun_protocol::model::{Offset, PartitionId};
use coilgun_storage::journal::{ReadError, ReadRequest};

use super::book::ReadBatch;
use super::follower::Follower;
use super::process::Shard;
use super::simulation::Simulation;
use crate::finding::{Finding, demand};

/// What was brought for each read that has come to its end.
pub(super) type Readings = Rc<RefCell<Vec<(FollowerRead, Result<Vec<ReadBatch>, ReadError>)>>>;

impl Simulation {
    /// Some follower begins, gets more credit, or goes.
    pub(super) fn follow(&mut self) -> Result<(), Finding> {
        let index = self.dice.below(self.followers.len());
        let follower = self.followers[index];
        let credit = FollowerCredit {
            records: self.dice.below(30) as u64,
            bytes: self.dice.below(6_000) as u64,
        };
        let shard = self.model.of(follower.partition).shard;
        let host = &mut self.process[shard].host;
        let Some(partition) = host.partition_mut(PartitionId(follower.partition)) else {
            return Ok(());
        };
        match follower.id {
            Some(id) if self.dice.chance(60) => {
                partition.unfollow(id);
                self.followers[index].id = None;
            }
            Some(id) => partition.on_credit(id, credit, &mut self.effects),
            None => {
                // Whoever is told to read may be told at once.
                match partition.follow(Offset(follower.next), credit, &mut self.effects) {
                    Ok(id) => self.followers[index].id = Some(id),
                    Err(FollowRefusal::OutOfRange(readable)) => {
                        self.move_follower(index, readable)?;
                    }
                    Err(FollowRefusal::Deleted) => {}
                    Err(FollowRefusal::TooMany) => {
                        return Err(Finding::new("there is room for followers", String::new()));
                    }
                }
            }
        }
        self.settle(shard)
    }

    /// A follower stands where there is nothing: that may be before the beginning only.
    fn move_follower(&mut self, index: usize, readable: ReadableRange) -> Result<(), Finding> {
        let follower = &mut self.followers[index];
        let partition = self.model.of(follower.partition);
        let is_given_up =
            readable.start.0 > follower.next && readable.start.0 <= partition.log_start;
        demand(
            is_given_up || partition.is_damaged,
            "what a follower saw stays, but for what is given up",
            || format!("{follower:?}: {readable:?}, from {}", partition.log_start),
        )?;
        follower.next = readable.start.0.min(readable.end.0);
        self.tally.out_of_range += 1;
        Ok(())
    }

    /// A follower is to be read for: a task does it, as the disk goes.
    pub(super) fn on_read_wanted(
        &mut self,
        shard: usize,
        read: FollowerRead,
    ) -> Result<(), Finding> {
        let certain = self.model.of(read.partition.0).certain_end();
        demand(read.up_to.0 <= certain, "only what is durable is read for followers", || {
            format!("{read:?}, {certain} is certain")
        })?;
        let Shard { host, tasks, readings, .. } = &mut self.process[shard];
        let Some(partition) = host.partition_mut(read.partition) else { return Ok(()) };
        let request = ReadRequest {
            partition: read.partition.0,
            incarnation: partition.incarnation().0,
            from: read.from.0,
            up_to: read.up_to.0,
            bytes_max: read.bytes_max,
        };
        let (journal, readings) = (host.journal().clone(), Rc::clone(readings));
        tasks.spawn("reader", async move {
            let brought = journal.read(&request).await;
            let brought = brought.map(|batches| {
                batches.iter().map(|batch| ReadBatch::of(batch.head, batch.body())).collect()
            });
            readings.borrow_mut().push((read, brought));
        });
        Ok(())
    }

    pub(super) fn on_follower_ended(&mut self, partition: PartitionId, id: FollowerId) {
        for follower in &mut self.followers {
            if follower.partition == partition.0 && follower.id == Some(id) {
                follower.id = None;
            }
        }
    }

    pub(super) fn on_out_of_range(
        &mut self,
        shard: usize,
        partition: PartitionId,
        id: FollowerId,
        readable: ReadableRange,
    ) -> Result<(), Finding> {
        let is_it =
            |follower: &Follower| follower.partition == partition.0 && follower.id == Some(id);
        let Some(index) = self.followers.iter().position(is_it) else { return Ok(()) };
        self.move_follower(index, readable)?;
        let next = Offset(self.followers[index].next);
        let host = &mut self.process[shard].host;
        let sought = host.partition_mut(partition);
        sought.expect("it has followers").seek(id, next, &mut self.effects);
        Ok(())
    }

    /// Tells the partitions of a journal what was read for their followers.
    pub(super) fn finish_reads(&mut self, shard: usize) -> Result<(), Finding> {
        let readings = self.process[shard].readings.take();
        for (read, brought) in readings {
            let is_it = |follower: &Follower| {
                follower.partition == read.partition.0 && follower.id == Some(read.follower)
            };
            let Some(index) = self.followers.iter().position(is_it) else { continue };
            match brought {
                Ok(batches) => self.on_brought(shard, index, &read, &batches)?,
                // Another disk would be asked; here one is asked again.
                Err(ReadError::Disk(_)) => {
                    self.tally.failed_reads += 1;
                    self.on_read_wanted(shard, read)?;
                }
                // What it wants was given up meanwhile, and its segment given back.
                Err(ReadError::Released(_) | ReadError::Corrupt { .. })
                    if self.model.of(read.partition.0).log_start > read.from.0 =>
                {
                    self.on_brought(shard, index, &read, &[])?;
                }
                Err(ReadError::Released(_) | ReadError::Corrupt { .. }) => {
                    let is_rotten = self.model.has_rotten(shard);
                    demand(is_rotten, "what is visible can be read", || {
                        format!("{read:?}: {brought:?}")
                    })?;
                    self.give_up(shard, index, &read);
                }
            }
        }
        self.settle(shard)
    }

    /// Gives a follower whole batches, one at least.
    fn on_brought(
        &mut self,
        shard: usize,
        index: usize,
        read: &FollowerRead,
        batches: &[ReadBatch],
    ) -> Result<(), Finding> {
        let host = &mut self.process[shard].host;
        let Some(partition) = host.partition_mut(read.partition) else { return Ok(()) };
        let is_gone = partition.places().log_start > read.from;
        if batches.is_empty() && !is_gone {
            // Everything of the partition that the log still holds has rotted.
            demand(self.model.has_rotten(shard), "what is visible can be read", || {
                format!("{read:?}, from {:?}", partition.places())
            })?;
            self.give_up(shard, index, read);
            return Ok(());
        }
        let mut done = ReadDone { next: read.from, records: 0, bytes: 0 };
        for batch in batches.iter().take(if is_gone { 0 } else { batches.len() }) {
            if done.records > 0 && done.records + batch.head.count > read.records_max {
                break;
            }
            self.model.on_seen(read.partition.0, done.next.0, batch)?;
            done.next = done.next.plus(batch.head.count);
            done.records += batch.head.count;
            done.bytes += batch.body_bytes;
            self.tally.seen += 1;
        }
        partition.on_read(read.follower, done, &mut self.effects);
        self.tally.reads += 1;
        self.followers[index].next = done.next.0;
        self.note(format_args!("follower {index} reads {read:?}: {done:?}"));
        Ok(())
    }

    /// A follower goes whose next batch cannot be read any more.
    fn give_up(&mut self, shard: usize, index: usize, read: &FollowerRead) {
        let host = &mut self.process[shard].host;
        if let Some(partition) = host.partition_mut(read.partition) {
            partition.unfollow(read.follower);
        }
        self.followers[index].id = None;
    }
}
