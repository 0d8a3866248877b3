//! What the kernel is told about nodes and files.

use std::io;

use fuser::{FileAttr, FileType, FopenFlags, INodeNo, OpenFlags};

use crate::content::BLOCK_BYTES;
use crate::volume::{Kind, Volume};

/// A node as the kernel is told of it.
pub(crate) struct Seen(pub(crate) FileAttr);

/// What the kernel is told about a node.
pub(crate) fn seen(volume: &Volume, number: u64) -> io::Result<Seen> {
    let node = volume.node(number)?;
    let (size, kind) = match &node.kind {
        Kind::File(content) => (content.bytes(), FileType::RegularFile),
        Kind::Directory(_) => (0, FileType::Directory),
    };
    Ok(Seen(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: node.modified,
        mtime: node.modified,
        ctime: node.modified,
        crtime: node.modified,
        kind,
        perm: node.mode as u16,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK_BYTES as u32,
        flags: 0,
    }))
}

/// What the kernel may remember of the bytes of a file that is opened so.
///
/// What is written goes past its memory, because from there it would sync the whole file where only one write is
/// synced. What is only read does not: with FOPEN_DIRECT_IO Linux 6.18 answers a read through io_uring over the
/// end of a file as if it did not end there, with bytes from where the read began. Opening a file drops what the
/// kernel remembers, so that what was forgotten is gone.
pub(crate) fn caching(flags: i32) -> FopenFlags {
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        FopenFlags::empty()
    } else {
        FopenFlags::FOPEN_DIRECT_IO
    }
}

/// Whether what is written so has to be on the disk before the write returns.
pub(crate) fn is_synced(flags: OpenFlags) -> bool {
    // O_SYNC has the bit of O_DSYNC, and one more.
    flags.0 & libc::O_DSYNC != 0
}
