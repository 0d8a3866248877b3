//! Looks into every file of a segment for what it says of itself, without a manifest.
//!
//! A file that was recycled begins with groups of its latest segment and ends with those of an earlier one,
//! so the latest segment of which it holds a header is the one that it is.

use super::window::Window;
use crate::disk::{BLOCK_BYTES, DirectoryEntry, Disk, DiskError, DiskFile, FileKind};
use crate::format::{
    Epoch, GROUP_HEADER_BYTES, GroupFault, GroupHeader, SegmentSequence, segment_file_name,
    segment_file_number,
};

/// A file with the name of a segment's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Surveyed {
    /// Its number.
    pub(super) file: u64,
    /// How much of it is whole blocks, in bytes.
    pub(super) bytes: u32,
    /// What it holds.
    pub(super) content: Content,
}

/// What a file says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// Zeros: it was prepared, and nothing was written to it.
    Zeros,
    /// Bytes, and no header of a commit group of this log among them.
    Nothing,
    /// Commit groups of this segment.
    Segment {
        /// Which.
        segment: SegmentSequence,
        /// The epoch that wrote it.
        epoch: Epoch,
        /// The number of the commit group at its beginning, if there is one.
        first_number: Option<u64>,
    },
    /// A commit group of another version.
    OtherVersion(u16),
}

/// Looks into all files of segments that are named among `entries`, in the order of their numbers.
pub(super) async fn survey<D: Disk>(
    disk: &D,
    log_id: u128,
    entries: &[DirectoryEntry],
) -> Result<Vec<Surveyed>, DiskError> {
    let mut surveyed = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == FileKind::File) {
        let Some(file) = segment_file_number(&entry.name) else { continue };
        let bytes = u32::try_from(entry.bytes).unwrap_or(u32::MAX);
        let bytes = bytes - bytes % BLOCK_BYTES as u32;
        let content = match bytes {
            0 => Content::Nothing,
            bytes => look_into(disk, log_id, file, bytes).await?,
        };
        surveyed.push(Surveyed { file, bytes, content });
    }
    Ok(surveyed)
}

async fn look_into<D: Disk>(
    disk: &D,
    log_id: u128,
    file: u64,
    bytes: u32,
) -> Result<Content, DiskError> {
    let opened = disk.open_read_only(&segment_file_name(file)).await?;
    let mut window = Window::new(opened, bytes);
    let mut found = Content::Zeros;
    let mut byte = 0;
    while byte < bytes {
        let block = window.bytes_from(byte, BLOCK_BYTES as u32).await?;
        found = found.with_block(&block[..BLOCK_BYTES], byte, log_id);
        byte += BLOCK_BYTES as u32;
    }
    window.into_file().close().await?;
    Ok(found)
}

impl Content {
    /// What is known of a file once this block of it was seen, too.
    fn with_block(self, block: &[u8], byte: u32, log_id: u128) -> Content {
        let header = match GroupHeader::read_any(&block[..GROUP_HEADER_BYTES]) {
            Ok((header, _)) if header.log_id == log_id && header.position.byte == byte => header,
            Err(GroupFault::OtherVersion(version)) => return Content::OtherVersion(version),
            Ok(_) | Err(_) if self == Content::Zeros && block.iter().any(|byte| *byte != 0) => {
                return Content::Nothing;
            }
            Ok(_) | Err(_) => return self,
        };
        let here = header.position.segment;
        match self {
            Content::OtherVersion(_) => self,
            Content::Segment { segment, .. } if segment >= here => self,
            Content::Zeros | Content::Nothing | Content::Segment { .. } => Content::Segment {
                segment: here,
                epoch: header.epoch,
                first_number: (byte == 0).then_some(header.number),
            },
        }
    }
}
