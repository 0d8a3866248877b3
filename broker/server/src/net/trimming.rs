//! Memory of blocks that nobody needs goes back to the system.
//!
//! ```text
//! |---- watch ----|---- watch ----|----      how many used blocks stayed free all the time?
//!                 | | | |                    a quarter of them goes back, a few at a time
//! ```
//!
//! A burst takes up memory and leaves it behind in free blocks. What stayed unused through a whole
//! watch goes back a quarter at a time, so that half of it is gone after a third of a second, and
//! load that comes and goes does not pay for new pages again and again.

use std::ptr::NonNull;

use coilgun_protocol::buffer::Pool;
use coilgun_protocol::model::Timestamp;

/// Length of a watch, in milliseconds.
const WATCH_MS: u64 = 100;
/// Between two steps, in milliseconds.
const STEP_MS: u64 = 1;
/// Bytes that go back in one step: some ten microseconds of work (law S23).
const STEP_BYTES: usize = 1024 * 1024;
/// The part of the unused blocks that goes back after a watch.
const SHARE: usize = 4;
/// Bytes of unused blocks that each pool keeps.
const KEPT_BYTES: usize = 1024 * 1024;

/// How far giving back is.
#[derive(Debug, Default)]
pub struct Trimming {
    /// The next step, or the end of the watch.
    due: Timestamp,
    /// Blocks of each pool that are still to go back after the last watch.
    left: Vec<usize>,
}

impl Trimming {
    /// Gives memory of unused blocks of these pools, which are the same each time, back with
    /// `discard`, if it is time to. The blocks that are handed to `discard` hold nothing that anybody
    /// will look at.
    pub fn trim<'a>(
        &mut self,
        now: Timestamp,
        pools: impl Iterator<Item = &'a Pool> + Clone,
        mut discard: impl FnMut(NonNull<u8>, usize),
    ) {
        if now < self.due {
            return;
        }
        self.left.resize(pools.clone().count(), 0);
        for (pool, left) in pools.clone().zip(&mut self.left) {
            let count = (STEP_BYTES / pool.block_bytes()).max(1).min(*left);
            pool.trim(count, &mut discard);
            *left -= count;
        }
        if self.left.iter().any(|left| *left > 0) {
            self.due = now.plus_ms(STEP_MS);
            return;
        }
        for (pool, left) in pools.zip(&mut self.left) {
            *left = pool.idle_count().saturating_sub(kept(pool)).div_ceil(SHARE);
            pool.begin_watch();
        }
        self.due = now.plus_ms(WATCH_MS);
    }

    /// When [`Trimming::trim`] has something to do, if there is memory to give back.
    #[must_use]
    pub fn due<'a>(&self, mut pools: impl Iterator<Item = &'a Pool>) -> Option<Timestamp> {
        pools.any(|pool| pool.used_free_count() > kept(pool)).then_some(self.due)
    }
}

/// How many unused blocks a pool keeps.
fn kept(pool: &Pool) -> usize {
    KEPT_BYTES / pool.block_bytes()
}
