//! The file that holds the identity, made once and checked at every start.
//!
//! ```text
//! IDENTITY.new   write, sync        a crash up to here leaves a file nobody believes
//!      |         rename
//! IDENTITY       sync directory     from here on it is never written again
//!                read back, compare
//! ```

use std::path::PathBuf;

use crate::data_directory::DataDirectory;
use crate::disk::{self, DiskError, Entry};
use crate::identity::{Identity, InvalidIdentity};

/// The file's name in the data directory.
pub const IDENTITY_FILE_NAME: &str = "IDENTITY";
/// Its name until it is complete.
const NEW_FILE_NAME: &str = "IDENTITY.new";

/// Why a data directory has no identity that can be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is there, but is no identity. It is left as it is.
    #[error("{} cannot be used: {reason}; restore the file from a backup, or use another data directory", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: InvalidIdentity,
    },
    /// Something that is no file has its name.
    #[error("{} is not a regular file; move it away, or use another data directory", .0.display())]
    NotAFile(PathBuf),
    /// The disk gave back another identity than was written a moment before.
    #[error("{} reads back differently than it was written; do not use this disk", .0.display())]
    Mismatch(PathBuf),
    /// The disk refused an operation.
    #[error("the identity of the data directory cannot be read or written")]
    Disk(#[from] DiskError),
}

/// Reads the identity of the log in `directory`. If there is none yet, gives it the `proposed` one.
/// When it returns, the identity is on the disk under its name.
///
/// Runs inside an executor of the runtime. Dropped half way, it leaves either no identity or the
/// proposed one.
///
/// # Errors
/// If the file is damaged, foreign, of a newer version or no file, or if the disk refuses. Nothing
/// that was there is changed then.
pub async fn open_or_create_identity(
    directory: &DataDirectory,
    proposed: Identity,
) -> Result<Identity, IdentityError> {
    let path = directory.path().join(IDENTITY_FILE_NAME);
    match disk::entry_kind(&path)? {
        Entry::File => read(path).await,
        Entry::Missing => create(directory, path, proposed).await,
        Entry::Directory | Entry::Other => Err(IdentityError::NotAFile(path)),
    }
}

/// Reads the identity of the log in `directory`; nothing if there is none. Nothing is written.
///
/// Runs inside an executor of the runtime.
///
/// # Errors
/// If the file is damaged, foreign, of a newer version or no file, or if the disk refuses.
pub async fn read_identity(directory: &DataDirectory) -> Result<Option<Identity>, IdentityError> {
    let path = directory.path().join(IDENTITY_FILE_NAME);
    match disk::entry_kind(&path)? {
        Entry::File => read(path).await.map(Some),
        Entry::Missing => Ok(None),
        Entry::Directory | Entry::Other => Err(IdentityError::NotAFile(path)),
    }
}

async fn read(path: PathBuf) -> Result<Identity, IdentityError> {
    let read = match disk::read_whole_block(&path).await? {
        Ok(block) => Identity::from_block(&block),
        Err(found_bytes) => Err(InvalidIdentity::Length { found_bytes }),
    };
    read.map_err(|reason| IdentityError::Invalid { path, reason })
}

async fn create(
    directory: &DataDirectory,
    path: PathBuf,
    proposed: Identity,
) -> Result<Identity, IdentityError> {
    let new = directory.path().join(NEW_FILE_NAME);
    // A crash before the rename leaves one behind. It was never believed, so it holds nothing.
    disk::remove_if_there(&new)?;
    disk::write_new_file(&new, &[proposed.to_block()]).await?;
    disk::rename(&new, &path)?;
    disk::sync_directory(directory.path())?;
    let found = read(path.clone()).await?;
    if found == proposed { Ok(found) } else { Err(IdentityError::Mismatch(path)) }
}
