//! Partitions on journals on disks that fail: every answer stays true, whenever everything stops.

use coilgun_core::mutant as core;
use coilgun_server::mutant as server;
use coilgun_sim::campaign::{Campaign, campaign};
use coilgun_sim::finding::Finding;
use coilgun_sim::streams::{StreamOptions, StreamTally, run_streams, run_streams_at_every_crash};
use coilgun_sim::tally::Tallied;
use coilgun_storage::mutant as storage;

/// Seeds within which a fault must be found.
const SEEDS_MAX: u64 = 3_000;

fn is_full() -> bool {
    std::env::var_os("COILGUN_TEST_FULL").is_some()
}

fn play(seed: u64) -> (StreamTally, Option<Finding>) {
    let run = run_streams(seed, StreamOptions::default());
    (run.tally, run.finding)
}

fn must_be_fine(campaign: &Campaign<StreamTally>) {
    assert!(campaign.findings.is_empty(), "{:#?}", campaign.findings);
    let too_rare = campaign.tally.too_rare();
    assert!(too_rare.is_empty(), "{too_rare:#?}\n{}", campaign.tally);
}

#[test]
fn l6_to_l22_a_stream_keeps_what_it_said_whatever_the_seed() {
    let seeds = if is_full() { 1_000_000 } else { 2_000 };
    must_be_fine(&campaign(0..seeds, 2, play, |_, _| {}));
}

#[test]
fn l6_to_l22_a_stream_keeps_what_it_said_whichever_operation_is_the_last() {
    let seeds = if is_full() { 10_000 } else { 40 };
    let campaign = campaign(0..seeds, 2, run_streams_at_every_crash, |_, _| {});
    must_be_fine(&campaign);
    let tally = campaign.tally;
    assert!(tally.kills + tally.power_failures > 100 * seeds, "{tally}");
}

#[test]
fn the_same_seed_does_the_same_to_a_stream() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let options = StreamOptions { keeps_lines: true, ..StreamOptions::default() };
        let (first, second) = (run_streams(seed, options), run_streams(seed, options));
        assert!(first.lines.len() > 50, "seed {seed}: something happens");
        assert_eq!(first.lines, second.lines, "seed {seed}");
        assert_eq!((first.hash, first.tally), (second.hash, second.tally), "seed {seed}");
        let without_lines = run_streams(seed, StreamOptions::default());
        assert_eq!(first.hash, without_lines.hash, "lines that are not kept count");
        hashes.insert(first.hash);
    }
    assert_eq!(hashes.len(), 60, "other seeds do something else");
}

/// Whether simulated streams can show a fault of the partitions, and by which of their promises; any of
/// them if none is named.
fn core_finder(mutant: core::Mutant) -> Option<&'static [&'static str]> {
    use core::Mutant;
    match mutant {
        Mutant::EarlyAck | Mutant::DuplicateAckedEarly => Some(&["the level of an ack is true"]),
        // What an earlier epoch sends again may be stored again as well.
        Mutant::NoEpochCheck => Some(&["earlier epochs are fenced off", "a batch is stored once"]),
        Mutant::NoDedup => Some(&["a batch is stored once"]),
        Mutant::VisibleEarly => Some(&["only what is durable is read for followers"]),
        Mutant::AtomicInPart => {
            Some(&["all parts are appended, or none", "a duplicate waits for what is pending"])
        }
        Mutant::KnownAfterPoison => Some(&["a refusal is true"]),
        // Partitions have no subjects and no queue groups, and nobody asks who a client is.
        Mutant::DoubleDelivery
        | Mutant::StaleRoute
        | Mutant::StaleWildcard
        | Mutant::IgnoredCredit
        | Mutant::StuckTurn
        | Mutant::Echo
        | Mutant::StalePermits
        | Mutant::SeesEverything
        | Mutant::Undead
        | Mutant::RemoteGroupPick
        | Mutant::DeafRoute
        | Mutant::IgnoredPermission
        | Mutant::IgnoredDeny
        | Mutant::IgnoredExclusion
        | Mutant::Undying => None,
    }
}

/// Whether simulated streams can show a fault of the log.
fn is_seen(mutant: storage::Mutant) -> bool {
    use storage::Mutant;
    match mutant {
        Mutant::UnsyncedWrite
        | Mutant::EarlyDurable
        | Mutant::NoResync
        | Mutant::UnsyncedManifest
        | Mutant::TrustedBody
        | Mutant::EarlyCheckpoint
        | Mutant::RewrittenBlock
        | Mutant::NoHole => true,
        // The checkpoint that this takes away is needed only if the later one has rotted.
        Mutant::EarlyRelease => false,
        // What it believes is older than every checkpoint, so replay passes over it.
        Mutant::OldContent => false,
        // Bits turn over in logs only that were closed, and say where they end.
        Mutant::NoWatermark => false,
    }
}

#[test]
fn faults_of_the_partitions_are_found() {
    for mutant in core::Mutant::ALL {
        let Some(promises) = core_finder(mutant) else { continue };
        check(&format!("{mutant:?}"), promises, core::with(mutant, first_finding));
    }
}

#[test]
fn l9_l10_segments_that_are_given_back_too_early_are_missed_after_a_crash() {
    let mutant = server::Mutant::EarlyReuse;
    // The entry that gives records up and the manifest that names their segments as spare are under way at
    // the same time for a moment only: every moment is tried.
    let at_any_crash =
        || (120..SEEDS_MAX).find_map(|seed| Some((seed, run_streams_at_every_crash(seed).1?)));
    check("EarlyReuse", &[], server::with(mutant, at_any_crash));
}

#[test]
fn faults_of_the_log_are_found_by_what_streams_promise() {
    for mutant in storage::Mutant::ALL.into_iter().filter(|mutant| is_seen(*mutant)) {
        check(&format!("{mutant:?}"), &[], storage::with(mutant, first_finding));
    }
}

/// What the first seed finds that finds anything.
fn first_finding() -> Option<(u64, Finding)> {
    (0..SEEDS_MAX).find_map(|seed| play(seed).1.map(|finding| (seed, finding)))
}

fn check(mutant: &str, promises: &[&str], found: Option<(u64, Finding)>) {
    let (seed, finding) = found.unwrap_or_else(|| panic!("{mutant} went unnoticed"));
    println!("{mutant}: seed {seed}: {finding}");
    let is_right = promises.is_empty() || promises.contains(&finding.promise);
    assert!(is_right, "{mutant} was found by: {finding}");
}
