//! The mark that `coilgun log repair` leaves where the bytes of a segment are gone: nobody takes the place for
//! one that was never written, and nobody has to look for it again.
//!
//! ```text
//!   0 magic "COILGUNx"       8 version u16           10 zeros u16       12 crc of the block u32
//!  16 log id u128           32 segment u64           40 from byte u32   44 to byte u32
//!  48 zeros to the end of the block
//! ```

use super::fields::{Reader, Writer, checksum_around, is_zero, put_u32};
use super::group::FORMAT_VERSION;
use super::position::{LogPosition, SegmentSequence};
use crate::disk::{BLOCK_BYTES, Block};

const MAGIC: [u8; 8] = *b"COILGUNx";
const CRC_AT: usize = 12;
const USED_BYTES: usize = 48;

/// A stretch of a segment that is gone, and that somebody knows to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostStretch {
    /// The log.
    pub log_id: u128,
    /// Where it begins; there stands its mark.
    pub from: LogPosition,
    /// The byte of the same segment at which it ends.
    pub to: u32,
}

impl LostStretch {
    /// The block as it stands at its beginning.
    #[must_use]
    pub fn to_block(&self) -> Block {
        let mut block = Block::zeroed();
        let bytes = block.bytes_mut();
        let mut writer = Writer::new(bytes);
        writer.raw(&MAGIC).u16(FORMAT_VERSION).u16(0).u32(0).u128(self.log_id);
        writer.u64(self.from.segment.0).u32(self.from.byte).u32(self.to);
        assert!(writer.written() == USED_BYTES);
        let crc = checksum_around(bytes, CRC_AT);
        put_u32(bytes, CRC_AT, crc);
        block
    }

    /// Reads a mark from a block of any bytes; nothing if it is none.
    #[must_use]
    pub fn read(bytes: &[u8; BLOCK_BYTES]) -> Option<LostStretch> {
        let mut reader = Reader::new(bytes);
        let magic: [u8; 8] = reader.raw();
        let (version, _zeros, crc) = (reader.u16(), reader.u16(), reader.u32());
        let log_id = reader.u128();
        let segment = SegmentSequence(reader.u64());
        let from = LogPosition { segment, byte: reader.u32() };
        let to = reader.u32();
        let is_one = magic == MAGIC
            && crc == checksum_around(bytes, CRC_AT)
            && version == FORMAT_VERSION
            && is_zero(&bytes[USED_BYTES..])
            && from.byte < to;
        is_one.then_some(LostStretch { log_id, from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_no_other_block_is_one() {
        let from = LogPosition { segment: SegmentSequence(3), byte: 4096 };
        let mark = LostStretch { log_id: 7, from, to: 12_288 };
        let block = mark.to_block();
        assert_eq!(LostStretch::read(block.bytes()), Some(mark));
        assert_eq!(LostStretch::read(Block::zeroed().bytes()), None);
        for at in 0..BLOCK_BYTES {
            let mut damaged = *block.bytes();
            damaged[at] ^= 1;
            assert_eq!(LostStretch::read(&damaged), None, "byte {at}");
        }
    }
}
