//! Directories, names and locks: short blocking calls for start and shutdown.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::error::{DiskError, Operation};

/// Only the broker's own user may look at its data.
const DIRECTORY_MODE: u32 = 0o700;
/// Likewise for files.
const FILE_MODE: u32 = 0o600;

/// What stands under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// Nothing.
    Missing,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A socket, a pipe, a device or a link that leads nowhere.
    Other,
}

/// Looks at what stands under `path`, following links.
///
/// # Errors
/// If it cannot be looked at.
pub(crate) fn entry_kind(path: &Path) -> Result<Entry, DiskError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Entry::File),
        Ok(found) if found.is_dir() => Ok(Entry::Directory),
        Ok(_) => Ok(Entry::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => missing_or_dangling(path),
        Err(error) => Err(Operation::Inspect.on(path)(error)),
    }
}

/// Tells a link whose target is gone from nothing at all.
fn missing_or_dangling(path: &Path) -> Result<Entry, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(Entry::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Entry::Missing),
        Err(error) => Err(Operation::Inspect.on(path)(error)),
    }
}

/// Makes `path` and whatever leads to it, for this user only. When it returns, the new names are
/// on the disk.
///
/// # Errors
/// If a directory cannot be made or synced.
pub(crate) fn create_directory(path: &Path) -> Result<(), DiskError> {
    let new: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .map_err(Operation::Create.on(path))?;
    for made in new {
        match made.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new("."))?,
            Some(parent) => sync_directory(parent)?,
            None => {}
        }
    }
    Ok(())
}

/// Makes the names in a directory durable.
///
/// # Errors
/// If the directory cannot be opened or synced.
pub(crate) fn sync_directory(path: &Path) -> Result<(), DiskError> {
    let directory = File::open(path).map_err(Operation::Open.on(path))?;
    directory.sync_all().map_err(Operation::Sync.on(path))
}

/// An exclusive lock (flock(2)) that lasts until this value is dropped or the process ends, however
/// it ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    /// Closing it releases the lock; never read or written.
    _file: File,
}

/// Opens the file `path`, making it if it is not there, and takes its lock without waiting. `None`
/// says that somebody else holds it.
///
/// # Errors
/// If the file cannot be opened, or the file system knows no locks.
pub(crate) fn lock_file(path: &Path) -> Result<Option<FileLock>, DiskError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(Operation::Open.on(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Operation::Lock.on(path)(error)),
    }
}

/// Gives `from` the name `to`. The name is not durable yet: see [`sync_directory`].
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    fs::rename(from, to).map_err(Operation::Rename.on(from))
}

/// Removes a file; it is no error if there is none.
///
/// # Errors
/// If there is one and it cannot be removed.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Operation::Remove.on(path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a file through the page cache and syncs it, so that it holds real, synced bytes before
/// any direct IO touches it.
///
/// # Errors
/// If there is such a file already, or it cannot be written or synced.
pub(super) fn write_buffered(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    use std::io::Write as _;

    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(Operation::Create.on(path))?;
    file.write_all(bytes).map_err(Operation::Write.on(path))?;
    file.sync_all().map_err(Operation::Sync.on(path))
}
