//! The binary `coilgun-sim`: seeds on the command line, findings on standard output.

mod arguments;

use std::process::ExitCode;

use clap::Parser;
use coilgun_sim::campaign::campaign;
use coilgun_sim::finding::Finding;
use coilgun_sim::simulation::{Options, run};

use crate::arguments::Arguments;

/// Fewer seeds than these prove nothing by how often things happened.
const SEEDS_FOR_MINIMUMS: u64 = 200;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options { shards: arguments.shards, keeps_lines: arguments.trace };
    let fine = match arguments.seed {
        Some(seed) => run_one(seed, options),
        None => run_many(&arguments, options),
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_one(seed: u64, options: Options) -> bool {
    let run = run(seed, options);
    run.lines.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: trace {:016x}", run.hash);
    if let Some(finding) = &run.finding {
        tell(seed, finding, options);
    }
    run.finding.is_none()
}

fn run_many(arguments: &Arguments, options: Options) -> bool {
    let on_finding = |seed, finding: &Finding| tell(seed, finding, options);
    let campaign = campaign(arguments.seeds.clone(), arguments.jobs, options, on_finding);
    print!("{}", campaign.tally);
    let too_rare = campaign.tally.too_rare();
    let is_judged = campaign.tally.seeds >= SEEDS_FOR_MINIMUMS && campaign.findings.is_empty();
    if is_judged {
        too_rare.iter().for_each(|text| println!("happened too rarely: {text}"));
    }
    campaign.findings.is_empty() && (too_rare.is_empty() || !is_judged)
}

fn tell(seed: u64, finding: &Finding, options: Options) {
    println!("seed {seed} found: {finding}");
    let shards = options.shards.map(|count| format!(" --shards {count}")).unwrap_or_default();
    println!("  again: coilgun-sim --seed {seed}{shards} --trace");
}
