//! What the disk does wrong on purpose.

use std::ffi::{OsStr, OsString};

/// A promise that the disk pretends to keep: it says that it did what was asked, and did not. For tests
/// that prove that a test of a broker notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// `O_DSYNC` and `O_SYNC` are not seen, as if files were opened without.
    SyncedWrites,
    /// Syncing a file does nothing.
    FileSyncs,
    /// Syncing a directory does nothing.
    DirectorySyncs,
}

/// What is wrong at the moment; nothing at first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Bytes that all files may have together.
    pub(crate) capacity_bytes: Option<u64>,
    /// Writes to files whose names begin so fail.
    pub(crate) failing: Option<OsString>,
    /// A promise that is broken.
    pub(crate) lie: Option<Lie>,
}

impl Faults {
    /// Whether a write to the file with this name fails.
    pub(crate) fn fails(&self, name: &OsStr) -> bool {
        let failing = self.failing.as_ref().map(|failing| failing.as_encoded_bytes());
        failing.is_some_and(|failing| name.as_encoded_bytes().starts_with(failing))
    }

    /// Whether this promise is broken.
    pub(crate) fn lies(&self, about: Lie) -> bool {
        self.lie == Some(about)
    }
}
