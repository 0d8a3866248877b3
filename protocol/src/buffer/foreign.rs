//! Blocks that lie in memory of somebody else.
//!
//! ```text
//! places    | base, len |    -    | base, len | ...     entered, vacant, entered
//! released  [ 2 ]                                       nobody holds it any more; waits to be told
//! ```

use core::cell::{Cell, RefCell};
use core::ptr::NonNull;

use super::pool::{BlockRef, Memory, Pool};

impl Pool {
    /// A pool whose blocks lie in memory of somebody else, at most `places` at once: they are lent
    /// to it with [`Pool::enter`] and come back with [`Pool::take_released`]. None can be taken,
    /// written or trimmed. Allocates nothing from now on.
    ///
    /// # Panics
    /// If there would be more than 2^32 places.
    #[must_use]
    pub fn foreign(places: usize) -> Pool {
        assert!(u32::try_from(places).is_ok(), "block numbers have 32 bits");
        Pool::over(Memory::Foreign(Places::new(places)), places, Vec::new())
    }

    /// Enters `len` bytes at `base`, which somebody lends, as the block with the number `place`; it
    /// has one holder.
    ///
    /// # Safety
    /// The bytes are initialised, stay mapped, and are not changed by anybody until
    /// [`Pool::take_released`] gave the place.
    ///
    /// # Panics
    /// If the pool is not a foreign one, or the place is held or its release was not taken.
    #[must_use]
    pub unsafe fn enter(&self, place: u32, base: NonNull<u8>, len: usize) -> BlockRef {
        match self.memory() {
            Memory::Own { .. } => panic!("only a foreign pool is lent blocks"),
            Memory::Foreign(places) => places.enter(place, base, len),
        }
        self.first_holder(place)
    }

    /// A place of a foreign pool whose last holder is gone, which makes it vacant; each is given
    /// once. Nothing if there is none, or the pool is not a foreign one.
    #[must_use]
    pub fn take_released(&self) -> Option<u32> {
        match self.memory() {
            Memory::Own { .. } => None,
            Memory::Foreign(places) => places.take_released(),
        }
    }
}

/// The places of a pool whose blocks are lent to it.
pub(super) struct Places {
    /// Where each block lies and how long it is, from its entry until its release was taken.
    blocks: Box<[Cell<Option<Lent>>]>,
    /// Places whose last holder is gone. Holds room for every place, so that releasing one never
    /// allocates.
    released: RefCell<Vec<u32>>,
    vacant_count: Cell<usize>,
}

/// Where somebody else keeps a block.
#[derive(Clone, Copy)]
struct Lent {
    base: NonNull<u8>,
    len: usize,
}

impl Places {
    /// `count` vacant places.
    pub(super) fn new(count: usize) -> Places {
        Places {
            blocks: vec![Cell::new(None); count].into_boxed_slice(),
            released: RefCell::new(Vec::with_capacity(count)),
            vacant_count: Cell::new(count),
        }
    }

    /// How many places hold no block.
    pub(super) fn vacant_count(&self) -> usize {
        self.vacant_count.get()
    }

    /// Puts a block into a vacant place.
    ///
    /// # Panics
    /// If the place is not vacant.
    pub(super) fn enter(&self, place: u32, base: NonNull<u8>, len: usize) {
        let block = &self.blocks[place as usize];
        assert!(block.get().is_none(), "S8: a block is entered into a vacant place");
        block.set(Some(Lent { base, len }));
        self.vacant_count.set(self.vacant_count.get() - 1);
    }

    /// The last holder of a place's block is gone.
    pub(super) fn release(&self, place: u32) {
        let mut released = self.released.borrow_mut();
        assert!(released.len() < self.blocks.len(), "S8: a place is released once");
        released.push(place);
    }

    /// Takes a place off the list of released ones; it is vacant afterwards.
    pub(super) fn take_released(&self) -> Option<u32> {
        let place = self.released.borrow_mut().pop()?;
        self.blocks[place as usize].set(None);
        self.vacant_count.set(self.vacant_count.get() + 1);
        Some(place)
    }

    /// Address of the first byte of an entered block, and how many there are.
    #[inline]
    pub(super) fn block(&self, place: u32) -> (NonNull<u8>, usize) {
        let lent = self.blocks[place as usize].get().expect("a place with a holder has a block");
        (lent.base, lent.len)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::buffer::BlockRange;
    use crate::model::Span;

    use super::*;

    fn enter(pool: &Pool, place: u32, lent: &[u8]) -> BlockRef {
        let base = NonNull::from(lent).cast::<u8>();
        // SAFETY: the tests keep what they lend, unchanged, until all blocks are dropped.
        unsafe { pool.enter(place, base, lent.len()) }
    }

    #[test]
    fn s8_a_lent_block_comes_back_with_its_last_holder() {
        let (first, second) = ([1u8; 24], [2u8; 5]);
        let pool = Pool::foreign(4);
        let block = enter(&pool, 3, &first);
        let other = enter(&pool, 0, &second);
        assert_eq!((block.index(), block.capacity(), other.capacity()), (3, 24, 5));
        assert_eq!((pool.free_count(), pool.block_count()), (2, 4));
        assert!(pool.is(&block) && block.is_unique());
        let range = BlockRange::new(block.clone(), 4, 24);
        let payload = range.chunk().slice(Span::chunk(10, 6)).range();
        let payload = payload.expect("it lies in a block");
        drop((block, range));
        assert_eq!(pool.take_released(), None, "a payload of it is still held");
        assert_eq!((payload.bytes(), payload.start()), (&[1u8; 6][..], 14));
        drop(payload);
        assert_eq!(pool.take_released(), Some(3));
        assert_eq!(pool.take_released(), None, "it is told once");
        drop(other);
        assert_eq!(pool.free_count(), 3, "not vacant until its release was taken");
        assert_eq!((pool.take_released(), pool.free_count()), (Some(0), 4));
    }

    #[test]
    fn s8_a_place_is_entered_when_it_is_vacant() {
        let lent = [7u8; 8];
        let pool = Pool::foreign(1);
        let refused = || catch_unwind(AssertUnwindSafe(|| drop(enter(&pool, 0, &lent)))).is_err();
        let block = enter(&pool, 0, &lent);
        assert!(refused(), "it is held");
        assert_eq!(block.bytes(0, 8), lent);
        drop(block);
        assert!(refused(), "its release was not taken");
        assert_eq!(pool.take_released(), Some(0));
        drop(enter(&pool, 0, &lent));
    }

    #[test]
    fn nothing_of_a_foreign_pool_is_taken_or_trimmed() {
        let lent = [7u8; 8];
        let pool = Pool::foreign(2);
        drop(enter(&pool, 1, &lent));
        pool.begin_watch();
        assert!(pool.take().is_none());
        assert_eq!((pool.used_free_count(), pool.idle_count(), pool.block_bytes()), (0, 0, 0));
        assert_eq!(pool.trim(9, |_, _| {}), 0);
    }
}
