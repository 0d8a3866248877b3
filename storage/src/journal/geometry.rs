//! How large the parts of a log are.

use crate::disk::BLOCK_BYTES;
use crate::format::{ENTRY_ALIGN, GROUP_HEADER_BYTES, PREFIX_BYTES, ROW_BYTES, footer_bytes};

/// Length of a segment unless configured otherwise, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u32 = 64 * 1024 * 1024;
/// Largest commit group unless configured otherwise, in bytes.
pub const GROUP_BYTES_DEFAULT: u32 = 4 * 1024 * 1024;
/// Most entries of a commit group unless configured otherwise.
pub const GROUP_ENTRIES_DEFAULT: u32 = 4096;

/// How large the parts of a log are. Positions count the bytes of a segment in 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Length of a segment, in bytes.
    pub segment_bytes: u32,
    /// Largest commit group, in bytes.
    pub group_bytes_max: u32,
    /// Most entries of a commit group.
    pub group_entries_max: u32,
}

/// Why sizes do not fit together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidGeometry {
    /// Something is not a multiple of a block.
    #[error("segments and commit groups are whole blocks of {BLOCK_BYTES} bytes")]
    Unaligned,
    /// A commit group has no room for a record beside both directories.
    #[error("a commit group of {0} bytes has no room for its directories")]
    GroupTooSmall(u32),
    /// A segment has no room for the largest commit group and its footer (law L1).
    #[error(
        "a segment of {segment_bytes} bytes has no room for a commit group of {group_bytes_max} bytes and its footer"
    )]
    SegmentTooSmall {
        /// Length of the segment.
        segment_bytes: u32,
        /// Largest commit group.
        group_bytes_max: u32,
    },
}

impl Geometry {
    /// The sizes unless configured otherwise.
    pub const DEFAULT: Geometry = Geometry {
        segment_bytes: SEGMENT_BYTES_DEFAULT,
        group_bytes_max: GROUP_BYTES_DEFAULT,
        group_entries_max: GROUP_ENTRIES_DEFAULT,
    };

    /// Checks that the sizes fit together.
    ///
    /// # Errors
    /// Says which do not.
    pub fn check(&self) -> Result<(), InvalidGeometry> {
        let aligned = |bytes: u32| (bytes as usize).is_multiple_of(BLOCK_BYTES) && bytes > 0;
        if !aligned(self.segment_bytes) || !aligned(self.group_bytes_max) {
            return Err(InvalidGeometry::Unaligned);
        }
        if !self.group_has_room() {
            return Err(InvalidGeometry::GroupTooSmall(self.group_bytes_max));
        }
        if !self.segment_has_room() {
            let Geometry { segment_bytes, group_bytes_max, .. } = *self;
            return Err(InvalidGeometry::SegmentTooSmall { segment_bytes, group_bytes_max });
        }
        Ok(())
    }

    /// Both directories as long as they may be, and a block for an entry.
    const fn group_has_room(&self) -> bool {
        let directories = 2 * self.group_entries_max as usize * ROW_BYTES;
        self.group_entries_max > 0
            && GROUP_HEADER_BYTES + directories + BLOCK_BYTES <= self.group_bytes_max as usize
    }

    const fn segment_has_room(&self) -> bool {
        let rows = self.group_entries_max as usize;
        self.group_bytes_max as usize + footer_bytes(rows, rows) <= self.segment_bytes as usize
    }

    /// The largest body that an entry with a head of `head_bytes` can always have, in bytes.
    #[must_use]
    pub const fn body_bytes_max(&self, head_bytes: usize) -> usize {
        let rows = (1 + self.group_entries_max as usize) * ROW_BYTES;
        let taken = GROUP_HEADER_BYTES + rows + PREFIX_BYTES + head_bytes + ENTRY_ALIGN;
        self.group_bytes_max as usize - taken
    }

    /// Whether so many entries that take up so many bytes together can ever stand in one commit group.
    #[must_use]
    pub const fn can_hold(&self, entry_bytes: usize, entry_count: usize) -> bool {
        let least = GROUP_HEADER_BYTES + entry_bytes + entry_count * ROW_BYTES;
        least <= self.group_bytes_max as usize && entry_count <= self.group_entries_max as usize
    }
}

const _: () = assert!(Geometry::DEFAULT.group_has_room() && Geometry::DEFAULT.segment_has_room());
