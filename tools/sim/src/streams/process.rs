//! The process: it is opened, goes on step by step, and is closed.

use std::collections::BTreeMap;
use std::sync::Arc;

use coilgun_core::stream::{Effect, PartitionLimits};
use coilgun_protocol::model::{CoLocationGroupId, PartitionId, Timestamp};
use coilgun_server::streams::{Rebuilding, StreamHost};
use coilgun_storage::disk::sim::{Crashed, SimDisk, Step, Tasks, run};
use coilgun_storage::format::{Group, Superblock};
use coilgun_storage::recovery::{
    Hole, OpenError, Options, Replay, Report, ScanError, Visitor, open,
};

use super::book::Book;
use super::following::Readings;
use super::model::{Answer, Control, PRODUCERS_MAX, Recovered};
use super::run::LOG_ID;
use super::simulation::{Ended, Simulation};
use crate::finding::{Finding, demand};

/// One journal of the process, with its partitions and its tasks.
pub(super) struct Shard {
    pub(super) host: StreamHost<SimDisk>,
    pub(super) tasks: Tasks<'static>,
    pub(super) book: Book,
    /// What was read for followers, and not yet told to the partitions.
    pub(super) readings: Readings,
}

/// Makes the partitions again, and counts how often that begins.
struct Watched {
    inner: Rebuilding,
    start_count: u32,
}

impl Visitor for Watched {
    fn on_group(&mut self, group: &Group<'_>) {
        self.inner.on_group(group);
    }

    fn on_hole(&mut self, hole: &Hole) {
        self.inner.on_hole(hole);
    }
}

impl Replay for Watched {
    fn on_start(&mut self, checkpoint: Option<&Superblock>) {
        self.start_count += 1;
        self.inner.on_start(checkpoint);
    }
}

fn limits() -> Arc<PartitionLimits> {
    Arc::new(PartitionLimits {
        pending_appends: 6,
        producers: PRODUCERS_MAX,
        duplicates_per_append: 1,
        follower_read_bytes: 4_000,
        ..PartitionLimits::default()
    })
}

impl Simulation {
    /// Opens all journals. Gives back why not, if it comes to that.
    pub(super) fn open(&mut self) -> Result<Option<Ended>, Finding> {
        self.now = Timestamp::default();
        for shard in 0..self.worlds.len() {
            let world = self.worlds[shard].clone();
            let disk = world.disk();
            let options = Options {
                log_id: LOG_ID,
                geometry: self.geometry,
                // Sometimes readers find what was written last in memory, sometimes on the disk.
                cache_bytes: 20_000,
                now_ms: self.now_ms,
            };
            let limits = limits();
            let mut watched =
                Watched { inner: Rebuilding::new(Arc::clone(&limits)), start_count: 0 };
            self.tally.opens += 1;
            let opened = run(&world, &mut self.dice, open(&disk, &options, &mut watched));
            self.take_lines();
            let (journal, report) = match opened {
                Err(Crashed) => {
                    self.tally.crashed_opens += 1;
                    return Ok(Some(Ended::Crashed));
                }
                Ok(Err(OpenError::Disk(_) | OpenError::Scan(ScanError::Disk(_)))) => {
                    return Ok(Some(Ended::NotOpened));
                }
                Ok(Err(error)) => {
                    return Err(Finding::new("a log can be opened", format!("{error:?}")));
                }
                Ok(Ok(opened)) => opened,
            };
            let starts = watched.start_count;
            demand(
                starts == 1 || self.model.has_rotten(shard),
                "a checkpoint in a slot is complete",
                || format!("replay began {starts} times"),
            )?;
            let rebuilt = watched.inner.finish(&report.unproven).map_err(|(id, fault)| {
                Finding::new("a log does not contradict itself", format!("partition {id}: {fault}"))
            })?;
            let host = StreamHost::new(journal, rebuilt.partitions, limits);
            self.check_opened(shard, &host, &report).map(|book| {
                let readings = Readings::default();
                self.process.push(Shard { tasks: tasks(&host), host, book, readings });
            })?;
        }
        Ok(None)
    }

    fn check_opened(
        &mut self,
        shard: usize,
        host: &StreamHost<SimDisk>,
        report: &Report,
    ) -> Result<Book, Finding> {
        let (book, read) = Book::of_disk(&self.worlds[shard])?;
        let from = report.checkpoint.map(|checkpoint| checkpoint.checkpoint);
        self.note(format_args!(
            "open {shard}: epoch {} from checkpoint {from:?}, unproven {:?}",
            report.epoch, report.unproven
        ));
        for hole in &report.log.holes {
            self.note(format_args!("open {shard}: hole {hole:?}"));
        }
        let partitions: BTreeMap<_, _> =
            host.partitions().map(|partition| (partition.id().0, partition)).collect();
        let found =
            Recovered { shard, partitions, unproven: &report.unproven, book: &book, read: &read };
        self.model.on_recovered(&found)?;
        self.tally.add_report(report, host);
        self.tally.checked += read.len() as u64;
        for partition in host.partitions() {
            self.note(format_args!(
                "open {shard}: partition {} {:?} {:?}",
                partition.id(),
                partition.state(),
                partition.places()
            ));
        }
        Ok(book)
    }

    /// Makes the partitions that are planned and not there.
    pub(super) fn create_partitions(&mut self, shard: usize) {
        let of_shard = self.model.partitions.iter().filter(|(_, it)| it.shard == shard);
        let missing: Vec<(u64, u64)> = of_shard
            .filter(|(_, it)| !it.is_created && !it.is_deleted)
            .map(|(id, it)| (*id, it.co_location_group))
            .collect();
        for (partition, group) in missing {
            let host = &mut self.process[shard].host;
            if let Ok(number) = host.create(PartitionId(partition), CoLocationGroupId(group)) {
                self.model.on_control(number, Control::Created { partition });
                self.note(format_args!("create partition {partition}"));
            }
        }
    }

    /// One step of one journal's tasks.
    pub(super) fn step(&mut self, shard: usize) -> Result<Step, Crashed> {
        let world = self.worlds[shard].clone();
        let stepped = self.process[shard].tasks.step(&world, &mut self.dice);
        self.take_lines();
        stepped
    }

    /// Takes what has become durable, and does what follows.
    pub(super) fn take_durable(&mut self, shard: usize) -> Result<(), Finding> {
        // Ends because no group is added here.
        loop {
            let Shard { host, book, .. } = &mut self.process[shard];
            let was_poisoned = host.is_poisoned();
            let Some(group) = host.take_durable(&mut self.effects) else {
                let is_poisoned = host.is_poisoned() && !was_poisoned;
                if is_poisoned {
                    self.tally.poisoned += 1;
                    self.note(format_args!("journal {shard} has failed"));
                    self.model.note_poisoned(shard);
                }
                self.settle(shard)?;
                if is_poisoned {
                    self.model.all_are_answered(Some(shard))?;
                }
                return Ok(());
            };
            self.tally.groups += 1;
            book.on_durable(&group)?;
            self.note(format_args!("durable {shard}: {:?}", group.number));
            let heads = group.batches.iter().map(|batch| &batch.head);
            self.model.on_durable(shard, group.number, heads)?;
            self.settle(shard)?;
        }
    }

    /// Does what partitions of a journal want done.
    pub(super) fn settle(&mut self, shard: usize) -> Result<(), Finding> {
        // Ends because a follower that is told where it may go goes there, once.
        loop {
            let effects: Vec<Effect> = self.effects.drain().collect();
            if effects.is_empty() {
                return Ok(());
            }
            for effect in effects {
                self.on_effect(shard, effect)?;
            }
        }
    }

    fn on_effect(&mut self, shard: usize, effect: Effect) -> Result<(), Finding> {
        match effect {
            Effect::Acked { to, ack, .. } => {
                self.on_answer(to.ticket.0, to.part, &Answer::Acked(ack), true)
            }
            Effect::OutcomeUnknown { to, .. } => {
                self.tally.unknown += 1;
                self.on_answer(to.ticket.0, to.part, &Answer::OutcomeUnknown, true)
            }
            Effect::Read(read) => self.on_read_wanted(shard, read),
            Effect::OutOfRange { partition, follower, readable } => {
                self.on_out_of_range(shard, partition, follower, readable)
            }
            Effect::FollowerEnded { partition, follower } => {
                self.on_follower_ended(partition, follower);
                Ok(())
            }
        }
    }

    /// Ends all journals in good order.
    pub(super) fn close(&mut self) -> Result<Result<(), Crashed>, Finding> {
        for shard in 0..self.process.len() {
            self.worlds[shard].set_capacity(None);
            let journal = self.process[shard].host.journal();
            journal.retry_full();
            journal.close();
        }
        for shard in 0..self.process.len() {
            // Ends when neither the tasks nor the disk have anything left to do.
            loop {
                let step = self.step(shard);
                self.take_durable(shard)?;
                match step {
                    Err(crashed) => return Ok(Err(crashed)),
                    Ok(Step::Idle) => break,
                    Ok(Step::Polled | Step::Completed) => {}
                }
            }
            let left = self.process[shard].tasks.names();
            demand(left.is_empty(), "both tasks end", || format!("{left:?} wait for nothing"))?;
        }
        Ok(Ok(()))
    }
}

/// Both tasks of a journal.
fn tasks(host: &StreamHost<SimDisk>) -> Tasks<'static> {
    let mut tasks = Tasks::new();
    let (writer, keeper) = (host.journal().clone(), host.journal().clone());
    // That one of them failed is seen by the journal.
    tasks.spawn("writer", async move { drop(writer.write().await) });
    tasks.spawn("keeper", async move { drop(keeper.keep().await) });
    tasks
}
