//! How a soak is judged.

use coilgun_bench::soak::report::{Amounts, Flatness, ShardAmounts, SoakSample};

const MIB: f64 = 1_048_576.0;

/// A hundred seconds, one sample each, with so many MiB, of a broker of so many shards.
fn judge_shards(shards: usize, mib: impl Fn(f64) -> f64) -> Option<Flatness> {
    let samples: Vec<SoakSample> = (0..=100)
        .map(|second| SoakSample {
            at_seconds: f64::from(second),
            resident_bytes: Some((mib(f64::from(second)) * MIB) as u64),
            descriptors: None,
            cpu_share: None,
            counters: None,
            amounts: Amounts::default(),
        })
        .collect();
    Flatness::of_memory(&samples, 100.0, shards)
}

fn judge(mib: impl Fn(f64) -> f64) -> Option<Flatness> {
    judge_shards(1, mib)
}

#[test]
fn memory_that_grows_all_the_time_is_not_flat() {
    assert_eq!(judge(|second| 40.0 + second).map(|it| it.is_flat), Some(false));
    assert_eq!(judge(|second| 200.0 - second).map(|it| it.is_flat), Some(false));
}

#[test]
fn memory_that_grows_at_first_only_is_flat() {
    assert_eq!(judge(|second| 40.0 + 10.0 * second.min(10.0)).map(|it| it.is_flat), Some(true));
    // 5 % of 100 MiB and 4 MiB more are allowed.
    assert_eq!(
        judge(|second| if second < 50.0 { 100.0 } else { 108.9 }).map(|it| it.is_flat),
        Some(true)
    );
    assert_eq!(
        judge(|second| if second < 50.0 { 100.0 } else { 109.1 }).map(|it| it.is_flat),
        Some(false)
    );
}

#[test]
fn every_shard_may_keep_some_memory() {
    let grown = |second: f64| if second < 50.0 { 100.0 } else { 112.9 };
    assert_eq!(judge(grown).map(|it| it.is_flat), Some(false));
    assert_eq!(judge_shards(2, grown).map(|it| it.is_flat), Some(true));
    let grown = |second: f64| if second < 50.0 { 100.0 } else { 113.1 };
    assert_eq!(judge_shards(2, grown).map(|it| it.is_flat), Some(false));
}

#[test]
fn without_samples_there_is_no_verdict() {
    assert_eq!(Flatness::of_memory(&[], 100.0, 1), None);
}

#[test]
fn what_was_not_exercised_is_named() {
    let least = Amounts::least(60.0, 1);
    assert_eq!(least.below(&least), [""; 0]);
    assert_eq!(Amounts { nonsense: 0, bursts: 0, ..least }.below(&least), ["nonsense", "bursts"]);
}

#[test]
fn messages_have_to_stay_and_to_cross_only_where_there_are_several_shards() {
    assert_eq!(ShardAmounts::least(60.0, 1), ShardAmounts::default());
    let (alone, several) = (Amounts::least(60.0, 1), Amounts::least(60.0, 4));
    assert_eq!((alone.stayed, alone.crossed), (0, 0));
    assert_eq!((several.stayed, several.crossed), (12_000, 12_000));
    assert_eq!(alone.below(&several), ["stayed", "crossed"]);
    let each = ShardAmounts::least(60.0, 4);
    assert_eq!(each, ShardAmounts { stayed: 3_000, crossed: 3_000, hops: 3_000 });
    assert_eq!(ShardAmounts { hops: 0, ..each }.below(&each), ["hops"]);
    assert!(ShardAmounts::least(0.001, 2).hops > 0, "none is never enough");
}
