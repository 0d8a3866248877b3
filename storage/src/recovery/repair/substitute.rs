//! Puts a file in the place of one that is gone or too short.
//!
//! The new file has the commit groups that are left, a mark, and zeros; the manifest says that its segment is
//! sealed. So a start finds a hole there, reads what is before and behind it, and makes read-only what cannot
//! be proven any more.

use super::decide::NoRemedy;
use super::losses::Losses;
use super::plan::{Planned, Site};
use super::step::Step;
use crate::disk::{BLOCK_BYTES, Disk};
use crate::format::{
    Append, FileRow, GroupFault, Head, Holds, LogPosition, LostStretch, Manifest, entry_bytes,
    footer_bytes, segment_file_name,
};
use crate::journal::{GROUP_BYTES_DEFAULT, GROUP_ENTRIES_DEFAULT};
use crate::recovery::found::{FoundLog, SegmentEnd};
use crate::recovery::scan::{ScanError, scan};
use crate::recovery::verify::readable;

/// Plans a file in the place of file `file` of the manifest.
pub(super) async fn plan_substitute<D: Disk>(
    disk: &D,
    site: &Site<'_>,
    manifest: &Manifest,
    file: u64,
) -> Planned {
    let Some(at) = manifest.files.iter().position(|row| row.file == file) else {
        return Ok(Err(NoRemedy::Contradiction));
    };
    let (losses, left) = look_around(disk, site, manifest, file).await?;
    let row = manifest.files[at];
    let before = seal_before(disk, manifest, at).await?;
    let files = match row.holds {
        Holds::Open { .. } if before.is_unused => without(manifest, at),
        Holds::Open { segment, epoch } => {
            let end = row.bytes;
            let holds = Holds::Sealed { segment, epoch, end, crc: 0, footer_bytes: 0 };
            let mut files = before.rows;
            files.push(FileRow { file: site.next_file(), holds, ..row });
            files.extend(&manifest.files[at + 1..]);
            files
        }
        Holds::Sealed { segment, epoch, end, crc, .. } => {
            let holds = Holds::Sealed { segment, epoch, end, crc, footer_bytes: 0 };
            let mut files = manifest.files.clone();
            files[at] =
                FileRow { file: site.next_file(), bytes: end.max(BLOCK_BYTES as u32), holds };
            files
        }
        Holds::Spare => return Ok(Err(NoRemedy::Contradiction)),
    };
    let made = files.iter().find(|row| row.file == site.next_file()).copied();
    let manifest = Manifest {
        number: manifest.number + 1,
        next_file: manifest.next_file.max(site.next_file() + 1),
        files,
        ..manifest.clone()
    };
    let Some(replace) = site.replace_manifest(manifest) else {
        return Ok(Err(NoRemedy::Contradiction));
    };
    let name = segment_file_name(file);
    let is_there = site.entries.iter().any(|entry| entry.name == name);
    let source = is_there.then_some(file);
    let mut steps: Vec<Step> =
        made.and_then(|row| make_file(site.log_id, &row, source, left)).into_iter().collect();
    steps.extend(replace);
    if is_there {
        steps.push(Step::SetAside { to: site.quarantine_name(&name), name });
    }
    let losses = if made.is_some() { losses } else { Losses::default() };
    Ok(Ok((steps, losses)))
}

/// The step that makes a file for a row, of which the first `left` bytes are whole.
fn make_file(log_id: u128, row: &FileRow, source: Option<u64>, left: u32) -> Option<Step> {
    let Holds::Sealed { segment, end, .. } = row.holds else { return None };
    let from = LogPosition { segment, byte: left.min(end.saturating_sub(BLOCK_BYTES as u32)) };
    let mark = LostStretch { log_id, from, to: end.max(BLOCK_BYTES as u32) };
    Some(Step::MakeFile { file: row.file, bytes: row.bytes, source, mark })
}

/// What is lost with a file, and how many bytes of it hold whole commit groups.
async fn look_around<D: Disk>(
    disk: &D,
    site: &Site<'_>,
    manifest: &Manifest,
    file: u64,
) -> Result<(Losses, u32), ScanError> {
    let (mut losses, mut left) = (Losses::default(), 0);
    let runs = readable(manifest, site.entries, &mut Vec::new());
    for (index, run) in runs.iter().enumerate() {
        if index > 0 {
            losses.on_gap();
        }
        let first = run.first().and_then(|row| row.holds.segment());
        let is_first = manifest.segments().next().map(|(segment, _)| segment) == first;
        if index == 0 && !is_first {
            losses.on_gap();
        }
        // What is left of a file that is too short ends nowhere that the manifest knows.
        let run: Vec<FileRow> = run.iter().map(|row| unsealed(row, file)).collect();
        let log = scan(disk, manifest.log_id, &run, None, &mut losses).await?;
        let short = log.segments.iter().find(|found| found.file == file);
        left = short.map_or(left, |found| found.end);
    }
    let last_read = runs.last().and_then(|run| run.last()).map(|row| row.file);
    let last = manifest.segments().last().map(|(_, row)| row.file);
    if last_read != last || last == Some(file) {
        losses.on_gap();
    }
    Ok((losses, left))
}

fn unsealed(row: &FileRow, file: u64) -> FileRow {
    match row.holds {
        Holds::Sealed { segment, epoch, .. } if row.file == file => {
            FileRow { holds: Holds::Open { segment, epoch }, ..*row }
        }
        Holds::Sealed { .. } | Holds::Open { .. } | Holds::Spare => *row,
    }
}

/// The segments before a file that is gone.
struct Before {
    /// All of them sealed.
    rows: Vec<FileRow>,
    /// Whether the log certainly ended before it: the last segment that was written to had room for any
    /// commit group.
    is_unused: bool,
}

/// Finds out where the open segments before row `at` end.
async fn seal_before<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    at: usize,
) -> Result<Before, ScanError> {
    let rows = &manifest.files[..at];
    let is_open = |row: &&FileRow| matches!(row.holds, Holds::Open { .. });
    let open: Vec<FileRow> = rows.iter().filter(is_open).copied().collect();
    let log = match open.is_empty() {
        true => FoundLog::default(),
        false => scan(disk, manifest.log_id, &open, None, &mut Losses::default()).await?,
    };
    let seal = |row: &FileRow| match row.holds {
        Holds::Open { segment, epoch } => {
            let found = log.segments.iter().find(|found| found.segment == segment);
            let (end, crc) = found.map_or((0, log.crc()), |found| (found.end, found.crc));
            FileRow { holds: Holds::Sealed { segment, epoch, end, crc, footer_bytes: 0 }, ..*row }
        }
        Holds::Sealed { .. } | Holds::Spare => *row,
    };
    let rows: Vec<FileRow> = rows.iter().map(seal).collect();
    let ended_well = log
        .segments
        .last()
        .is_none_or(|last| matches!(last.ended, SegmentEnd::Tail { torn: GroupFault::Absent }));
    let epoch_of = |row: &FileRow| match row.holds {
        Holds::Sealed { epoch, .. } | Holds::Open { epoch, .. } => Some(epoch),
        Holds::Spare => None,
    };
    let written = rows.iter().rev().find_map(|row| match row.holds {
        Holds::Sealed { end, .. } if end > 0 => Some((end, epoch_of(row))),
        Holds::Sealed { .. } | Holds::Open { .. } | Holds::Spare => None,
    });
    let is_unused = written.is_some_and(|(end, epoch)| {
        let is_same_epoch = epoch == manifest.files.get(at).and_then(epoch_of);
        ended_well && is_same_epoch && has_room(end, manifest.segment_bytes)
    });
    Ok(Before { rows, is_unused })
}

/// Whether any commit group would have had a place behind byte `end` of a segment.
fn has_room(end: u32, segment_bytes: u32) -> bool {
    let batches_max = end as usize / entry_bytes(Append::BYTES, 0) + GROUP_ENTRIES_DEFAULT as usize;
    let footer = footer_bytes(batches_max, batches_max);
    end as usize + GROUP_BYTES_DEFAULT as usize + footer <= segment_bytes as usize
}

/// The files without one that was never written to; open segments behind it hold nothing either.
fn without(manifest: &Manifest, at: usize) -> Vec<FileRow> {
    let mut files = manifest.files[..at].to_vec();
    files
        .extend(manifest.files[at + 1..].iter().map(|row| FileRow { holds: Holds::Spare, ..*row }));
    files
}
