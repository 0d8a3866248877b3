//! Where frames are assembled that did not arrive in one piece.

use coilgun_protocol::buffer::{BlockRange, Pool};

/// Where assembly blocks come from.
#[derive(Clone, Debug)]
pub struct AssemblyPools {
    /// Blocks for frames up to their size.
    pub small: Pool,
    /// Blocks for the largest frame there may be.
    pub large: Pool,
}

/// A frame that is being assembled.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) range: BlockRange,
    /// Parse once this many bytes are here.
    pub(super) need: usize,
    /// How many of its last bytes came from the chunk that is now the first.
    pub(super) from_front: usize,
}

/// Where a session asks for a few bytes only, it may not know yet how many it needs, as with a line
/// of text: then this many are moved at once, so that it is not asked again for each of them.
pub(super) const STEP_BYTES: usize = 256;

impl Assembly {
    /// How many bytes to move next, at the most.
    pub(super) fn step(&self, missing: usize) -> usize {
        let room = self.range.block().capacity() - self.range.end();
        if missing < STEP_BYTES { STEP_BYTES.min(room).max(missing) } else { missing }
    }
}

/// There is no free block to assemble a frame in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no block is free to assemble a frame in")]
pub struct NoAssemblyBlock;

/// An empty range at the front of a block with room for `len` bytes.
pub(super) fn assembly_block(
    len: usize,
    pools: &AssemblyPools,
) -> Result<BlockRange, NoAssemblyBlock> {
    let pool = if len <= pools.small.block_bytes() { &pools.small } else { &pools.large };
    if len > pool.block_bytes() {
        return Err(NoAssemblyBlock);
    }
    let block = pool.take().ok_or(NoAssemblyBlock)?;
    Ok(BlockRange::new(block, 0, 0))
}
