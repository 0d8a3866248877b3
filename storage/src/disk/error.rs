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
        })
    }
}

impl Operation {
    /// Says that this operation failed on `path`; made for `map_err`.
    pub(super) fn on<E: Into<io::Error>>(self, path: &Path) -> impl FnOnce(E) -> DiskError {
        move |source| DiskError { operation: self, path: path.to_owned(), source: source.into() }
    }
}
