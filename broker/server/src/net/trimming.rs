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

use super::network::Net;
use super::ring::Ring;

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
pub(super) struct Trimming {
    /// The next step, or the end of the watch.
    due: Timestamp,
    /// Blocks that are still to go back after the last watch: receive, output and large ones.
    left: [usize; 3],
}

impl<R: Ring> Net<R> {
    /// Gives memory of unused blocks back, with `discard`, if it is time to. The blocks that are
    /// handed to `discard` hold nothing that anybody will look at.
    pub fn trim(&mut self, now: Timestamp, mut discard: impl FnMut(NonNull<u8>, usize)) {
        if now < self.trimming.due {
            return;
        }
        let pools = [self.buffers.pool(), &self.pools.small, &self.pools.large];
        let left = &mut self.trimming.left;
        for (pool, left) in pools.into_iter().zip(left.iter_mut()) {
            let count = (STEP_BYTES / pool.block_bytes()).max(1).min(*left);
            pool.trim(count, &mut discard);
            *left -= count;
        }
        if left.iter().any(|left| *left > 0) {
            self.trimming.due = now.plus_ms(STEP_MS);
            return;
        }
        for (pool, left) in pools.into_iter().zip(left.iter_mut()) {
            *left = pool.idle_count().saturating_sub(kept(pool)).div_ceil(SHARE);
            pool.begin_watch();
        }
        self.trimming.due = now.plus_ms(WATCH_MS);
    }

    /// When [`Net::trim`] has something to do, if there is memory to give back.
    #[must_use]
    pub fn trim_due(&self) -> Option<Timestamp> {
        let pools = [self.buffers.pool(), &self.pools.small, &self.pools.large];
        let any = pools.into_iter().any(|pool| pool.used_free_count() > kept(pool));
        any.then_some(self.trimming.due)
    }
}

/// How many unused blocks a pool keeps.
fn kept(pool: &Pool) -> usize {
    KEPT_BYTES / pool.block_bytes()
}
