//! A run of bytes a session is shown, and a range of a block somebody keeps.

use super::pool::BlockRef;
use crate::model::Span;

/// A range of bytes in a block, kept alive.
#[derive(Clone, Debug)]
pub struct BlockRange {
    block: BlockRef,
    start: u32,
    end: u32,
}

impl BlockRange {
    /// The bytes from `start` to `end` of `block`.
    ///
    /// # Panics
    /// If the range does not lie inside the block.
    #[must_use]
    pub fn new(block: BlockRef, start: usize, end: usize) -> BlockRange {
        assert!(start <= end && end <= block.capacity(), "the range lies inside the block");
        let narrow = |at: usize| u32::try_from(at).expect("a block is smaller than 4 GiB");
        BlockRange { block, start: narrow(start), end: narrow(end) }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.block.bytes(self.start as usize, self.end as usize)
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `count` bytes.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "only what is there can be dropped");
        self.start += count as u32;
    }

    /// Takes the last `count` bytes back that [`BlockRange::advance`] dropped.
    ///
    /// # Panics
    /// If the block begins behind them.
    pub fn rewind(&mut self, count: usize) {
        assert!(count <= self.start as usize, "only what was dropped can be taken back");
        self.start -= count as u32;
    }

    /// Takes in the `count` bytes behind the end, for the one who fills the block.
    ///
    /// # Panics
    /// If the block ends before.
    pub(super) fn extend(&mut self, count: usize) {
        assert!(self.end as usize + count <= self.block.capacity(), "the block has the room");
        self.end += count as u32;
    }

    /// The block it lies in.
    #[must_use]
    pub fn block(&self) -> &BlockRef {
        &self.block
    }

    /// Where it begins in its block.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// Where it ends in its block.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// The range as a chunk.
    #[must_use]
    pub fn chunk(&self) -> Chunk<'_> {
        Chunk { bytes: self.bytes(), backing: Some((&self.block, self.start)) }
    }
}

/// A run of bytes, with the block it lies in if it lies in one.
///
/// With a block, a large payload can leave by reference instead of being copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chunk<'a> {
    bytes: &'a [u8],
    backing: Option<(&'a BlockRef, u32)>,
}

impl<'a> Chunk<'a> {
    /// Bytes that lie in no block; they can only be copied.
    #[must_use]
    pub fn plain(bytes: &'a [u8]) -> Chunk<'a> {
        Chunk { bytes, backing: None }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes a span of this chunk covers.
    ///
    /// # Panics
    /// If the span lies in the scratch text or does not lie inside the chunk.
    #[must_use]
    pub fn slice(&self, span: Span) -> Chunk<'a> {
        assert!(!span.is_scratch(), "the span lies in this chunk");
        if span.is_empty() {
            return Chunk::default();
        }
        Chunk {
            bytes: &self.bytes[span.offset()..span.end()],
            backing: self.backing.map(|(block, start)| (block, start + span.offset() as u32)),
        }
    }

    /// Whether the bytes lie in a block, so that [`Chunk::range`] can keep them.
    #[must_use]
    pub fn is_backed(&self) -> bool {
        self.backing.is_some()
    }

    /// The bytes with their block, if they lie in one.
    #[must_use]
    pub fn range(&self) -> Option<BlockRange> {
        let (block, start) = self.backing?;
        let start = start as usize;
        Some(BlockRange::new(block.clone(), start, start + self.bytes.len()))
    }
}
