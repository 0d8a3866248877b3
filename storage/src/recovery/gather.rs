//! Looks at everything of a log but its commit groups.

use std::collections::BTreeSet;

use super::decide::{Found, FoundFiles, FoundManifest, FoundSlot};
use crate::disk::{BLOCK_BYTES, DirectoryEntry, Disk, DiskError, DiskFile, FileKind};
use crate::format::{
    FileRow, GROUP_HEADER_BYTES, GroupHeader, Holds, MANIFEST_BYTES_MAX, MANIFEST_FILE_NAME,
    Manifest, ManifestFault, SLOT_COUNT, SUPERBLOCK_FILE_NAME, SegmentSequence, Slot, Superblock,
    segment_file_name, segment_file_number,
};

/// What there is of a log beside its commit groups.
pub(super) struct Gathered {
    /// In short, to decide by.
    pub(super) found: Found,
    /// The manifest, if it is valid.
    pub(super) manifest: Option<Manifest>,
    /// What the slots of the superblock hold.
    pub(super) slots: [Option<Superblock>; SLOT_COUNT],
    /// Whether there is a superblock.
    pub(super) has_superblock: bool,
    /// Whether it is as long as it has to be.
    pub(super) is_superblock_whole: bool,
    /// Files of segments that the manifest does not name, and that hold nothing that counts.
    pub(super) orphans: Vec<u64>,
}

/// Looks at the files of the log `log_id`.
///
/// # Errors
/// If the disk cannot read.
pub(super) async fn gather<D: Disk>(disk: &D, log_id: u128) -> Result<Gathered, DiskError> {
    let entries = disk.list().await?;
    let has =
        |name: &str| entries.iter().any(|entry| entry.name == name && entry.kind == FileKind::File);
    let (found_manifest, manifest) = match has(MANIFEST_FILE_NAME) {
        true => read_manifest(disk, log_id).await?,
        false => (FoundManifest::Missing, None),
    };
    let has_superblock = has(SUPERBLOCK_FILE_NAME);
    let slots = match has_superblock {
        true => read_slots(disk, log_id).await?,
        false => [Slot::Blank; SLOT_COUNT],
    };
    let is_whole = |entry: &DirectoryEntry| {
        entry.name == SUPERBLOCK_FILE_NAME && entry.bytes == (SLOT_COUNT * BLOCK_BYTES) as u64
    };
    let is_superblock_whole = has_superblock && entries.iter().any(is_whole);
    let rows = manifest.as_ref().map_or(&[][..], |manifest| &manifest.files);
    let mut orphans = Vec::new();
    let mut files = compare(rows, &entries);
    for (file, bytes) in unnamed(rows, &entries) {
        let knows = manifest.as_ref().and_then(|manifest| manifest.segments().last());
        let knows = knows.map_or(SegmentSequence(0), |(segment, _)| segment);
        match begins_with(disk, log_id, file, bytes).await? {
            Some(segment) if manifest.is_some() && segment > knows => {
                files = FoundFiles::Newer { file };
            }
            Some(_) | None => orphans.push(file),
        }
    }
    if files == FoundFiles::None && !orphans.is_empty() && manifest.is_none() {
        files = FoundFiles::Complete;
    }
    let released = manifest.as_ref().map_or(SegmentSequence(0), |manifest| manifest.released);
    let found = Found {
        manifest: found_manifest,
        slots: slots.map(|slot| found_slot(&slot, manifest.as_ref())),
        files,
        from_the_beginning: released == SegmentSequence(0),
    };
    let slots = slots.map(|slot| match slot {
        Slot::Valid(superblock) => Some(superblock),
        Slot::Blank | Slot::Damaged | Slot::OtherLog | Slot::OtherVersion(_) => None,
    });
    Ok(Gathered { found, manifest, slots, has_superblock, is_superblock_whole, orphans })
}

async fn read_manifest<D: Disk>(
    disk: &D,
    log_id: u128,
) -> Result<(FoundManifest, Option<Manifest>), DiskError> {
    let bytes = disk.read_small(MANIFEST_FILE_NAME, MANIFEST_BYTES_MAX).await?;
    Ok(match Manifest::from_bytes(&bytes) {
        Ok(manifest) if manifest.log_id != log_id => (FoundManifest::OtherLog, None),
        Ok(manifest) => (FoundManifest::Valid, Some(manifest)),
        Err(ManifestFault::OtherVersion(version)) => (FoundManifest::OtherVersion(version), None),
        Err(ManifestFault::Foreign | ManifestFault::Damaged | ManifestFault::Contradiction) => {
            (FoundManifest::Damaged, None)
        }
    })
}

async fn read_slots<D: Disk>(disk: &D, log_id: u128) -> Result<[Slot; SLOT_COUNT], DiskError> {
    let bytes = disk.read_small(SUPERBLOCK_FILE_NAME, SLOT_COUNT * BLOCK_BYTES).await?;
    let slot = |index: usize| {
        // A superblock that is too short was cut off by somebody else: what is missing is damaged.
        let block = bytes.get(index * BLOCK_BYTES..).and_then(|rest| rest.first_chunk());
        block.map_or(Slot::Damaged, |block| Slot::read(block, log_id, index))
    };
    Ok([slot(0), slot(1)])
}

fn found_slot(slot: &Slot, manifest: Option<&Manifest>) -> FoundSlot {
    match slot {
        Slot::Blank => FoundSlot::Blank,
        Slot::Damaged => FoundSlot::Damaged,
        Slot::OtherLog => FoundSlot::OtherLog,
        Slot::OtherVersion(version) => FoundSlot::OtherVersion(*version),
        Slot::Valid(superblock) => {
            let named = manifest.is_some_and(|manifest| {
                manifest.segments().any(|(segment, _)| segment == superblock.first.segment)
            });
            match named {
                true => FoundSlot::Valid { checkpoint: superblock.checkpoint },
                false => FoundSlot::OutOfReach,
            }
        }
    }
}

/// Holds the files that the manifest names against those that are there. A spare file that is gone is
/// no loss.
fn compare(rows: &[FileRow], entries: &[DirectoryEntry]) -> FoundFiles {
    let mut found = FoundFiles::None;
    for row in rows {
        let name = segment_file_name(row.file);
        let entry = entries.iter().find(|entry| entry.name == name && entry.kind == FileKind::File);
        let needed = match row.holds {
            Holds::Spare => continue,
            Holds::Open { .. } => row.bytes,
            Holds::Sealed { end, .. } => end,
        };
        match entry {
            None => return FoundFiles::Missing { file: row.file },
            Some(entry) if entry.bytes < u64::from(needed) => {
                return FoundFiles::Short { file: row.file };
            }
            Some(_) => found = FoundFiles::Complete,
        }
    }
    found
}

/// Files with the name of a segment's file that the manifest does not name, with their lengths.
fn unnamed(rows: &[FileRow], entries: &[DirectoryEntry]) -> Vec<(u64, u64)> {
    let named: BTreeSet<u64> = rows.iter().map(|row| row.file).collect();
    let ours = entries.iter().filter(|entry| entry.kind == FileKind::File);
    let numbered = ours.filter_map(|entry| Some((segment_file_number(&entry.name)?, entry.bytes)));
    numbered.filter(|(file, _)| !named.contains(file)).collect()
}

/// Which segment of this log a file begins with, if with any.
async fn begins_with<D: Disk>(
    disk: &D,
    log_id: u128,
    file: u64,
    bytes: u64,
) -> Result<Option<SegmentSequence>, DiskError> {
    if bytes < BLOCK_BYTES as u64 {
        return Ok(None);
    }
    let file = disk.open_read_only(&segment_file_name(file)).await?;
    let block = file.read(0, BLOCK_BYTES).await;
    let closed = file.close().await;
    let block = block?;
    closed?;
    Ok(GroupHeader::segment_that_begins(&block.as_ref()[..GROUP_HEADER_BYTES], log_id))
}
