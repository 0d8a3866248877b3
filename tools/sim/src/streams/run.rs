//! One seed, and one seed with a crash at every operation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::simulation::Simulation;
use super::tally::StreamTally;
use crate::finding::Finding;
use crate::tally::Tallied;

/// The log of every simulated disk.
pub(super) const LOG_ID: u128 = 0x57ea;

/// How a seed is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamOptions {
    /// Everything stops at this operation of the disks, counted from 1; with two of them they take turns.
    /// Nothing: where the dice says.
    pub crash_at: Option<u64>,
    /// Keep the lines of what happens.
    pub keeps_lines: bool,
}

/// What a seed did.
#[derive(Debug)]
pub struct StreamRun {
    /// What is wrong, if anything is.
    pub finding: Option<Finding>,
    /// What happened.
    pub tally: StreamTally,
    /// A hash of everything that happened, in order.
    pub hash: u64,
    /// How many operations there are in the first life at which everything can stop.
    pub first_life: u64,
    /// What happened, line by line, if that was asked for.
    pub lines: Vec<String>,
}

/// Runs a seed once for each operation of its disks in the first life of the process, and ends everything
/// at that one.
#[must_use]
pub fn run_streams_at_every_crash(seed: u64) -> (StreamTally, Option<Finding>) {
    let never = StreamOptions { crash_at: Some(u64::MAX / 2), ..StreamOptions::default() };
    let whole = run_streams(seed, never);
    let (mut tally, mut finding) = (whole.tally, whole.finding);
    for nth in 1..=whole.first_life {
        let options = StreamOptions { crash_at: Some(nth), ..StreamOptions::default() };
        let run = run_streams(seed, options);
        tally.add(&StreamTally { seeds: 0, ..run.tally });
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
pub fn run_streams(seed: u64, options: StreamOptions) -> StreamRun {
    let mut simulation = Simulation::new(seed, options.keeps_lines);
    let mut first_life = 0;
    let played = || simulation.live(seed, options, &mut first_life);
    let finding = match catch_unwind(AssertUnwindSafe(played)) {
        Ok(result) => result.err(),
        Err(panic) => Some(Finding::of_panic(&*panic)),
    };
    simulation.take_lines();
    let Simulation { mut tally, mut trace, worlds, lines, .. } = simulation;
    for world in &worlds {
        tally.add_disk(&world.counts());
        trace.line(format_args!("disk: {:016x}", world.trace_hash()));
    }
    StreamRun { finding, tally, hash: trace.hash(), first_life, lines: lines.unwrap_or_default() }
}
