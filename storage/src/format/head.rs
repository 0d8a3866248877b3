//! The heads of entries: one structure of fixed size for each kind, archived by rkyv.
//!
//! What stands here is the format. A field is never moved, renamed in meaning or removed; whatever is
//! new comes as an [`Extension`] or as a new version. No head holds a pointer, so its archive is as
//! long as the structure, aligned to eight bytes, little-endian.

use rkyv::api::low::{LowSerializer, to_bytes_in_with_alloc};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Failure, Strategy};
use rkyv::ser::allocator::SubAllocator;
use rkyv::ser::writer::Buffer;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::SharedValidator;
use rkyv::{Deserialize, Portable, Serialize};

use super::kind::EntryKind;

/// Largest head of any kind, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 256;

/// What checks an archive before it is believed.
type Check<'a> = Strategy<Validator<ArchiveValidator<'a>, SharedValidator>, Failure>;

/// The head of one kind of entry.
pub trait Head: Sized {
    /// Which kind.
    const KIND: EntryKind;
    /// How long its archive is, in bytes; a multiple of eight.
    const BYTES: usize;

    /// Which partition it is about, 0 if none; for an append also the first offset and the count.
    fn about(&self) -> (u64, u64, u32);

    /// Writes the archive to the beginning of `bytes`, which holds at least [`Head::BYTES`].
    fn archive(&self, bytes: &mut [u8]);

    /// Reads an archive of any bytes; nothing if it is none.
    fn read(bytes: &[u8]) -> Option<Self>;
}

fn archive<T>(head: &T, bytes: &mut [u8])
where
    T: for<'a, 'b> Serialize<LowSerializer<Buffer<'a>, SubAllocator<'b>, Failure>>,
{
    let length = bytes.len();
    let written = to_bytes_in_with_alloc(head, Buffer::from(bytes), SubAllocator::new(&mut []))
        .expect("a head without pointers needs its own length and no other memory");
    assert!(written.len() == length, "the archive is the head and nothing else");
}

fn read<T>(bytes: &[u8]) -> Option<T>
where
    T: rkyv::Archive,
    T::Archived: for<'a> CheckBytes<Check<'a>> + Portable + Deserialize<T, Strategy<(), Failure>>,
{
    // The archive may lie at any place of a buffer; a head is small.
    let mut aligned = Aligned([0; HEAD_BYTES_MAX]);
    let copy = aligned.0.get_mut(..bytes.len())?;
    copy.copy_from_slice(bytes);
    let archived = rkyv::access::<T::Archived, Failure>(copy).ok()?;
    rkyv::api::deserialize_using::<T, (), Failure>(archived, &mut ()).ok()
}

#[repr(C, align(16))]
struct Aligned([u8; HEAD_BYTES_MAX]);

macro_rules! heads {
    ($($(#[$doc:meta])* $name:ident, $bytes:literal, $about:expr => {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        const _: () = assert!(
            size_of::<<$name as rkyv::Archive>::Archived>() == $bytes
                && $bytes % 8 == 0
                && $bytes <= HEAD_BYTES_MAX,
            "the length of a head is part of the format"
        );

        impl Head for $name {
            const KIND: EntryKind = EntryKind::$name;
            const BYTES: usize = $bytes;

            fn about(&self) -> (u64, u64, u32) {
                let about: fn(&$name) -> (u64, u64, u32) = $about;
                about(self)
            }

            fn archive(&self, bytes: &mut [u8]) {
                archive(self, &mut bytes[..$bytes]);
            }

            fn read(bytes: &[u8]) -> Option<$name> {
                if bytes.len() == $bytes { read(bytes) } else { None }
            }
        }
    )*};
}

heads! {
    /// A batch of records; its body is what the producer sent (law L5).
    Append, 96, |head| (head.partition, head.base_offset, head.count) => {
        /// The partition's number.
        partition: u64,
        /// The offset of the first record.
        base_offset: u64,
        /// Who produced it; 0: nobody says.
        producer: u64,
        /// Which record of the producer the first one is.
        producer_sequence: u64,
        /// The term of a replicated log in which it was proposed; 0 without replication.
        term: u64,
        /// The place in a replicated log, which is not the offset; 0 without replication.
        index: u64,
        /// When the broker took it, in milliseconds since 1970; never less than the batch before (law L18).
        append_time_ms: u64,
        /// The latest time that the producer gave to one of the records, in milliseconds since 1970;
        /// 0: it gave none.
        producer_time_ms: u64,
        /// How often the partition was emptied before.
        incarnation: u32,
        /// How many records it holds, at least one.
        count: u32,
        /// How often the producer began anew.
        producer_epoch: u32,
        /// Which [`BodyKind`](super::BodyKind) the body is.
        body_kind: u16,
        /// How many entries behind this one, appends all, stand and fall with it.
        atomic_with: u16,
        /// Zeros.
        reserved: [u64; 2],
    }

    /// Records are taken out of a partition, or all of them with it. It outlives the data it voids (law
    /// L10).
    Truncate, 40, |head| (head.partition, 0, 0) => {
        /// The partition's number.
        partition: u64,
        /// The offset that is the new end, or the new beginning.
        offset: u64,
        /// When, in milliseconds since 1970.
        time_ms: u64,
        /// The incarnation from here on.
        incarnation: u32,
        /// Which [`Truncation`](super::Truncation) it is.
        truncation: u32,
        /// Zeros.
        reserved: u64,
    }

    /// How far a consumer group has come in a partition.
    Cursor, 40, |head| (head.partition, 0, 0) => {
        /// The consumer group's number.
        consumer_group: u64,
        /// The partition's number.
        partition: u64,
        /// The offset of the next record it wants.
        offset: u64,
        /// The generation of the consumer group that stored it.
        generation: u64,
        /// The partition's incarnation.
        incarnation: u32,
        /// Zeros.
        reserved: u32,
    }

    /// What is known of a producer in a partition: its epoch, and its latest batches in the body.
    Producer, 48, |head| (head.partition, 0, 0) => {
        /// The partition's number.
        partition: u64,
        /// The producer's number.
        producer: u64,
        /// Which record of it comes next.
        next_sequence: u64,
        /// When it last appended, in milliseconds since 1970.
        time_ms: u64,
        /// Its epoch.
        producer_epoch: u32,
        /// The partition's incarnation.
        incarnation: u32,
        /// Zeros.
        reserved: u64,
    }

    /// Something about the broker, such as that a stream exists; what, says the body.
    Metadata, 32, |_| (0, 0, 0) => {
        /// What it is about.
        key: u64,
        /// Counts the changes of all metadata of a log.
        revision: u64,
        /// Which kind of metadata the body is.
        metadata_kind: u32,
        /// 1: the key is gone.
        deleted: u32,
        /// Zeros.
        reserved: u64,
    }

    /// A part of a checkpoint; the state as it was at this entry, in the body.
    CheckpointChunk, 32, |_| (0, 0, 0) => {
        /// The checkpoint's number.
        checkpoint: u64,
        /// Which part of it this is, from 0.
        chunk: u32,
        /// What kind of state the body is.
        state_kind: u32,
        /// 1: it is the last part.
        last: u32,
        /// How many pieces of state the body holds.
        count: u32,
        /// Zeros.
        reserved: u64,
    }

    /// Nothing but what the header of its commit group says: how far the log is durable (law L2).
    Watermark, 16, |_| (0, 0, 0) => {
        /// Segment up to which the log is durable.
        durable_segment: u64,
        /// Byte of that segment.
        durable_byte: u32,
        /// Zeros.
        reserved: u32,
    }

    /// Segments of the journal were written out into the store (law L11); which, says the body.
    SegmentReplace, 24, |_| (0, 0, 0) => {
        /// How many segments of the journal are named in the body.
        input_count: u32,
        /// How many segments of the store.
        output_count: u32,
        /// Number of the manifest that names the outputs.
        manifest: u64,
        /// Zeros.
        reserved: u64,
    }

    /// The previous epoch ended here (law L7).
    EndOfEpoch, 40, |_| (0, 0, 0) => {
        /// The epoch that ended.
        ended: u64,
        /// The last segment it wrote to; 0: none.
        segment: u64,
        /// The first byte of that segment which does not count any more.
        byte: u32,
        /// The checksum of its last commit group; 0: none.
        crc: u32,
        /// When the new one began, in milliseconds since 1970.
        time_ms: u64,
        /// Zeros.
        reserved: u64,
    }

    /// What a member of a replicated log must not forget.
    RaftHardState, 40, |_| (0, 0, 0) => {
        /// The co-location group's number.
        colocation_group: u64,
        /// Its term.
        term: u64,
        /// For whom it voted in that term; 0: for nobody.
        vote: u64,
        /// Up to which index it is raft-committed.
        raft_commit: u64,
        /// Zeros.
        reserved: u64,
    }

    /// Something that is not in this version. Who does not know it must not go on.
    Extension, 16, |_| (0, 0, 0) => {
        /// What it is.
        extension: u32,
        /// Its version.
        version: u32,
        /// Zeros.
        reserved: u64,
    }
}
