//! Memory of the simulated disk.

use crate::disk::block::{BLOCK_BYTES, Block};
use crate::disk::seam::DiskBuffer;

/// What fresh memory holds: whoever takes it for zeros shall notice.
const FRESH: u8 = 0xDF;

/// Aligned memory on the heap.
pub struct SimBuffer(Vec<Block>);

impl SimBuffer {
    pub(super) fn new(bytes: usize) -> SimBuffer {
        assert!(
            bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES),
            "buffers have whole blocks, not {bytes} bytes"
        );
        SimBuffer(vec![Block::new([FRESH; BLOCK_BYTES]); bytes / BLOCK_BYTES])
    }

    /// Memory with these bytes in it.
    pub(super) fn holding(bytes: &[u8]) -> SimBuffer {
        let mut buffer = SimBuffer::new(bytes.len());
        buffer.as_mut().copy_from_slice(bytes);
        buffer
    }
}

impl AsRef<[u8]> for SimBuffer {
    fn as_ref(&self) -> &[u8] {
        Block::bytes_of(&self.0)
    }
}

impl AsMut<[u8]> for SimBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        Block::bytes_of_mut(&mut self.0)
    }
}

impl DiskBuffer for SimBuffer {
    fn truncate(&mut self, bytes: usize) {
        assert!(
            bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES),
            "buffers have whole blocks, not {bytes} bytes"
        );
        assert!(bytes <= self.as_ref().len(), "truncating makes no buffer longer");
        self.0.truncate(bytes / BLOCK_BYTES);
    }
}

impl core::fmt::Debug for SimBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SimBuffer").field("bytes", &self.as_ref().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_not_zero() {
        let buffer = SimBuffer::new(3 * BLOCK_BYTES);
        assert_eq!(buffer.as_ref().len(), 3 * BLOCK_BYTES);
        assert_eq!(buffer.as_ref().as_ptr() as usize % BLOCK_BYTES, 0);
        assert!(buffer.as_ref().iter().all(|byte| *byte == FRESH));
    }

    #[test]
    fn truncating_keeps_the_beginning() {
        let mut buffer = SimBuffer::holding(&[7; 2 * BLOCK_BYTES]);
        buffer.as_mut()[0] = 1;
        buffer.truncate(BLOCK_BYTES);
        assert_eq!((buffer.as_ref().len(), buffer.as_ref()[0]), (BLOCK_BYTES, 1));
    }

    #[test]
    #[should_panic(expected = "whole blocks")]
    fn half_blocks_are_a_mistake() {
        SimBuffer::new(BLOCK_BYTES + 512);
    }
}
