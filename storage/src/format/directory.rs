//! The directory of a commit group: one row of 32 bytes for each entry (law L8).
//!
//! ```text
//! 0      1       2            4            8           16            24      28         32
//! | kind | flags | head bytes | body bytes | partition | base offset | count | head crc |
//! ```
//!
//! It stands behind the entries, and once more in the next commit group, so that a commit group that
//! cannot be read any more does not hide which partitions it held.

use super::entry::{Entry, Prefix, entry_bytes};
use super::fields::{Reader, Writer};
use super::head::Head;

/// Length of a row, in bytes.
pub const ROW_BYTES: usize = 32;

/// What a directory says about one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The number of its kind; it may be one that this version does not know.
    pub kind: u8,
    /// Zero.
    pub flags: u8,
    /// Length of its head, in bytes.
    pub head_bytes: u16,
    /// Length of its body, in bytes.
    pub body_bytes: u32,
    /// The partition that it is about; 0: none.
    pub partition: u64,
    /// For an append the offset of its first record, otherwise 0.
    pub base_offset: u64,
    /// For an append how many records it holds, otherwise 0.
    pub count: u32,
    /// The checksum of its head, which covers its body as well.
    pub head_crc: u32,
}

impl Row {
    /// How many bytes the entry takes up in its commit group.
    #[must_use]
    pub fn entry_bytes(&self) -> usize {
        entry_bytes(usize::from(self.head_bytes), self.body_bytes as usize)
    }

    /// Writes the row to the beginning of `into`.
    pub(crate) fn write(&self, into: &mut [u8]) {
        let mut writer = Writer::new(into);
        writer.u8(self.kind).u8(self.flags).u16(self.head_bytes).u32(self.body_bytes);
        writer.u64(self.partition).u64(self.base_offset).u32(self.count).u32(self.head_crc);
        assert!(writer.written() == ROW_BYTES);
    }

    fn read(bytes: &[u8; ROW_BYTES]) -> Row {
        let mut reader = Reader::new(bytes);
        Row {
            kind: reader.u8(),
            flags: reader.u8(),
            head_bytes: reader.u16(),
            body_bytes: reader.u32(),
            partition: reader.u64(),
            base_offset: reader.u64(),
            count: reader.u32(),
            head_crc: reader.u32(),
        }
    }

    /// The row of an entry that was written with this head.
    pub(crate) fn written<H: Head>(head: &H, body_bytes: u32, head_crc: u32) -> Row {
        let (partition, base_offset, count) = head.about();
        Row {
            kind: H::KIND.number(),
            flags: 0,
            head_bytes: H::BYTES as u16,
            body_bytes,
            partition,
            base_offset,
            count,
            head_crc,
        }
    }

    /// The row that belongs to an entry that was read.
    pub(super) fn of(prefix: &Prefix, entry: &Entry<'_>) -> Row {
        let (partition, base_offset, count) = about(entry);
        Row {
            kind: prefix.kind,
            flags: prefix.flags,
            head_bytes: prefix.head_bytes,
            body_bytes: prefix.body_bytes,
            partition,
            base_offset,
            count,
            head_crc: prefix.head_crc,
        }
    }
}

/// Which partition an entry is about, and for an append its first offset and its count.
fn about(entry: &Entry<'_>) -> (u64, u64, u32) {
    match entry {
        Entry::Append(head, _) => head.about(),
        Entry::Truncate(head) => head.about(),
        Entry::Cursor(head) => head.about(),
        Entry::Producer(head, _) => head.about(),
        Entry::Metadata(head, _) => head.about(),
        Entry::CheckpointChunk(head, _) => head.about(),
        Entry::Watermark(head) => head.about(),
        Entry::SegmentReplace(head, _) => head.about(),
        Entry::EndOfEpoch(head) => head.about(),
        Entry::RaftHardState(head) => head.about(),
        Entry::Extension(head, _) => head.about(),
    }
}

/// The rows of a directory, whose bytes are a multiple of [`ROW_BYTES`].
pub fn rows(bytes: &[u8]) -> impl ExactSizeIterator<Item = Row> + Clone + '_ {
    let (rows, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "a directory is whole rows");
    rows.iter().map(Row::read)
}
