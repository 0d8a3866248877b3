//! The binary `coilgun-sim`: seeds on the command line, findings on standard output.

mod arguments;

use std::process::ExitCode;

use clap::Parser;
use coilgun_sim::campaign::campaign;
use coilgun_sim::finding::Finding;
use coilgun_sim::log::{LogOptions, run_log, run_log_at_every_crash};
use coilgun_sim::simulation::{Options, run};
use coilgun_sim::streams::{StreamOptions, run_streams, run_streams_at_every_crash};
use coilgun_sim::tally::Tallied;

use crate::arguments::Arguments;

/// Fewer seeds than these prove nothing by how often things happened.
const SEEDS_FOR_MINIMUMS: u64 = 200;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let fine = match (arguments.log, arguments.streams, arguments.seed) {
        (false, false, Some(seed)) => run_broker(seed, &arguments),
        (false, false, None) => run_brokers(&arguments),
        (true, _, Some(seed)) => run_one_log(seed, &arguments),
        (true, _, None) => run_logs(&arguments),
        (false, true, Some(seed)) => run_one_stream(seed, &arguments),
        (false, true, None) => run_all_streams(&arguments),
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_broker(seed: u64, arguments: &Arguments) -> bool {
    let run = run(seed, broker_options(arguments));
    told(seed, &run.lines, run.hash, run.finding.as_ref(), &again(arguments))
}

fn run_one_log(seed: u64, arguments: &Arguments) -> bool {
    let options = LogOptions { crash_at: arguments.crash_at, keeps_lines: arguments.trace };
    let run = run_log(seed, options);
    told(seed, &run.lines, run.hash, run.finding.as_ref(), &again(arguments))
}

fn run_one_stream(seed: u64, arguments: &Arguments) -> bool {
    let options = StreamOptions { crash_at: arguments.crash_at, keeps_lines: arguments.trace };
    let run = run_streams(seed, options);
    told(seed, &run.lines, run.hash, run.finding.as_ref(), &again(arguments))
}

/// Says what one seed did, and whether nothing is wrong.
fn told(seed: u64, lines: &[String], hash: u64, finding: Option<&Finding>, again: &str) -> bool {
    lines.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: trace {hash:016x}");
    finding.iter().for_each(|finding| tell(seed, finding, again));
    finding.is_none()
}

fn run_brokers(arguments: &Arguments) -> bool {
    let options = broker_options(arguments);
    run_many(arguments, |seed| {
        let run = run(seed, options);
        (run.tally, run.finding)
    })
}

fn run_logs(arguments: &Arguments) -> bool {
    if arguments.every_crash {
        return run_many(arguments, run_log_at_every_crash);
    }
    run_many(arguments, |seed| {
        let run = run_log(seed, LogOptions::default());
        (run.tally, run.finding)
    })
}

fn run_all_streams(arguments: &Arguments) -> bool {
    if arguments.every_crash {
        return run_many(arguments, run_streams_at_every_crash);
    }
    run_many(arguments, |seed| {
        let run = run_streams(seed, StreamOptions::default());
        (run.tally, run.finding)
    })
}

fn broker_options(arguments: &Arguments) -> Options {
    Options { shards: arguments.shards, keeps_lines: arguments.trace }
}

fn run_many<T: Tallied>(
    arguments: &Arguments,
    run: impl Fn(u64) -> (T, Option<Finding>) + Sync,
) -> bool {
    let again = again(arguments);
    let on_finding = |seed, finding: &Finding| tell(seed, finding, &again);
    let campaign = campaign(arguments.seeds.clone(), arguments.jobs, run, on_finding);
    print!("{}", campaign.tally);
    let too_rare = campaign.tally.too_rare();
    let is_judged = campaign.tally.seeds() >= SEEDS_FOR_MINIMUMS && campaign.findings.is_empty();
    if is_judged {
        too_rare.iter().for_each(|text| println!("happened too rarely: {text}"));
    }
    campaign.findings.is_empty() && (too_rare.is_empty() || !is_judged)
}

/// What has to be said beside the seed to see the same again.
fn again(arguments: &Arguments) -> String {
    let shards = arguments.shards.map(|count| format!(" --shards {count}")).unwrap_or_default();
    let disks = match (arguments.log, arguments.streams) {
        (true, _) => " --log",
        (false, true) => " --streams",
        (false, false) => "",
    };
    format!("{disks}{shards}")
}

fn tell(seed: u64, finding: &Finding, again: &str) {
    println!("seed {seed} found: {finding}");
    println!("  again: coilgun-sim --seed {seed}{again} --trace");
}
