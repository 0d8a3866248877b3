//! Finds out where the batches of a log stand: from the footers of its segments, and for segments that
//! have none from their commit groups.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::found::Hole;
use super::open::OpenError;
use super::scan::{Visitor, scan};
use crate::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile};
use crate::format::{
    Append, Entry, Expected, FileRow, Footer, Group, Head, Holds, LogPosition, Manifest,
    SegmentSequence, entry_bytes, segment_file_name,
};
use crate::index::LogIndex;

/// Notes the batches of segments that have no footer.
pub(super) struct IndexVisitor {
    pub(super) index: LogIndex,
    without_footer: BTreeSet<SegmentSequence>,
}

impl IndexVisitor {
    /// Notes the batches of those segments that have no footer.
    pub(super) fn new(files: &[FileRow]) -> IndexVisitor {
        let without_footer = files.iter().filter(|row| !has_footer(row));
        IndexVisitor {
            index: LogIndex::new(),
            without_footer: without_footer.filter_map(|row| row.holds.segment()).collect(),
        }
    }

    /// Notes the batches of all segments.
    fn of_all(files: &[FileRow]) -> IndexVisitor {
        let segments = files.iter().filter_map(|row| row.holds.segment());
        IndexVisitor { index: LogIndex::new(), without_footer: segments.collect() }
    }
}

impl Visitor for IndexVisitor {
    fn on_group(&mut self, group: &Group<'_>) {
        let segment = group.header.position.segment;
        if !self.without_footer.contains(&segment) {
            return;
        }
        for (place, entry) in group.entries() {
            match entry {
                Entry::Append(head, body) => {
                    let bytes = entry_bytes(Append::BYTES, body.len()) as u32;
                    self.index.note_batch(&head, body.len() as u32, place, bytes);
                }
                Entry::Truncate(_)
                | Entry::Cursor(_)
                | Entry::Producer(..)
                | Entry::Metadata(..)
                | Entry::CheckpointChunk(..)
                | Entry::Watermark(_)
                | Entry::SegmentReplace(..)
                | Entry::EndOfEpoch(_)
                | Entry::RaftHardState(_)
                | Entry::Extension(..) => self.index.note_others(segment, 1),
            }
        }
    }

    fn on_hole(&mut self, _hole: &Hole) {}
}

fn has_footer(row: &FileRow) -> bool {
    match row.holds {
        Holds::Spare | Holds::Open { .. } => false,
        Holds::Sealed { footer_bytes, .. } => footer_bytes > 0,
    }
}

/// Where the batches of the sealed segments stand.
pub(super) struct Indexed {
    pub(super) index: LogIndex,
    /// The footers of segments that have none on the disk, or a damaged one.
    pub(super) rebuilt: BTreeMap<SegmentSequence, Rc<Footer>>,
}

/// Looks at every sealed segment. `scanned`: what was noted of segments without a footer while the log
/// was replayed.
pub(super) async fn index_sealed<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    scanned: &LogIndex,
) -> Result<Indexed, OpenError> {
    let mut indexed = Indexed { index: LogIndex::new(), rebuilt: BTreeMap::new() };
    for (segment, row) in manifest.segments() {
        if !matches!(row.holds, Holds::Sealed { .. }) {
            continue;
        }
        if let Some(footer) = read_footer(disk, manifest.log_id, row).await? {
            indexed.index.note_footer(segment, &footer.partitions);
            continue;
        }
        let mut footer = scanned.footer(segment);
        if footer == Footer::default() {
            let mut visitor = IndexVisitor::of_all(&[*row]);
            scan(disk, manifest.log_id, &[*row], None, &mut visitor).await?;
            footer = visitor.index.footer(segment);
        }
        indexed.index.note_footer(segment, &footer.partitions);
        indexed.rebuilt.insert(segment, Rc::new(footer));
    }
    Ok(indexed)
}

/// The footer of a sealed segment; nothing if it has none, or a damaged one.
async fn read_footer<D: Disk>(
    disk: &D,
    log_id: u128,
    row: &FileRow,
) -> Result<Option<Footer>, DiskError> {
    let Holds::Sealed { segment, epoch, end, crc, footer_bytes } = row.holds else {
        return Ok(None);
    };
    let is_possible = footer_bytes > 0 && (footer_bytes as usize).is_multiple_of(BLOCK_BYTES);
    if !is_possible {
        return Ok(None);
    }
    let file = disk.open_read_only(&segment_file_name(row.file)).await?;
    if file.bytes() < u64::from(end) + u64::from(footer_bytes) {
        file.close().await?;
        return Ok(None);
    }
    let bytes = file.read(u64::from(end), footer_bytes as usize).await;
    let closed = file.close().await;
    let bytes = bytes?;
    closed?;
    let position = LogPosition { segment, byte: end };
    Ok(Footer::read(bytes.as_ref(), &Expected { log_id, epoch, position }, crc).ok())
}
