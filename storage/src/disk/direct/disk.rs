//! A directory of the machine's disk.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use glommio::io::{DmaFile, OpenOptions};

use super::buffer::DirectBuffer;
use super::file::DirectFile;
use super::opening::{FILE_MODE, io_error, open};
use crate::disk::directory::{list, read_small, sync_directory, write_small};
use crate::disk::error::{DiskError, Operation, short_write};
use crate::disk::seam::{DirectoryEntry, Disk, assert_filled, assert_plain};

/// How much is filled with zeros by one write, in bytes: enough that its latency does not count, and
/// little enough that another write behind it does not wait long.
const FILL_BYTES: usize = 1 << 20;

/// [`Disk`] on a real disk.
#[derive(Clone, Debug)]
pub struct DirectDisk {
    directory: Rc<Path>,
}

impl DirectDisk {
    /// The directory `directory`, which has to be there.
    #[must_use]
    pub fn new(directory: &Path) -> DirectDisk {
        DirectDisk { directory: Rc::from(directory) }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn path_of(&self, name: &str) -> PathBuf {
        assert_plain(name);
        self.directory.join(name)
    }

    async fn open_as(&self, name: &str, is_writable: bool) -> Result<DirectFile, DiskError> {
        let path = self.path_of(name);
        let mut options = OpenOptions::new();
        options.read(true);
        if is_writable {
            options.write(true).custom_flags(libc::O_DSYNC);
        }
        let file = open(&path, &options, Operation::Open).await?;
        match file.file_size().await {
            Ok(bytes) => Ok(DirectFile::new(file, path, bytes)),
            Err(error) => {
                // The error that counts is the one that is there already.
                let _ = file.close().await;
                Err(Operation::Inspect.on(&path)(io_error(error)))
            }
        }
    }
}

impl Disk for DirectDisk {
    type Buffer = DirectBuffer;
    type File = DirectFile;

    fn buffer(&self, bytes: usize) -> DirectBuffer {
        DirectBuffer::new(bytes)
    }

    async fn create_filled(&self, name: &str, bytes: u64) -> Result<DirectFile, DiskError> {
        let path = self.path_of(name);
        assert_filled(bytes);
        // Filled without O_DSYNC, and synced once: else each write would wait for the journal of the file
        // system, because the file gets longer.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        let file = open(&path, &options, Operation::Create).await?;
        let filled = fill(&file, &path, bytes).await;
        let closed = file.close().await.map_err(io_error).map_err(Operation::Close.on(&path));
        let opened = match filled.and(closed) {
            Ok(()) => self.open_as(name, true).await,
            Err(error) => Err(error),
        };
        if opened.is_err() {
            // Half a file is of no use to anybody. The error that counts is the one that is there already.
            let _ = glommio::io::remove(&path).await;
        }
        opened
    }

    async fn open(&self, name: &str) -> Result<DirectFile, DiskError> {
        self.open_as(name, true).await
    }

    async fn open_read_only(&self, name: &str) -> Result<DirectFile, DiskError> {
        self.open_as(name, false).await
    }

    async fn write_small(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let (path, bytes) = (self.path_of(name), bytes.to_vec());
        glommio::executor().spawn_blocking(move || write_small(&path, &bytes)).await
    }

    async fn read_small(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        let path = self.path_of(name);
        glommio::executor().spawn_blocking(move || read_small(&path, bytes_max)).await
    }

    async fn list(&self) -> Result<Vec<DirectoryEntry>, DiskError> {
        let path = self.directory.to_path_buf();
        glommio::executor().spawn_blocking(move || list(&path)).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let (from, to) = (self.path_of(from), self.path_of(to));
        let renamed = glommio::io::rename(&from, &to).await;
        renamed.map_err(io_error).map_err(Operation::Rename.on(&from))
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let path = self.path_of(name);
        glommio::io::remove(&path).await.map_err(io_error).map_err(Operation::Remove.on(&path))
    }

    async fn sync_directory(&self) -> Result<(), DiskError> {
        // glommio offers fdatasync for a directory, of which POSIX does not say that it makes names durable.
        let path = self.directory.to_path_buf();
        glommio::executor().spawn_blocking(move || sync_directory(&path)).await
    }
}

/// Writes zeros until the file is `bytes` long, and syncs it.
async fn fill(file: &DmaFile, path: &Path, bytes: u64) -> Result<(), DiskError> {
    let mut zeros = DirectBuffer::new(FILL_BYTES).memory();
    let mut at = 0;
    while at < bytes {
        let left = bytes - at;
        if left < FILL_BYTES as u64 {
            zeros = DirectBuffer::new(left as usize).memory();
        }
        let expected = zeros.len();
        let written = file.write_rc_at(zeros.clone(), at).await;
        let written = written.map_err(io_error).map_err(Operation::Write.on(path))?;
        if written < expected {
            return Err(Operation::Write.on(path)(short_write(written, expected, at)));
        }
        at += expected as u64;
    }
    file.fdatasync().await.map_err(io_error).map_err(Operation::Sync.on(path))
}
