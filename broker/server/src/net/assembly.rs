//! Where frames are assembled that did not arrive in one piece.

use coilgun_protocol::buffer::{BlockRange, Pool};

use super::inbox::Inbox;

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

impl Inbox {
    /// Begins to assemble the frame that begins with `begin`.
    pub(super) fn begin_assembly(
        &mut self,
        begin: &BlockRange,
        need: usize,
        pools: &AssemblyPools,
    ) -> Result<(), NoAssemblyBlock> {
        let range = assembly_block(need.min(self.bytes).max(begin.len()), pools)?;
        self.assembly = Some(Assembly { range, need, from_front: 0 });
        self.append_to_assembly(begin.bytes());
        Ok(())
    }

    /// Moves bytes from the chunks into the assembly until it has what it needs.
    pub(super) fn fill_assembly(&mut self, pools: &AssemblyPools) -> Result<(), NoAssemblyBlock> {
        self.make_room(pools)?;
        // Ends because every step empties a chunk or fills the assembly.
        while let Some(assembly) = &self.assembly {
            let missing = assembly.need.saturating_sub(assembly.range.len());
            if missing == 0 {
                break;
            }
            let Some(mut piece) = self.chunks.pop_front() else { break };
            let now = assembly.step(missing).min(piece.len());
            self.append_to_assembly(&piece.bytes()[..now]);
            piece.advance(now);
            let left = if piece.is_empty() { 0 } else { now };
            if let Some(assembly) = &mut self.assembly {
                assembly.from_front = if left == 0 { 0 } else { assembly.from_front + left };
            }
            if !piece.is_empty() {
                self.chunks.push_front(piece);
            }
        }
        Ok(())
    }

    /// Moves the assembly to a larger block if what has arrived of its frame does not fit.
    fn make_room(&mut self, pools: &AssemblyPools) -> Result<(), NoAssemblyBlock> {
        let Some(assembly) = &self.assembly else { return Ok(()) };
        let there = assembly.need.min(self.bytes);
        if assembly.range.start() + there <= assembly.range.block().capacity() {
            return Ok(());
        }
        let (old, need, from_front) = (assembly.range.clone(), assembly.need, assembly.from_front);
        self.begin_assembly(&old, need, pools)?;
        if let Some(assembly) = &mut self.assembly {
            assembly.from_front = from_front;
        }
        Ok(())
    }

    fn append_to_assembly(&mut self, bytes: &[u8]) {
        let assembly = self.assembly.as_mut().expect("an assembly was begun");
        let (start, end) = (assembly.range.start(), assembly.range.end());
        let block = assembly.range.block().clone();
        // SAFETY: the inbox is the only writer of its assembly block, and nobody was shown the
        // bytes behind the end of its range.
        unsafe { block.unwritten(end, end + bytes.len()) }.copy_from_slice(bytes);
        assembly.range = BlockRange::new(block, start, end + bytes.len());
        self.copied_bytes += bytes.len() as u64;
    }
}

/// An empty range at the front of a block with room for `len` bytes.
fn assembly_block(len: usize, pools: &AssemblyPools) -> Result<BlockRange, NoAssemblyBlock> {
    let pool = if len <= pools.small.block_bytes() { &pools.small } else { &pools.large };
    if len > pool.block_bytes() {
        return Err(NoAssemblyBlock);
    }
    let block = pool.take().ok_or(NoAssemblyBlock)?;
    Ok(BlockRange::new(block, 0, 0))
}
