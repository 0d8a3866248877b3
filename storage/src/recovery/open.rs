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

use std::collections::BTreeMap;
use std::rc::Rc;

use super::decide::{Decision, Refusal, Start, Unproven, decide, decide_unproven};
use super::found::{FoundLog, FoundSegment, Hole};
use super::gather::{Gathered, gather};
use super::scan::{ScanError, Visitor, scan};
use crate::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile};
use crate::format::{
    EndOfEpoch, Entry, Epoch, FileRow, Group, Holds, Manifest, Row, SLOT_COUNT,
    SUPERBLOCK_FILE_NAME, SUPERBLOCK_NEW_FILE_NAME, SegmentSequence, Superblock, segment_file_name,
};
use crate::journal::{
    Beginning, Checkpoints, Geometry, InvalidGeometry, Journal, Purpose, Refused, Segments,
    replace_manifest, replace_small,
};
use crate::mutant::{self, Mutant};

/// Which log to open, and how it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The log. Each log of a broker has a number of its own.
    pub log_id: u128,
    /// How large its new segments and commit groups are.
    pub geometry: Geometry,
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
    #[error("no checkpoint of the log can be read completely; restore the directory from a backup")]
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
    let (checkpoint, log) =
        read(disk, options.log_id, &manifest, &gathered, starts, replay).await?;
    if !gathered.has_superblock {
        let blank = [0; SLOT_COUNT * BLOCK_BYTES];
        replace_small(disk, SUPERBLOCK_FILE_NAME, SUPERBLOCK_NEW_FILE_NAME, &blank).await?;
    }
    let unproven = decide_unproven(&log.holes);
    let journal = go_on(disk, options, manifest, &gathered, &log).await?;
    let report = Report {
        created: gathered.manifest.is_none(),
        checkpoint,
        unproven,
        orphans: gathered.orphans,
        epoch: journal.epoch(),
        log,
    };
    Ok((journal, report))
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

/// Replays the log from the first start whose checkpoint can be read completely.
async fn read<D: Disk>(
    disk: &D,
    log_id: u128,
    manifest: &Manifest,
    gathered: &Gathered,
    starts: [Option<Start>; 3],
    replay: &mut impl Replay,
) -> Result<(Option<Superblock>, FoundLog), OpenError> {
    for start in starts.into_iter().flatten() {
        let checkpoint = match start {
            Start::Beginning => None,
            Start::Slot(index) => gathered.slots[index],
        };
        let (before, files) = split(manifest, first_to_read(manifest, checkpoint.as_ref()));
        replay.on_start(checkpoint.as_ref());
        let mut watched = Watched { replay, checkpoint, chunk_count: 0 };
        let log = scan(disk, log_id, &files, before, &mut watched).await?;
        if watched.is_complete() {
            return Ok((checkpoint, log));
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

/// Counts the chunks of the checkpoint that replay began at.
struct Watched<'a, R> {
    replay: &'a mut R,
    checkpoint: Option<Superblock>,
    chunk_count: u32,
}

impl<R> Watched<'_, R> {
    fn is_complete(&self) -> bool {
        self.checkpoint.is_none_or(|checkpoint| checkpoint.chunk_count == self.chunk_count)
    }
}

impl<R: Replay> Visitor for Watched<'_, R> {
    fn on_group(&mut self, group: &Group<'_>) {
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

/// Closes off what was there, and begins a new epoch.
async fn go_on<D: Disk>(
    disk: &D,
    options: &Options,
    manifest: Manifest,
    gathered: &Gathered,
    log: &FoundLog,
) -> Result<Journal<D>, OpenError> {
    sync_scanned(disk, log).await?;
    let (manifest, files) = begin_epoch(disk, options, manifest, log).await?;
    let epoch = manifest.epoch;
    let beginning = Beginning {
        log_id: options.log_id,
        epoch,
        geometry: options.geometry,
        segments: Segments::new(manifest),
        checkpoints: Checkpoints::new(options.log_id, epoch, gathered.slots),
        last_crc: log.crc(),
        last_number: log.last_number,
        last_rows: repeated(log, &options.geometry),
        durable: log.end(),
    };
    let journal = Journal::new(disk.clone(), beginning, files);
    let end = log.end();
    let head = EndOfEpoch {
        ended: log.segments.last().map_or(0, |last| last.epoch.0),
        segment: end.segment.0,
        byte: end.byte,
        crc: log.crc(),
        time_ms: options.now_ms,
        reserved: 0,
    };
    journal.append(&head, &[], Purpose::Control).map_err(OpenError::NotBegun)?;
    journal.write_one().await?;
    Ok(journal)
}

/// The directory that the first commit group repeats; nothing if there is no room for it in groups that
/// are smaller than they were.
fn repeated(log: &FoundLog, geometry: &Geometry) -> Vec<Row> {
    let has_room = log.last_rows.len() <= geometry.group_entries_max as usize;
    if has_room { log.last_rows.clone() } else { Vec::new() }
}

/// Makes durable what was read: it may have been written by a process that was killed before it heard
/// that it is.
async fn sync_scanned<D: Disk>(disk: &D, log: &FoundLog) -> Result<(), DiskError> {
    if mutant::is_active(Mutant::NoResync) {
        return Ok(());
    }
    for segment in &log.segments {
        let file = disk.open(&segment_file_name(segment.file)).await?;
        let synced = file.sync().await;
        synced.and(file.close().await)?;
    }
    Ok(())
}

type OpenFiles<F> = BTreeMap<SegmentSequence, Rc<F>>;

/// Prepares the segments of the new epoch. When it returns, the manifest names them, and says where
/// each old segment ends.
async fn begin_epoch<D: Disk>(
    disk: &D,
    options: &Options,
    old: Manifest,
    log: &FoundLog,
) -> Result<(Manifest, OpenFiles<D::File>), DiskError> {
    let epoch = Epoch(old.epoch.0 + 1);
    let segment_bytes = options.geometry.segment_bytes;
    let last = old.segments().map(|(segment, _)| segment).last().unwrap_or_default();
    let (mut rows, spares) = closed_off(&old, log);
    let (mut usable, others) = sort_spares(disk, spares, segment_bytes).await?;
    let mut next_file = old.next_file;
    let mut files = BTreeMap::new();
    let mut segment = last;
    for _ in 0..Segments::PREPARED_AT_START {
        segment = segment.next();
        let (file, opened) = match usable.pop() {
            Some(row) => (row.file, disk.open(&segment_file_name(row.file)).await?),
            None => new_file(disk, &mut next_file, segment_bytes).await?,
        };
        rows.push(FileRow { file, bytes: segment_bytes, holds: Holds::Open { segment, epoch } });
        files.insert(segment, Rc::new(opened));
    }
    rows.extend(usable);
    rows.extend(others);
    let manifest = Manifest {
        log_id: old.log_id,
        number: old.number + 1,
        segment_bytes,
        epoch,
        next_file,
        released: old.released,
        files: rows,
    };
    replace_manifest(disk, &manifest.to_bytes()).await?;
    Ok((manifest, files))
}

/// A file that nothing names yet. Numbers under which something stands already are passed over: nothing
/// is written over that no manifest speaks of.
async fn new_file<D: Disk>(
    disk: &D,
    next_file: &mut u64,
    segment_bytes: u32,
) -> Result<(u64, D::File), DiskError> {
    let taken = disk.list().await?;
    while taken.iter().any(|entry| entry.name == segment_file_name(*next_file)) {
        *next_file += 1;
    }
    let file = *next_file;
    *next_file += 1;
    let opened = disk.create_filled(&segment_file_name(file), u64::from(segment_bytes)).await?;
    Ok((file, opened))
}

/// The rows of the old segments, each with its end, and the files that hold nothing that counts.
fn closed_off(old: &Manifest, log: &FoundLog) -> (Vec<FileRow>, Vec<FileRow>) {
    let (mut rows, mut spares) = (Vec::new(), Vec::new());
    for row in &old.files {
        let found = log.segments.iter().find(|found| row.holds.segment() == Some(found.segment));
        match (row.holds, found) {
            (Holds::Sealed { .. }, _) => rows.push(*row),
            (Holds::Open { .. }, Some(found)) if found.end > 0 => {
                rows.push(FileRow { holds: sealed(found), ..*row });
            }
            (Holds::Open { .. } | Holds::Spare, _) => {
                spares.push(FileRow { holds: Holds::Spare, ..*row });
            }
        }
    }
    (rows, spares)
}

/// The spare files that can become segments, and those that have another length. One that is gone is
/// none any more.
async fn sort_spares<D: Disk>(
    disk: &D,
    mut spares: Vec<FileRow>,
    segment_bytes: u32,
) -> Result<(Vec<FileRow>, Vec<FileRow>), DiskError> {
    let entries = disk.list().await?;
    spares.retain(|row| {
        let name = segment_file_name(row.file);
        entries.iter().any(|entry| entry.name == name && entry.bytes == u64::from(row.bytes))
    });
    Ok(spares.into_iter().partition(|row| row.bytes == segment_bytes))
}

fn sealed(found: &FoundSegment) -> Holds {
    let FoundSegment { segment, epoch, end, crc, .. } = *found;
    Holds::Sealed { segment, epoch, end, crc, footer_bytes: 0 }
}
