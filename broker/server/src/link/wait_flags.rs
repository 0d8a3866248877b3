//! What one end of a connection inside the process waits for, and the two fences around it.
//!
//! Either who waits sees what was done, or who did it sees the flag, as with a shard that sleeps (law
//! S24).
//!
//! `super::atomic` is that of the machine here. A test compiles this file a second time below a module
//! whose atomics try every interleaving, and `mutant` of its own root.

use super::atomic::{AtomicU8, Ordering, fence};
use crate::mutant::{self, Mutant};

/// What one end waits for, as bits.
#[derive(Debug)]
pub(super) struct WaitFlags(AtomicU8);

impl WaitFlags {
    /// The flags of an end that waits for nothing.
    pub(super) fn new() -> WaitFlags {
        WaitFlags(AtomicU8::new(0))
    }

    /// An end says what it waits for. It must look for it once more afterwards.
    pub(super) fn wait_for(&self, what: u8) {
        self.0.store(what, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether the other end, which has just done `what`, must wake this one. The answer is yes once;
    /// if it is no, who waits sees what was done before it sleeps.
    pub(super) fn take(&self, what: u8) -> bool {
        if !mutant::is_active(Mutant::NoLinkFence) {
            fence(Ordering::SeqCst);
        }
        self.0.load(Ordering::Relaxed) & what != 0 && self.0.swap(0, Ordering::AcqRel) != 0
    }
}
