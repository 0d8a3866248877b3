//! What is asked of the simulated disk, and what it answers.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::task::Waker;

use super::buffer::SimBuffer;
use super::faults::{Fault, Faults};
use super::names::FileId;
use crate::disk::seam::DirectoryEntry;

/// One operation.
#[derive(Clone, Debug)]
pub(super) enum Request {
    CreateFilled { name: String, bytes: u64 },
    Open { name: String },
    WriteSmall { name: String, bytes: Rc<[u8]> },
    ReadSmall { name: String, bytes_max: usize },
    List,
    Rename { from: String, to: String },
    Remove { name: String },
    SyncDirectory,
    Write { file: FileId, at: u64, buffer: Rc<SimBuffer> },
    Read { file: FileId, at: u64, bytes: usize },
    Sync { file: FileId },
    Truncate { file: FileId, bytes: u64 },
    Close { file: FileId },
}

/// What came of one.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// It is done.
    Done,
    /// So many bytes were written.
    Written(usize),
    /// These bytes were read.
    Bytes(Vec<u8>),
    /// The file is open, and so long.
    Opened(FileId, u64),
    /// These names are there.
    Entries(Vec<DirectoryEntry>),
}

/// One operation that was begun.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) request: Request,
    /// How many operations had been completed when it was begun.
    pub(super) moment: u64,
    /// What a harness wants to happen to it.
    pub(super) fault: Option<Fault>,
    /// How many others are completed before it.
    pub(super) held: u32,
    /// Who waits for it.
    pub(super) waker: Waker,
    /// Nobody waits any more.
    pub(super) is_abandoned: bool,
}

/// What a world remembers of an operation that is complete and that nobody has looked at yet.
pub(super) type Completed = io::Result<Answer>;

impl Request {
    /// The open file it concerns.
    pub(super) fn file(&self) -> Option<FileId> {
        match self {
            Request::Write { file, .. }
            | Request::Read { file, .. }
            | Request::Sync { file }
            | Request::Truncate { file, .. }
            | Request::Close { file } => Some(*file),
            Request::CreateFilled { .. }
            | Request::Open { .. }
            | Request::WriteSmall { .. }
            | Request::ReadSmall { .. }
            | Request::List
            | Request::Rename { .. }
            | Request::Remove { .. }
            | Request::SyncDirectory => None,
        }
    }

    /// How often an operation of this kind fails by itself.
    pub(super) fn error_rate(&self, faults: &Faults) -> u32 {
        match self {
            Request::Write { .. } => faults.write_error,
            Request::Read { .. } | Request::ReadSmall { .. } => faults.read_error,
            Request::Sync { .. } | Request::SyncDirectory => faults.sync_error,
            Request::CreateFilled { .. }
            | Request::Open { .. }
            | Request::WriteSmall { .. }
            | Request::List
            | Request::Rename { .. }
            | Request::Remove { .. }
            | Request::Truncate { .. }
            | Request::Close { .. } => faults.metadata_error,
        }
    }
}

impl Answer {
    /// The bytes that were read.
    pub(super) fn bytes(self) -> Vec<u8> {
        if let Answer::Bytes(bytes) = self {
            bytes
        } else {
            panic!("a read is answered with bytes")
        }
    }

    /// The names that are there.
    pub(super) fn entries(self) -> Vec<DirectoryEntry> {
        if let Answer::Entries(entries) = self {
            entries
        } else {
            panic!("a list is answered with names")
        }
    }

    /// The file that is open, and its length.
    pub(super) fn opened(self) -> (FileId, u64) {
        if let Answer::Opened(file, bytes) = self {
            (file, bytes)
        } else {
            panic!("opening opens a file")
        }
    }

    /// How many bytes were written.
    pub(super) fn written(self) -> usize {
        if let Answer::Written(bytes) = self {
            bytes
        } else {
            panic!("a write is answered with a length")
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::CreateFilled { name, bytes } => write!(f, "create {name} of {bytes}"),
            Request::Open { name } => write!(f, "open {name}"),
            Request::WriteSmall { name, bytes } => {
                write!(f, "write small {name} of {} {:08x}", bytes.len(), crc32c::crc32c(bytes))
            }
            Request::ReadSmall { name, bytes_max } => write!(f, "read small {name} to {bytes_max}"),
            Request::List => write!(f, "list"),
            Request::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Request::Remove { name } => write!(f, "remove {name}"),
            Request::SyncDirectory => write!(f, "sync directory"),
            Request::Write { file, at, buffer } => {
                let bytes = buffer.as_ref().as_ref();
                write!(
                    f,
                    "write #{} at {at}, {} {:08x}",
                    file.0,
                    bytes.len(),
                    crc32c::crc32c(bytes)
                )
            }
            Request::Read { file, at, bytes } => write!(f, "read #{} at {at}, {bytes}", file.0),
            Request::Sync { file } => write!(f, "sync #{}", file.0),
            Request::Truncate { file, bytes } => write!(f, "truncate #{} to {bytes}", file.0),
            Request::Close { file } => write!(f, "close #{}", file.0),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done => write!(f, "done"),
            Answer::Written(bytes) => write!(f, "{bytes} written"),
            Answer::Bytes(bytes) => write!(f, "{} {:08x}", bytes.len(), crc32c::crc32c(bytes)),
            Answer::Opened(file, bytes) => write!(f, "#{} of {bytes}", file.0),
            Answer::Entries(entries) => write!(f, "{} names", entries.len()),
        }
    }
}
