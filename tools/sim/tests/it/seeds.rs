//! Some of the seeds of a long campaign, and how much happens in them.

use std::ops::Range;

use coilgun_sim::campaign::{Campaign, campaign};
use coilgun_sim::report::Tally;
use coilgun_sim::simulation::{Options, run};
use coilgun_sim::tally::Tallied;

/// How many seeds are run with each number of shards.
fn seed_count() -> u64 {
    if std::env::var_os("COILGUN_TEST_FULL").is_some() { 10_000 } else { 300 }
}

fn brokers(seeds: Range<u64>, options: Options) -> Campaign<Tally> {
    let play = |seed| {
        let run = run(seed, options);
        (run.tally, run.finding)
    };
    campaign(seeds, 2, play, |_, _| {})
}

/// Nothing is found, and there was enough that might have been.
#[test]
fn s11_to_s22_every_promise_holds_whatever_the_seed() {
    let campaign = brokers(0..4 * seed_count(), Options::default());
    assert!(campaign.findings.is_empty(), "{:#?}", campaign.findings);
    let too_rare = campaign.tally.too_rare();
    assert!(too_rare.is_empty(), "{too_rare:#?}\n{}", campaign.tally);
}

/// The same with each number of shards by itself.
#[test]
fn s11_to_s22_every_promise_holds_with_one_shard_and_with_several() {
    for shards in 1..=coilgun_sim::profile::SHARDS_MAX {
        let options = Options { shards: Some(shards), ..Options::default() };
        let first = 1_000_000 * shards as u64;
        let campaign = brokers(first..first + seed_count() / 3, options);
        assert!(campaign.findings.is_empty(), "{shards} shards: {:#?}", campaign.findings);
        assert_eq!(campaign.tally.hops > 0, shards > 1);
    }
}
