//! The footer of a sealed segment: where each batch of each partition stands in it.
//!
//! It stands behind the last commit group. It is derived: whoever finds it damaged scans the segment
//! and builds it again (law L3). It begins with 128 bytes:
//!
//! ```text
//!   0 magic "COILGUNf"    8 version u16    10 zeros u16      12 crc of the header u32
//!  16 log id u128        32 segment u64    40 epoch u64      48 position (byte) u32
//!  52 length u32         56 partition rows u32               60 batch rows u32
//!  64 crc of the rows u32  68 crc of the last commit group u32
//!  72 entries that are no appends u32      76 zeros u32      80 latest time of append, ms u64
//!  88 zeros
//! ```
//!
//! Behind it stand the partitions, ordered by number and incarnation, and the batches of each, ordered
//! by offset; then zeros up to a whole block.
//!
//! ```text
//! partition row of 48 bytes              batch row of 24 bytes
//!   0 partition u64                        0 base offset u64
//!   8 first offset u64                     8 time of append, ms u64
//!  16 end offset u64                      16 position (byte) u32
//!  24 bytes of bodies u64                 20 length of the entry u32
//!  32 its first batch row u32
//!  36 batch rows u32
//!  40 incarnation u32
//!  44 zeros u32
//! ```

use super::fields::{Reader, Writer, checksum_around, put_u32};
use super::group::{Expected, FORMAT_VERSION};
use crate::disk::BLOCK_BYTES;

/// Length of the footer's header, in bytes.
pub const FOOTER_HEADER_BYTES: usize = 128;
const PARTITION_ROW_BYTES: usize = 48;
const BATCH_ROW_BYTES: usize = 24;
const MAGIC: [u8; 8] = *b"COILGUNf";
const CRC_AT: usize = 12;

/// What a segment holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Footer {
    /// Ordered by number and incarnation.
    pub partitions: Vec<FooterPartition>,
    /// Ordered by partition, incarnation and offset.
    pub batches: Vec<FooterBatch>,
    /// How many entries are no appends.
    pub other_entry_count: u32,
    /// The latest time of append of a batch, in milliseconds since 1970; 0 without batches.
    pub append_time_ms_max: u64,
}

/// One incarnation of a partition in a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FooterPartition {
    /// Its number.
    pub partition: u64,
    /// Its incarnation.
    pub incarnation: u32,
    /// The offset of its first record here.
    pub first_offset: u64,
    /// The offset behind its last record here.
    pub end_offset: u64,
    /// How many bytes the bodies of its batches have, together.
    pub body_bytes: u64,
    /// Which batch row is its first.
    pub batch_index: u32,
    /// How many batch rows it has.
    pub batch_count: u32,
}

/// One batch of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FooterBatch {
    /// The offset of its first record.
    pub base_offset: u64,
    /// When it was appended, in milliseconds since 1970.
    pub append_time_ms: u64,
    /// The byte of the segment at which its entry stands.
    pub byte: u32,
    /// How many bytes its entry takes up.
    pub entry_bytes: u32,
}

/// Why bytes are not the footer of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FooterFault {
    /// There is none of this segment.
    #[error("there is no footer of this segment")]
    Absent,
    /// A checksum does not fit, or it is cut off.
    #[error("it is damaged")]
    Damaged,
    /// It is whole, and another version of Coilgun wrote it.
    #[error("it has version {0} of the format, which this Coilgun does not know")]
    OtherVersion(u16),
}

/// How many bytes a footer takes up, in whole blocks.
#[must_use]
pub const fn footer_bytes(partition_count: usize, batch_count: usize) -> usize {
    (FOOTER_HEADER_BYTES + partition_count * PARTITION_ROW_BYTES + batch_count * BATCH_ROW_BYTES)
        .next_multiple_of(BLOCK_BYTES)
}

impl Footer {
    /// The bytes as they stand behind the last commit group of the segment, at `place`; `last_crc` is
    /// that group's checksum.
    #[must_use]
    pub fn to_bytes(&self, place: &Expected, last_crc: u32) -> Vec<u8> {
        let mut bytes = vec![0; footer_bytes(self.partitions.len(), self.batches.len())];
        self.write_rows(&mut bytes[FOOTER_HEADER_BYTES..]);
        let rows_crc = crc32c::crc32c(&bytes[FOOTER_HEADER_BYTES..]);
        let length = bytes.len() as u32;
        let header = &mut bytes[..FOOTER_HEADER_BYTES];
        let mut writer = Writer::new(header);
        writer.raw(&MAGIC).u16(FORMAT_VERSION).u16(0).u32(0).u128(place.log_id);
        writer.u64(place.position.segment.0).u64(place.epoch.0).u32(place.position.byte);
        writer.u32(length).u32(self.partitions.len() as u32).u32(self.batches.len() as u32);
        writer.u32(rows_crc).u32(last_crc).u32(self.other_entry_count).u32(0);
        writer.u64(self.append_time_ms_max);
        let crc = checksum_around(header, CRC_AT);
        put_u32(header, CRC_AT, crc);
        bytes
    }

    fn write_rows(&self, into: &mut [u8]) {
        let mut writer = Writer::new(into);
        for row in &self.partitions {
            writer.u64(row.partition).u64(row.first_offset).u64(row.end_offset);
            writer.u64(row.body_bytes).u32(row.batch_index).u32(row.batch_count);
            writer.u32(row.incarnation).u32(0);
        }
        for row in &self.batches {
            writer.u64(row.base_offset).u64(row.append_time_ms);
            writer.u32(row.byte).u32(row.entry_bytes);
        }
    }

    /// How long the footer is that should stand at `place`, in bytes, as its header says.
    ///
    /// # Errors
    /// If there is none.
    pub fn length(bytes: &[u8], place: &Expected) -> Result<u32, FooterFault> {
        Ok(Header::read(bytes, place)?.bytes)
    }

    /// Reads the footer that should stand at `place`, behind a commit group with the checksum
    /// `last_crc`, from any bytes.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub fn read(bytes: &[u8], place: &Expected, last_crc: u32) -> Result<Footer, FooterFault> {
        let header = Header::read(bytes, place)?;
        let expected = footer_bytes(header.partition_count as usize, header.batch_count as usize);
        let whole = bytes.get(FOOTER_HEADER_BYTES..header.bytes as usize);
        let rows = whole.ok_or(FooterFault::Damaged)?;
        if expected != header.bytes as usize || crc32c::crc32c(rows) != header.rows_crc {
            return Err(FooterFault::Damaged);
        }
        if header.last_crc != last_crc {
            return Err(FooterFault::Absent);
        }
        let mut reader = Reader::new(rows);
        let partitions: Vec<FooterPartition> =
            (0..header.partition_count).map(|_| read_partition(&mut reader)).collect();
        let batches = (0..header.batch_count).map(|_| read_batch(&mut reader)).collect();
        let (other_entry_count, append_time_ms_max) =
            (header.other_entry_count, header.append_time_ms_max);
        let read = Footer { partitions, batches, other_entry_count, append_time_ms_max };
        if read.is_consistent() { Ok(read) } else { Err(FooterFault::Damaged) }
    }

    /// The batches of one of its partitions.
    #[must_use]
    pub fn batches_of(&self, row: &FooterPartition) -> &[FooterBatch] {
        let from = row.batch_index as usize;
        &self.batches[from..from + row.batch_count as usize]
    }

    /// Every partition has its batches, one partition's behind the other's, and both are ordered.
    fn is_consistent(&self) -> bool {
        let mut next = 0;
        let adjoining = self.partitions.iter().all(|row| {
            let fits = row.batch_index as usize == next && row.batch_count > 0;
            next += row.batch_count as usize;
            fits
        });
        let key = |row: &FooterPartition| (row.partition, row.incarnation);
        adjoining
            && next == self.batches.len()
            && self.partitions.is_sorted_by(|one, other| key(one) < key(other))
            && self.partitions.iter().all(|row| {
                let offsets = self.batches_of(row);
                offsets.is_sorted_by(|one, other| one.base_offset < other.base_offset)
            })
    }
}

/// What the footer's header says beside what it must say.
struct Header {
    bytes: u32,
    partition_count: u32,
    batch_count: u32,
    rows_crc: u32,
    last_crc: u32,
    other_entry_count: u32,
    append_time_ms_max: u64,
}

impl Header {
    fn read(bytes: &[u8], place: &Expected) -> Result<Header, FooterFault> {
        let header = bytes.get(..FOOTER_HEADER_BYTES).ok_or(FooterFault::Damaged)?;
        let mut reader = Reader::new(header);
        if reader.raw() != MAGIC {
            return Err(FooterFault::Absent);
        }
        let version = reader.u16();
        let _zeros = reader.u16();
        if reader.u32() != checksum_around(header, CRC_AT) {
            return Err(FooterFault::Damaged);
        }
        if version != FORMAT_VERSION {
            return Err(FooterFault::OtherVersion(version));
        }
        let place_read = (reader.u128(), reader.u64(), reader.u64(), reader.u32());
        let position = place.position;
        if place_read != (place.log_id, position.segment.0, place.epoch.0, position.byte) {
            return Err(FooterFault::Absent);
        }
        let (bytes, partition_count, batch_count) = (reader.u32(), reader.u32(), reader.u32());
        let (rows_crc, last_crc, other_entry_count) = (reader.u32(), reader.u32(), reader.u32());
        let _zeros = reader.u32();
        let append_time_ms_max = reader.u64();
        Ok(Header {
            bytes,
            partition_count,
            batch_count,
            rows_crc,
            last_crc,
            other_entry_count,
            append_time_ms_max,
        })
    }
}

fn read_partition(reader: &mut Reader<'_>) -> FooterPartition {
    let (partition, first_offset) = (reader.u64(), reader.u64());
    let (end_offset, body_bytes) = (reader.u64(), reader.u64());
    let (batch_index, batch_count) = (reader.u32(), reader.u32());
    let incarnation = reader.u32();
    let _zeros = reader.u32();
    FooterPartition {
        partition,
        incarnation,
        first_offset,
        end_offset,
        body_bytes,
        batch_index,
        batch_count,
    }
}

fn read_batch(reader: &mut Reader<'_>) -> FooterBatch {
    FooterBatch {
        base_offset: reader.u64(),
        append_time_ms: reader.u64(),
        byte: reader.u32(),
        entry_bytes: reader.u32(),
    }
}
