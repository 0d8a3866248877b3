//! Partitions and their journal together: what a shard does with both.
//!
//! What it does: puts what partitions accept into the journal, in one step from the plan over the room to
//! the entry; tells partitions what has become durable, in the order of the log; writes checkpoints
//! between appends; and makes the partitions again from a log that is opened. What it never does: no IO
//! and no waiting; it decides nothing that a partition or the journal decides.
//!
//! ```text
//!  append --> plan_append --> has_room --> commit_append --> append_batch --> on_written
//!               | answered       | later      | acked at once (leader)  \
//!               v                v            v                           commit group n
//!                                                                            |
//!  effects <---- on_durable, in the order of the log <---- next_durable <----+
//!        ^------ on_poison, for all partitions <---------- the journal failed
//! ```
//!
//! Invariants:
//! - between the plan and the entry nothing else happens, and after the room was found nothing is refused:
//!   what a partition has assigned is in the journal, in the same order;
//! - all parts of an atomic append are in one commit group;
//! - what became durable before the journal failed is acked before the partitions hear of the failure;
//! - a snapshot is behind everything that the partition had assigned when it was taken.

mod appending;
mod checkpointing;
mod controlling;
mod rebuilding;
mod requests;
mod snapshots;
mod stream_host;

pub(crate) use rebuilding::Rebuilding;
pub(crate) use requests::{AppendAtomicOutcome, AppendOutcome, Batch, NotTaken};
pub(crate) use stream_host::StreamHost;
