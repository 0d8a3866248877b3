//! The superblock: which checkpoint recovery begins at (law L9).
//!
//! The file `superblock` holds two slots of one block each. A checkpoint with an even number is
//! written to the first, one with an odd number to the second, so the one before it stays whole: the
//! one place where something is written over.
//!
//! ```text
//!   0 magic "COILGUNs"       8 version u16           10 zeros u16       12 crc of the block u32
//!  16 log id u128           32 checkpoint u64        40 epoch u64
//!  48 first segment u64     56 first byte u32        60 chunk count u32
//!  64 last segment u64      72 last byte u32         76 zeros to the end of the block
//! ```

use super::fields::{Reader, Writer, checksum_around, is_zero, put_u32};
use super::group::FORMAT_VERSION;
use super::position::{Epoch, LogPosition, SegmentSequence};
use crate::disk::{BLOCK_BYTES, Block};

/// The file's name in the directory of a log.
pub const SUPERBLOCK_FILE_NAME: &str = "superblock";
/// Its name while it is made.
pub const SUPERBLOCK_NEW_FILE_NAME: &str = "superblock.new";
/// How many slots there are.
pub const SLOT_COUNT: usize = 2;
const MAGIC: [u8; 8] = *b"COILGUNs";
const CRC_AT: usize = 12;
const USED_BYTES: usize = 76;

/// A checkpoint that is complete and durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Superblock {
    /// The log.
    pub log_id: u128,
    /// Counts the checkpoints, from 1.
    pub checkpoint: u64,
    /// The epoch it was made in.
    pub epoch: Epoch,
    /// The commit group from which replay begins: the one with its first chunk.
    pub first: LogPosition,
    /// The end of the commit group with its last chunk.
    pub end: LogPosition,
    /// How many chunks it has.
    pub chunk_count: u32,
}

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// Nothing was ever written to it.
    Blank,
    /// A checkpoint of this log.
    Valid(Superblock),
    /// It was torn while it was written, or has rotted.
    Damaged,
    /// A checkpoint of another log.
    OtherLog,
    /// It is whole, and another version of Coilgun wrote it.
    OtherVersion(u16),
}

impl Superblock {
    /// Which slot it belongs to.
    #[must_use]
    pub fn slot(&self) -> usize {
        (self.checkpoint % SLOT_COUNT as u64) as usize
    }

    /// The block as it stands in its slot.
    #[must_use]
    pub fn to_block(&self) -> Block {
        let mut block = Block::zeroed();
        let bytes = block.bytes_mut();
        let mut writer = Writer::new(bytes);
        writer.raw(&MAGIC).u16(FORMAT_VERSION).u16(0).u32(0).u128(self.log_id);
        writer.u64(self.checkpoint).u64(self.epoch.0);
        writer.u64(self.first.segment.0).u32(self.first.byte).u32(self.chunk_count);
        writer.u64(self.end.segment.0).u32(self.end.byte);
        assert!(writer.written() == USED_BYTES);
        let crc = checksum_around(bytes, CRC_AT);
        put_u32(bytes, CRC_AT, crc);
        block
    }
}

impl Slot {
    /// Reads a slot of the log `log_id` from a block of any bytes. `index` is which slot it is.
    #[must_use]
    pub fn read(bytes: &[u8; BLOCK_BYTES], log_id: u128, index: usize) -> Slot {
        if is_zero(bytes) {
            return Slot::Blank;
        }
        let mut reader = Reader::new(bytes);
        let magic: [u8; 8] = reader.raw();
        let version = reader.u16();
        let _zeros = reader.u16();
        let crc = reader.u32();
        if magic != MAGIC || crc != checksum_around(bytes, CRC_AT) {
            return Slot::Damaged;
        }
        if version != FORMAT_VERSION {
            return Slot::OtherVersion(version);
        }
        if reader.u128() != log_id {
            return Slot::OtherLog;
        }
        let checkpoint = reader.u64();
        let epoch = Epoch(reader.u64());
        let first = LogPosition { segment: SegmentSequence(reader.u64()), byte: reader.u32() };
        let chunk_count = reader.u32();
        let end = LogPosition { segment: SegmentSequence(reader.u64()), byte: reader.u32() };
        let read = Superblock { log_id, checkpoint, epoch, first, end, chunk_count };
        let possible = checkpoint > 0 && first < end && chunk_count > 0 && read.slot() == index;
        if possible { Slot::Valid(read) } else { Slot::Damaged }
    }
}
