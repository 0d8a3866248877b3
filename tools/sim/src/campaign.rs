//! Many seeds, on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::finding::Finding;
use crate::report::Tally;
use crate::simulation::{Options, run};

/// Seeds with something wrong after which a campaign ends.
const FINDINGS_MAX: u64 = 10;

/// What a campaign found.
#[derive(Debug, Default)]
pub struct Campaign {
    /// What happened in all seeds.
    pub tally: Tally,
    /// Seeds with something wrong, lowest first.
    pub findings: Vec<(u64, Finding)>,
}

/// Runs all seeds of a range on so many threads, or until enough of them have found something; each
/// finding is told to `on_finding` at once.
///
/// # Panics
/// If a thread does, which catches the assertions of its simulations.
#[must_use]
pub fn campaign(
    seeds: Range<u64>,
    jobs: usize,
    options: Options,
    on_finding: impl Fn(u64, &Finding) + Sync,
) -> Campaign {
    let (next, found) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let mut all = Campaign::default();
    let work = || {
        let mut campaign = Campaign::default();
        while found.load(Ordering::Relaxed) < FINDINGS_MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let run = run(seed, options);
            campaign.tally.add(&run.tally);
            if let Some(finding) = run.finding {
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
