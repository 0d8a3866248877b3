//! A bounded ring of bytes with one writer and one reader.
//!
//! ```text
//!            read             written
//!             v                  v
//! [ ..free.. | bytes that wait   | ..free.. ]     both only grow; a place is a number modulo the length
//! ```

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::utils::CachePadded;

/// A bounded ring of bytes.
pub(super) struct ByteRing {
    bytes: Box<[UnsafeCell<u8>]>,
    /// How many bytes were read since the start. Only the reader changes it.
    read: CachePadded<AtomicUsize>,
    /// How many bytes were written since the start. Only the writer changes it.
    written: CachePadded<AtomicUsize>,
}

// SAFETY: the writer touches only bytes that do not wait and the reader only those that do; the counts
// hand them over with release and acquire. That there is one of each is promised by the callers.
unsafe impl Sync for ByteRing {}

impl ByteRing {
    /// An empty ring for `capacity` bytes, which is a power of two. Memory is taken as it is used.
    pub(super) fn new(capacity: usize) -> ByteRing {
        assert!(capacity.is_power_of_two(), "places are found by a mask");
        let bytes = Box::into_raw(vec![0u8; capacity].into_boxed_slice());
        // SAFETY: a cell has the layout of what is in it, and the box was just given away.
        let bytes = unsafe { Box::from_raw(bytes as *mut [UnsafeCell<u8>]) };
        ByteRing { bytes, read: CachePadded::default(), written: CachePadded::default() }
    }

    /// How many bytes wait; exact for the reader and the writer as long as the other one rests.
    pub(super) fn len(&self) -> usize {
        let read = self.read.load(Ordering::Acquire);
        self.written.load(Ordering::Acquire).wrapping_sub(read).min(self.bytes.len())
    }

    /// How many bytes there is room for.
    pub(super) fn room(&self) -> usize {
        self.bytes.len() - self.len()
    }

    /// Whether at least half of the ring is free: worth waking a writer for.
    pub(super) fn has_much_room(&self) -> bool {
        self.len() <= self.bytes.len() / 2
    }

    /// Puts the beginning of `from` in, as much as there is room for, and returns how much that was.
    ///
    /// # Safety
    /// There is one writer, and this is it.
    pub(super) unsafe fn write(&self, from: &[u8]) -> usize {
        let written = self.written.load(Ordering::Relaxed);
        let waiting = written.wrapping_sub(self.read.load(Ordering::Acquire));
        let count = from.len().min(self.bytes.len() - waiting);
        let (first, second) = from[..count].split_at(count.min(self.until_end(written)));
        // SAFETY: the places from `written` on do not wait, as many as were counted; the reader does
        // not touch them before they are handed over below.
        unsafe {
            std::ptr::copy_nonoverlapping(first.as_ptr(), self.place(written), first.len());
            std::ptr::copy_nonoverlapping(second.as_ptr(), self.place(0), second.len());
        }
        self.written.store(written.wrapping_add(count), Ordering::Release);
        count
    }

    /// Takes bytes out to the front of `to`, as many as there are and fit, and returns how many.
    ///
    /// # Safety
    /// There is one reader, and this is it.
    pub(super) unsafe fn read(&self, to: &mut [u8]) -> usize {
        let read = self.read.load(Ordering::Relaxed);
        let waiting = self.written.load(Ordering::Acquire).wrapping_sub(read);
        let count = to.len().min(waiting);
        let (first, second) = to[..count].split_at_mut(count.min(self.until_end(read)));
        // SAFETY: the places from `read` on wait, as many as were counted; the writer does not touch
        // them before they are handed back below.
        unsafe {
            std::ptr::copy_nonoverlapping(self.place(read), first.as_mut_ptr(), first.len());
            std::ptr::copy_nonoverlapping(self.place(0), second.as_mut_ptr(), second.len());
        }
        self.read.store(read.wrapping_add(count), Ordering::Release);
        count
    }

    /// Throws away what waits, and returns how many bytes that was.
    ///
    /// # Safety
    /// There is one reader, and this is it.
    pub(super) unsafe fn skip(&self) -> usize {
        let (read, written) =
            (self.read.load(Ordering::Relaxed), self.written.load(Ordering::Acquire));
        self.read.store(written, Ordering::Release);
        written.wrapping_sub(read)
    }

    /// Bytes from a place to the end of the memory.
    fn until_end(&self, at: usize) -> usize {
        self.bytes.len() - (at & (self.bytes.len() - 1))
    }

    fn place(&self, at: usize) -> *mut u8 {
        // The address of the whole ring, not of one cell: a run goes on behind its first place.
        let base = UnsafeCell::raw_get(self.bytes.as_ptr());
        base.wrapping_add(at & (self.bytes.len() - 1))
    }
}

impl std::fmt::Debug for ByteRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ByteRing({} of {} bytes)", self.len(), self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s35_bytes_come_out_in_order_wherever_the_ring_begins_again() {
        let ring = ByteRing::new(8);
        let (mut next_in, mut next_out) = (0u8, 0u8);
        for step in 0..500usize {
            let from: Vec<u8> = (0..step % 11).map(|at| next_in.wrapping_add(at as u8)).collect();
            // SAFETY: this thread is the only writer and the only reader.
            let put = unsafe { ring.write(&from) };
            assert_eq!(ring.room(), 8 - ring.len());
            next_in = next_in.wrapping_add(put as u8);
            let mut room = vec![0; step % 7];
            // SAFETY: as above.
            let got = unsafe { ring.read(&mut room) };
            for byte in &room[..got] {
                assert_eq!(*byte, next_out);
                next_out = next_out.wrapping_add(1);
            }
        }
        assert!(ring.len() <= 8 && next_in.wrapping_sub(next_out) as usize == ring.len());
        // SAFETY: as above.
        assert_eq!(unsafe { ring.skip() }, next_in.wrapping_sub(next_out) as usize);
        assert_eq!((ring.len(), ring.has_much_room()), (0, true));
    }
}
