//! Opening files for direct IO, and what glommio's errors mean.

use std::io;
use std::path::Path;

use glommio::GlommioError;
use glommio::io::{DmaFile, OpenOptions};

use crate::disk::error::{DiskError, Operation};

/// Only the broker's own user may look at its data.
pub(super) const FILE_MODE: u32 = 0o600;

/// Opens a file as the options say.
///
/// # Errors
/// If the operating system refuses, also because the file system has no direct IO; a new file is removed
/// again then.
pub(super) async fn open(
    path: &Path,
    options: &OpenOptions,
    operation: Operation,
) -> Result<DmaFile, DiskError> {
    let error = match options.dma_open(path).await {
        Ok(file) => return Ok(file),
        Err(error) => io_error(error),
    };
    if error.raw_os_error() != Some(libc::EINVAL) {
        return Err(operation.on(path)(error));
    }
    if operation == Operation::Create {
        // The file was made before the file system refused direct IO. One that was there already is
        // refused with another error, so it is never removed. An error here would hide the one that counts.
        let _ = glommio::io::remove(path).await;
    }
    let directory = path.parent().unwrap_or(path).display();
    let text = format!("the file system of {directory} has no direct IO; use ext4 or xfs");
    Err(operation.on(path)(io::Error::new(io::ErrorKind::Unsupported, text)))
}

/// The error of the operating system itself, with its number. What glommio adds, [`DiskError`] says, too.
pub(super) fn io_error(error: GlommioError<()>) -> io::Error {
    if let GlommioError::EnhancedIoError { source, .. } = error { source } else { error.into() }
}
