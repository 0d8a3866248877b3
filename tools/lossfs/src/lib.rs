//! A file system for tests that forgets what was not synced, as a disk does whose power is cut.
//!
//! What it does: it shows a directory through FUSE ([`LossyDisk`]). What a program writes reaches that
//! directory only when a disk would hold it for certain: bytes when they were written with `O_DSYNC` or
//! `O_SYNC`, or when their file was synced; names when their directory was synced. The rest stays in memory
//! until [`LossyDisk::cut`] stops everything at any moment, also half way through a write, and
//! [`LossyDisk::forget`] drops it, all of it or a part that dice choose: blocks in any order, some of them
//! torn between sectors. It also fills up, and fails writes ([`LossyDisk::set_capacity`],
//! [`LossyDisk::fail_writes_to`]).
//!
//! What it never does: it is part of nothing that is shipped, and makes nothing durable itself: who cuts the
//! power of the machine under it loses both. It knows files and directories; no sockets, no links that are
//! names, no directories that are moved, and owners and modes are not lost.
//!
//! ```text
//!   BACKING/disk   what a disk would hold           BACKING/held   files by number: each name below
//!                  after a power cut                                `disk` is a hard link to one of them
//! ```
//!
//! Invariants: a file below `disk` holds only bytes that were synced, or that dice kept; a name is there only
//! if its directory was synced behind it, or dice kept it. Names of one directory become durable in order, and
//! a rename wholly or not at all. A synced file whose name is not durable is lost with its name, which is more
//! than most file systems lose.

mod answers;
mod content;
mod dice;
mod faults;
mod filesystem;
mod mounted;
mod names;
mod namespace;
mod power;
mod storing;
mod volume;

pub use faults::Lie;
pub use mounted::{Keep, LossyDisk, MountError};
pub use namespace::{in_own_mounts, missing, mount_kind, unmount};
pub use storing::Forgotten;
