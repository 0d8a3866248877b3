//! A seed from its beginning to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use coilgun_server::env::sim::{Faults, SimWorld};

use super::state::Simulation;
use crate::dice::Dice;
use crate::finding::Finding;
use crate::profile::Profile;
use crate::report::Tally;
use crate::trace::Trace;

/// How seeds are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How many shards; none: as many as the seed says.
    pub shards: Option<usize>,
    /// Keep the lines of the trace.
    pub keeps_lines: bool,
}

/// What a seed did.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The hash of its trace.
    pub hash: u64,
    /// The lines of its trace, if they were asked for.
    pub lines: Vec<String>,
    /// What happened, counted.
    pub tally: Tally,
    /// What was wrong.
    pub finding: Option<Finding>,
}

/// Runs a seed. An assertion of the broker that fails is a finding like any other.
#[must_use]
pub fn run(seed: u64, options: Options) -> Run {
    let world = SimWorld::new(seed, Faults::none());
    let profile = Profile::roll(&Dice::new(world.clone()), options.shards);
    let mut trace = Trace::new(options.keeps_lines);
    trace.line(format_args!("seed {seed}: {profile:?}"));
    let mut simulation = Simulation::new(world, profile, trace);
    let played = catch_unwind(AssertUnwindSafe(|| simulation.play()));
    let finding = match played {
        Ok(result) => result.err(),
        Err(panic) => Some(Finding::of_panic(&*panic)),
    };
    simulation.finish(seed, finding)
}

impl Simulation {
    fn play(&mut self) -> Result<(), Finding> {
        for _ in 0..self.profile.clients {
            self.roll_client();
        }
        for number in 0..self.profile.operations {
            if self.profile.drains_at == Some(number) {
                self.drain();
            }
            self.operate()?;
            for _ in 0..self.dice.below(5) {
                self.round()?;
            }
            if self.cluster.is_done() {
                break;
            }
        }
        self.settle()?;
        self.shadow.verdict(!self.is_draining)?;
        if self.cluster.len() == 1 {
            self.shadow.judge_taken_names()?;
        }
        self.wind_up()
    }

    fn finish(mut self, seed: u64, finding: Option<Finding>) -> Run {
        if let Some(finding) = &finding {
            self.trace.line(format_args!("{} FOUND {finding}", self.round));
        }
        self.tally.add_shards(&self.cluster.counters());
        self.tally.add_faults(&self.world.counts(), &self.world.mesh_counts());
        self.tally.seeds = 1;
        self.tally.rounds = self.round;
        self.tally.drains = u64::from(self.profile.drains_at.is_some());
        Run {
            seed,
            hash: self.trace.hash(),
            lines: self.trace.into_lines(),
            tally: self.tally,
            finding,
        }
    }
}
