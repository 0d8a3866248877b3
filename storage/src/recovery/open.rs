//! Opens a log: looks, decides, replays, and closes off what was before with a new segment of a new
//! epoch, before anything is served (law L7).
//!
//! ```text
//! gather --> decide --> scan --> sync what was scanned --> prepare new segments
//!                                                     --> the manifest says where the old ones end
//!                                                     --> the first commit group of the new epoch
//! ```
//!
//! A crash anywhere in between leaves a log that is opened in the same way.

use super::closing::go_on;
use super::decide::{Decision, Refusal, Start, Unproven, decide, decide_unproven};
use super::found::{FoundLog, Hole};
use super::gather::{Gathered, gather};
use super::indexing::IndexVisitor;
use super::scan::{ScanError, Visitor, scan};
use crate::disk::{BLOCK_BYTES, Disk, DiskError};
use crate::format::{
    Entry, Epoch, FileRow, Group, Holds, Manifest, SLOT_COUNT, SUPERBLOCK_FILE_NAME,
    SUPERBLOCK_NEW_FILE_NAME, SegmentSequence, Superblock,
};
use crate::index::LogIndex;
use crate::journal::{
    Geometry, InvalidGeometry, Journal, Refused, replace_manifest, replace_small,
};

/// Which log to open, and how it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The log. Each log of a broker has a number of its own.
    pub log_id: u128,
    /// How large its new segments and commit groups are.
    pub geometry: Geometry,
    /// How much memory the commit groups that were written last may hold for readers, in bytes.
    pub cache_bytes: usize,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
}

/// Who rebuilds its state from a log.
pub trait Replay: Visitor {
    /// Replay begins, from the commit group with the first chunk of this checkpoint or from the
    /// beginning. Only chunks between its two ends belong to it. Whatever was replayed before is void:
    /// the checkpoint it began at turned out to be unreadable.
    fn on_start(&mut self, checkpoint: Option<&Superblock>);
}

/// What opening a log found and did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Whether the log was made.
    pub created: bool,
    /// The checkpoint that replay began at; nothing: at the beginning.
    pub checkpoint: Option<Superblock>,
    /// The commit groups from there on.
    pub log: FoundLog,
    /// What can only be read until the log is repaired.
    pub unproven: Unproven,
    /// Files of segments that nothing names and that hold nothing that counts. They are left alone.
    pub orphans: Vec<u64>,
    /// The epoch that begins.
    pub epoch: Epoch,
}

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something speaks against touching it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The disk refuses.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The sizes that are asked for do not fit together.
    #[error(transparent)]
    Geometry(#[from] InvalidGeometry),
    /// No checkpoint could be read, and the first segment is gone.
    #[error(
        "no checkpoint of the log can be read completely; restore the directory from a backup, or let `coilgun log repair` look for another one"
    )]
    NoCheckpoint,
    /// The first commit group of the new epoch was not taken.
    #[error("the log cannot begin a new epoch: {0}")]
    NotBegun(Refused),
}

/// Opens the log in `disk`, or makes it where there is none. When it returns, everything that was
/// handed to `replay` is durable, and so is the end of what was there before.
///
/// # Errors
/// If the log is damaged in a way that somebody has to look at, of another version, or the disk
/// refuses. Nothing is lost then: the log can be opened again.
pub async fn open<D: Disk>(
    disk: &D,
    options: &Options,
    replay: &mut impl Replay,
) -> Result<(Journal<D>, Report), OpenError> {
    options.geometry.check()?;
    let gathered = gather(disk, options.log_id).await?;
    let starts = match decide(&gathered.found) {
        Decision::Refuse(refusal) => return Err(refusal.into()),
        Decision::Create => [Some(Start::Beginning), None, None],
        Decision::Open(starts) => starts,
    };
    let manifest = match &gathered.manifest {
        Some(manifest) => manifest.clone(),
        None => create(disk, options).await?,
    };
    let replayed = replay_log(disk, options.log_id, &manifest, &gathered, starts, replay).await?;
    if !gathered.is_superblock_whole {
        let bytes = superblock_bytes(&gathered.slots);
        replace_small(disk, SUPERBLOCK_FILE_NAME, SUPERBLOCK_NEW_FILE_NAME, &bytes).await?;
    }
    let journal = go_on(disk, options, manifest, &gathered, &replayed).await?;
    let report = Report {
        created: gathered.manifest.is_none(),
        checkpoint: replayed.checkpoint,
        unproven: decide_unproven(&replayed.log.holes),
        orphans: gathered.orphans,
        epoch: journal.epoch(),
        log: replayed.log,
    };
    Ok((journal, report))
}

/// A superblock with these checkpoints; a slot without one is blank.
pub(super) fn superblock_bytes(slots: &[Option<Superblock>; SLOT_COUNT]) -> Vec<u8> {
    let mut bytes = vec![0; SLOT_COUNT * BLOCK_BYTES];
    for (place, slot) in bytes.chunks_exact_mut(BLOCK_BYTES).zip(slots) {
        if let Some(superblock) = slot {
            place.copy_from_slice(superblock.to_block().bytes());
        }
    }
    bytes
}

/// Makes a log without any segment.
async fn create<D: Disk>(disk: &D, options: &Options) -> Result<Manifest, DiskError> {
    let manifest = Manifest {
        log_id: options.log_id,
        number: 1,
        segment_bytes: options.geometry.segment_bytes,
        epoch: Epoch(0),
        next_file: 1,
        released: SegmentSequence(0),
        files: Vec::new(),
    };
    replace_manifest(disk, &manifest.to_bytes()).await?;
    Ok(manifest)
}

/// A log that was replayed.
pub(super) struct Replayed {
    pub(super) checkpoint: Option<Superblock>,
    pub(super) log: FoundLog,
    /// Where the batches of segments without a footer stand.
    pub(super) scanned: LogIndex,
}

/// Replays the log from the first start whose checkpoint can be read completely.
pub(super) async fn replay_log<D: Disk>(
    disk: &D,
    log_id: u128,
    manifest: &Manifest,
    gathered: &Gathered,
    starts: [Option<Start>; 3],
    replay: &mut impl Replay,
) -> Result<Replayed, OpenError> {
    for start in starts.into_iter().flatten() {
        let checkpoint = match start {
            Start::Beginning => None,
            Start::Slot(index) => gathered.slots[index],
        };
        let (before, files) = split(manifest, first_to_read(manifest, checkpoint.as_ref()));
        let indexed = IndexVisitor::new(&files);
        replay.on_start(checkpoint.as_ref());
        let mut watched = Watched { replay, checkpoint, chunk_count: 0, indexed };
        let log = scan(disk, log_id, &files, before, &mut watched).await?;
        if watched.is_complete() {
            return Ok(Replayed { checkpoint, log, scanned: watched.indexed.index });
        }
    }
    Err(OpenError::NoCheckpoint)
}

/// Where to begin: at the checkpoint, and in any case at the first segment that is not sealed, whose end
/// nobody knows yet.
fn first_to_read(manifest: &Manifest, checkpoint: Option<&Superblock>) -> SegmentSequence {
    let first = checkpoint.map_or(SegmentSequence(0), |checkpoint| checkpoint.first.segment);
    let is_open = |row: &FileRow| matches!(row.holds, Holds::Open { .. });
    let open = manifest.segments().find(|(_, row)| is_open(row)).map(|(segment, _)| segment);
    open.map_or(first, |open| first.min(open))
}

/// The segments from `first` on, and the checksum of the last commit group before them if it is known.
fn split(manifest: &Manifest, first: SegmentSequence) -> (Option<u32>, Vec<FileRow>) {
    let before = manifest.segments().filter(|(segment, _)| *segment < first).last();
    let before = before.and_then(|(_, row)| match row.holds {
        Holds::Sealed { crc, .. } => Some(crc),
        Holds::Spare | Holds::Open { .. } => None,
    });
    let from = manifest.segments().filter(|(segment, _)| *segment >= first);
    let files: Vec<FileRow> = from.map(|(_, row)| *row).collect();
    let is_all =
        manifest.released == SegmentSequence(0) && files.len() == manifest.segments().count();
    (before.or(is_all.then_some(0)), files)
}

/// Counts the chunks of the checkpoint that replay began at, and notes where batches stand.
struct Watched<'a, R> {
    replay: &'a mut R,
    checkpoint: Option<Superblock>,
    chunk_count: u32,
    indexed: IndexVisitor,
}

impl<R> Watched<'_, R> {
    fn is_complete(&self) -> bool {
        self.checkpoint.is_none_or(|checkpoint| checkpoint.chunk_count == self.chunk_count)
    }
}

impl<R: Replay> Visitor for Watched<'_, R> {
    fn on_group(&mut self, group: &Group<'_>) {
        self.indexed.on_group(group);
        let position = group.header.position;
        let Some(checkpoint) = self.checkpoint else {
            self.replay.on_group(group);
            return;
        };
        if position < checkpoint.first {
            return;
        }
        let is_chunk = |entry: &Entry<'_>| match entry {
            Entry::CheckpointChunk(chunk, _) => chunk.checkpoint == checkpoint.checkpoint,
            Entry::Append(..)
            | Entry::Truncate(_)
            | Entry::Cursor(_)
            | Entry::Producer(..)
            | Entry::Metadata(..)
            | Entry::Watermark(_)
            | Entry::SegmentReplace(..)
            | Entry::EndOfEpoch(_)
            | Entry::RaftHardState(_)
            | Entry::Extension(..) => false,
        };
        // Beyond its end there may be chunks of another one with the same number that was not finished.
        if position < checkpoint.end {
            self.chunk_count += group.entries().filter(|(_, entry)| is_chunk(entry)).count() as u32;
        }
        self.replay.on_group(group);
    }

    fn on_hole(&mut self, hole: &Hole) {
        self.replay.on_hole(hole);
    }
}
