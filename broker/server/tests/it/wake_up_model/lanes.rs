//! A model check of a shard that sleeps until a parcel or one of its loans arrives: the file of the
//! flag for loans is compiled a second time too, with loom's atomics.

use std::sync::Arc;

use loom::sync::atomic::{self, AtomicU32, Ordering};
use loom::thread;

#[path = "../../../src/mesh/loan_flag.rs"]
mod loan_flag;

use super::SleepFlag;
use loan_flag::LoanFlag;

/// What the sleeping shard and the other one share. The counters stand for the rings: only the fences
/// of the flags order them here, though the broker's rings order more.
struct Shared {
    sleeping: SleepFlag,
    wants_loans: LoanFlag,
    /// Parcels that were put into the ring to the sleeper.
    parcels: AtomicU32,
    /// Loans that came back to the sleeper.
    returns: AtomicU32,
    /// Stands for the eventfd, which the kernel reads and writes under a spin lock.
    event: AtomicU32,
}

/// Parcels and loans: what the sleeper has seen, or waits for.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Arrived {
    parcels: u32,
    loans: u32,
}

impl Shared {
    fn new() -> Shared {
        Shared {
            sleeping: SleepFlag::new(),
            wants_loans: LoanFlag::new(),
            parcels: AtomicU32::new(0),
            returns: AtomicU32::new(0),
            event: AtomicU32::new(0),
        }
    }

    /// What `Waker::wake` does.
    fn wake(&self) {
        if self.sleeping.needs_wake_up() {
            self.event.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// What `ThreadPort::push` and `wake` do.
    fn push_and_wake(&self) {
        self.parcels.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    /// What `ThreadPort::give_back` does.
    fn give_back(&self) {
        self.returns.fetch_add(1, Ordering::Relaxed);
        if self.wants_loans.needs_wake_up() {
            self.wake();
        }
    }

    /// Looks for what is still to arrive.
    fn look(&self, seen: Arrived, all: Arrived) -> Arrived {
        let look = |ring: &AtomicU32, seen, all| {
            if seen == all { all } else { ring.load(Ordering::Relaxed) }
        };
        Arrived {
            parcels: look(&self.parcels, seen.parcels, all.parcels),
            loans: look(&self.returns, seen.loans, all.loans),
        }
    }

    fn has_event(&self) -> bool {
        self.event.load(Ordering::Acquire) > 0
    }

    /// What `Waker::end_sleep` does.
    fn end_sleep(&self) {
        self.sleeping.end_sleep();
        self.event.swap(0, Ordering::AcqRel);
    }
}

/// What a shard does around its sleep until `all` has arrived; it wants its loans only while it sleeps.
/// Ends, because every round but the last sees something arrive or an event.
fn take_all(shared: &Shared, all: Arrived, other: thread::JoinHandle<()>) {
    let mut other = Some(other);
    let mut seen = shared.look(Arrived::default(), all);
    while seen != all {
        let wants_loans = seen.loans < all.loans;
        if wants_loans {
            shared.wants_loans.want(true);
        }
        shared.sleeping.announce_sleep();
        if shared.look(seen, all) == seen && !shared.has_event() {
            // It sleeps. Once the other one is through, everything is there and no wake-up is on its
            // way; one that comes earlier is the same as one that was there.
            if let Some(other) = other.take() {
                other.join().expect("the other shard does not panic");
            }
            assert!(shared.has_event(), "S24: the shard sleeps though something arrived");
        }
        shared.end_sleep();
        if wants_loans {
            shared.wants_loans.want(false);
        }
        seen = shared.look(seen, all);
    }
}

/// Checks what happens when the other shard does these things, in order: `true` pushes a parcel,
/// `false` gives a loan back.
fn check(pushes: &'static [bool]) {
    let parcels = pushes.iter().filter(|push| **push).count() as u32;
    let all = Arrived { parcels, loans: pushes.len() as u32 - parcels };
    // One thing is tried in every interleaving. Two would take minutes: there a thread is interrupted
    // so many times at most where it could go on.
    let is_full = std::env::var_os("COILGUN_TEST_FULL").is_some();
    let interruptions_max = if is_full { 8 } else { 5 };
    let mut model = loom::model::Builder::new();
    model.preemption_bound = (pushes.len() > 1).then_some(interruptions_max);
    model.check(move || {
        let shared = Arc::new(Shared::new());
        let other = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for push in pushes {
                    if *push { shared.push_and_wake() } else { shared.give_back() }
                }
            }
        });
        take_all(&shared, all, other);
    });
}

#[test]
pub(crate) fn s24_no_parcel_and_no_loan_finds_the_shard_asleep() {
    check(&[true]);
    check(&[false]);
    check(&[true, false]);
    check(&[false, true]);
    check(&[false, false]);
}
