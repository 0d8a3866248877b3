//! A simulated disk for a log, on one thread and in memory.
//!
//! What it does: begins an operation when its future is polled first, leaves it in flight until the world
//! completes it ([`SimWorld::complete_one`]) in an order that the dice decides, and has these faults:
//! - a crash at any operation, as the end of a process or as a power failure ([`SimWorld::crash_at`],
//!   [`Crash`]);
//! - writes in flight at a crash that are stored in part, by sectors of 512 bytes, any of them;
//! - writes and syncs in flight at a crash that happened and of which nobody heard;
//! - writes that are not durable and lost by a power failure, any sectors of them;
//! - names that are made, changed and removed, and that a power failure undoes, the last ones or any;
//! - files that a crash leaves half made;
//! - operations in flight that are completed in any order, or passed over many times;
//! - reads, writes, syncs and the rest that fail, having happened in part;
//! - syncs that fail and drop what they should have made durable, so that a later one that succeeds is of
//!   no use;
//! - short writes and reads;
//! - bits that turn over, on the disk or on the way;
//! - a disk that is full, and later is not;
//! - files that are missing, and files and directories that are nobody's;
//! - old bytes in a file that was renamed, for whoever takes them for fresh ones.
//!
//! It counts how often each really happened ([`DiskCounts`]), so that a test can demand that it did.
//!
//! What it never does: it touches no real disk, reads no clock, and draws no random number but from the
//! dice it is handed: the same seed gives the same world, and [`SimWorld::trace_hash`] shows it.

mod buffer;
mod completing;
mod contents;
mod crashing;
mod dice;
mod disk;
mod faults;
mod file;
mod names;
mod request;
mod running;
mod state;
mod trace;
mod waiting;
mod world;

pub use buffer::SimBuffer;
pub use crashing::Crash;
pub use dice::Dice;
pub use disk::SimDisk;
pub use faults::{DiskCounts, Fault, Faults};
pub use file::SimFile;
pub use running::{Crashed, Step, Tasks, run};
pub use world::SimWorld;
