//! Partitions and their journals together: what a shard does with both.
//!
//! What it does: puts what partitions accept into the journal, in one step from the plan over the room to
//! the entry; tells partitions what has become durable, in the order of the log; writes checkpoints
//! between appends; reads for followers; and makes the partitions again from a log that is opened.
//! What it never does: it knows no client and no protocol, and decides nothing that a partition or the
//! journal decides.
//!
//! ```text
//!  append --> plan_append --> has_room --> commit_append --> append_batch
//!               | answered       | later      | acked at once (leader)   \
//!               v                v            v                            commit group n
//!                                                                         |
//!  effects <-- on_durable, in order <-- on_written <-- next_durable <-----+
//!        ^---- on_poison, for all partitions <-- the journal failed
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
mod host;
mod rebuilding;
mod releasing;
mod requests;
mod states;

pub use checkpointing::ChunkLimits;
pub use host::{StreamHost, health};
pub use rebuilding::{Rebuilding, RebuildingFault, Rebuilt, RebuiltCatalog};
pub use releasing::Released;
pub use requests::{AppendAtomicOutcome, AppendOutcome, Batch, NotTaken};
pub use states::{stream_record, stream_state};
