//! Blocks of one size, counted.
//!
//! ```text
//! region   | block 0 | block 1 | ... |        one run of memory, made once
//! holders  |    2    |    0    | ... |        how many BlockRefs name the block
//! free     [ 2, 1, ... | 7, 4 ]               used last, given first: it is still in the cache
//!            never used   used: they take up memory until they are trimmed
//! ```

use core::cell::{Cell, RefCell};
use core::ptr::NonNull;
use std::rc::Rc;

use super::foreign::Places;
use super::region::Region;

/// A shard's blocks of one size. Cheap to clone: all clones are the same pool.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

struct Inner {
    memory: Memory,
    holders: Box<[Cell<u32>]>,
    /// Holds room for every block, so that giving one back never allocates.
    free: RefCell<Vec<u32>>,
    /// How many of the free blocks, the last ones of the list, were used since they were trimmed.
    used_free: Cell<usize>,
    /// The smallest `used_free` since [`Pool::begin_watch`].
    used_free_min: Cell<usize>,
}

/// Where the blocks lie.
pub(super) enum Memory {
    /// One behind the other in a region of the pool's own.
    Own { region: Region, block_bytes: usize },
    /// Each where whoever lent it keeps it.
    Foreign(Places),
}

/// One holder of one block; the block goes back to its pool with the last holder.
pub struct BlockRef {
    pool: Rc<Inner>,
    index: u32,
}

impl Pool {
    /// Cuts `region` into blocks of `block_bytes` each.
    ///
    /// # Panics
    /// If a block would be empty or there would be more than 2^32 of them.
    #[must_use]
    pub fn new(region: Region, block_bytes: usize) -> Pool {
        assert!(block_bytes > 0, "a block holds something");
        let count = region.len() / block_bytes;
        let count_u32 = u32::try_from(count).expect("block numbers have 32 bits");
        let free = (0..count_u32).rev().collect();
        Pool::over(Memory::Own { region, block_bytes }, count, free)
    }

    pub(super) fn over(memory: Memory, count: usize, free: Vec<u32>) -> Pool {
        Pool(Rc::new(Inner {
            memory,
            holders: vec![Cell::new(0); count].into_boxed_slice(),
            free: RefCell::new(free),
            used_free: Cell::new(0),
            used_free_min: Cell::new(0),
        }))
    }

    /// A free block with one holder, or nothing if there is none, as always in a foreign pool.
    #[must_use]
    pub fn take(&self) -> Option<BlockRef> {
        let index = self.0.free.borrow_mut().pop()?;
        let block = self.first_holder(index);
        let used_free = self.0.used_free.get().saturating_sub(1);
        self.0.used_free.set(used_free);
        self.0.used_free_min.set(self.0.used_free_min.get().min(used_free));
        Some(block)
    }

    /// The first holder of a block that has none.
    pub(super) fn first_holder(&self, index: u32) -> BlockRef {
        let holders = &self.0.holders[index as usize];
        assert_eq!(holders.get(), 0, "a free block has no holder");
        holders.set(1);
        BlockRef { pool: Rc::clone(&self.0), index }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// Another holder of a block that has one.
    ///
    /// # Panics
    /// If the block is free.
    #[must_use]
    pub fn share(&self, index: u32) -> BlockRef {
        let holders = &self.0.holders[index as usize];
        assert!(holders.get() > 0, "only a block in use can be shared");
        holders.set(holders.get() + 1);
        BlockRef { pool: Rc::clone(&self.0), index }
    }

    /// Turns a holder that was given away with [`BlockRef::into_index`] back into one.
    ///
    /// # Panics
    /// If the block is free.
    #[must_use]
    pub fn adopt(&self, index: u32) -> BlockRef {
        assert!(self.0.holders[index as usize].get() > 0, "only a held block can be adopted");
        BlockRef { pool: Rc::clone(&self.0), index }
    }

    /// Size of one block in bytes; 0 in a foreign pool, where each has its own.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        match self.0.memory {
            Memory::Own { block_bytes, .. } => block_bytes,
            Memory::Foreign(_) => 0,
        }
    }

    /// How many blocks there are; in a foreign pool, how many there are places for.
    #[must_use]
    pub fn block_count(&self) -> usize {
        self.0.holders.len()
    }

    /// How many blocks are free; in a foreign pool, how many places are vacant.
    #[must_use]
    pub fn free_count(&self) -> usize {
        match &self.0.memory {
            Memory::Own { .. } => self.0.free.borrow().len(),
            Memory::Foreign(places) => places.vacant_count(),
        }
    }

    /// How many free blocks were used before and take up memory that nobody needs now.
    #[must_use]
    pub fn used_free_count(&self) -> usize {
        self.0.used_free.get()
    }

    /// How many of them nobody has needed since the last [`Pool::begin_watch`].
    #[must_use]
    pub fn idle_count(&self) -> usize {
        self.0.used_free_min.get()
    }

    /// Watches from now on how many blocks nobody needs.
    pub fn begin_watch(&self) {
        self.0.used_free_min.set(self.0.used_free.get());
    }

    /// Calls `discard` with the memory of at most `count` free blocks, those that were used longest
    /// ago first, and says how many there were. They are zero or whatever they were afterwards, and
    /// no longer count as used.
    pub fn trim(&self, count: usize, mut discard: impl FnMut(NonNull<u8>, usize)) -> usize {
        let free = self.0.free.borrow();
        let used = self.0.used_free.get();
        let count = count.min(used);
        for index in &free[free.len() - used..][..count] {
            discard(self.0.address_of(*index), self.0.capacity_of(*index));
        }
        self.0.used_free.set(used - count);
        self.0.used_free_min.set(self.0.used_free_min.get().saturating_sub(count));
        count
    }

    /// Whether both are the same pool.
    #[must_use]
    pub fn is(&self, block: &BlockRef) -> bool {
        Rc::ptr_eq(&self.0, &block.pool)
    }
}

impl Inner {
    /// Address of a block's first byte.
    fn address_of(&self, index: u32) -> NonNull<u8> {
        match &self.memory {
            Memory::Own { region, block_bytes } => {
                let offset = index as usize * block_bytes;
                // SAFETY: block numbers are below the number of blocks, so the offset lies inside
                // the region.
                unsafe { region.base().add(offset) }
            }
            Memory::Foreign(places) => places.block(index).0,
        }
    }

    /// Size of a block in bytes.
    fn capacity_of(&self, index: u32) -> usize {
        match &self.memory {
            Memory::Own { block_bytes, .. } => *block_bytes,
            Memory::Foreign(places) => places.block(index).1,
        }
    }

    /// The last holder of a block is gone.
    fn release(&self, index: u32) {
        match &self.memory {
            Memory::Own { .. } => {
                self.free.borrow_mut().push(index);
                self.used_free.set(self.used_free.get() + 1);
            }
            Memory::Foreign(places) => places.release(index),
        }
    }
}

impl core::fmt::Debug for Pool {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pool({} of {} free)", self.free_count(), self.block_count())
    }
}

impl BlockRef {
    /// The block's number in its pool.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Gives this holder away as a number, to the kernel for example;
    /// [`Pool::adopt`] takes it back.
    #[must_use]
    pub fn into_index(self) -> u32 {
        let index = self.index;
        let mut this = core::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped or used again, so its pool handle is released exactly
        // once, here; the count of holders stays, which is what giving away means.
        unsafe { core::ptr::drop_in_place(&raw mut this.pool) };
        index
    }

    /// Size of the block in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.pool.capacity_of(self.index)
    }

    /// Whether it lies in memory of somebody else.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.pool.memory, Memory::Foreign(_))
    }

    /// Whether this is the only holder.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.pool.holders[self.index as usize].get() == 1
    }

    /// Address of the block's first byte.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.pool.address_of(self.index)
    }

    /// The bytes from `start` to `end`.
    ///
    /// Nobody writes to a range that was handed out (invariant of this room), so the bytes do not
    /// change while this holder lives.
    ///
    /// # Panics
    /// If the range does not lie inside the block.
    #[must_use]
    pub fn bytes(&self, start: usize, end: usize) -> &[u8] {
        assert!(start <= end && end <= self.capacity(), "the range lies inside the block");
        // SAFETY: the range lies inside the block, which is initialised memory that stays mapped
        // while the pool lives, or while a block that is lent has a holder, and ranges that were handed out are never written again.
        unsafe { core::slice::from_raw_parts(self.base().add(start).as_ptr(), end - start) }
    }

    /// The not yet written bytes from `start` to `end`, for the one who fills the block.
    ///
    /// # Safety
    /// No other reference to any byte of the range may exist, and the caller is the block's only
    /// writer, which nobody is of a block that is lent.
    ///
    /// # Panics
    /// If the range does not lie inside the block.
    #[must_use]
    #[expect(clippy::mut_from_ref, reason = "disjoint ranges of a block have different owners")]
    pub unsafe fn unwritten(&self, start: usize, end: usize) -> &mut [u8] {
        assert!(start <= end && end <= self.capacity(), "the range lies inside the block");
        // SAFETY: inside the block as above; exclusive by the contract of this function.
        unsafe { core::slice::from_raw_parts_mut(self.base().add(start).as_ptr(), end - start) }
    }
}

impl Clone for BlockRef {
    fn clone(&self) -> Self {
        let holders = &self.pool.holders[self.index as usize];
        holders.set(holders.get() + 1);
        BlockRef { pool: Rc::clone(&self.pool), index: self.index }
    }
}

impl Drop for BlockRef {
    fn drop(&mut self) {
        let holders = &self.pool.holders[self.index as usize];
        let left = holders.get() - 1;
        holders.set(left);
        if left == 0 {
            self.pool.release(self.index);
        }
    }
}

impl core::fmt::Debug for BlockRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "BlockRef({})", self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_a_block_is_free_only_without_holders() {
        let pool = Pool::new(Region::heap(3 * 16), 16);
        let first = pool.take().expect("three are free");
        let again = first.clone();
        let index = first.into_index();
        assert_eq!(pool.free_count(), 2, "given away is not given back");
        drop(again);
        assert_eq!(pool.free_count(), 2);
        let adopted = pool.adopt(index);
        assert!(adopted.is_unique());
        let shared = pool.share(index);
        drop(adopted);
        assert_eq!(pool.free_count(), 2);
        drop(shared);
        assert_eq!(pool.free_count(), 3);
    }

    #[test]
    fn an_empty_pool_says_so() {
        let pool = Pool::new(Region::heap(2 * 16), 16);
        let held = [pool.take(), pool.take()];
        assert!(held.iter().all(Option::is_some));
        assert!(pool.take().is_none());
        drop(held);
        assert_eq!(pool.free_count(), pool.block_count());
    }

    #[test]
    fn what_was_used_and_is_free_can_be_trimmed_the_longest_unused_first() {
        let pool = Pool::new(Region::heap(4 * 16), 16);
        let mut held: Vec<_> = (0..3).filter_map(|_| pool.take()).collect();
        let first = held[0].base();
        assert_eq!(pool.used_free_count(), 0);
        pool.begin_watch();
        // Given back in this order: the first one is the one that waits longest.
        held.drain(..).for_each(drop);
        assert_eq!((pool.used_free_count(), pool.idle_count()), (3, 0), "needed a moment ago");
        pool.begin_watch();
        drop(pool.take());
        assert_eq!(pool.idle_count(), 2, "one was needed in the meantime");
        let mut trimmed = Vec::new();
        assert_eq!(pool.trim(1, |base, len| trimmed.push((base, len))), 1);
        assert_eq!(trimmed, [(first, 16)]);
        assert_eq!((pool.used_free_count(), pool.idle_count()), (2, 1));
        assert_eq!(pool.trim(9, |_, _| {}), 2, "those that were never used are left alone");
        let all: Vec<_> = (0..4).filter_map(|_| pool.take()).collect();
        assert_eq!((all.len(), pool.used_free_count()), (4, 0));
    }

    #[test]
    fn blocks_do_not_overlap_and_outlive_the_handle() {
        let pool = Pool::new(Region::heap(2 * 16), 16);
        let (a, b) = (pool.take().expect("free"), pool.take().expect("free"));
        drop(pool);
        // SAFETY: both blocks were just taken, nothing else refers to them.
        unsafe {
            a.unwritten(0, 16).fill(1);
            b.unwritten(0, 16).fill(2);
        }
        assert_eq!(a.bytes(0, 16), [1; 16]);
        assert_eq!(b.bytes(4, 8), [2; 4]);
    }
}
