//! One entry of a commit group.
//!
//! ```text
//! 0      1       2            4            8          12         16     16+head   16+head+body
//! | kind | flags | head bytes | body bytes | head crc | body crc | head | body    | zeros to 8 |
//! ```
//!
//! The body crc is over the body, the head crc over everything before the body but itself; so whoever
//! knows the head crc knows all of the entry. Both are CRC-32C.

use super::directory::Row;
use super::fields::{Reader, Writer, is_zero};
use super::head::{
    Append, CheckpointChunk, Cursor, EndOfEpoch, Extension, Head, Metadata, Producer,
    RaftHardState, SegmentReplace, Truncate, Watermark,
};
use super::kind::EntryKind;
use crate::mutant::{self, Mutant};

/// Entries begin at multiples of this, in bytes.
pub const ENTRY_ALIGN: usize = 8;
/// What stands before the head, in bytes.
pub const PREFIX_BYTES: usize = 16;
const HEAD_CRC_AT: usize = 8;
const BODY_CRC_AT: usize = 12;

/// An entry, checked, with its body as it stands in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is the kind of its name, with the body where it has one")]
pub enum Entry<'a> {
    Append(Append, &'a [u8]),
    Truncate(Truncate),
    Cursor(Cursor),
    Producer(Producer, &'a [u8]),
    Metadata(Metadata, &'a [u8]),
    CheckpointChunk(CheckpointChunk, &'a [u8]),
    Watermark(Watermark),
    SegmentReplace(SegmentReplace, &'a [u8]),
    EndOfEpoch(EndOfEpoch),
    RaftHardState(RaftHardState),
    Extension(Extension, &'a [u8]),
}

/// Why bytes are no entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryFault {
    /// There are fewer bytes than it says.
    #[error("it is cut off")]
    CutOff,
    /// The head's checksum does not fit.
    #[error("the checksum of its head does not fit")]
    HeadChecksum,
    /// The body's checksum does not fit.
    #[error("the checksum of its body does not fit")]
    BodyChecksum,
    /// The bytes between it and the next one are not zero.
    #[error("the padding behind it is not zero")]
    Padding,
    /// It is whole, and of a kind that this version does not know.
    #[error("it is of kind {0}, which this Coilgun does not know")]
    UnknownKind(u8),
    /// It is whole, and its head is not what its kind says.
    #[error("its head is not valid")]
    Head,
}

/// What stands before the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Prefix {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) head_bytes: u16,
    pub(super) body_bytes: u32,
    pub(super) head_crc: u32,
    pub(super) body_crc: u32,
}

/// How many bytes an entry takes up in a commit group, with its padding.
#[must_use]
pub const fn entry_bytes(head_bytes: usize, body_bytes: usize) -> usize {
    (PREFIX_BYTES + head_bytes + body_bytes).next_multiple_of(ENTRY_ALIGN)
}

/// Writes an entry to the beginning of `into`, which must have room for it: the one copy of its body
/// (law L15). Gives back its row.
pub(crate) fn write<H: Head>(into: &mut [u8], head: &H, body: &[&[u8]]) -> Row {
    let body_at = PREFIX_BYTES + H::BYTES;
    let mut end = body_at;
    let mut body_crc = 0;
    for part in body {
        let copy = &mut into[end..end + part.len()];
        copy.copy_from_slice(part);
        body_crc = crc32c::crc32c_append(body_crc, copy);
        end += part.len();
    }
    let padded = end.next_multiple_of(ENTRY_ALIGN);
    into[end..padded].fill(0);
    head.archive(&mut into[PREFIX_BYTES..body_at]);
    let body_bytes = u32::try_from(end - body_at).expect("a commit group is shorter than 4 GiB");
    Writer::new(into)
        .u8(H::KIND.number())
        .u8(0)
        .u16(H::BYTES as u16)
        .u32(body_bytes)
        .u32(0)
        .u32(body_crc);
    let head_crc = head_checksum(&into[..body_at]);
    into[HEAD_CRC_AT..BODY_CRC_AT].copy_from_slice(&head_crc.to_le_bytes());
    Row::written(head, body_bytes, head_crc)
}

/// The checksum of everything before the body but itself.
fn head_checksum(before_body: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&before_body[..HEAD_CRC_AT]);
    crc32c::crc32c_append(crc, &before_body[BODY_CRC_AT..])
}

impl Prefix {
    fn read(bytes: &[u8; PREFIX_BYTES]) -> Prefix {
        let mut reader = Reader::new(bytes);
        Prefix {
            kind: reader.u8(),
            flags: reader.u8(),
            head_bytes: reader.u16(),
            body_bytes: reader.u32(),
            head_crc: reader.u32(),
            body_crc: reader.u32(),
        }
    }

    /// How many bytes the whole entry takes up.
    pub(super) fn entry_bytes(&self) -> usize {
        entry_bytes(usize::from(self.head_bytes), self.body_bytes as usize)
    }
}

/// How long the body of the entry at the beginning of `bytes` is, which was written by us.
pub(crate) fn body_bytes(bytes: &[u8]) -> usize {
    let prefix = bytes.first_chunk().expect("an entry begins with its prefix");
    Prefix::read(prefix).body_bytes as usize
}

/// The checksum of the body of the entry at the beginning of `bytes`, which was written by us or checked.
pub(crate) fn body_crc(bytes: &[u8]) -> u32 {
    let prefix = bytes.first_chunk().expect("an entry begins with its prefix");
    Prefix::read(prefix).body_crc
}

/// Reads the entry at the beginning of `bytes`, which may be any, checks all of it, and says how many
/// bytes it takes up.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_entry(bytes: &[u8]) -> Result<(Entry<'_>, usize), EntryFault> {
    let (entry, prefix) = read(bytes)?;
    Ok((entry, prefix.entry_bytes()))
}

/// As [`read_entry`], with what stands before the head.
pub(super) fn read(bytes: &[u8]) -> Result<(Entry<'_>, Prefix), EntryFault> {
    let parts = Parts::split(bytes)?;
    if head_checksum(parts.before_body) != parts.prefix.head_crc {
        return Err(EntryFault::HeadChecksum);
    }
    let is_trusted = mutant::is_active(Mutant::TrustedBody);
    if crc32c::crc32c(parts.body) != parts.prefix.body_crc && !is_trusted {
        return Err(EntryFault::BodyChecksum);
    }
    if !is_zero(parts.padding) {
        return Err(EntryFault::Padding);
    }
    Ok((parts.decode()?, parts.prefix))
}

/// As [`read`], of bytes whose checksums were looked at before.
pub(super) fn read_again(bytes: &[u8]) -> Result<(Entry<'_>, Prefix), EntryFault> {
    let parts = Parts::split(bytes)?;
    Ok((parts.decode()?, parts.prefix))
}

/// An entry that is long enough, and no more than that.
struct Parts<'a> {
    prefix: Prefix,
    before_body: &'a [u8],
    body: &'a [u8],
    padding: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8]) -> Result<Parts<'a>, EntryFault> {
        let prefix = Prefix::read(bytes.first_chunk().ok_or(EntryFault::CutOff)?);
        let body_at = PREFIX_BYTES + usize::from(prefix.head_bytes);
        let end = body_at + prefix.body_bytes as usize;
        let entry = bytes.get(..prefix.entry_bytes()).ok_or(EntryFault::CutOff)?;
        Ok(Parts {
            prefix,
            before_body: &entry[..body_at],
            body: &entry[body_at..end],
            padding: &entry[end..],
        })
    }

    fn decode(&self) -> Result<Entry<'a>, EntryFault> {
        // Nothing uses the flags; whoever does is a version that this one does not know.
        let kind = EntryKind::from_number(self.prefix.kind).filter(|_| self.prefix.flags == 0);
        let kind = kind.ok_or(EntryFault::UnknownKind(self.prefix.kind))?;
        decode(kind, &self.before_body[PREFIX_BYTES..], self.body).ok_or(EntryFault::Head)
    }
}

/// Nothing if the head is not what the kind says, or there is a body where there is none.
fn decode<'a>(kind: EntryKind, head: &[u8], body: &'a [u8]) -> Option<Entry<'a>> {
    let none = |entry| body.is_empty().then_some(entry);
    match kind {
        EntryKind::Append => Append::read(head)
            .filter(|head| head.count > 0 && head.base_offset <= u64::MAX - u64::from(head.count))
            .map(|head| Entry::Append(head, body)),
        EntryKind::Truncate => none(Entry::Truncate(Truncate::read(head)?)),
        EntryKind::Cursor => none(Entry::Cursor(Cursor::read(head)?)),
        EntryKind::Producer => Some(Entry::Producer(Producer::read(head)?, body)),
        EntryKind::Metadata => Some(Entry::Metadata(Metadata::read(head)?, body)),
        EntryKind::CheckpointChunk => {
            Some(Entry::CheckpointChunk(CheckpointChunk::read(head)?, body))
        }
        EntryKind::Watermark => none(Entry::Watermark(Watermark::read(head)?)),
        EntryKind::SegmentReplace => Some(Entry::SegmentReplace(SegmentReplace::read(head)?, body)),
        EntryKind::EndOfEpoch => none(Entry::EndOfEpoch(EndOfEpoch::read(head)?)),
        EntryKind::RaftHardState => none(Entry::RaftHardState(RaftHardState::read(head)?)),
        EntryKind::Extension => Some(Entry::Extension(Extension::read(head)?, body)),
    }
}
