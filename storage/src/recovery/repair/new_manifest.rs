//! Makes a manifest from what the segments say of themselves.
//!
//! Every commit group names its log, its segment and its place, and the checksum of the one before it. So the
//! segments are put in the order of their numbers and scanned as if none of them were sealed: where one ends
//! is decided as at a start, and what is missing between two of them is found as a hole.

use std::collections::BTreeMap;

use super::decide::NoRemedy;
use super::losses::Losses;
use super::plan::{Planned, Site};
use super::step::Step;
use crate::disk::{BLOCK_BYTES, Disk, DiskBuffer, DiskError, DiskFile};
use crate::format::{
    Epoch, Expected, FileRow, Footer, Group, Holds, LogPosition, Manifest, SegmentSequence,
    segment_file_name,
};
use crate::recovery::found::{FoundSegment, Hole};
use crate::recovery::scan::{Visitor, scan};
use crate::recovery::survey::Content;

/// Plans a manifest for segments of which no two are the same.
pub(super) async fn plan_manifest<D: Disk>(disk: &D, site: &Site<'_>) -> Planned {
    let rows = segment_rows(site);
    let mut seen = Seen::default();
    let before = is_from_the_beginning(site, &rows).then_some(0);
    let log = scan(disk, site.log_id, &rows, before, &mut seen).await?;
    let (first, last) = match (rows.first(), log.segments.last()) {
        (Some(first), Some(last)) => (first.holds.segment().unwrap_or_default(), last.clone()),
        (None, _) | (_, None) => return Ok(Err(NoRemedy::NoSegments)),
    };
    let mut files = Vec::new();
    for (row, found) in rows.iter().zip(&log.segments) {
        let holds = if found.segment == last.segment {
            row.holds
        } else {
            sealed(disk, site.log_id, row, found, &seen).await?
        };
        files.push(FileRow { holds, ..*row });
    }
    files.extend(spare_rows(site));
    let manifest = Manifest {
        log_id: site.log_id,
        number: 1,
        segment_bytes: rows.iter().map(|row| row.bytes).max().unwrap_or(0),
        epoch: log.segments.iter().map(|found| found.epoch).max().unwrap_or(Epoch(0)),
        next_file: site.next_file(),
        released: SegmentSequence(if before.is_some() { 0 } else { first.0 - 1 }),
        files,
    };
    // What is set aside goes first: nobody may take it for something newer than the manifest.
    let mut steps: Vec<Step> =
        rows[log.segments.len()..].iter().map(|row| aside(site, row)).collect();
    let Some(replace) = site.replace_manifest(manifest) else {
        return Ok(Err(NoRemedy::Contradiction));
    };
    steps.extend(replace);
    Ok(Ok((steps, seen.losses)))
}

/// What does not follow the end of the log, and was never durable there.
fn aside(site: &Site<'_>, row: &FileRow) -> Step {
    let name = segment_file_name(row.file);
    Step::SetAside { to: site.quarantine_name(&name), name }
}

/// The segments in their order, none of them sealed.
fn segment_rows(site: &Site<'_>) -> Vec<FileRow> {
    let rows = site.surveyed.iter().filter_map(|it| match it.content {
        Content::Segment { segment, epoch, .. } => {
            Some(FileRow { file: it.file, bytes: it.bytes, holds: Holds::Open { segment, epoch } })
        }
        Content::Zeros | Content::Nothing | Content::OtherVersion(_) => None,
    });
    let mut rows: Vec<FileRow> = rows.collect();
    rows.sort_by_key(|row| row.holds.segment());
    rows
}

/// Files with nothing in them, which may become segments.
fn spare_rows(site: &Site<'_>) -> Vec<FileRow> {
    let empty = site.surveyed.iter().filter(|it| it.content == Content::Zeros);
    empty.map(|it| FileRow { file: it.file, bytes: it.bytes, holds: Holds::Spare }).collect()
}

/// Whether the first segment begins with the first commit group of all.
fn is_from_the_beginning(site: &Site<'_>, rows: &[FileRow]) -> bool {
    let first = rows.first().map(|row| row.file);
    site.surveyed.iter().any(|it| {
        let number = match it.content {
            Content::Segment { first_number, .. } => first_number,
            Content::Zeros | Content::Nothing | Content::OtherVersion(_) => None,
        };
        Some(it.file) == first && number == Some(1)
    })
}

/// What the manifest says of a segment that another one follows.
async fn sealed<D: Disk>(
    disk: &D,
    log_id: u128,
    row: &FileRow,
    found: &FoundSegment,
    seen: &Seen,
) -> Result<Holds, DiskError> {
    let FoundSegment { segment, epoch, end, .. } = *found;
    // Behind a hole nobody has seen its last commit group, but the next one names it.
    let crc = seen.crc_before.range(segment.next()..).next().map_or(found.crc, |(_, crc)| *crc);
    let position = LogPosition { segment, byte: end };
    let place = Expected { log_id, epoch, position };
    let footer_bytes = footer_bytes(disk, row, &place, crc).await?;
    Ok(Holds::Sealed { segment, epoch, end, crc, footer_bytes })
}

/// How long the footer is that stands behind the last commit group; 0 if there is none that can be used.
async fn footer_bytes<D: Disk>(
    disk: &D,
    row: &FileRow,
    place: &Expected,
    crc: u32,
) -> Result<u32, DiskError> {
    let end = place.position.byte;
    if end + BLOCK_BYTES as u32 > row.bytes {
        return Ok(0);
    }
    let file = disk.open_read_only(&segment_file_name(row.file)).await?;
    let read = read_footer(&file, row, place, crc).await;
    let closed = file.close().await;
    let bytes = read?;
    closed?;
    Ok(bytes)
}

async fn read_footer<F: DiskFile>(
    file: &F,
    row: &FileRow,
    place: &Expected,
    crc: u32,
) -> Result<u32, DiskError>
where
    F::Buffer: DiskBuffer,
{
    let at = u64::from(place.position.byte);
    let block = file.read(at, BLOCK_BYTES).await?;
    let length = Footer::length(block.as_ref(), place).unwrap_or(0);
    let is_possible = length > 0
        && (length as usize).is_multiple_of(BLOCK_BYTES)
        && length <= row.bytes - place.position.byte;
    if !is_possible {
        return Ok(0);
    }
    let bytes = file.read(at, length as usize).await?;
    Ok(if Footer::read(bytes.as_ref(), place, crc).is_ok() { length } else { 0 })
}

/// What was seen of the segments.
#[derive(Default)]
struct Seen {
    losses: Losses,
    /// For each segment with a whole commit group at its beginning the checksum of the one before that.
    crc_before: BTreeMap<SegmentSequence, u32>,
}

impl Visitor for Seen {
    fn on_group(&mut self, group: &Group<'_>) {
        let position = group.header.position;
        if position.byte == 0 {
            self.crc_before.insert(position.segment, group.header.previous_crc);
        }
        self.losses.on_group(group);
    }

    fn on_hole(&mut self, hole: &Hole) {
        self.losses.on_hole(hole);
    }
}
