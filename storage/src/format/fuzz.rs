//! Fuzz entries: one for each decoder. None may panic, whatever it is given.

use super::entry::read_entry;
use super::fields::{checksum_around, put_u32};
use super::footer::{FOOTER_HEADER_BYTES, Footer};
use super::group::{Expected, GROUP_HEADER_BYTES, Group};
use super::lost::LostStretch;
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

/// Where the checksum stands in everything that begins with a header.
const CRC_AT: usize = 12;

/// The same bytes, with a checksum over the first `length` of them that fits: what is behind the first check
/// is reached by chance otherwise in no time that anybody has.
fn resealed(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(covered) = bytes.get_mut(..length).filter(|covered| covered.len() >= CRC_AT + 4) {
        let crc = checksum_around(covered, CRC_AT);
        put_u32(covered, CRC_AT, crc);
    }
    bytes
}

/// A commit group of any bytes, and everything in it.
pub fn fuzz_group(bytes: &[u8]) {
    check_group(bytes);
    check_group(&resealed(bytes, GROUP_HEADER_BYTES));
}

fn check_group(bytes: &[u8]) {
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
    check_footer(bytes);
    check_footer(&resealed(bytes, FOOTER_HEADER_BYTES));
}

fn check_footer(bytes: &[u8]) {
    let Ok(footer) = Footer::read(bytes, &PLACE, 1) else { return };
    let batches: usize = footer.partitions.iter().map(|row| footer.batches_of(row).len()).sum();
    assert_eq!(batches, footer.batches.len());
    let length = Footer::length(bytes, &PLACE).expect("it was read");
    let again = Footer::read(&footer.to_bytes(&PLACE, 1), &PLACE, 1);
    assert!(length as usize <= bytes.len() && again.as_ref() == Ok(&footer));
}

/// A slot of the superblock of any bytes.
pub fn fuzz_superblock(bytes: &[u8]) {
    check_superblock(bytes);
    check_superblock(&resealed(bytes, BLOCK_BYTES));
}

fn check_superblock(bytes: &[u8]) {
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
    check_manifest(bytes);
    check_manifest(&resealed(bytes, bytes.len()));
}

/// The mark of a lost stretch of any bytes.
pub fn fuzz_lost(bytes: &[u8]) {
    for bytes in [bytes, &resealed(bytes, BLOCK_BYTES)] {
        let Some(block) = bytes.first_chunk::<BLOCK_BYTES>() else { return };
        if let Some(mark) = LostStretch::read(block) {
            assert_eq!(LostStretch::read(mark.to_block().bytes()), Some(mark));
        }
    }
}

fn check_manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
    }
}
