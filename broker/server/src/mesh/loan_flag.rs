//! The flag that says that a shard waits for loans to come back from another one, and its fence.
//!
//! ```text
//! lender                             giver
//!   want(true)                         put the loan into the ring of returns
//!   announce_sleep: fence              needs_wake_up:
//!   look for loans again                 fence, look at the flag
//!   wait, unless one came back         if it is set: ring the lender's doorbell
//! ```
//!
//! Either the lender sees the loan or the giver sees the flag, as with the sleeping flag, whose fence
//! is the lender's here too (law S24). The giver's is its own: the doorbell's comes after the look at
//! this flag.
//!
//! `super::atomic` is that of the machine here. A test compiles this file a second time below a module
//! whose atomics try every interleaving, and `mutant` of its own root.

use super::atomic::{AtomicBool, Ordering, fence};
use crate::mutant::{self, Mutant};

/// Whether a shard waits for its loans.
#[derive(Debug)]
pub(super) struct LoanFlag(AtomicBool);

impl LoanFlag {
    /// The flag of a shard that waits for none.
    pub(super) fn new() -> LoanFlag {
        LoanFlag(AtomicBool::new(false))
    }

    /// The lender says whether it is to be woken. It must look for loans once more after it has
    /// announced its sleep.
    pub(super) fn want(&self, wanted: bool) {
        self.0.store(wanted, Ordering::Relaxed);
    }

    /// Whether somebody who has given a loan back must also wake the lender. If not, the lender sees
    /// the loan before it sleeps.
    pub(super) fn needs_wake_up(&self) -> bool {
        if !mutant::is_active(Mutant::NoLoanFence) {
            fence(Ordering::SeqCst);
        }
        self.0.load(Ordering::Relaxed)
    }
}
