//! One seed: a log that is opened, used and ended again and again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::sim::{Crash, Dice, Faults, SimWorld};
use coilgun_storage::journal::Geometry;

use super::life::{Ended, Life};
use super::shadow::Shadow;
use super::tally::LogTally;
use crate::finding::Finding;
use crate::tally::Tallied;

/// Lives of a log after which nothing new is to be expected.
const LIVES_MAX: usize = 5;

/// How a seed is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogOptions {
    /// Everything stops at this operation of the disk, counted from 1; nothing: where the dice says.
    pub crash_at: Option<u64>,
    /// Keep the lines of what the disk does.
    pub keeps_lines: bool,
}

/// What a seed did.
#[derive(Debug)]
pub struct LogRun {
    /// What is wrong, if anything is.
    pub finding: Option<Finding>,
    /// What happened.
    pub tally: LogTally,
    /// A hash of everything that the disk did, in order.
    pub hash: u64,
    /// How many operations the disk had begun when the first life of the log ended.
    pub first_life: u64,
    /// What the disk did, line by line, if that was asked for.
    pub lines: Vec<String>,
}

/// Runs a seed once for each operation of the disk in the first life of its log, and ends everything at
/// that one.
#[must_use]
pub fn run_log_at_every_crash(seed: u64) -> (LogTally, Option<Finding>) {
    let whole = run_log(seed, LogOptions { crash_at: Some(u64::MAX / 2), ..LogOptions::default() });
    let (mut tally, mut finding) = (whole.tally, whole.finding);
    for nth in 1..=whole.first_life {
        let run = run_log(seed, LogOptions { crash_at: Some(nth), ..LogOptions::default() });
        tally.add(&LogTally { seeds: 0, ..run.tally });
        let detail = |found: Finding| Finding {
            detail: format!("with --crash-at {nth}: {}", found.detail),
            ..found
        };
        finding = finding.or(run.finding.map(detail));
    }
    (tally, finding)
}

/// Runs a seed. The same seed with the same options does the same.
#[must_use]
pub fn run_log(seed: u64, options: LogOptions) -> LogRun {
    let world = SimWorld::new();
    if options.keeps_lines {
        world.keep_trace();
    }
    let mut tally = LogTally { seeds: 1, ..LogTally::default() };
    let mut first_life = 0;
    let played = || lives(seed, options, &world, &mut tally, &mut first_life);
    let finding = catch_unwind(AssertUnwindSafe(played));
    let finding = match finding {
        Ok(result) => result.err(),
        Err(panic) => Some(Finding::of_panic(&*panic)),
    };
    tally.add_disk(&world.counts());
    LogRun { finding, tally, hash: world.trace_hash(), first_life, lines: world.trace() }
}

fn lives(
    seed: u64,
    options: LogOptions,
    world: &SimWorld,
    tally: &mut LogTally,
    first_life: &mut u64,
) -> Result<(), Finding> {
    let mut dice = Dice::new(seed);
    let mut shadow = Shadow::default();
    let mut next_batch = 0;
    let geometry = geometry(&mut dice);
    // What fails by itself fails in every third seed: in the others nothing but a crash happens.
    let faults = if seed.is_multiple_of(3) { faults(&mut dice) } else { Faults::none() };
    for life_number in 0..1 + dice.below(LIVES_MAX) {
        plan_crash(life_number, options, world, &mut dice);
        world.set_faults(faults);
        let steps = 10 + dice.below(80);
        let mut life = Life {
            world,
            dice: &mut dice,
            shadow: &mut shadow,
            tally,
            geometry,
            now: Timestamp::default(),
            next_batch: &mut next_batch,
            checkpoint: None,
            waiting: Vec::new(),
        };
        let ended = life.live(steps)?;
        if life_number == 0 {
            *first_life = world.operations();
        }
        end(ended, world, &mut dice, tally);
    }
    // In the end the log is opened once more on a disk without faults, and closed.
    world.set_faults(Faults::none());
    world.set_capacity(None);
    let mut life = Life {
        world,
        dice: &mut dice,
        shadow: &mut shadow,
        tally,
        geometry,
        now: Timestamp::default(),
        next_batch: &mut next_batch,
        checkpoint: None,
        waiting: Vec::new(),
    };
    match life.live(5)? {
        Ended::Closed => Ok(()),
        Ended::Poisoned | Ended::NotOpened | Ended::Crashed => {
            Err(Finding::new("a log on a good disk can be closed", String::new()))
        }
    }
}

/// Where everything stops: in the first life where it was asked for, otherwise somewhere, or nowhere.
fn plan_crash(life: usize, options: LogOptions, world: &SimWorld, dice: &mut Dice) {
    match options.crash_at {
        Some(nth) if life == 0 => world.crash_at(nth),
        Some(_) | None => {
            if dice.below(4) > 0 {
                // While it is opened, or a while after.
                let within = if dice.coin() { 40 } else { 250 };
                world.crash_at(1 + dice.below(within) as u64);
            }
        }
    }
}

fn end(ended: Ended, world: &SimWorld, dice: &mut Dice, tally: &mut LogTally) {
    tally.poisoned += u64::from(ended == Ended::Poisoned);
    // A crash that was appointed and has not come does not come any more.
    let crash = if dice.coin() { Crash::Power } else { Crash::Kill };
    match ended {
        Ended::Crashed | Ended::Poisoned | Ended::NotOpened => world.crash(crash, dice),
        Ended::Closed => world.crash(crash, dice),
    }
}

/// Small segments and groups, so that everything happens often.
fn geometry(dice: &mut Dice) -> Geometry {
    let geometry = Geometry {
        segment_bytes: 4096 * (8 + dice.below(16) as u32),
        group_bytes_max: 4096 * (3 + dice.below(3) as u32),
        group_entries_max: 4 + dice.below(16) as u32,
    };
    geometry.check().expect("the sizes of simulations fit together");
    geometry
}

fn faults(dice: &mut Dice) -> Faults {
    let mut rare = |chance: usize| dice.below(chance) as u32;
    Faults {
        read_error: rare(4),
        write_error: rare(20),
        sync_error: rare(20),
        metadata_error: rare(10),
        short_write: rare(20),
        slow: rare(200),
        scattered_names: 0,
        ..Faults::none()
    }
}
