//! The simulator finds deliberate faults: a model that cannot fail proves nothing.

use coilgun_core::mutant as core;
use coilgun_server::mutant as server;
use coilgun_sim::finding::Finding;
use coilgun_sim::simulation::{Options, run};

/// Seeds within which a fault must be found.
const SEEDS_MAX: u64 = 3_000;

/// What the first seed finds that finds anything.
fn first_finding() -> Option<(u64, Finding)> {
    (0..SEEDS_MAX).find_map(|seed| run(seed, Options::default()).finding.map(|it| (seed, it)))
}

/// Whether the simulator can see a fault of the router, and by which of its promises.
fn core_finder(mutant: core::Mutant) -> Option<&'static [&'static str]> {
    use core::Mutant;
    match mutant {
        Mutant::DoubleDelivery => Some(&["one delivery for each queue group"]),
        Mutant::StaleRoute | Mutant::StaleWildcard | Mutant::DeafRoute => Some(&[]),
        Mutant::IgnoredCredit => Some(&["nobody gets more than its credit"]),
        Mutant::Echo => Some(&["only who asked for it in time gets a message"]),
        // What it sees may be an announcement of the broker, which no client published.
        Mutant::SeesEverything => Some(&[
            "only who asked for it in time gets a message",
            "only what was published is delivered",
        ]),
        Mutant::RemoteGroupPick => Some(&["one delivery for each queue group"]),
        // How fairly a group shares is no promise of the model, and clients with so many subscriptions
        // that they are removed in slices would make a seed too slow.
        Mutant::StuckTurn | Mutant::Undead => None,
        // Simulated clients are guests, who may do everything.
        Mutant::IgnoredPermission
        | Mutant::IgnoredDeny
        | Mutant::IgnoredExclusion
        | Mutant::Undying
        | Mutant::StalePermits => None,
        // Simulated brokers have no partitions; `streams.rs` finds these.
        Mutant::EarlyAck
        | Mutant::NoEpochCheck
        | Mutant::NoDedup
        | Mutant::DuplicateAckedEarly
        | Mutant::VisibleEarly
        | Mutant::AtomicInPart
        | Mutant::KnownAfterPoison => None,
    }
}

/// Whether the simulator can see a fault of the shard.
fn server_finder(mutant: server::Mutant) -> Option<&'static [&'static str]> {
    use server::Mutant;
    match mutant {
        Mutant::FreedEarly => Some(&[]),
        Mutant::DroppedReceive | Mutant::DroppedAccept | Mutant::LostStarved => {
            Some(&["something always moves"])
        }
        Mutant::RepeatedSend => Some(&[]),
        Mutant::HalfFanOut => Some(&[]),
        Mutant::UntoldDrop => Some(&["what was missed is told"]),
        Mutant::EarlyRelease => Some(&["no assertion fails"]),
        Mutant::EarlyAck | Mutant::NoHold | Mutant::NoBarrier | Mutant::LostBounce => Some(&[]),
        // What a processor reorders, and what costs time only, is invisible on one thread; and no client
        // of the simulator is inside the process.
        Mutant::PlantedAllocation
        | Mutant::AllocatingAppend
        | Mutant::NoSleeperFence
        | Mutant::NoWakerFence
        | Mutant::NoLoanFence
        | Mutant::NoLinkFence => None,
        // They listen to no announcements, and take no names away.
        Mutant::Unannounced | Mutant::SharedName => None,
        // Simulated clients are guests: nobody asks who they are.
        Mutant::StaleVerdict | Mutant::StaleAccess => None,
        // They come through sockets, and their requests have no deadline.
        Mutant::NoDoorbell | Mutant::LateRequest => None,
        // These brokers have no logs; the simulation of streams finds it.
        Mutant::EarlyReuse => None,
    }
}

#[test]
fn faults_of_the_router_are_found() {
    for mutant in core::Mutant::ALL {
        let Some(promises) = core_finder(mutant) else { continue };
        check(&format!("{mutant:?}"), promises, core::with(mutant, first_finding));
    }
}

#[test]
fn faults_of_the_shard_are_found() {
    for mutant in server::Mutant::ALL {
        let Some(promises) = server_finder(mutant) else { continue };
        check(&format!("{mutant:?}"), promises, server::with(mutant, first_finding));
    }
}

fn check(mutant: &str, promises: &[&str], found: Option<(u64, Finding)>) {
    let (seed, finding) = found.unwrap_or_else(|| panic!("{mutant} went unnoticed"));
    println!("{mutant}: seed {seed}: {finding}");
    let is_right = promises.is_empty() || promises.contains(&finding.promise);
    assert!(is_right, "{mutant} was found by: {finding}");
}
