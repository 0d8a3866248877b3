//! A fault of the disk, with the file it concerns.

use std::io;
use std::path::{Path, PathBuf};

/// The operating system refused an operation on a file or directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}: {source}", path = path.display())]
pub struct DiskError {
    /// What was tried.
    pub operation: Operation,
    /// On which file or directory.
    pub path: PathBuf,
    /// Why it did not work.
    pub source: io::Error,
}

impl DiskError {
    /// Whether there is no room for what was to be stored (`ENOSPC`, `EDQUOT`): others may go on, and
    /// it may work later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let kind = self.source.kind();
        kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded
    }

    /// Whether nothing stands under the name.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// What was tried on a file or directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Ask what stands under a name.
    Inspect,
    /// Make it.
    Create,
    /// Open it.
    Open,
    /// Take the lock on it.
    Lock,
    /// Read it by direct IO.
    Read,
    /// Write it.
    Write,
    /// Make it durable.
    Sync,
    /// Close it.
    Close,
    /// Give it another name.
    Rename,
    /// Remove it.
    Remove,
    /// Cut it off behind a length.
    Truncate,
    /// Look what is in it.
    List,
}

impl core::fmt::Display for Operation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Operation::Inspect => "inspect",
            Operation::Create => "create",
            Operation::Open => "open",
            Operation::Lock => "lock",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Sync => "sync",
            Operation::Close => "close",
            Operation::Rename => "rename",
            Operation::Remove => "remove",
            Operation::Truncate => "truncate",
            Operation::List => "list",
        })
    }
}

impl Operation {
    /// Says that this operation failed on `path`; made for `map_err`.
    pub(super) fn on<E: Into<io::Error>>(self, path: &Path) -> impl FnOnce(E) -> DiskError {
        move |source| DiskError { operation: self, path: path.to_owned(), source: source.into() }
    }
}

/// The error of a write after which only the first `written` of `bytes` bytes are stored.
pub(super) fn short_write(written: usize, bytes: usize, at: u64) -> io::Error {
    let text = format!("{written} of {bytes} bytes were written at {at}");
    io::Error::new(io::ErrorKind::WriteZero, text)
}

/// The error of a read that brought only the first `found` of `bytes` bytes.
pub(super) fn short_read(found: usize, bytes: usize, at: u64) -> io::Error {
    let text = format!("{found} of {bytes} bytes were read at {at}");
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// The error of a file that is longer than whoever reads it can take.
pub(super) fn too_long(found: u64, bytes_max: usize) -> io::Error {
    let text = format!("it is {found} bytes long, and may have {bytes_max} at most");
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> DiskError {
        Operation::Write.on(Path::new("somewhere/segment"))(io::Error::from_raw_os_error(number))
    }

    #[test]
    fn an_error_says_what_was_tried_and_where() {
        let text = error(libc::EIO).to_string();
        assert!(text.starts_with("cannot write somewhere/segment: "), "{text}");
    }

    #[test]
    fn a_full_disk_and_a_used_up_quota_are_told_from_the_rest() {
        assert!(error(libc::ENOSPC).is_full() && error(libc::EDQUOT).is_full());
        assert!(!error(libc::EIO).is_full() && !error(libc::ENOENT).is_full());
        assert!(error(libc::ENOENT).is_missing() && !error(libc::ENOSPC).is_missing());
    }
}
