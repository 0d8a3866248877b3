//! Holds the footers of sealed segments against what stands in these.

use std::collections::BTreeMap;

use super::scan::{ScanError, scan};
use super::verify_entries::{EntryCheck, SealedEnd, sealed_ends};
use crate::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile};
use crate::format::{
    FileRow, Footer, FooterFault, FooterPartition, Holds, Manifest, SegmentSequence,
    segment_file_name,
};

/// Reads the footer that the row of a sealed segment promises, and gives the checksum of all its bytes;
/// nothing if it promises none.
pub(super) async fn check_footer<D: Disk>(
    disk: &D,
    known: &SealedEnd,
    row: &FileRow,
) -> Result<Option<Result<u32, FooterFault>>, DiskError> {
    let Some(bytes) = footer_bytes_of(disk, row).await? else { return Ok(None) };
    Ok(Some(bytes.and_then(|bytes| {
        Footer::read(&bytes, &known.place, known.crc)?;
        let length = Footer::length(&bytes, &known.place)?;
        if length as usize == bytes.len() {
            Ok(crc32c::crc32c(&bytes))
        } else {
            Err(FooterFault::Damaged)
        }
    })))
}

/// The bytes in the place of a footer; nothing if the manifest promises none.
async fn footer_bytes_of<D: Disk>(
    disk: &D,
    row: &FileRow,
) -> Result<Option<Result<Vec<u8>, FooterFault>>, DiskError> {
    let Holds::Sealed { end, footer_bytes, .. } = row.holds else { return Ok(None) };
    if footer_bytes == 0 {
        return Ok(None);
    }
    let is_aligned = (footer_bytes as usize).is_multiple_of(BLOCK_BYTES);
    let file = disk.open_read_only(&segment_file_name(row.file)).await?;
    if !is_aligned || file.bytes() < u64::from(end) + u64::from(footer_bytes) {
        file.close().await?;
        return Ok(Some(Err(FooterFault::Damaged)));
    }
    let bytes = file.read(u64::from(end), footer_bytes as usize).await;
    let closed = file.close().await;
    let bytes = bytes?;
    closed?;
    Ok(Some(Ok(bytes.as_ref().to_vec())))
}

/// The footer of what can be read of a segment.
pub(super) async fn rebuild_footer<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    row: &FileRow,
) -> Result<Footer, ScanError> {
    let (sealed, mut ignored) = (BTreeMap::new(), |_| {});
    let mut check = EntryCheck::new(manifest, &sealed, 0, &mut ignored);
    scan(disk, manifest.log_id, &[*row], None, &mut check).await?;
    Ok(check.current_footer())
}

/// Whether the footer of a segment, which is whole, fits what stands in the segment. A footer may leave out
/// batches at the end of a partition: those that were taken out again before the segment was sealed.
pub(super) async fn compare_footer<D: Disk>(
    disk: &D,
    manifest: &Manifest,
    segment: SegmentSequence,
) -> Result<bool, ScanError> {
    let rows = manifest.segments().find(|(named, _)| *named == segment);
    let known = sealed_ends(manifest);
    let (Some((_, row)), Some(known)) = (rows, known.get(&segment)) else { return Ok(false) };
    let bytes = footer_bytes_of(disk, row).await?.and_then(Result::ok).unwrap_or_default();
    let Ok(stored) = Footer::read(&bytes, &known.place, known.crc) else { return Ok(false) };
    Ok(fits(&stored, &rebuild_footer(disk, manifest, row).await?))
}

fn fits(stored: &Footer, rebuilt: &Footer) -> bool {
    let key = |row: &FooterPartition| (row.partition, row.incarnation);
    let is_known = |row: &FooterPartition| {
        let whole = rebuilt.partitions.iter().find(|whole| key(whole) == key(row));
        whole.is_some_and(|whole| {
            rebuilt.batches_of(whole).starts_with(stored.batches_of(row))
                && row.body_bytes <= whole.body_bytes
        })
    };
    stored.other_entry_count == rebuilt.other_entry_count && stored.partitions.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Append, LogPosition};
    use crate::index::LogIndex;

    fn footer(offsets: &[u64], others: u32) -> Footer {
        let mut index = LogIndex::new();
        let segment = SegmentSequence(1);
        for (at, base_offset) in (1..).zip(offsets) {
            let head =
                Append { partition: 7, base_offset: *base_offset, count: 1, ..Append::default() };
            index.note_batch(&head, 10, LogPosition { segment, byte: at * 128 }, 128);
        }
        index.note_others(segment, others);
        index.footer(segment)
    }

    #[test]
    fn a_footer_may_leave_out_the_end_of_a_partition_and_nothing_else() {
        let whole = footer(&[0, 1, 2], 1);
        for (stored, expected) in [
            (footer(&[0, 1, 2], 1), true),
            (footer(&[0, 1], 1), true),
            (footer(&[], 1), true),
            (footer(&[0, 1, 2], 2), false),
            (footer(&[1, 2], 1), false),
            (footer(&[0, 1, 2, 3], 1), false),
        ] {
            assert_eq!(fits(&stored, &whole), expected, "{stored:?}");
        }
    }
}
