//! Builds a log that then rots, and notes what it holds and where.

use std::cell::RefCell;
use std::collections::BTreeMap;

use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::sim::{Crash, Crashed, Dice, SimDisk, SimWorld, Tasks, run};
use coilgun_storage::format::{Append, CheckpointChunk, LogPosition, SegmentSequence};
use coilgun_storage::journal::{Geometry, GroupNumber, Journal, Purpose};
use coilgun_storage::recovery::{Options, open};

use super::batch::{Batch, body};
use super::life::LOG_ID;
use super::state::{CHUNK_COUNT, LogState, PARTITION_COUNT, Rebuilt};
use crate::finding::{Finding, demand};

/// How the last life of a log ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// It was closed.
    Closed,
    /// The process was killed after the log had been idle for a while.
    Idle,
    /// The process was killed in the middle of something.
    Abrupt,
}

/// A commit group that became durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GroupPlace {
    pub(super) position: LogPosition,
    pub(super) bytes: u32,
    pub(super) batch_count: usize,
}

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Every batch that was appended, in order.
    pub(super) order: Vec<Batch>,
    /// What follows from all of them.
    pub(super) state: LogState,
    /// Where those stand that are durable.
    pub(super) places: BTreeMap<LogPosition, usize>,
    /// The commit groups that became durable, in order.
    pub(super) groups: Vec<GroupPlace>,
    next_batch: u64,
}

/// One life of the log.
struct Life<'a> {
    model: &'a mut Model,
    dice: &'a mut Dice,
    waiting: Vec<(GroupNumber, usize)>,
    checkpoint: Option<(u64, u32)>,
    now: Timestamp,
}

/// The options of every log that rots.
pub(super) fn options(geometry: Geometry) -> Options {
    Options { log_id: LOG_ID, geometry, cache_bytes: 50_000, now_ms: 1 }
}

/// Builds a log in `world`, and says what it holds and how it ended.
pub(super) fn build(
    world: &SimWorld,
    geometry: Geometry,
    dice: &mut Dice,
) -> Result<(Model, Ending), Finding> {
    let mut model = Model::default();
    let life_count = 1 + dice.below(3);
    let mut ending = Ending::Closed;
    for life in 1..=life_count {
        ending = match dice.below(if life == life_count { 5 } else { 4 }) {
            0..2 => Ending::Closed,
            2..4 => Ending::Idle,
            _ => Ending::Abrupt,
        };
        let steps = 30 + dice.below(120);
        live(world, geometry, &mut model, steps, ending, dice)?;
        world.crash(Crash::Kill, dice);
    }
    Ok((model, ending))
}

fn live(
    world: &SimWorld,
    geometry: Geometry,
    model: &mut Model,
    steps: usize,
    ending: Ending,
    dice: &mut Dice,
) -> Result<(), Finding> {
    let mut rebuilt = Rebuilt::default();
    let opened = run(world, dice, open(&world.disk(), &options(geometry), &mut rebuilt));
    let (journal, _) = opened
        .map_err(|Crashed| Finding::new("nothing crashes here", ""))?
        .map_err(|error| Finding::new("a log that did not rot opens", error.to_string()))?;
    demand(rebuilt.state == model.state, "a log that did not rot is whole", || {
        format!("{:?}, not {:?}", rebuilt.state, model.state)
    })?;
    let failed = RefCell::new(false);
    let mut tasks = Tasks::new();
    for (name, is_writer) in [("writer", true), ("keeper", false)] {
        let (journal, failed) = (journal.clone(), &failed);
        tasks.spawn(name, async move {
            let ended = if is_writer { journal.write().await } else { journal.keep().await };
            *failed.borrow_mut() |= ended.is_err();
        });
    }
    let now = Timestamp::default();
    let mut life = Life { model, dice, waiting: Vec::new(), checkpoint: None, now };
    let crashed = |Crashed| Finding::new("nothing crashes here", "");
    for _ in 0..steps {
        life.act(&journal);
        for _ in 0..life.dice.below(6) {
            tasks.step(world, life.dice).map_err(crashed)?;
        }
        life.take_durable(&journal);
    }
    match ending {
        Ending::Abrupt => return Ok(()),
        Ending::Closed => journal.close(),
        Ending::Idle => {}
    }
    // Twice as long as a watermark may take, and once more for what that leads to.
    for _ in 0..4 {
        tasks.run_until_idle(world, life.dice).map_err(crashed)?;
        life.take_durable(&journal);
        life.now = life.now.plus_us(5_000);
        journal.tick(life.now);
    }
    demand(life.waiting.is_empty(), "an idle log is durable", || format!("{:?}", life.waiting))
}

impl Life<'_> {
    fn act(&mut self, journal: &Journal<SimDisk>) {
        match self.dice.below(16) {
            0..2 => {
                if self.checkpoint.is_none() {
                    self.checkpoint = journal.begin_checkpoint().map(|number| (number, 0));
                }
            }
            2..4 => {
                let last = journal.durable().0.segment.0.saturating_sub(1);
                journal.release_up_to(SegmentSequence(last));
            }
            4 => {
                self.now = self.now.plus_us(self.dice.below(4_000) as u64);
                journal.tick(self.now);
            }
            _ => self.append(journal),
        }
        self.go_on_with_checkpoint(journal);
    }

    fn append(&mut self, journal: &Journal<SimDisk>) {
        let partition = 1 + self.dice.below(PARTITION_COUNT as usize) as u64;
        let base_offset = self.model.state.partitions[(partition - 1) as usize].end;
        let count = 1 + self.dice.below(5) as u32;
        let head = Append { partition, base_offset, count, append_time_ms: 1, ..Append::default() };
        let body = body(self.model.next_batch, self.dice);
        let Ok(number) = journal.append_batch(&head, &[&body], Purpose::Data) else { return };
        let batch = Batch::of(&head, &body);
        self.model.next_batch += 1;
        assert!(self.model.state.add(&batch), "the simulation appends at the end");
        self.waiting.push((number, self.model.order.len()));
        self.model.order.push(batch);
    }

    fn go_on_with_checkpoint(&mut self, journal: &Journal<SimDisk>) {
        let Some((checkpoint, chunk)) = self.checkpoint.filter(|_| self.dice.coin()) else {
            return;
        };
        let body = self.model.state.chunk(chunk);
        let is_last = chunk + 1 == CHUNK_COUNT;
        let last = u32::from(is_last);
        let head = CheckpointChunk { checkpoint, chunk, last, ..CheckpointChunk::default() };
        if journal.append_chunk(&head, &[&body]).is_ok() {
            self.checkpoint = (!is_last).then_some((checkpoint, chunk + 1));
        }
    }

    fn take_durable(&mut self, journal: &Journal<SimDisk>) {
        while let Some(group) = journal.next_durable() {
            let position = group.position;
            let count = group.batches.len();
            for (place, (_, index)) in group.batches.iter().zip(self.waiting.drain(..count)) {
                let byte = position.byte + place.byte;
                self.model.places.insert(LogPosition { byte, ..position }, index);
            }
            let bytes = group.bytes.as_ref().as_ref().len() as u32;
            self.model.groups.push(GroupPlace { position, bytes, batch_count: count });
        }
    }
}
