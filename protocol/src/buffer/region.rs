//! Memory that somebody else made.

use core::any::Any;
use core::ptr::NonNull;

/// A run of memory for a [`Pool`](super::Pool), with whatever keeps it alive.
pub struct Region {
    base: NonNull<u8>,
    len: usize,
    _owner: Box<dyn Any>,
}

impl Region {
    /// Memory that `owner` keeps alive and mapped.
    ///
    /// # Safety
    /// `base` must be valid for reads and writes of `len` initialised bytes for as long as `owner`
    /// lives, and nobody else may use that memory.
    #[must_use]
    pub unsafe fn new(base: NonNull<u8>, len: usize, owner: Box<dyn Any>) -> Region {
        Region { base, len, _owner: owner }
    }

    /// Zeroed memory from the heap, for tests, simulators and clients.
    #[must_use]
    pub fn heap(len: usize) -> Region {
        let mut memory = vec![0u8; len].into_boxed_slice();
        let base = NonNull::new(memory.as_mut_ptr()).expect("a box has an address");
        // SAFETY: the box owns `len` initialised bytes at `base`, is moved into the region without
        // moving them, and nothing else refers to them.
        unsafe { Region::new(base, len, Box::new(memory)) }
    }

    /// Address of the first byte.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no memory at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl core::fmt::Debug for Region {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Region({} bytes)", self.len)
    }
}
