//! One life of a log: from opening it until it is closed, or everything stops.

use std::cell::RefCell;
use std::rc::Rc;

use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::sim::{Crashed, Dice, SimDisk, SimWorld, Step, Tasks, run};
use coilgun_storage::format::{Append, CheckpointChunk, LogPosition, SegmentSequence};
use coilgun_storage::journal::{
    Geometry, GroupNumber, Journal, Purpose, ReadError, ReadRequest, Refused,
};
use coilgun_storage::recovery::{OpenError, Options, open};

use super::batch::{Batch, body};
use super::shadow::Shadow;
use super::state::{CHUNK_COUNT, PARTITION_COUNT, Rebuilt};
use super::tally::LogTally;
use crate::finding::{Finding, demand};

/// The log of every simulation.
pub(super) const LOG_ID: u128 = 0x5eed;

/// What readers brought.
type Readings = RefCell<Vec<(ReadRequest, Result<Vec<Batch>, ReadError>)>>;

/// How a life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// The log was closed in good order.
    Closed,
    /// A write failed: the log is poisoned.
    Poisoned,
    /// The disk refused while the log was opened.
    NotOpened,
    /// Everything stopped.
    Crashed,
}

/// A log that is alive.
pub(super) struct Life<'a> {
    pub(super) world: &'a SimWorld,
    pub(super) dice: &'a mut Dice,
    pub(super) shadow: &'a mut Shadow,
    pub(super) tally: &'a mut LogTally,
    pub(super) geometry: Geometry,
    /// Nanoseconds since the log was opened.
    pub(super) now: Timestamp,
    /// The number of the next batch, over all lives.
    pub(super) next_batch: &'a mut u64,
    /// A checkpoint that is being made: its number, and its next chunk.
    pub(super) checkpoint: Option<(u64, u32)>,
    /// Batches that wait to become durable, with their commit groups.
    pub(super) waiting: Vec<(GroupNumber, Batch)>,
}

impl Life<'_> {
    /// Opens the log and does so many things with it.
    pub(super) fn live(&mut self, steps: usize) -> Result<Ended, Finding> {
        let disk = self.world.disk();
        let journal = match self.open(&disk)? {
            Ok(journal) => journal,
            Err(ended) => return Ok(ended),
        };
        let failed = RefCell::new(false);
        let mut tasks = Tasks::new();
        for (name, is_writer) in [("writer", true), ("keeper", false)] {
            let (journal, failed) = (journal.clone(), &failed);
            tasks.spawn(name, async move {
                let ended = if is_writer { journal.write().await } else { journal.keep().await };
                *failed.borrow_mut() |= ended.is_err();
            });
        }
        let readings = Rc::default();
        let lived = self.run(&journal, &mut tasks, &readings, steps)?;
        drop(tasks);
        let poisoned = failed.into_inner();
        demand(poisoned == journal.is_poisoned() || lived.is_err(), "a failure poisons", || {
            format!("failed {poisoned}, poisoned {}", journal.is_poisoned())
        })?;
        match lived {
            Err(Crashed) => Ok(Ended::Crashed),
            Ok(()) if poisoned => Ok(Ended::Poisoned),
            Ok(()) => {
                let (certain, all) = (self.shadow.certain(), self.shadow.len());
                demand(certain == all, "closing makes everything durable", || {
                    format!("{certain} of {all}")
                })?;
                Ok(Ended::Closed)
            }
        }
    }

    fn open(&mut self, disk: &SimDisk) -> Result<Result<Journal<SimDisk>, Ended>, Finding> {
        let options =
            Options { log_id: LOG_ID, geometry: self.geometry, cache_bytes: 50_000, now_ms: 1 };
        let mut rebuilt = Rebuilt::default();
        self.tally.opens += 1;
        let opened = run(self.world, self.dice, open(disk, &options, &mut rebuilt));
        match opened {
            Err(Crashed) => {
                self.tally.crashed_opens += 1;
                Ok(Err(Ended::Crashed))
            }
            Ok(Err(OpenError::Disk(_) | OpenError::Scan(_))) => Ok(Err(Ended::NotOpened)),
            Ok(Err(error)) => Err(Finding::new("a log can be opened", format!("{error:?}"))),
            Ok(Ok((journal, report))) => {
                self.tally.add_report(&report, &rebuilt);
                self.shadow.on_recovered(&rebuilt, &report)?;
                self.tally.checked += self.shadow.check_disk(self.world)?;
                Ok(Ok(journal))
            }
        }
    }

    /// So many steps, and then the end in good order.
    fn run(
        &mut self,
        journal: &Journal<SimDisk>,
        tasks: &mut Tasks<'_>,
        readings: &Rc<Readings>,
        steps: usize,
    ) -> Result<Result<(), Crashed>, Finding> {
        for _ in 0..steps {
            self.act(journal);
            if self.dice.chance(150) {
                self.read(journal, tasks, readings);
            }
            for _ in 0..self.dice.below(6) {
                if tasks.step(self.world, self.dice).is_err() {
                    return Ok(Err(Crashed));
                }
            }
            self.take_durable(journal)?;
            self.check_readings(readings)?;
        }
        self.world.set_capacity(None);
        journal.retry_full();
        journal.close();
        loop {
            let step = tasks.step(self.world, self.dice);
            self.take_durable(journal)?;
            match step {
                Err(crashed) => return Ok(Err(crashed)),
                Ok(Step::Idle) => break,
                Ok(Step::Polled | Step::Completed) => {}
            }
        }
        self.check_readings(readings)?;
        let left = tasks.names();
        demand(left.is_empty(), "both tasks end", || format!("{left:?} wait for nothing"))?;
        Ok(Ok(()))
    }

    fn act(&mut self, journal: &Journal<SimDisk>) {
        match self.dice.below(20) {
            0 => self.begin_checkpoint(journal),
            1 => {
                let sealed = journal.durable().0.segment.0.saturating_sub(1);
                let last = SegmentSequence(self.dice.below(sealed as usize + 1) as u64);
                self.shadow.on_release(last);
                self.tally.released += journal.release_up_to(last) as u64;
            }
            2 => self.change_capacity(journal),
            3..6 => {
                self.now = self.now.plus_us(self.dice.below(4_000) as u64);
                journal.tick(self.now);
            }
            _ => self.append(journal),
        }
        self.go_on_with_checkpoint(journal);
    }

    fn append(&mut self, journal: &Journal<SimDisk>) {
        let partition = 1 + self.dice.below(PARTITION_COUNT as usize) as u64;
        let base_offset = self.shadow.state.partitions[(partition - 1) as usize].end;
        let count = 1 + self.dice.below(5) as u32;
        let head = Append { partition, base_offset, count, append_time_ms: 1, ..Append::default() };
        let body = body(*self.next_batch, self.dice);
        // In two parts, as bytes arrive.
        let (first, second) = body.split_at(self.dice.below(body.len()));
        // Now and then of the kind that may use up what is kept for it.
        let purpose = if self.dice.chance(300) { Purpose::Control } else { Purpose::Data };
        match journal.append_batch(&head, &[first, second], purpose) {
            Ok(number) => {
                *self.next_batch += 1;
                let batch = Batch::of(&head, &body);
                self.shadow.on_appended(batch);
                self.waiting.push((number, batch));
                self.tally.batches += 1;
            }
            Err(Refused::NoRoom) => self.tally.no_room += 1,
            Err(Refused::Full) => self.tally.full += 1,
            Err(Refused::Closed) => self.tally.closed += 1,
            Err(Refused::TooLarge) => panic!("a body of {} bytes fits", body.len()),
        }
    }

    /// Begins to read somewhere, as far as everything is durable.
    fn read<'b>(
        &mut self,
        journal: &Journal<SimDisk>,
        tasks: &mut Tasks<'b>,
        readings: &Rc<Readings>,
    ) {
        let partition = 1 + self.dice.below(PARTITION_COUNT as usize) as u64;
        let Some((from, up_to)) = self.shadow.readable(partition, self.dice) else { return };
        let bytes_max = 1 + self.dice.below(8_000);
        let request = ReadRequest { partition, incarnation: 0, from, up_to, bytes_max };
        let (journal, readings) = (journal.clone(), Rc::clone(readings));
        tasks.spawn("reader", async move {
            let read = journal.read(&request).await;
            let read = read.map(|batches| {
                batches.iter().map(|batch| Batch::of(&batch.head, batch.body())).collect()
            });
            readings.borrow_mut().push((request, read));
        });
    }

    fn check_readings(&mut self, readings: &Readings) -> Result<(), Finding> {
        for (request, read) in readings.borrow_mut().drain(..) {
            match read {
                Ok(batches) => {
                    self.tally.read += batches.len() as u64;
                    self.shadow.on_read(&request, &batches)?;
                }
                Err(ReadError::Disk(_)) => self.tally.failed_reads += 1,
                Err(error) => {
                    // What was given back meanwhile may be anything.
                    let is_gone = self.shadow.is_released(&request);
                    demand(is_gone, "what is kept can be read", || error.to_string())?;
                }
            }
        }
        Ok(())
    }

    fn begin_checkpoint(&mut self, journal: &Journal<SimDisk>) {
        if self.checkpoint.is_none() {
            self.checkpoint = journal.begin_checkpoint().map(|number| (number, 0));
        }
    }

    fn go_on_with_checkpoint(&mut self, journal: &Journal<SimDisk>) {
        let Some((checkpoint, chunk)) = self.checkpoint.filter(|_| self.dice.coin()) else {
            return;
        };
        let body = self.shadow.state.chunk(chunk);
        let is_last = chunk + 1 == CHUNK_COUNT;
        let head = CheckpointChunk {
            checkpoint,
            chunk,
            last: u32::from(is_last),
            count: 1,
            ..CheckpointChunk::default()
        };
        if journal.append_chunk(&head, &[&body]).is_ok() {
            self.checkpoint = (!is_last).then_some((checkpoint, chunk + 1));
            self.tally.checkpoints += u64::from(is_last);
        }
    }

    fn change_capacity(&mut self, journal: &Journal<SimDisk>) {
        if self.dice.coin() {
            self.world.set_capacity(Some(self.world.used_bytes() + 4096));
        } else {
            self.world.set_capacity(None);
            journal.retry_full();
        }
    }

    fn take_durable(&mut self, journal: &Journal<SimDisk>) -> Result<(), Finding> {
        while let Some(group) = journal.next_durable() {
            self.tally.groups += 1;
            let is_now = |waiting: &(GroupNumber, Batch)| waiting.0 <= group.number;
            let count = self.waiting.iter().take_while(|waiting| is_now(waiting)).count();
            let batches: Vec<Batch> = self.waiting.drain(..count).map(|(_, batch)| batch).collect();
            demand(
                batches.len() == group.batches.len(),
                "a group holds what went into it",
                || format!("{} batches, not {}", group.batches.len(), batches.len()),
            )?;
            let places = group.batches.iter().map(|place| LogPosition {
                byte: group.position.byte + place.byte,
                ..group.position
            });
            self.shadow.on_durable(&batches, &places.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
