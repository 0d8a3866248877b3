//! The commit group: what one write to the journal makes durable, and the unit of validity (law L1).
//!
//! ```text
//! 0        128        128 + E      + 32 n                 + 32 m    multiple of 4096
//! | header | entries  | directory  | directory before it  | zeros  |
//! ```
//!
//! The header, of 128 bytes:
//!
//! ```text
//!   0 magic "COILGUNg"      8 version u16    10 zeros u16     12 crc of the header u32
//!  16 log id u128          32 segment u64    40 epoch u64     48 position (byte) u32
//!  52 length u32           56 entry count n u32               60 length of the entries E u32
//!  64 crc of the directory u32               68 rows m of the directory before it u32
//!  72 crc of that one u32  76 crc of the header of the group before it u32
//!  80 durable segment u64  88 durable byte u32                92 zeros u32
//!  96 number of the group u64               104 zeros
//! ```
//!
//! Numbers are little-endian, checksums CRC-32C. Each byte of a group is covered: the header by its
//! own checksum, the directory by one in the header, the head of each entry by one in the directory,
//! its body by one in its prefix; what is left is zero.

use super::directory::{ROW_BYTES, Row, rows};
use super::entry::{self, Entry, EntryFault};
use super::fields::{Reader, Writer, checksum_around, is_zero, put_u32};
use super::position::{Epoch, LogPosition, SegmentSequence};
use crate::disk::BLOCK_BYTES;
use crate::mutant::{self, Mutant};

/// Length of a group's header, in bytes.
pub const GROUP_HEADER_BYTES: usize = 128;
/// The version of the format that this code writes.
pub const FORMAT_VERSION: u16 = 1;
const MAGIC: [u8; 8] = *b"COILGUNg";
const CRC_AT: usize = 12;

/// The header of a commit group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupHeader {
    /// The log that it belongs to.
    pub log_id: u128,
    /// Where it stands.
    pub position: LogPosition,
    /// The epoch it was written in.
    pub epoch: Epoch,
    /// Its length with everything, in bytes: a multiple of a block.
    pub bytes: u32,
    /// How many entries it holds, at least one.
    pub entry_count: u32,
    /// How many bytes its entries take up.
    pub entries_bytes: u32,
    /// The checksum of its directory.
    pub directory_crc: u32,
    /// How many rows the directory of the group before it has; 0 in the first of all.
    pub previous_entry_count: u32,
    /// The checksum of that directory.
    pub previous_directory_crc: u32,
    /// The checksum of the header of the group before it, in whatever epoch; 0 in the first of all.
    pub previous_crc: u32,
    /// Up to where the log was durable when the group was handed to the disk.
    pub durable: LogPosition,
    /// Counts the groups of a log over all epochs, from 1.
    pub number: u64,
}

/// What a group must say to be the one that is looked for (law L3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The log.
    pub log_id: u128,
    /// The epoch of its segment.
    pub epoch: Epoch,
    /// Where it should stand.
    pub position: LogPosition,
}

/// Why bytes are not the commit group that is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GroupFault {
    /// Nothing that looks like a commit group of this place: never written, or left of what the
    /// file held before.
    #[error("there is no commit group of this segment")]
    Absent,
    /// The header's checksum does not fit, although it begins like one.
    #[error("the checksum of the header does not fit")]
    HeaderChecksum,
    /// It is whole and was written by another version of Coilgun.
    #[error("it has version {0} of the format, which this Coilgun does not know")]
    OtherVersion(u16),
    /// The lengths in the header contradict each other.
    #[error("the lengths in its header do not fit together")]
    Lengths,
    /// It ends beyond the bytes there are.
    #[error("it is cut off")]
    CutOff,
    /// The checksum of the directory does not fit.
    #[error("the checksum of its directory does not fit")]
    DirectoryChecksum,
    /// The checksum of the repeated directory does not fit.
    #[error("the checksum of the directory before it does not fit")]
    PreviousDirectoryChecksum,
    /// An entry is not valid.
    #[error("entry {index} is not valid: {fault}")]
    Entry {
        /// Which one, from 0.
        index: u32,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// An entry is not the one that the directory names.
    #[error("entry {0} is another one than its directory says")]
    Mismatch(u32),
    /// The bytes behind the directories are not zero.
    #[error("its padding is not zero")]
    Padding,
    /// It is whole, and follows another group than the one before it.
    #[error("it does not follow the commit group before it")]
    Chain,
}

impl GroupFault {
    /// Whether it is whole and beyond what this version knows: no damage, and nothing to go on with.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            GroupFault::OtherVersion(_)
            | GroupFault::Entry { fault: EntryFault::UnknownKind(_), .. } => true,
            GroupFault::Absent
            | GroupFault::HeaderChecksum
            | GroupFault::Lengths
            | GroupFault::CutOff
            | GroupFault::DirectoryChecksum
            | GroupFault::PreviousDirectoryChecksum
            | GroupFault::Entry { .. }
            | GroupFault::Mismatch(_)
            | GroupFault::Padding
            | GroupFault::Chain => false,
        }
    }
}

impl GroupHeader {
    /// How many bytes of the group are not padding.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        let rows = u64::from(self.entry_count) + u64::from(self.previous_entry_count);
        GROUP_HEADER_BYTES as u64 + u64::from(self.entries_bytes) + rows * ROW_BYTES as u64
    }

    /// Writes the header to the beginning of `into`, and says its checksum.
    pub(crate) fn write(&self, into: &mut [u8]) -> u32 {
        let header = &mut into[..GROUP_HEADER_BYTES];
        header.fill(0);
        let mut writer = Writer::new(header);
        writer.raw(&MAGIC).u16(FORMAT_VERSION).u16(0).u32(0).u128(self.log_id);
        writer.u64(self.position.segment.0).u64(self.epoch.0).u32(self.position.byte);
        writer.u32(self.bytes).u32(self.entry_count).u32(self.entries_bytes);
        writer.u32(self.directory_crc).u32(self.previous_entry_count);
        writer.u32(self.previous_directory_crc).u32(self.previous_crc);
        writer.u64(self.durable.segment.0).u32(self.durable.byte).u32(0).u64(self.number);
        let crc = checksum_around(header, CRC_AT);
        put_u32(header, CRC_AT, crc);
        crc
    }

    /// Reads the header of the group that should stand at `expected`, from a block of any bytes, and
    /// says its checksum.
    ///
    /// # Errors
    /// If it is not there, or its lengths cannot be.
    pub fn read(bytes: &[u8], expected: &Expected) -> Result<(GroupHeader, u32), GroupFault> {
        let (read, crc) = GroupHeader::read_any(bytes)?;
        let is_any = mutant::is_active(Mutant::OldContent);
        if !is_any
            && (read.log_id, read.epoch, read.position)
                != (expected.log_id, expected.epoch, expected.position)
        {
            return Err(GroupFault::Absent);
        }
        let fits = read.used_bytes() <= u64::from(read.bytes)
            && u64::from(read.bytes) < read.used_bytes() + BLOCK_BYTES as u64
            && (read.bytes as usize).is_multiple_of(BLOCK_BYTES)
            && read.entry_count > 0;
        if fits { Ok((read, crc)) } else { Err(GroupFault::Lengths) }
    }

    /// The segment of the log `log_id` that begins with these bytes, if one does.
    #[must_use]
    pub fn segment_that_begins(bytes: &[u8], log_id: u128) -> Option<SegmentSequence> {
        let (read, _) = GroupHeader::read_any(bytes).ok()?;
        (read.log_id == log_id && read.position.byte == 0).then_some(read.position.segment)
    }

    /// Reads a header of any group, and says its checksum.
    pub(crate) fn read_any(bytes: &[u8]) -> Result<(GroupHeader, u32), GroupFault> {
        let header = bytes.get(..GROUP_HEADER_BYTES).ok_or(GroupFault::CutOff)?;
        let mut reader = Reader::new(header);
        if reader.raw() != MAGIC {
            return Err(GroupFault::Absent);
        }
        let version = reader.u16();
        let _zeros = reader.u16();
        let crc = reader.u32();
        if crc != checksum_around(header, CRC_AT) {
            return Err(GroupFault::HeaderChecksum);
        }
        if version != FORMAT_VERSION {
            return Err(GroupFault::OtherVersion(version));
        }
        Ok((GroupHeader::fields(&mut reader), crc))
    }

    /// What stands behind the checksum.
    fn fields(reader: &mut Reader<'_>) -> GroupHeader {
        let log_id = reader.u128();
        let segment = SegmentSequence(reader.u64());
        let epoch = Epoch(reader.u64());
        let position = LogPosition { segment, byte: reader.u32() };
        GroupHeader {
            log_id,
            position,
            epoch,
            bytes: reader.u32(),
            entry_count: reader.u32(),
            entries_bytes: reader.u32(),
            directory_crc: reader.u32(),
            previous_entry_count: reader.u32(),
            previous_directory_crc: reader.u32(),
            previous_crc: reader.u32(),
            durable: LogPosition { segment: SegmentSequence(reader.u64()), byte: reader.u32() },
            number: {
                let _zeros = reader.u32();
                reader.u64()
            },
        }
    }
}

/// A commit group that is whole: every byte of it was checked.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// Its header.
    pub header: GroupHeader,
    /// The checksum of its header, by which the next group knows it.
    pub crc: u32,
    bytes: &'a [u8],
}

impl<'a> Group<'a> {
    /// Checks the group at the beginning of `bytes`, which may be any.
    ///
    /// # Errors
    /// Says what is wrong with it, or that there is none.
    pub fn check(bytes: &'a [u8], expected: &Expected) -> Result<Group<'a>, GroupFault> {
        let (header, crc) = GroupHeader::read(bytes, expected)?;
        let bytes = bytes.get(..header.bytes as usize).ok_or(GroupFault::CutOff)?;
        let group = Group { header, crc, bytes };
        if crc32c::crc32c(group.directory()) != header.directory_crc {
            return Err(GroupFault::DirectoryChecksum);
        }
        if crc32c::crc32c(group.previous_directory()) != header.previous_directory_crc {
            return Err(GroupFault::PreviousDirectoryChecksum);
        }
        let end = group.check_entries()?;
        if end != group.directory_at() {
            return Err(GroupFault::Lengths);
        }
        if !is_zero(&bytes[header.used_bytes() as usize..]) {
            return Err(GroupFault::Padding);
        }
        Ok(group)
    }

    /// Checks each entry against its row, and says where the last one ends.
    fn check_entries(&self) -> Result<usize, GroupFault> {
        let entries = &self.bytes[..self.directory_at()];
        let mut at = GROUP_HEADER_BYTES;
        for (index, row) in (0..).zip(rows(self.directory())) {
            let read = entries.get(at..).ok_or(EntryFault::CutOff).and_then(entry::read);
            let (entry, prefix) = read.map_err(|fault| GroupFault::Entry { index, fault })?;
            if Row::of(&prefix, &entry) != row {
                return Err(GroupFault::Mismatch(index));
            }
            at += prefix.entry_bytes();
        }
        Ok(at)
    }

    fn directory_at(&self) -> usize {
        GROUP_HEADER_BYTES + self.header.entries_bytes as usize
    }

    fn directory(&self) -> &'a [u8] {
        let at = self.directory_at();
        &self.bytes[at..at + self.header.entry_count as usize * ROW_BYTES]
    }

    fn previous_directory(&self) -> &'a [u8] {
        let at = self.directory_at() + self.header.entry_count as usize * ROW_BYTES;
        &self.bytes[at..at + self.header.previous_entry_count as usize * ROW_BYTES]
    }

    /// What the directory of the group before this one said.
    pub fn previous_rows(&self) -> impl ExactSizeIterator<Item = Row> + Clone + 'a {
        rows(self.previous_directory())
    }

    /// What its own directory says.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> + Clone + 'a {
        rows(self.directory())
    }

    /// Its entries in order, each with the byte of the segment at which it stands.
    pub fn entries(&self) -> impl Iterator<Item = (LogPosition, Entry<'a>)> + 'a {
        let group = *self;
        let mut at = GROUP_HEADER_BYTES;
        (0..self.header.entry_count).map(move |_| {
            let read = entry::read_again(&group.bytes[at..]);
            let (entry, prefix) = read.expect("the group was checked");
            let begin = group.header.position;
            let position = LogPosition { byte: begin.byte + at as u32, ..begin };
            at += prefix.entry_bytes();
            (position, entry)
        })
    }

    /// Where the next group stands.
    #[must_use]
    pub fn end(&self) -> LogPosition {
        let begin = self.header.position;
        LogPosition { byte: begin.byte + self.header.bytes, ..begin }
    }
}

const _: () = assert!(GROUP_HEADER_BYTES.is_multiple_of(entry::ENTRY_ALIGN));
