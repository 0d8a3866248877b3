//! Checks a log offline, from its first segment to its end, and changes nothing.
//!
//! ```text
//! manifest, superblock, names of files --> footers --> every commit group --> what does not fit together
//! ```
//!
//! It finds every bit that turned over in what counts, with one exception (law L2): if nothing behind the
//! very last commit group says that it was durable, damage to that one looks like a group whose write was
//! interrupted. A log that was closed, and one that has been idle for a few milliseconds, has no such group.

use std::collections::BTreeMap;

use super::decide::{Found, FoundFiles, FoundManifest, FoundSlot, Unproven, decide_unproven};
use super::found::{FoundLog, Hole, SegmentEnd};
use super::gather::{Gathered, gather};
use super::scan::{ScanError, scan};
use super::verify_entries::{ChunkRun, EntryCheck, SealedEnd, sealed_ends};
use super::verify_footers::{check_footer, compare_footer};
use super::verify_report::{Counts, Problem, Progress, Verified};
use crate::disk::{BLOCK_BYTES, DirectoryEntry, Disk, DiskError, DiskFile, FileKind};
use crate::format::{
    FileRow, GroupFault, Holds, LogPosition, LostStretch, Manifest, SLOT_COUNT, SegmentSequence,
    Superblock, segment_file_name,
};

/// Checks the log `log_id` in `disk`, and says now and then how far it has come.
///
/// # Errors
/// If the disk cannot even say which files there are, or read the manifest or the superblock.
pub async fn verify<D: Disk>(
    disk: &D,
    log_id: u128,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Verified, DiskError> {
    let entries = disk.list().await?;
    let gathered = gather(disk, log_id).await?;
    let mut verified = Verified { orphans: gathered.orphans.clone(), ..Verified::default() };
    verified.problems = problems_beside(&gathered);
    if let Some(manifest) = &gathered.manifest {
        let checked = check_segments(disk, manifest, &entries, on_progress, &mut verified).await?;
        check_slots(&gathered, &checked, &mut verified);
    }
    Ok(verified)
}

/// What is wrong beside the segments.
fn problems_beside(gathered: &Gathered) -> Vec<Problem> {
    let Found { manifest, slots, files, .. } = gathered.found;
    let is_empty = files == FoundFiles::None && slots == [FoundSlot::Blank; SLOT_COUNT];
    let mut problems = Vec::new();
    match manifest {
        FoundManifest::Missing if is_empty => {}
        FoundManifest::Missing => problems.push(Problem::ManifestMissing),
        FoundManifest::Damaged => problems.push(Problem::ManifestDamaged),
        FoundManifest::OtherVersion(version) => {
            problems.push(Problem::ManifestOtherVersion(version));
        }
        FoundManifest::OtherLog => problems.push(Problem::ManifestOtherLog),
        FoundManifest::Valid => {}
    }
    if let FoundFiles::Newer { file } = files {
        problems.push(Problem::ManifestOld { file });
    }
    for (slot, found) in slots.into_iter().enumerate() {
        match found {
            FoundSlot::Damaged => problems.push(Problem::SlotDamaged { slot }),
            FoundSlot::OtherVersion(version) => {
                problems.push(Problem::SlotOtherVersion { slot, version });
            }
            FoundSlot::OtherLog => problems.push(Problem::SlotOtherLog { slot }),
            // Whether a checkpoint is there is seen when the segments are read.
            FoundSlot::Blank | FoundSlot::Valid { .. } | FoundSlot::OutOfReach => {}
        }
    }
    problems
}

/// Checks footers and commit groups of all segments. Says which checkpoints were found in them.
pub(super) async fn check_segments<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    entries: &[DirectoryEntry],
    on_progress: &mut dyn FnMut(Progress),
    verified: &mut Verified,
) -> Result<Vec<ChunkRun>, DiskError> {
    let runs = readable(manifest, entries, &mut verified.problems);
    let sealed = check_footers(disk, manifest, &runs, &mut verified.problems).await?;
    let total_bytes = runs.iter().flatten().map(|row| u64::from(bytes_to_read(row))).sum();
    let mut check = EntryCheck::new(manifest, &sealed, total_bytes, on_progress);
    let mut holes = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let is_first = index == 0 && manifest.released == SegmentSequence(0);
        let scanned = scan(disk, manifest.log_id, run, is_first.then_some(0), &mut check).await;
        match scanned {
            Ok(log) => {
                compare_ends(&log, &sealed, &mut check.problems);
                note_end(&log, verified);
                verified.counts.segments += log.segments.len() as u64;
                holes.extend(log.holes);
            }
            Err(error) => check.problems.push(problem_of(error)),
        }
    }
    check.finish();
    let (differing, checkpoints) = (check.differing, check.checkpoints);
    verified.problems.append(&mut check.problems);
    verified.counts = Counts { segments: verified.counts.segments, ..check.counts };
    for segment in differing {
        match compare_footer(disk, manifest, segment).await {
            Ok(true) => verified.counts.footers += 1,
            Ok(false) => verified.problems.push(Problem::FooterDiffers { segment }),
            Err(error) => verified.problems.push(problem_of(error)),
        }
    }
    verified.unproven = unproven(verified, &holes);
    set_known_apart(disk, manifest, verified).await?;
    Ok(checkpoints)
}

/// What a repair has marked as lost is no problem that anybody has to look at again.
async fn set_known_apart<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    verified: &mut Verified,
) -> Result<(), DiskError> {
    let mut problems = Vec::new();
    for problem in verified.problems.drain(..) {
        let hole = if let Problem::Hole(hole) = &problem { Some(hole.clone()) } else { None };
        match hole {
            Some(hole) if is_marked(disk, manifest, &hole).await? => verified.lost.push(hole),
            Some(_) | None => problems.push(problem),
        }
    }
    verified.problems = problems;
    Ok(())
}

/// Whether the mark of a repair stands at the beginning of a hole.
async fn is_marked<D: Disk>(disk: &D, manifest: &Manifest, hole: &Hole) -> Result<bool, DiskError> {
    let row = manifest.segments().find(|(segment, _)| *segment == hole.from.segment);
    let Some((_, row)) = row else { return Ok(false) };
    let file = disk.open_read_only(&segment_file_name(row.file)).await?;
    let block = file.read(u64::from(hole.from.byte), BLOCK_BYTES).await;
    let closed = file.close().await;
    let block = block?;
    closed?;
    let mark = block.as_ref().first_chunk().and_then(LostStretch::read);
    Ok(mark.is_some_and(|mark| {
        (mark.log_id, mark.from) == (manifest.log_id, hole.from) && hole.to <= mark.to
    }))
}

/// The segments that can be read, those behind each other together; of a file that is too short what is
/// left.
pub(super) fn readable(
    manifest: &Manifest,
    entries: &[DirectoryEntry],
    problems: &mut Vec<Problem>,
) -> Vec<Vec<FileRow>> {
    let mut runs = vec![Vec::new()];
    for (segment, row) in manifest.segments() {
        let (file, name) = (row.file, segment_file_name(row.file));
        let entry = entries.iter().find(|entry| entry.name == name && entry.kind == FileKind::File);
        let Some(entry) = entry else {
            problems.push(Problem::SegmentMissing { segment, file });
            runs.push(Vec::new());
            continue;
        };
        let needed_bytes = u64::from(bytes_to_read(row));
        let bytes = entry.bytes;
        if bytes >= needed_bytes {
            runs.last_mut().expect("there is one from the start").push(*row);
            continue;
        }
        problems.push(Problem::SegmentShort { segment, file, bytes, needed_bytes });
        let left = bytes as u32 - bytes as u32 % BLOCK_BYTES as u32;
        let short = match row.holds {
            Holds::Sealed { segment, epoch, crc, footer_bytes, .. } => {
                Holds::Sealed { segment, epoch, end: left, crc, footer_bytes }
            }
            open @ (Holds::Open { .. } | Holds::Spare) => open,
        };
        if left > 0 {
            let row = FileRow { file, bytes: left, holds: short };
            runs.last_mut().expect("there is one from the start").push(row);
        }
        runs.push(Vec::new());
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// How much of a segment is looked at, in bytes.
fn bytes_to_read(row: &FileRow) -> u32 {
    match row.holds {
        Holds::Spare => 0,
        Holds::Open { .. } => row.bytes,
        Holds::Sealed { end, .. } => end,
    }
}

/// Reads the footers that the manifest promises.
async fn check_footers<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    runs: &[Vec<FileRow>],
    problems: &mut Vec<Problem>,
) -> Result<BTreeMap<SegmentSequence, SealedEnd>, DiskError> {
    let mut sealed = sealed_ends(manifest);
    for (segment, row) in manifest.segments() {
        // One that is too short is told already.
        let is_whole = runs.iter().flatten().any(|read| read == row);
        let Some(known) = sealed.get_mut(&segment).filter(|_| is_whole) else { continue };
        match check_footer(disk, known, row).await? {
            None => {}
            Some(Ok(crc)) => known.footer_crc = Some(crc),
            Some(Err(fault)) => problems.push(Problem::FooterDamaged { segment, fault }),
        }
    }
    Ok(sealed)
}

/// Holds the last commit group of each sealed segment against what the manifest says.
fn compare_ends(
    log: &FoundLog,
    sealed: &BTreeMap<SegmentSequence, SealedEnd>,
    problems: &mut Vec<Problem>,
) {
    for found in &log.segments {
        let Some(known) = sealed.get(&found.segment) else { continue };
        let ends_in_hole =
            log.holes.iter().any(|hole| hole.from.segment == found.segment && hole.to == found.end);
        // What a file that is too short has lost is told already.
        let is_whole = found.end == known.place.position.byte;
        let (segment, expected) = (found.segment, known.crc);
        if is_whole && !ends_in_hole && found.crc != expected {
            problems.push(Problem::OtherEnd { segment, expected, found: found.crc });
        }
    }
}

/// Notes where the log ends, as far as it was read.
fn note_end(log: &FoundLog, verified: &mut Verified) {
    let Some(last) = log.segments.last() else { return };
    verified.end = log.end();
    verified.torn = match last.ended {
        SegmentEnd::Tail { torn } => Some(torn).filter(|torn| *torn != GroupFault::Absent),
        SegmentEnd::Sealed | SegmentEnd::Rolled => None,
    };
}

fn problem_of(error: ScanError) -> Problem {
    match error {
        ScanError::Disk(error) => Problem::Unreadable { text: error.to_string() },
        ScanError::Unknown { position, fault } => Problem::Unknown { position, fault },
    }
}

/// What cannot be proven once the log is opened.
fn unproven(verified: &Verified, holes: &[Hole]) -> Unproven {
    let is_lost = |problem: &Problem| match problem {
        Problem::SegmentMissing { .. }
        | Problem::SegmentShort { .. }
        | Problem::Unknown { .. }
        | Problem::Unreadable { .. } => true,
        Problem::ManifestMissing
        | Problem::ManifestDamaged
        | Problem::ManifestOtherVersion(_)
        | Problem::ManifestOtherLog
        | Problem::ManifestOld { .. }
        | Problem::Hole(_)
        | Problem::OtherEnd { .. }
        | Problem::FooterDamaged { .. }
        | Problem::FooterDiffers { .. }
        | Problem::OffsetGap { .. }
        | Problem::OtherEpochEnd { .. }
        | Problem::SuperblockMissing
        | Problem::SlotDamaged { .. }
        | Problem::SlotOtherVersion { .. }
        | Problem::SlotOtherLog { .. }
        | Problem::SlotEmpty { .. }
        | Problem::CheckpointGone { .. }
        | Problem::CheckpointIncomplete { .. } => false,
    };
    let is_lost = verified.problems.iter().any(is_lost);
    if is_lost { Unproven::Everything } else { decide_unproven(holes) }
}

/// Holds what the slots of the superblock say against the checkpoints that were found.
fn check_slots(gathered: &Gathered, found: &[ChunkRun], verified: &mut Verified) {
    let has_segments =
        gathered.manifest.as_ref().is_some_and(|manifest| manifest.segments().next().is_some());
    if !gathered.has_superblock {
        if has_segments {
            verified.problems.push(Problem::SuperblockMissing);
        }
        return;
    }
    for (slot, state) in gathered.found.slots.into_iter().enumerate() {
        let named = gathered.slots[slot];
        match state {
            FoundSlot::Valid { checkpoint } => {
                let stands = |run: &ChunkRun| run.is_complete && Some(run.superblock) == named;
                if found.iter().any(stands) {
                    verified.checkpoints[slot] = Some(checkpoint);
                } else if !named.is_some_and(|named| reaches_into(&named, &verified.lost)) {
                    verified.problems.push(Problem::CheckpointIncomplete { slot, checkpoint });
                }
            }
            FoundSlot::OutOfReach => {
                let checkpoint = named.map_or(0, |named| named.checkpoint);
                verified.problems.push(Problem::CheckpointGone { slot, checkpoint });
            }
            FoundSlot::Blank => {
                if let Some(checkpoint) = expected_in(slot, &gathered.slots, found) {
                    verified.problems.push(Problem::SlotEmpty { slot, checkpoint });
                }
            }
            FoundSlot::Damaged | FoundSlot::OtherVersion(_) | FoundSlot::OtherLog => {}
        }
    }
}

/// Whether a part of a checkpoint is known to be lost.
fn reaches_into(named: &Superblock, lost: &[Hole]) -> bool {
    let to = |hole: &Hole| LogPosition { byte: hole.to, ..hole.from };
    lost.iter().any(|hole| hole.from < named.end && named.first < to(hole))
}

/// The checkpoint that must have been written to a slot: the one before that in the other slot, or the one
/// before the last that was begun.
fn expected_in(
    slot: usize,
    slots: &[Option<Superblock>; SLOT_COUNT],
    found: &[ChunkRun],
) -> Option<u64> {
    let named = slots.iter().flatten().map(|named| named.checkpoint).max().unwrap_or(0);
    let begun = found.last().map_or(0, |run| run.superblock.checkpoint);
    let certain = named.max(begun).saturating_sub(1);
    let is_its = |checkpoint: &u64| *checkpoint > 0 && *checkpoint as usize % SLOT_COUNT == slot;
    [certain, certain.saturating_sub(1)].into_iter().find(is_its)
}
