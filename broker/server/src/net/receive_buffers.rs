//! Which bytes of which receive block a completion speaks of.
//!
//! ```text
//! block   | chunk of A | chunk of B | chunk of A |  the kernel fills here ...  |
//!                                                ^ filled
//! ```
//!
//! The kernel fills a block from front to back, with bytes of any connection (law S4), and says for
//! each piece only its block and length; the place follows from the order of the completions. A
//! block goes back to the kernel when the kernel has retired it and nobody holds a piece of it.
//!
//! The kernel uses the blocks it was given in turn. If it had all of them, every receive would touch
//! memory that has long left the cache, so it is given few, and the block that came back last is
//! given first. It gets more when a connection found none, and slowly fewer again.
//!
//! Invariants: a block is provided to the kernel, or filled up and held, or free in the pool; a
//! piece is never handed out twice.

use coilgun_protocol::buffer::{BlockRange, OutBuf, Pool};

use super::ring::{Received, Ring};

/// Book-keeping for the receive blocks of one ring.
#[derive(Debug)]
pub struct ReceiveBuffers {
    pool: Pool,
    /// How far each block is filled.
    filled: Box<[u32]>,
    /// How many blocks the kernel has and may fill.
    provided: usize,
    /// How many it should have.
    wanted: usize,
    /// How many were provided since it was last given fewer.
    since_fewer: usize,
}

/// How many blocks the kernel has at the least, if there are as many: one megabyte of them.
const WANTED_MIN: usize = 16;
/// After how many blocks without a shortage the kernel is given one fewer.
const FEWER_AFTER: usize = 256;

impl ReceiveBuffers {
    /// Book-keeping for the blocks of `pool`, none of which is provided yet.
    #[must_use]
    pub fn new(pool: Pool) -> ReceiveBuffers {
        let filled = vec![0; pool.block_count()].into_boxed_slice();
        ReceiveBuffers { pool, filled, provided: 0, wanted: WANTED_MIN, since_fewer: 0 }
    }

    /// The blocks.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Provides free blocks to the kernel until it has as many as it should.
    pub fn provide_free(&mut self, ring: &mut impl Ring) {
        while self.provided < self.wanted
            && let Some(block) = self.pool.take()
        {
            self.filled[block.index() as usize] = 0;
            ring.provide(block);
            self.provided += 1;
            self.since_fewer += 1;
        }
        if self.since_fewer >= FEWER_AFTER {
            self.since_fewer = 0;
            self.wanted = WANTED_MIN.max(self.wanted - 1);
        }
    }

    /// A connection found no block: from now on the kernel has more, as far as there are more.
    pub fn on_shortage(&mut self) {
        self.since_fewer = 0;
        self.wanted = (2 * self.wanted).min(WANTED_MIN.max(self.pool.block_count()));
    }

    /// The `len` bytes a completion put into a block. `len` may be 0.
    ///
    /// # Panics
    /// If the kernel names a block it was not given, or more bytes than the block has.
    pub fn take(&mut self, received: Received, len: usize) -> BlockRange {
        let index = u32::from(received.block);
        let block = if received.retired { self.pool.adopt(index) } else { self.pool.share(index) };
        self.provided -= usize::from(received.retired);
        let start = self.filled[index as usize] as usize;
        assert!(start + len <= self.pool.block_bytes(), "the kernel stays inside a block");
        self.filled[index as usize] += len as u32;
        BlockRange::new(block, start, start + len)
    }

    /// Whether the kernel has a block to receive into.
    #[must_use]
    pub fn has_some(&self) -> bool {
        self.provided > 0
    }

    /// Whether anything on its way out lies in one of the blocks.
    #[must_use]
    pub fn are_held_by(&self, outbox: &OutBuf) -> bool {
        outbox.references_to(&self.pool)
    }

    /// Whether so many blocks are held by others that the pieces they hold should move out (law S6).
    #[must_use]
    pub fn is_low(&self) -> bool {
        let count = self.pool.block_count();
        let held = count - self.provided - self.pool.free_count();
        held * 4 > count * 3
    }
}
