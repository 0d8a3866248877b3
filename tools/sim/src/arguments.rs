//! What can be said on the command line.

use std::ops::Range;

use clap::{ArgGroup, Parser};
use coilgun_sim::profile::SHARDS_MAX;

const AFTER_HELP: &str = "\
Examples:
  coilgun-sim --seeds 0..100000 --jobs 2   run a hundred thousand worlds
  coilgun-sim --seed 4711 --trace          do again, line by line, what seed 4711 did
  coilgun-sim --log --seeds 0..100000      run logs on disks that fail
  coilgun-sim --log --every-crash          end each of them at every operation of its disk
  coilgun-sim --streams --seeds 0..100000  run partitions and their producers on such logs

A seed always does the same. What it found is printed with how to do it again.

Exit status: 0 nothing is wrong; 1 something is, or less happened than must; 2 wrong arguments.";

/// Runs simulated brokers, logs and streams against models of what they promise.
#[derive(Debug, Parser)]
#[command(
    name = "coilgun-sim",
    version,
    about = "Runs simulated brokers, logs and streams against models of what they promise",
    after_help = AFTER_HELP,
    group(ArgGroup::new("disks").args(["log", "streams"]).conflicts_with("shards"))
)]
pub(crate) struct Arguments {
    /// Run this one seed
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,

    /// Run these seeds, the last one not included
    #[arg(long, value_name = "A..B", default_value = "0..1000", value_parser = parse_seeds)]
    pub(crate) seeds: Range<u64>,

    /// Threads that run seeds
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) jobs: usize,

    /// Shards of every broker [default: as the seed says]
    #[arg(long, value_name = "N", value_parser = parse_shards)]
    pub(crate) shards: Option<usize>,

    /// Simulate logs on disks that fail, instead of brokers
    #[arg(long)]
    pub(crate) log: bool,

    /// Simulate partitions, producers and followers on such logs, instead of brokers
    #[arg(long)]
    pub(crate) streams: bool,

    /// End the first life of the log at this operation of its disk
    #[arg(long, value_name = "N", requires = "disks", requires = "seed")]
    pub(crate) crash_at: Option<u64>,

    /// Run each seed once for every operation of its disk, and end everything there
    #[arg(long, requires = "disks", conflicts_with = "seed")]
    pub(crate) every_crash: bool,

    /// Print what happened, line by line; for one seed
    #[arg(long, requires = "seed")]
    pub(crate) trace: bool,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("write two numbers such as 0..1000, the first one lower, not {text:?}");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let seeds = number(first)?..number(end)?;
    if seeds.is_empty() { Err(wrong()) } else { Ok(seeds) }
}

fn parse_shards(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|number| (1..=SHARDS_MAX).contains(number));
    number.ok_or_else(|| format!("a simulated broker has 1 to {SHARDS_MAX} shards, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_holds_something() {
        assert_eq!(parse_seeds("5..8"), Ok(5..8));
        for wrong in ["5", "8..5", "5..5", "a..b", "1..=2", ""] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_simulated_broker_has_few_shards() {
        assert_eq!(parse_shards("4"), Ok(4));
        for wrong in ["0", "5", "-1", "two"] {
            assert!(parse_shards(wrong).is_err(), "{wrong}");
        }
    }
}
