//! What a log needs of a disk: one directory of files, written and read in whole aligned blocks.
//!
//! A write is durable when it returns, and writes only inside of a file that was filled before: so it
//! never allocates, and a full disk refuses nothing but a new file. Names are another matter: what was
//! made, renamed or removed may be undone by a power failure until
//! [`sync_directory`](Disk::sync_directory) has returned.
//!
//! An error says which part of the promise is gone: after one, any part of what was to be done may have
//! been done, and may be undone by a power failure. A future that is dropped half way leaves its
//! operation to the disk, which carries it out at any time, or not.

use std::rc::Rc;

use super::block::BLOCK_BYTES;
use super::error::DiskError;

/// Memory for direct IO: aligned to a block, and a multiple of [`BLOCK_BYTES`] long.
pub trait DiskBuffer: AsRef<[u8]> + AsMut<[u8]> + 'static {
    /// Keeps only the first `bytes`. What was cut off does not come back.
    ///
    /// # Panics
    /// If `bytes` is no multiple of [`BLOCK_BYTES`], is 0, or is more than there is.
    fn truncate(&mut self, bytes: usize);
}

/// What stands under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, a socket, a pipe or a device.
    Other,
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectoryEntry {
    /// The name. One that is no UTF-8 has replacement characters, and is nobody's of ours.
    pub name: String,
    /// How long the file is; 0 if it is none.
    pub bytes: u64,
    /// What it is.
    pub kind: FileKind,
}

/// One directory on a disk. Cheap to clone; all clones are the same directory.
///
/// # Panics
/// Every function panics if a name is no plain file name: empty, `.`, `..`, or with a slash in it.
#[expect(
    async_fn_in_trait,
    reason = "a log lives on one thread, so nobody needs its futures to be Send"
)]
pub trait Disk: Clone + 'static {
    /// Its memory.
    type Buffer: DiskBuffer;
    /// Its files.
    type File: DiskFile<Buffer = Self::Buffer>;

    /// Memory for `bytes` bytes, with anything in it.
    ///
    /// # Panics
    /// If `bytes` is no multiple of [`BLOCK_BYTES`], or 0.
    fn buffer(&self, bytes: usize) -> Self::Buffer;

    /// Makes a file of `bytes` zeros and opens it to read and to write it. When it returns, every block was
    /// written and is durable; the name is not.
    ///
    /// # Errors
    /// If there is such a name already, the disk is full, or it refuses. What was made of the file is
    /// removed again then; the name may come back after a power failure.
    ///
    /// # Panics
    /// If `bytes` is no multiple of the block size, or 0.
    async fn create_filled(&self, name: &str, bytes: u64) -> Result<Self::File, DiskError>;

    /// Opens a file to read and to write it.
    ///
    /// # Errors
    /// If there is none, or the disk refuses.
    async fn open(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Opens a file to read it; whoever writes it all the same gets an error.
    ///
    /// # Errors
    /// If there is none, or the disk refuses.
    async fn open_read_only(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Makes a file of any few bytes. When it returns, they are durable; the name is not.
    ///
    /// # Errors
    /// As [`create_filled`](Disk::create_filled).
    async fn write_small(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError>;

    /// All bytes of a file that may have `bytes_max` at most.
    ///
    /// # Errors
    /// If there is none, it is longer, or the disk refuses.
    async fn read_small(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, DiskError>;

    /// What is in the directory, by name.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn list(&self) -> Result<Vec<DirectoryEntry>, DiskError>;

    /// Gives a file another name, in the place of the file that has that name, if one has. Not durable
    /// when it returns.
    ///
    /// # Errors
    /// If there is no `from`, or the disk refuses.
    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file. Not durable when it returns. Those who have the file open keep it.
    ///
    /// # Errors
    /// If there is none ([`DiskError::is_missing`]), or the disk refuses.
    async fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// Makes durable which names there are, as far as they were made, renamed and removed when this was
    /// called.
    ///
    /// # Errors
    /// If the disk refuses. What it made durable is unknown then.
    async fn sync_directory(&self) -> Result<(), DiskError>;
}

/// One open file. Dropping it closes it, too; an error of that is lost.
#[expect(
    async_fn_in_trait,
    reason = "a log lives on one thread, so nobody needs its futures to be Send"
)]
pub trait DiskFile: 'static {
    /// The memory it reads into and writes from.
    type Buffer: DiskBuffer;

    /// How long the file is. Only [`truncate`](DiskFile::truncate) changes that.
    fn bytes(&self) -> u64;

    /// Writes the whole buffer at the place `at`. When it returns, that is durable.
    ///
    /// # Errors
    /// If the disk refuses, or wrote only a part. The rest of the place holds any mixture of the old and
    /// the new sectors then.
    ///
    /// # Panics
    /// If `at` is no multiple of the block size, or the buffer does not end within the file.
    async fn write(&self, buffer: Rc<Self::Buffer>, at: u64) -> Result<(), DiskError>;

    /// Reads `bytes` bytes from the place `at` on.
    ///
    /// # Errors
    /// If the disk refuses, or the file ends before that.
    ///
    /// # Panics
    /// If `at` or `bytes` is no multiple of the block size, or `bytes` is 0.
    async fn read(&self, at: u64, bytes: usize) -> Result<Self::Buffer, DiskError>;

    /// Makes durable what was written before this was called, by whomever, also by a process that was
    /// killed before it heard that its write is done.
    ///
    /// # Errors
    /// If the disk refuses. What it made durable is unknown then, and stays so: a later call that
    /// succeeds says nothing of it.
    async fn sync(&self) -> Result<(), DiskError>;

    /// Cuts the file off behind its first `bytes` bytes. When it returns, that is durable.
    ///
    /// # Errors
    /// If the disk refuses.
    ///
    /// # Panics
    /// If `bytes` is no multiple of the block size, or more than there is.
    async fn truncate(&self, bytes: u64) -> Result<(), DiskError>;

    /// Closes the file.
    ///
    /// # Errors
    /// If the disk refuses; it is closed all the same.
    async fn close(self) -> Result<(), DiskError>;
}

/// Asserts that a name is one inside of the directory.
pub(super) fn assert_plain(name: &str) {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    assert!(is_plain, "{name:?} is no plain file name");
}

/// Asserts that direct IO can be done at a place with a length.
pub(super) fn assert_aligned(at: u64, bytes: usize) {
    assert!(at.is_multiple_of(BLOCK_BYTES as u64), "direct IO begins at a block, not at {at}");
    assert!(
        bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES),
        "direct IO moves blocks, not {bytes} bytes"
    );
}

/// Asserts that a file can be filled with so many bytes: whole blocks, and one at least, because runtimes
/// have been seen that are misled by an empty file.
pub(super) fn assert_filled(bytes: u64) {
    let has_blocks = bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES as u64);
    assert!(has_blocks, "files are filled with whole blocks, not {bytes} bytes");
}

/// Asserts that a write stays within a file of `file_bytes`.
pub(super) fn assert_within(at: u64, bytes: usize, file_bytes: u64) {
    let end = at.checked_add(bytes as u64);
    let is_within = end.is_some_and(|end| end <= file_bytes);
    assert!(is_within, "a write of {bytes} bytes at {at} leaves a file of {file_bytes} bytes");
}

/// Asserts that a file of `file_bytes` can be cut off behind its first `bytes`.
pub(super) fn assert_shorter(bytes: u64, file_bytes: u64) {
    assert!(bytes.is_multiple_of(BLOCK_BYTES as u64), "files are cut at blocks, not at {bytes}");
    assert!(bytes <= file_bytes, "cutting off makes no file of {file_bytes} bytes longer");
}
