//! What a stream promises: what was sent, what was said of it, what is certain.
//!
//! What it does: knows every batch that got its offsets, every request and its answer, and demands what
//! follows from that. What it never does: it shares nothing with what it checks but plain values.
//!
//! Invariants:
//! - of the batches of a partition, in their order, the first ones are certain: somebody was told, or a
//!   process began with them;
//! - what is certain never changes, and never goes away but by a trim, a purge or a deletion.

mod answers;
mod partition;
mod recovered;
mod streams;

pub(super) use answers::{Answer, Attempt};
pub(super) use partition::{PRODUCERS_MAX, PartitionModel};
pub(super) use recovered::Recovered;
pub(super) use streams::{Control, Model};
