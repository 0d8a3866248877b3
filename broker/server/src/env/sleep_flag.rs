//! The flag that says that a shard sleeps, and the two fences around it.
//!
//! ```text
//! sleeper                            waker
//!   announce_sleep:                    put work into the queue
//!     flag = true, fence               needs_wake_up:
//!   look at every queue again            fence, look at the flag
//!   wait, unless there is work         if it is set: wake the sleeper
//!   end_sleep: flag = false
//! ```
//!
//! All that one fence separates is seen by whoever passes the other one later: either the sleeper
//! sees the work or the waker sees the flag (law S24).
//!
//! `super::atomic` is that of the machine here. A test compiles this file a second time below a module
//! whose atomics try every interleaving, and `mutant` of its own root.

use super::atomic::{AtomicBool, Ordering, fence};
use crate::mutant::{self, Mutant};

/// Whether a shard sleeps, or is about to.
#[derive(Debug)]
pub(super) struct SleepFlag(AtomicBool);

impl SleepFlag {
    /// The flag of a shard that is awake.
    pub(super) fn new() -> SleepFlag {
        SleepFlag(AtomicBool::new(false))
    }

    /// The sleeper says that it is about to sleep. It must look at its queues once more afterwards.
    pub(super) fn announce_sleep(&self) {
        self.0.store(true, Ordering::Relaxed);
        if !mutant::is_active(Mutant::NoSleeperFence) {
            fence(Ordering::SeqCst);
        }
    }

    /// The sleeper says that it is awake. It must look at its queues before it sleeps again.
    pub(super) fn end_sleep(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether somebody who has put work into a queue must also wake the sleeper. If not, the sleeper
    /// sees the work before it sleeps.
    pub(super) fn needs_wake_up(&self) -> bool {
        if !mutant::is_active(Mutant::NoWakerFence) {
            fence(Ordering::SeqCst);
        }
        self.0.load(Ordering::Relaxed)
    }
}
