//! Memory from the kernel, reserved at once and used as it is touched.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use coilgun_protocol::buffer::Region;
use crossbeam::queue::SegQueue;

#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: an address and a length, which are used only to unmap the memory, once, by whoever is last.
unsafe impl Send for Mapping {}
// SAFETY: as above; a shared mapping shows nothing.
unsafe impl Sync for Mapping {}

/// Mappings that outlive the pools that were made of them: they are unmapped when this, all its
/// clones and the pool are gone. Usable from any thread.
#[derive(Clone, Debug, Default)]
pub struct KeptMemory(Arc<SegQueue<Arc<Mapping>>>);

impl KeptMemory {
    /// As [`map`], and keeps the mapping.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn map(&self, len: usize) -> io::Result<Region> {
        let mapping = Arc::new(Mapping::new(len)?);
        self.0.push(Arc::clone(&mapping));
        Ok(region(mapping))
    }
}

impl Mapping {
    fn new(len: usize) -> io::Result<Mapping> {
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(address.cast::<u8>()).expect("a mapping is never at address zero");
        let mapping = Mapping { base, len };
        // Huge pages would make a block that holds a few bytes cost two megabytes.
        // SAFETY: advice about the mapping just made.
        if unsafe { libc::madvise(address, len, libc::MADV_NOHUGEPAGE) } != 0 {
            let error = io::Error::last_os_error();
            // A kernel built without huge pages does not know the advice, and does not need it.
            if error.raw_os_error() != Some(libc::EINVAL) {
                return Err(error);
            }
        }
        Ok(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping made below; nobody uses it any more,
        // because whoever does keeps the region that owns this.
        let result = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
        assert_eq!(result, 0, "a mapping of ours can be unmapped");
    }
}

/// Maps `len` bytes of zeroed memory. Pages take up memory once they are written to, one small page
/// at a time.
///
/// # Errors
/// If the kernel refuses.
pub fn map(len: usize) -> io::Result<Region> {
    Mapping::new(len).map(Arc::new).map(region)
}

/// The memory of a mapping that was not given to anybody before.
fn region(mapping: Arc<Mapping>) -> Region {
    let (base, len) = (mapping.base, mapping.len);
    // SAFETY: the mapping is readable, writable, zeroed, given to nobody else, and lives in the owner.
    unsafe { Region::new(base, len, Box::new(mapping)) }
}

/// Gives whole pages of a mapping back to the kernel; they are zeroes when they are touched again.
///
/// # Safety
/// The bytes lie in memory from [`map`], and nobody refers to any of them.
pub unsafe fn discard(base: NonNull<u8>, len: usize) {
    // SAFETY: the caller promises that nobody refers to the bytes. Advice that the kernel does not
    // take leaves them as they are.
    unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use coilgun_protocol::buffer::Pool;

    #[test]
    fn mapped_memory_is_zeroed_and_ours() {
        let pool = Pool::new(map(1 << 30).expect("the kernel maps"), 1 << 20);
        assert_eq!(pool.block_count(), 1024);
        let block = pool.take().expect("a block is free");
        assert_eq!(block.bytes(0, 16), [0; 16]);
        // SAFETY: the block was just taken, and the range that was shown is not written to.
        unsafe { block.unwritten(16, 32) }.fill(7);
        assert_eq!(block.bytes(16, 32), [7; 16]);
    }
}
