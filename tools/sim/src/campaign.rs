//! Many seeds, on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::finding::Finding;
use crate::tally::Tallied;

/// Seeds with something wrong after which a campaign ends.
const FINDINGS_MAX: u64 = 10;

/// What a campaign found.
#[derive(Debug, Default)]
pub struct Campaign<T> {
    /// What happened in all seeds.
    pub tally: T,
    /// Seeds with something wrong, lowest first.
    pub findings: Vec<(u64, Finding)>,
}

/// Runs all seeds of a range on so many threads, or until enough of them have found something; each
/// finding is told to `on_finding` at once. `run` plays one seed.
///
/// # Panics
/// If a thread does, which catches the assertions of its simulations.
#[must_use]
pub fn campaign<T: Tallied>(
    seeds: Range<u64>,
    jobs: usize,
    run: impl Fn(u64) -> (T, Option<Finding>) + Sync,
    on_finding: impl Fn(u64, &Finding) + Sync,
) -> Campaign<T> {
    let (next, found) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let mut all = Campaign { tally: T::default(), findings: Vec::new() };
    let work = || {
        let mut campaign = Campaign { tally: T::default(), findings: Vec::new() };
        while found.load(Ordering::Relaxed) < FINDINGS_MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let (tally, finding) = run(seed);
            campaign.tally.add(&tally);
            if let Some(finding) = finding {
                found.fetch_add(1, Ordering::Relaxed);
                on_finding(seed, &finding);
                campaign.findings.push((seed, finding));
            }
        }
        campaign
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let campaign = thread.join().expect("simulations catch their panics");
            all.tally.add(&campaign.tally);
            all.findings.extend(campaign.findings);
        }
    });
    all.findings.sort_by_key(|(seed, _)| *seed);
    all
}
