//! The journal: one sequential log that all partitions of a shard share.
//!
//! What it does: gathers entries into commit groups, so that one synced write makes all of them
//! durable; keeps one group on its way to the disk while the next one fills; and keeps segments
//! prepared, so that a full disk is noticed before it is needed.
//!
//! What it never does: it writes over nothing that counts; it says of nothing that it is durable
//! before the disk has said so; and after a write that failed it says so of nothing any more.

mod at_hand;
mod checkpoints;
mod core;
mod durable_group;
mod filling;
mod geometry;
mod group_cache;
mod group_commit;
mod handle;
mod keeper;
mod open_group;
mod reading;
mod segments;
mod signal;

pub use durable_group::{BatchPlace, DurableGroup, GroupNumber, Refused};
pub use geometry::{
    GROUP_BYTES_DEFAULT, GROUP_ENTRIES_DEFAULT, Geometry, InvalidGeometry, SEGMENT_BYTES_DEFAULT,
};
pub use group_commit::{GroupCommit, Step, WATERMARK_DELAY_US};
pub use handle::Journal;
pub use open_group::{ClosedGroup, NoRoom, OpenGroup, Place};
pub use reading::{ReadBatch, ReadError, ReadRequest};
pub use segments::Purpose;

pub(crate) use checkpoints::Checkpoints;
pub(crate) use core::Beginning;
pub(crate) use keeper::{replace_manifest, replace_small};
pub(crate) use segments::Segments;
