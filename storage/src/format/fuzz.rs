//! Fuzz entries: one for each decoder. None may panic, whatever it is given.

use super::entry::read_entry;
use super::footer::Footer;
use super::group::{Expected, Group};
use super::manifest::Manifest;
use super::position::{Epoch, LogPosition, SegmentSequence};
use super::superblock::{Slot, Superblock};
use crate::disk::BLOCK_BYTES;

/// The place that the seeds of the corpus are written for.
pub const PLACE: Expected = Expected {
    log_id: 7,
    epoch: Epoch(1),
    position: LogPosition { segment: SegmentSequence(1), byte: 0 },
};

/// A commit group of any bytes, and everything in it.
pub fn fuzz_group(bytes: &[u8]) {
    let Ok(group) = Group::check(bytes, &PLACE) else { return };
    let end = group.end().byte as usize;
    assert!(end <= bytes.len());
    assert_eq!(group.entries().count(), group.rows().len());
    for (position, _) in group.entries() {
        assert!((position.byte as usize) < end);
    }
    assert_eq!(group.previous_rows().len(), group.header.previous_entry_count as usize);
}

/// One entry of any bytes.
pub fn fuzz_entry(bytes: &[u8]) {
    if let Ok((_, length)) = read_entry(bytes) {
        assert!(length <= bytes.len());
    }
}

/// A footer of any bytes.
pub fn fuzz_footer(bytes: &[u8]) {
    let Ok(footer) = Footer::read(bytes, &PLACE, 1) else { return };
    let batches: usize = footer.partitions.iter().map(|row| footer.batches_of(row).len()).sum();
    assert_eq!(batches, footer.batches.len());
    let length = Footer::length(bytes, &PLACE).expect("it was read");
    let again = Footer::read(&footer.to_bytes(&PLACE, 1), &PLACE, 1);
    assert!(length as usize <= bytes.len() && again.as_ref() == Ok(&footer));
}

/// A slot of the superblock of any bytes.
pub fn fuzz_superblock(bytes: &[u8]) {
    let Some(block) = bytes.first_chunk::<BLOCK_BYTES>() else { return };
    for index in 0..2 {
        if let Slot::Valid(superblock) = Slot::read(block, PLACE.log_id, index) {
            let again: Superblock = superblock;
            let written = again.to_block();
            assert_eq!(Slot::read(written.bytes(), PLACE.log_id, index), Slot::Valid(again));
        }
    }
}

/// A manifest of any bytes.
pub fn fuzz_manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
    }
}
