//! The unit of direct IO.

/// Size and alignment of a block, in bytes: no device in use has larger sectors, and a page of
/// memory is as large.
pub const BLOCK_BYTES: usize = 4096;

/// One aligned block of bytes, as it stands on the disk.
#[derive(Clone, PartialEq, Eq)]
#[repr(C, align(4096))]
pub struct Block([u8; BLOCK_BYTES]);

impl Block {
    /// A block of zeros.
    #[must_use]
    pub fn zeroed() -> Block {
        Block([0; BLOCK_BYTES])
    }

    /// A block with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; BLOCK_BYTES]) -> Block {
        Block(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; BLOCK_BYTES] {
        &self.0
    }

    /// The bytes, to be filled in.
    pub fn bytes_mut(&mut self) -> &mut [u8; BLOCK_BYTES] {
        &mut self.0
    }

    /// The bytes of blocks that lie behind each other in memory.
    #[must_use]
    pub fn bytes_of(blocks: &[Block]) -> &[u8] {
        // SAFETY: a block is an array of bytes and nothing else (see the assertion below), so a run of
        // blocks is a run of that many times as many initialised bytes, borrowed as long.
        unsafe { core::slice::from_raw_parts(blocks.as_ptr().cast(), size_of_val(blocks)) }
    }

    /// The bytes of blocks that lie behind each other in memory, to be filled in.
    pub fn bytes_of_mut(blocks: &mut [Block]) -> &mut [u8] {
        let bytes = size_of_val(blocks);
        // SAFETY: as above, and the borrow is the only one; any bytes make a block.
        unsafe { core::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), bytes) }
    }
}

impl core::fmt::Debug for Block {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Block").field("crc32c", &crc32c::crc32c(&self.0)).finish()
    }
}

const _: () = assert!(align_of::<Block>() == BLOCK_BYTES && size_of::<Block>() == BLOCK_BYTES);
