//! Directories, names, locks and small files: short blocking calls for start and shutdown, or for a thread
//! that may block.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::error::{DiskError, Operation, too_long};
use super::seam::{DirectoryEntry, FileKind};

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
    try_lock(path, file)
}

/// As [`lock_file`], for a file that is there. It is opened to be read only, so that this also works where
/// nothing may be written.
///
/// # Errors
/// If the file cannot be opened, or the file system knows no locks.
pub(crate) fn lock_existing_file(path: &Path) -> Result<Option<FileLock>, DiskError> {
    try_lock(path, File::open(path).map_err(Operation::Open.on(path))?)
}

fn try_lock(path: &Path, file: File) -> Result<Option<FileLock>, DiskError> {
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

/// As [`write_buffered`], but what was made of the file is removed again if it cannot be completed.
///
/// # Errors
/// If there is such a file already, or it cannot be written or synced.
pub(super) fn write_small(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let written = write_buffered(path, bytes);
    if written.as_ref().is_err_and(|error| error.operation != Operation::Create) {
        // It was made here. The error that counts is the one that is there already.
        let _ = fs::remove_file(path);
    }
    written
}

/// Reads a file that may have `bytes_max` bytes at most.
///
/// # Errors
/// If it is longer, or cannot be read.
pub(super) fn read_small(path: &Path, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
    let file = File::open(path).map_err(Operation::Open.on(path))?;
    let found = file.metadata().map_err(Operation::Inspect.on(path))?.len();
    if found > bytes_max as u64 {
        return Err(Operation::Read.on(path)(too_long(found, bytes_max)));
    }
    let mut bytes = Vec::with_capacity(bytes_max.min(found as usize));
    file.take(bytes_max as u64).read_to_end(&mut bytes).map_err(Operation::Read.on(path))?;
    Ok(bytes)
}

/// What is in a directory, by name.
///
/// # Errors
/// If it cannot be read.
pub(super) fn list(path: &Path) -> Result<Vec<DirectoryEntry>, DiskError> {
    let mut entries = Vec::new();
    for found in fs::read_dir(path).map_err(Operation::List.on(path))? {
        let found = found.map_err(Operation::List.on(path))?;
        let metadata = match found.metadata() {
            Ok(metadata) => metadata,
            // Somebody else has removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Operation::Inspect.on(&found.path())(error)),
        };
        let (kind, bytes) = if metadata.is_file() {
            (FileKind::File, metadata.len())
        } else if metadata.is_dir() {
            (FileKind::Directory, 0)
        } else {
            (FileKind::Other, 0)
        };
        let name = found.file_name().to_string_lossy().into_owned();
        entries.push(DirectoryEntry { name, bytes, kind });
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}
