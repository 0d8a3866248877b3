//! The directory a broker keeps its data in, held by one broker at a time.
//!
//! ```text
//! <data directory>/          mode 0700
//!   LOCK                     empty; whoever holds its flock owns the directory
//!   IDENTITY                 the name of the log, see the identity module
//! ```

use std::path::{Path, PathBuf};

use crate::disk::{self, DiskError, Entry, FileLock};

/// The file whose lock stands for the directory.
const LOCK_FILE_NAME: &str = "LOCK";

/// A data directory that belongs to this value alone.
///
/// It belongs to others again when the value is dropped or the process ends.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Keeps others out for as long as this value lives.
    _lock: FileLock,
}

/// Why a directory cannot be used for data.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// Another broker holds it.
    #[error("the data directory {} is in use by another broker; stop that broker, or give this one a data directory of its own", .0.display())]
    InUse(PathBuf),
    /// There is none.
    #[error("there is no data directory {}", .0.display())]
    Missing(PathBuf),
    /// Something else stands under its name.
    #[error("{} is not a directory; name a directory, or a path where one can be made", .0.display())]
    NotADirectory(PathBuf),
    /// The disk refused an operation.
    #[error("the data directory cannot be used")]
    Disk(#[from] DiskError),
}

impl DataDirectory {
    /// Opens the data directory `path`, making it for this user only (mode 0700) if nothing stands
    /// there, and takes its lock without waiting.
    ///
    /// # Errors
    /// If another broker holds it, it is no directory, or the disk refuses.
    pub fn open(path: &Path) -> Result<DataDirectory, DataDirectoryError> {
        match disk::entry_kind(path)? {
            Entry::Missing => disk::create_directory(path)?,
            Entry::Directory => {}
            Entry::File | Entry::Other => {
                return Err(DataDirectoryError::NotADirectory(path.to_owned()));
            }
        }
        DataDirectory::locked(path, disk::lock_file(&path.join(LOCK_FILE_NAME))?)
    }

    /// Takes the lock of the data directory `path`, which has to be there, for whoever looks at it while no
    /// broker runs. Nothing is written, but a lock where there was none.
    ///
    /// # Errors
    /// If it is not there, a broker holds it, it is no directory, or the disk refuses.
    pub fn open_existing(path: &Path) -> Result<DataDirectory, DataDirectoryError> {
        match disk::entry_kind(path)? {
            Entry::Missing => return Err(DataDirectoryError::Missing(path.to_owned())),
            Entry::Directory => {}
            Entry::File | Entry::Other => {
                return Err(DataDirectoryError::NotADirectory(path.to_owned()));
            }
        }
        let lock_path = path.join(LOCK_FILE_NAME);
        match disk::entry_kind(&lock_path)? {
            Entry::File => DataDirectory::locked(path, disk::lock_existing_file(&lock_path)?),
            Entry::Missing | Entry::Directory | Entry::Other => {
                DataDirectory::locked(path, disk::lock_file(&lock_path)?)
            }
        }
    }

    fn locked(path: &Path, lock: Option<FileLock>) -> Result<DataDirectory, DataDirectoryError> {
        match lock {
            Some(lock) => Ok(DataDirectory { path: path.to_owned(), _lock: lock }),
            None => Err(DataDirectoryError::InUse(path.to_owned())),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
