//! Blocks of one size, counted.
//!
//! ```text
//! region   | block 0 | block 1 | ... |        one run of memory, made once
//! holders  |    2    |    0    | ... |        how many BlockRefs name the block
//! free     [ 1, ... ]                         used last, given first: it is still in the cache
//! ```

use core::cell::{Cell, RefCell};
use core::ptr::NonNull;
use std::rc::Rc;

use super::region::Region;

/// A shard's blocks of one size. Cheap to clone: all clones are the same pool.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

struct Inner {
    region: Region,
    block_bytes: usize,
    holders: Box<[Cell<u32>]>,
    /// Holds room for every block, so that giving one back never allocates.
    free: RefCell<Vec<u32>>,
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
        Pool(Rc::new(Inner {
            region,
            block_bytes,
            holders: vec![Cell::new(0); count].into_boxed_slice(),
            free: RefCell::new((0..count_u32).rev().collect()),
        }))
    }

    /// A free block with one holder, or nothing if there is none.
    #[must_use]
    pub fn take(&self) -> Option<BlockRef> {
        let index = self.0.free.borrow_mut().pop()?;
        let holders = &self.0.holders[index as usize];
        assert_eq!(holders.get(), 0, "a free block has no holder");
        holders.set(1);
        Some(BlockRef { pool: Rc::clone(&self.0), index })
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

    /// Size of one block in bytes.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        self.0.block_bytes
    }

    /// How many blocks there are.
    #[must_use]
    pub fn block_count(&self) -> usize {
        self.0.holders.len()
    }

    /// How many blocks are free.
    #[must_use]
    pub fn free_count(&self) -> usize {
        self.0.free.borrow().len()
    }

    /// Whether both are the same pool.
    #[must_use]
    pub fn is(&self, block: &BlockRef) -> bool {
        Rc::ptr_eq(&self.0, &block.pool)
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
        self.pool.block_bytes
    }

    /// Whether this is the only holder.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.pool.holders[self.index as usize].get() == 1
    }

    /// Address of the block's first byte.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        let offset = self.index as usize * self.pool.block_bytes;
        // SAFETY: `index` is below the number of blocks, so the offset lies inside the region.
        unsafe { self.pool.region.base().add(offset) }
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
        assert!(start <= end && end <= self.pool.block_bytes, "the range lies inside the block");
        // SAFETY: the range lies inside the block, which is initialised memory that stays mapped
        // while the pool lives, and ranges that were handed out are never written again.
        unsafe { core::slice::from_raw_parts(self.base().add(start).as_ptr(), end - start) }
    }

    /// The not yet written bytes from `start` to `end`, for the one who fills the block.
    ///
    /// # Safety
    /// No other reference to any byte of the range may exist, and the caller is the block's only
    /// writer.
    ///
    /// # Panics
    /// If the range does not lie inside the block.
    #[must_use]
    #[expect(clippy::mut_from_ref, reason = "disjoint ranges of a block have different owners")]
    pub unsafe fn unwritten(&self, start: usize, end: usize) -> &mut [u8] {
        assert!(start <= end && end <= self.pool.block_bytes, "the range lies inside the block");
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
            self.pool.free.borrow_mut().push(self.index);
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
