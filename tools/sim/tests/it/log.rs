//! Logs on disks that fail: nothing that was durable is lost, whenever everything stops.

use coilgun_sim::campaign::{Campaign, campaign};
use coilgun_sim::finding::Finding;
use coilgun_sim::log::{LogOptions, LogTally, run_log, run_log_at_every_crash};
use coilgun_sim::tally::Tallied;
use coilgun_storage::mutant::{Mutant, with};

/// Seeds within which a fault must be found.
const SEEDS_MAX: u64 = 3_000;

fn is_full() -> bool {
    std::env::var_os("COILGUN_TEST_FULL").is_some()
}

fn play(seed: u64) -> (LogTally, Option<Finding>) {
    let run = run_log(seed, LogOptions::default());
    (run.tally, run.finding)
}

fn must_be_fine(campaign: &Campaign<LogTally>) {
    assert!(campaign.findings.is_empty(), "{:#?}", campaign.findings);
    let too_rare = campaign.tally.too_rare();
    assert!(too_rare.is_empty(), "{too_rare:#?}\n{}", campaign.tally);
}

#[test]
fn l1_to_l14_a_log_keeps_what_it_said_is_durable_whatever_the_seed() {
    let seeds = if is_full() { 1_000_000 } else { 5_000 };
    must_be_fine(&campaign(0..seeds, 2, play, |_, _| {}));
}

#[test]
fn l1_to_l14_a_log_keeps_what_it_said_is_durable_whichever_operation_is_the_last() {
    let seeds = if is_full() { 10_000 } else { 300 };
    let campaign = campaign(0..seeds, 2, run_log_at_every_crash, |_, _| {});
    must_be_fine(&campaign);
    let tally = campaign.tally;
    assert!(tally.kills + tally.power_failures > 100 * seeds, "{tally}");
}

#[test]
fn the_same_seed_does_the_same_to_a_log() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let options = LogOptions { keeps_lines: true, ..LogOptions::default() };
        let (first, second) = (run_log(seed, options), run_log(seed, options));
        assert!(first.lines.len() > 20, "seed {seed}: something happens");
        assert_eq!(first.lines, second.lines, "seed {seed}");
        assert_eq!((first.hash, first.tally), (second.hash, second.tally), "seed {seed}");
        assert_eq!(first.hash, run_log(seed, LogOptions::default()).hash);
        hashes.insert(first.hash);
    }
    assert_eq!(hashes.len(), 100, "other seeds do something else");
}

/// Whether crashes can show a fault; the others need a bit that turns over.
fn shows_in_crashes(mutant: Mutant) -> bool {
    match mutant {
        Mutant::UnsyncedWrite
        | Mutant::EarlyDurable
        | Mutant::NoResync
        | Mutant::UnsyncedManifest
        | Mutant::TrustedBody
        | Mutant::EarlyCheckpoint
        | Mutant::RewrittenBlock => true,
        Mutant::NoHole | Mutant::NoWatermark => false,
        // The checkpoint that this takes away is needed only if the later one has rotted.
        Mutant::EarlyRelease => false,
        // What it believes is older than every checkpoint, so replay passes over it.
        Mutant::OldContent => false,
    }
}

#[test]
fn faults_of_the_log_are_found_by_crashes() {
    for mutant in Mutant::ALL.into_iter().filter(|mutant| shows_in_crashes(*mutant)) {
        let found = with(mutant, || {
            (0..SEEDS_MAX).find_map(|seed| play(seed).1.map(|finding| (seed, finding)))
        });
        let (seed, finding) = found.unwrap_or_else(|| panic!("{mutant:?} went unnoticed"));
        println!("{mutant:?}: seed {seed}: {finding}");
    }
}
