//! The manifest: which file is which segment, and where each one ends.
//!
//! A new manifest is written beside the old one, synced, and takes its name; the directory is synced
//! then. It begins with 72 bytes:
//!
//! ```text
//!   0 magic "COILGUNm"    8 version u16     10 zeros u16     12 crc of the whole file u32
//!  16 log id u128        32 number u64      40 segment bytes u32   44 row count u32
//!  48 epoch u64          56 next file u64  64 last released segment u64
//! ```
//!
//! Behind it stands a row of 48 bytes for each file:
//!
//! ```text
//!   0 file u64     8 segment u64    16 epoch u64    24 state u32    28 end byte u32
//!  32 last crc u32  36 file bytes u32   40 footer bytes u32  44 zeros u32
//! ```

use super::fields::{Reader, Writer, checksum_around, put_u32};
use super::group::FORMAT_VERSION;
use super::position::{Epoch, SegmentSequence};
use crate::disk::BLOCK_BYTES;

/// The file's name in the directory of a log.
pub const MANIFEST_FILE_NAME: &str = "manifest";
/// Its name while it is written.
pub const MANIFEST_NEW_FILE_NAME: &str = "manifest.new";
const MAGIC: [u8; 8] = *b"COILGUNm";
const CRC_AT: usize = 12;
const HEADER_BYTES: usize = 72;
const ROW_BYTES: usize = 48;
/// Nothing that is counted gets as far as this, so that one more can always be counted.
const COUNT_MAX: u64 = u64::MAX / 2;
/// Most files of one log.
pub const FILES_MAX: usize = 65_536;
/// Largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = HEADER_BYTES + FILES_MAX * ROW_BYTES;

/// What the files of a log are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The log.
    pub log_id: u128,
    /// Counts the manifests of a log, from 1.
    pub number: u64,
    /// Length of a new segment, in bytes.
    pub segment_bytes: u32,
    /// The epoch that wrote it.
    pub epoch: Epoch,
    /// The number that the next new file gets.
    pub next_file: u64,
    /// The last segment that was given back; 0: none was, so what is there is all there ever was.
    pub released: SegmentSequence,
    /// One for each file, the segments in their order and then the spare files.
    pub files: Vec<FileRow>,
}

/// One file of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileRow {
    /// Its number, which is in its name.
    pub file: u64,
    /// Its length, in bytes.
    pub bytes: u32,
    /// What it holds.
    pub holds: Holds,
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// Nothing that counts, whatever its bytes are: it may become a segment.
    Spare,
    /// A segment that commit groups are or will be written to.
    Open {
        /// Which.
        segment: SegmentSequence,
        /// The epoch that writes to it.
        epoch: Epoch,
    },
    /// A segment that nothing will be written to any more.
    Sealed {
        /// Which.
        segment: SegmentSequence,
        /// The epoch that wrote to it.
        epoch: Epoch,
        /// The first byte that does not count; there stands its footer.
        end: u32,
        /// The checksum of the header of its last commit group; of the one before it in the log if it
        /// holds none.
        crc: u32,
        /// Length of the footer that stands at the end, in bytes; 0: none was written.
        footer_bytes: u32,
    },
}

/// Why bytes are no manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestFault {
    /// It does not begin like one.
    #[error("it was not written by Coilgun")]
    Foreign,
    /// Its checksum or its length does not fit.
    #[error("it is damaged")]
    Damaged,
    /// It is whole, and another version of Coilgun wrote it.
    #[error("it has version {0} of the format, which this Coilgun does not know")]
    OtherVersion(u16),
    /// It is whole, and what it says cannot be.
    #[error("what it says contradicts itself")]
    Contradiction,
}

impl Holds {
    /// The segment that it is, if it is one.
    #[must_use]
    pub fn segment(&self) -> Option<SegmentSequence> {
        match self {
            Holds::Spare => None,
            Holds::Open { segment, .. } | Holds::Sealed { segment, .. } => Some(*segment),
        }
    }
}

/// The name of the file with this number.
#[must_use]
pub fn segment_file_name(file: u64) -> String {
    format!("segment-{file:016x}")
}

/// The number of the file with this name, if it is the name of a segment's file.
#[must_use]
pub fn segment_file_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("segment-")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (segment_file_name(number) == name).then_some(number)
}

impl Manifest {
    /// The bytes as they stand in the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        assert!(self.files.len() <= FILES_MAX && self.is_consistent(), "{self:?}");
        let mut bytes = vec![0; HEADER_BYTES + self.files.len() * ROW_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.raw(&MAGIC).u16(FORMAT_VERSION).u16(0).u32(0).u128(self.log_id);
        writer.u64(self.number).u32(self.segment_bytes).u32(self.files.len() as u32);
        writer.u64(self.epoch.0).u64(self.next_file).u64(self.released.0);
        for row in &self.files {
            row.write(&mut writer);
        }
        let crc = checksum_around(&bytes, CRC_AT);
        put_u32(&mut bytes, CRC_AT, crc);
        bytes
    }

    /// Reads a manifest from any bytes.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest, ManifestFault> {
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            return Err(ManifestFault::Foreign);
        }
        let mut reader = Reader::new(bytes);
        let _magic: [u8; 8] = reader.raw();
        let version = reader.u16();
        let _zeros = reader.u16();
        if reader.u32() != checksum_around(bytes, CRC_AT) {
            return Err(ManifestFault::Damaged);
        }
        if version != FORMAT_VERSION {
            return Err(ManifestFault::OtherVersion(version));
        }
        let log_id = reader.u128();
        let (number, segment_bytes) = (reader.u64(), reader.u32());
        let row_count = reader.u32() as usize;
        let (epoch, next_file) = (Epoch(reader.u64()), reader.u64());
        let released = SegmentSequence(reader.u64());
        let expected =
            row_count.checked_mul(ROW_BYTES).and_then(|rows| rows.checked_add(HEADER_BYTES));
        if row_count > FILES_MAX || expected != Some(bytes.len()) {
            return Err(ManifestFault::Damaged);
        }
        let files: Option<Vec<FileRow>> =
            (0..row_count).map(|_| FileRow::read(&mut reader)).collect();
        let files = files.ok_or(ManifestFault::Contradiction)?;
        let read = Manifest { log_id, number, segment_bytes, epoch, next_file, released, files };
        if read.is_consistent() { Ok(read) } else { Err(ManifestFault::Contradiction) }
    }

    /// Its segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = (SegmentSequence, &FileRow)> {
        self.files.iter().filter_map(|row| row.holds.segment().map(|segment| (segment, row)))
    }

    /// Segments in their order, without a gap from the first open one on; epochs never go back; no file
    /// twice; every end inside its file.
    pub(crate) fn is_consistent(&self) -> bool {
        let mut files: Vec<u64> = self.files.iter().map(|row| row.file).collect();
        files.sort_unstable();
        let distinct = files.windows(2).all(|pair| pair[0] < pair[1]);
        let below = files.last().is_none_or(|last| *last < self.next_file);
        let ordered = self.files.windows(2).all(|pair| follows(&pair[0].holds, &pair[1].holds));
        let known = self.files.iter().all(|row| row.is_possible(self.epoch));
        let kept = self.segments().next().is_none_or(|(first, _)| self.released < first);
        let last = self.segments().last().map_or(0, |(last, _)| last.0);
        let counts = [self.number, self.epoch.0, self.next_file, self.released.0, last];
        let countable = counts.into_iter().all(|count| count < COUNT_MAX);
        countable && distinct && below && ordered && known && kept
    }
}

/// Whether a row may stand behind another one.
fn follows(before: &Holds, after: &Holds) -> bool {
    match (before, after) {
        (_, Holds::Spare) => true,
        (Holds::Spare, Holds::Open { .. } | Holds::Sealed { .. })
        | (Holds::Open { .. }, Holds::Sealed { .. }) => false,
        (
            Holds::Open { segment: first, epoch: earlier },
            Holds::Open { segment: second, epoch: later },
        ) => first.0.checked_add(1) == Some(second.0) && earlier == later,
        (
            Holds::Sealed { segment: first, epoch: earlier, .. },
            Holds::Open { segment: second, epoch: later }
            | Holds::Sealed { segment: second, epoch: later, .. },
        ) => first < second && earlier <= later,
    }
}

impl FileRow {
    fn write(&self, writer: &mut Writer<'_>) {
        let (state, segment, epoch) = match self.holds {
            Holds::Spare => (0, 0, 0),
            Holds::Open { segment, epoch } => (1, segment.0, epoch.0),
            Holds::Sealed { segment, epoch, .. } => (2, segment.0, epoch.0),
        };
        let (end, crc, footer_bytes) = match self.holds {
            Holds::Spare | Holds::Open { .. } => (0, 0, 0),
            Holds::Sealed { end, crc, footer_bytes, .. } => (end, crc, footer_bytes),
        };
        writer.u64(self.file).u64(segment).u64(epoch).u32(state).u32(end);
        writer.u32(crc).u32(self.bytes).u32(footer_bytes).u32(0);
    }

    fn read(reader: &mut Reader<'_>) -> Option<FileRow> {
        let file = reader.u64();
        let (segment, epoch) = (SegmentSequence(reader.u64()), Epoch(reader.u64()));
        let (state, end, crc) = (reader.u32(), reader.u32(), reader.u32());
        let (bytes, footer_bytes) = (reader.u32(), reader.u32());
        let _zeros = reader.u32();
        let holds = match state {
            0 => Holds::Spare,
            1 => Holds::Open { segment, epoch },
            2 => Holds::Sealed { segment, epoch, end, crc, footer_bytes },
            _ => return None,
        };
        Some(FileRow { file, bytes, holds })
    }

    fn is_possible(&self, current: Epoch) -> bool {
        // Whoever reads a segment reads whole blocks up to its end.
        let is_whole = |bytes: u32| (bytes as usize).is_multiple_of(BLOCK_BYTES);
        match self.holds {
            Holds::Spare => true,
            Holds::Open { segment, epoch } => {
                segment.0 > 0 && epoch <= current && is_whole(self.bytes)
            }
            Holds::Sealed { segment, epoch, end, footer_bytes, .. } => {
                let has_room = end.checked_add(footer_bytes).is_some_and(|end| end <= self.bytes);
                segment.0 > 0 && epoch <= current && has_room && is_whole(end)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: Vec<FileRow>) -> Manifest {
        Manifest {
            log_id: 7,
            number: 1,
            segment_bytes: 8192,
            epoch: Epoch(1),
            next_file: 9,
            released: SegmentSequence(0),
            files,
        }
    }

    fn open(file: u64, segment: u64, bytes: u32) -> FileRow {
        let holds = Holds::Open { segment: SegmentSequence(segment), epoch: Epoch(1) };
        FileRow { file, bytes, holds }
    }

    #[test]
    fn a_manifest_that_counts_to_the_end_of_its_numbers_contradicts_itself() {
        let last = u64::MAX;
        assert!(manifest(vec![open(1, 1, 8192), open(2, 2, 8192)]).is_consistent());
        assert!(!manifest(vec![open(1, last, 8192), open(2, 1, 8192)]).is_consistent());
        assert!(!manifest(vec![open(1, last, 8192)]).is_consistent());
        assert!(!Manifest { epoch: Epoch(last), ..manifest(Vec::new()) }.is_consistent());
        assert!(!Manifest { next_file: last, ..manifest(Vec::new()) }.is_consistent());
        assert!(!Manifest { number: last, ..manifest(Vec::new()) }.is_consistent());
    }

    #[test]
    fn segments_end_at_whole_blocks() {
        assert!(!manifest(vec![open(1, 1, 8191)]).is_consistent());
        let sealed = |end| {
            let (segment, epoch) = (SegmentSequence(1), Epoch(1));
            let holds = Holds::Sealed { segment, epoch, end, crc: 0, footer_bytes: 0 };
            manifest(vec![FileRow { file: 1, bytes: 8192, holds }])
        };
        assert!(sealed(4096).is_consistent() && !sealed(4095).is_consistent());
    }
}
