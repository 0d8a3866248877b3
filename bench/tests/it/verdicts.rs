//! How a soak is judged.

use coilgun_bench::soak::report::{Amounts, Flatness, SoakSample};

const MIB: f64 = 1_048_576.0;

/// A hundred seconds, one sample each, with so many MiB.
fn judge(mib: impl Fn(f64) -> f64) -> Option<Flatness> {
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
    Flatness::of_memory(&samples, 100.0)
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
fn without_samples_there_is_no_verdict() {
    assert_eq!(Flatness::of_memory(&[], 100.0), None);
}

#[test]
fn what_was_not_exercised_is_named() {
    let least = Amounts::least(60.0);
    assert_eq!(least.below(&least), [""; 0]);
    assert_eq!(Amounts { nonsense: 0, bursts: 0, ..least }.below(&least), ["nonsense", "bursts"]);
}
