//! What stands on the disk, byte by byte, without any IO.
//!
//! What it does: writes and reads commit groups with their entries and directories, footers of
//! segments, the superblock and the manifest. docs/STORAGE_FORMAT.md draws all of it.
//!
//! What it never does: it believes no byte that it has not checked, and panics on none; it decides
//! nothing about a log, which is what `recovery` does.
//!
//! Invariants:
//! - every byte of what is written is covered by a checksum, or checked to be zero;
//! - everything says which log, segment, epoch and place it belongs to, so that what a recycled file
//!   still holds is never mistaken for something new (law L3);
//! - a kind or version that is not known is told apart from damage, and nothing is opened with it.

mod directory;
mod entry;
mod fields;
mod footer;
pub mod fuzz;
mod group;
mod head;
mod kind;
mod lost;
mod manifest;
mod position;
mod state;
mod superblock;

pub use directory::{ROW_BYTES, Row, rows};
pub use entry::{ENTRY_ALIGN, Entry, EntryFault, PREFIX_BYTES, entry_bytes, read_entry};
pub(crate) use entry::{body_bytes, body_crc, write as write_entry};
pub(crate) use fields::{checksum_around, put_u32, u32_at};
pub use footer::{
    FOOTER_HEADER_BYTES, Footer, FooterBatch, FooterFault, FooterPartition, footer_bytes,
};
pub use group::{Expected, FORMAT_VERSION, GROUP_HEADER_BYTES, Group, GroupFault, GroupHeader};
pub use head::{
    Append, CheckpointChunk, Cursor, EndOfEpoch, Extension, Head, Metadata, Producer,
    RaftHardState, SegmentReplace, Truncate, Watermark,
};
pub use kind::{BodyKind, EntryKind, Truncation};
pub use lost::LostStretch;
pub use manifest::{
    FILES_MAX, FileRow, Holds, MANIFEST_BYTES_MAX, MANIFEST_FILE_NAME, MANIFEST_NEW_FILE_NAME,
    Manifest, ManifestFault, segment_file_name, segment_file_number,
};
pub use position::{Epoch, LogPosition, SegmentSequence};
pub use state::{
    CatalogState, METADATA_PARTITION, METADATA_STREAM, PartitionPlaceState, PartitionState,
    PartitionStates, ProducerBatchState, ProducerState, STATE_CATALOG, STATE_PARTITIONS, State,
    StreamState, fuzz_state,
};
pub use superblock::{
    SLOT_COUNT, SUPERBLOCK_FILE_NAME, SUPERBLOCK_NEW_FILE_NAME, Slot, Superblock,
};
