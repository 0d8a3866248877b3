//! The disk of the machine, by direct IO through glommio.
//!
//! What it does: writes and reads whole aligned blocks of files in one directory ([`DirectDisk`]), and
//! small files of a few blocks for the start. What it never does: it hides no short read or write, and
//! writes nothing into the page cache that it reads around it.
//!
//! Everything here needs a glommio `LocalExecutor` around it. Blocks move on its ring. What the ring does
//! not do (names, lengths, small files, a sync of the directory) is done by the executor's thread for such
//! calls, so that a shard goes on meanwhile. Opening a file asks the kernel, apart from the ring, where it
//! is; that is for start, and for a new file now and then.

mod blocks;
mod buffer;
mod disk;
mod file;
mod opening;

pub use buffer::DirectBuffer;
pub use disk::DirectDisk;
pub use file::DirectFile;

pub(super) use blocks::read_from_start;
pub(crate) use blocks::{read_whole_block, write_new_file};
