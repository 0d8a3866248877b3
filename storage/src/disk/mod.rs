//! The seam to the disk: everything that touches a file goes through here.
//!
//! What it does: locks and syncs directories, moves whole aligned blocks by direct IO, tests a device by
//! reading back what was written, and knows file systems that keep nothing. What a log needs of a disk is
//! [`Disk`] and [`DiskFile`]; [`DirectDisk`] is that on the machine's disk, and [`sim`] on one that fails.
//!
//! What it never does: it does not know what the bytes mean. Nothing outside this folder names the
//! runtime or the file system, so that another runtime or a simulated disk replaces one folder.
//!
//! The asynchronous functions run inside an executor of the runtime. The synchronous ones block
//! their thread; they serve start and shutdown, never a turn of a shard.

mod block;
mod direct;
mod directory;
mod error;
mod run;
mod seam;
mod self_test;
pub mod sim;
mod volatile;

pub use block::{BLOCK_BYTES, Block};
pub use direct::{DirectBuffer, DirectDisk, DirectFile};
pub use error::{DiskError, Operation};
pub use run::block_on;
pub use seam::{DirectoryEntry, Disk, DiskBuffer, DiskFile, FileKind};
pub use self_test::{SelfTestError, self_test};
pub use volatile::is_in_memory;

pub(crate) use direct::{read_whole_block, write_new_file};
pub(crate) use directory::{
    Entry, FileLock, create_directory, entry_kind, lock_existing_file, lock_file, remove_if_there,
    rename, sync_directory,
};
