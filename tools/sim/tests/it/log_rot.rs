//! Logs that rot: what counts is found, what is handed out is what was appended, and what is missing is
//! named.

use coilgun_sim::campaign::{Campaign, campaign};
use coilgun_sim::log::{RotTally, run_rot};
use coilgun_sim::tally::Tallied;
use coilgun_storage::mutant::{Mutant, with};

/// Seeds within which a fault must be found.
const SEEDS_MAX: u64 = 500;

#[test]
fn l2_l3_l8_l9_rot_is_found_and_what_it_took_is_named_whatever_the_seed() {
    let is_full = std::env::var_os("COILGUN_TEST_FULL").is_some();
    let seeds = if is_full { 100_000 } else { 600 };
    let Campaign { tally, findings } = campaign(0..seeds, 2, run_rot, |_, _| {});
    assert!(findings.is_empty(), "{findings:#?}");
    let tally: RotTally = tally;
    let too_rare = tally.too_rare();
    assert!(too_rare.is_empty(), "{too_rare:#?}\n{tally}");
    println!("{tally}");
}

fn must_be_found(mutant: Mutant) {
    let found = with(mutant, || {
        (0..SEEDS_MAX).find_map(|seed| run_rot(seed).1.map(|finding| (seed, finding)))
    });
    let (seed, finding) = found.unwrap_or_else(|| panic!("{mutant:?} went unnoticed"));
    println!("{mutant:?}: seed {seed}: {finding}");
}

#[test]
fn l2_a_hole_that_is_taken_for_the_end_is_found() {
    must_be_found(Mutant::NoHole);
}

#[test]
fn l2_an_idle_log_without_a_watermark_is_found() {
    must_be_found(Mutant::NoWatermark);
}

#[test]
fn l3_recycled_content_that_is_believed_is_found() {
    must_be_found(Mutant::OldContent);
}

#[test]
fn l9_a_segment_that_the_earlier_checkpoint_needs_and_that_is_gone_is_found() {
    must_be_found(Mutant::EarlyRelease);
}
