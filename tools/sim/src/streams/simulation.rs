//! Everything of a simulation that outlives its processes, and the process that lives now.

use std::fmt::Arguments;

use coilgun_core::stream::Effects;
use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::sim::{Dice, SimWorld};
use coilgun_storage::journal::Geometry;

use super::atomic_producer::AtomicProducer;
use super::follower::Follower;
use super::model::{Model, PartitionModel};
use super::plain_producer::PlainProducer;
use super::process::Shard;
use super::producer::Producer;
use super::tally::StreamTally;
use crate::trace::Trace;

/// Partitions of a co-location group.
const PARTITIONS_PER_GROUP: u64 = 3;

/// Somebody who appends.
#[derive(Clone, Debug)]
pub(super) enum Client {
    Producer(Producer),
    Plain(PlainProducer),
    Atomic(AtomicProducer),
}

impl Client {
    /// Its connection broke.
    pub(super) fn on_disconnected(&mut self) {
        match self {
            Client::Producer(producer) => producer.on_disconnected(),
            Client::Atomic(atomic) => atomic.on_disconnected(),
            // It sends everything once.
            Client::Plain(_) => {}
        }
    }
}

/// A simulation.
pub(super) struct Simulation {
    pub(super) dice: Dice,
    /// One disk for each journal.
    pub(super) worlds: Vec<SimWorld>,
    pub(super) geometry: Geometry,
    pub(super) model: Model,
    pub(super) clients: Vec<Client>,
    pub(super) followers: Vec<Follower>,
    pub(super) tally: StreamTally,
    pub(super) trace: Trace,
    /// The lines, if they are kept, with those of the disks between them.
    pub(super) lines: Option<Vec<String>>,
    /// How many lines of each disk the trace has.
    lines_taken: Vec<usize>,
    /// The wall clock, which may be set back, and the other one, which begins anew with every process.
    pub(super) now_ms: u64,
    pub(super) now: Timestamp,
    pub(super) next_body: u64,
    pub(super) next_ticket: u64,
    pub(super) next_atomic: u64,
    /// The process that lives: its journals with their partitions.
    pub(super) process: Vec<Shard>,
    pub(super) effects: Effects,
}

/// Why a life came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// All journals were closed in good order.
    Closed,
    /// A journal has failed.
    Poisoned,
    /// A disk refused while a journal was opened.
    NotOpened,
    /// Everything stopped.
    Crashed,
}

impl Simulation {
    pub(super) fn new(seed: u64, keeps_lines: bool) -> Simulation {
        let mut dice = Dice::new(seed);
        let shard_count = 1 + usize::from(dice.below(3) == 0);
        let worlds: Vec<SimWorld> = (0..shard_count).map(|_| SimWorld::new()).collect();
        if keeps_lines {
            worlds.iter().for_each(SimWorld::keep_trace);
        }
        let geometry = geometry(&mut dice);
        let mut simulation = Simulation {
            geometry,
            model: Model::default(),
            clients: Vec::new(),
            followers: Vec::new(),
            tally: StreamTally { seeds: 1, ..StreamTally::default() },
            trace: Trace::new(false),
            lines: keeps_lines.then(Vec::new),
            lines_taken: vec![0; shard_count],
            now_ms: 1_000_000,
            now: Timestamp::default(),
            next_body: 1,
            next_ticket: 1,
            next_atomic: 1,
            process: Vec::new(),
            effects: Effects::new(),
            worlds,
            dice,
        };
        simulation.people();
        simulation
    }

    /// Plans partitions and whoever uses them.
    fn people(&mut self) {
        let mut producer = 0;
        let mut next_producer = || {
            producer += 1;
            producer
        };
        let group_count = 2.max(self.worlds.len() as u64);
        for group in 0..group_count {
            let shard = group as usize % self.worlds.len();
            let first = 1 + group * PARTITIONS_PER_GROUP;
            let partitions: Vec<u64> = (first..first + PARTITIONS_PER_GROUP).collect();
            for partition in &partitions {
                let planned = PartitionModel::new(shard, 10 + group);
                self.model.partitions.insert(*partition, planned);
                for _ in 0..1 + self.dice.below(2) {
                    let made = Producer::new(next_producer(), *partition);
                    self.clients.push(Client::Producer(made));
                }
                self.followers.push(Follower::new(*partition));
            }
            for _ in 0..2 {
                let partition = first + self.dice.below(PARTITIONS_PER_GROUP as usize) as u64;
                let expects = self.dice.coin();
                self.clients.push(Client::Plain(PlainProducer::new(partition, expects)));
                self.followers.push(Follower::new(partition));
            }
            let made = AtomicProducer::new(next_producer(), &partitions);
            self.clients.push(Client::Atomic(made));
        }
    }

    /// Notes what happens.
    pub(super) fn note(&mut self, text: Arguments<'_>) {
        self.trace.line(text);
        if let Some(lines) = &mut self.lines {
            lines.push(text.to_string());
        }
    }

    /// Takes the new lines of all disks over, if lines are kept.
    pub(super) fn take_lines(&mut self) {
        let Some(all) = &mut self.lines else { return };
        for (index, world) in self.worlds.iter().enumerate() {
            let lines = world.trace();
            for line in &lines[self.lines_taken[index]..] {
                all.push(format!("  disk {index}: {line}"));
            }
            self.lines_taken[index] = lines.len();
        }
    }
}

/// Small segments and groups, so that everything happens often.
fn geometry(dice: &mut Dice) -> Geometry {
    let geometry = Geometry {
        segment_bytes: 4096 * (8 + dice.below(16) as u32),
        group_bytes_max: 4096 * (3 + dice.below(3) as u32),
        group_entries_max: 6 + dice.below(14) as u32,
    };
    geometry.check().expect("the sizes of simulations fit together");
    geometry
}
