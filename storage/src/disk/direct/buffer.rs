//! Memory for direct IO.

use std::rc::Rc;

use glommio::io::{DmaBuffer, ReadResult};

use crate::disk::block::BLOCK_BYTES;
use crate::disk::seam::DiskBuffer;

/// Memory that glommio writes from, or has read into.
pub struct DirectBuffer {
    /// Shared with the kernel while it writes from it, even if the future of that write was dropped.
    memory: Rc<DmaBuffer>,
    /// It was read, and the memory is part of glommio's answer, which nobody may change.
    is_answer: bool,
}

impl DirectBuffer {
    /// Memory for `bytes` bytes, all of them zero.
    pub(super) fn new(bytes: usize) -> DirectBuffer {
        assert!(
            bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES),
            "buffers have whole blocks, not {bytes} bytes"
        );
        let mut memory = glommio::allocate_dma_buffer(bytes);
        // SAFETY: the buffer owns that many bytes and nobody else has seen them; glommio leaves them as the
        // allocator gave them, and they have to be initialised before anybody makes a slice of them.
        unsafe { memory.as_mut_ptr().write_bytes(0, bytes) };
        DirectBuffer { memory: Rc::new(memory), is_answer: false }
    }

    /// What was read.
    pub(super) fn of_answer(answer: ReadResult) -> DirectBuffer {
        DirectBuffer { memory: Rc::new(DmaBuffer::from(answer)), is_answer: true }
    }

    /// The memory, for a write.
    pub(super) fn memory(&self) -> Rc<DmaBuffer> {
        self.memory.clone()
    }

    /// The memory, for this value alone. What is shared or must not change is copied before.
    fn own(&mut self) -> &mut DmaBuffer {
        if self.is_answer || Rc::strong_count(&self.memory) > 1 {
            let mut copy = DirectBuffer::new(self.memory.len());
            copy.as_mut().copy_from_slice(self.memory.as_bytes());
            *self = copy;
        }
        Rc::get_mut(&mut self.memory).expect("nobody else has it")
    }
}

impl AsRef<[u8]> for DirectBuffer {
    fn as_ref(&self) -> &[u8] {
        self.memory.as_bytes()
    }
}

/// Copies what was read, or is being written, before it is changed.
impl AsMut<[u8]> for DirectBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.own().as_bytes_mut()
    }
}

impl DiskBuffer for DirectBuffer {
    fn truncate(&mut self, bytes: usize) {
        assert!(
            bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES),
            "buffers have whole blocks, not {bytes} bytes"
        );
        assert!(bytes <= self.memory.len(), "truncating makes no buffer longer");
        self.own().trim_to_size(bytes);
    }
}

impl core::fmt::Debug for DirectBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DirectBuffer").field("bytes", &self.memory.len()).finish()
    }
}
