//! Streams: what becomes of an append to a partition, and who hears of it.
//!
//! What it does: knows which streams there are ([`Catalog`]); gives the batches of a partition their offsets, in one place from accepting over
//! writing to acking ([`Partition`]); recognises what a producer sends again (law L22); appends to
//! several partitions at once or to none ([`AtomicAppend`], law L6); says when followers are to be
//! read for ([`Effect::Read`]); and makes a partition again from a checkpoint and a log
//! ([`Recovery`]).
//!
//! What it never does: it knows no record, no body and no file; it does no IO, reads no clock and draws
//! no random number. The shard asks it for an [`AppendPlan`], finds room for the bytes, and only then
//! says [`Partition::commit_append`]; a plan that is dropped has changed nothing. It never says "not
//! stored" of what may be stored, and never "durable" before it was told so.
//!
//! ```text
//!      log_start            visible   durable    written     assigned
//!  - - - -|====================|=========|----------|...........|
//!         |      readers       |         |          |           |<- commit_append
//!         |                    |         |          |<------------- on_written
//!         |                    |         |<------------------------ on_durable: acks, followers
//!         |                    |<- as on_durable, while there is one copy only
//!         |-> trim, purge                           |<- - - - - - - truncate
//! ```
//!
//! ```text
//!  plan_append --> AppendPlan --> commit_append --> pending --on_durable--> acked
//!       |                            | leader: acked at once (L16)
//!       |                            '--on_poison, truncate--> outcome unknown (L14)
//!       |--> duplicate of what is durable: acked at once
//!       |--> duplicate of what is pending: WaitPlan --> commit_wait --> acked behind it (L13)
//!       '--> refused: nothing has changed
//!
//!  follower: reading <--on_visible-- parked      reading --on_read--> parked | out of credit | reading
//! ```
//!
//! What an append costs: one search among the producers of its partition (a new one moves those with
//! higher numbers up, and where there are too many the oldest out), one entry of 64 bytes among
//! the pending ones, and no allocation once those have grown to their working size. An idle partition
//! takes less than 1 KiB (law L20).
//!
//! Invariants:
//! - `visible <= durable <= written <= assigned`, and `log_start <= assigned` (law L12); what is visible
//!   never goes back; asserted in one function, at every change;
//! - places lie between batches;
//! - pending appends lie behind each other without gaps, from `durable` to `assigned`, unless the
//!   partition is poisoned;
//! - who asked for an ack is answered once: acked with the level that is true, told that the outcome
//!   is unknown, or refused;
//! - append times never go back (law L18);
//! - the batches of a producer in one epoch have no gap in their sequences, and an epoch never goes back
//!   while the producer is remembered;
//! - a producer is not forgotten while a batch of it is pending;
//! - nothing is appended to a poisoned partition, and nothing of it becomes durable (law L14);
//! - a follower is read for once at a time, and woken only by more that is visible.

mod advancing;
mod append;
mod appending;
mod atomic;
mod catalog;
mod effects;
mod followers;
mod following;
mod limits;
mod partition;
mod pending;
mod places;
mod producers;
mod recent_batches;
mod recovery;
mod shortening;
mod snapshot;

pub use append::{
    Ack, AppendAnswer, AppendPlan, AppendRefusal, AppendRequest, Placed, ProducerPosition,
    Requester, WaitPlan,
};
pub use atomic::{AtomicAppend, AtomicCommit, AtomicReady, AtomicRefusal, DuplicatePart};
pub use catalog::{
    Catalog, CreateRefusal, LogIndex, NewStream, PartitionPlace, PartitionRecord, StreamId,
    StreamRecord,
};
pub use effects::{Effect, Effects, FollowerRead};
pub use followers::{FollowRefusal, FollowerCredit, FollowerId, FollowerState, ReadDone};
pub use limits::PartitionLimits;
pub use partition::{Partition, PartitionCounts, PartitionState};
pub use places::{Places, ReadableRange};
pub use producers::ProducerSnapshot;
pub use recent_batches::{RecentBatch, RecentBatches};
pub use recovery::{EndOfLog, LoggedAppend, Recovery, RecoveryError};
pub use snapshot::PartitionSnapshot;
