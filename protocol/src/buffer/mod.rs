//! The bytes that travel: blocks, chunks of them, and what is on its way out.
//!
//! What it does: keeps blocks of one size in a [`Pool`] of one shard and counts who still needs
//! each ([`BlockRef`]); shows a session a run of bytes ([`Chunk`]); collects what a session writes
//! ([`OutBuf`]), small things copied into an output block, large ones by reference.
//!
//! What it never does: it maps no memory itself (a [`Region`] is handed in), and nothing in it may
//! leave its thread.
//!
//! Invariants:
//! - a block is free exactly when no [`BlockRef`] to it exists (law S1: whoever gives its address
//!   to the kernel keeps a `BlockRef` until the kernel is done);
//! - bytes of a block are written by one owner, in order, and never again once a range of them was
//!   handed out, until the block was free;
//! - a block in memory of somebody else ([`Pool::foreign`]) is never written, and goes back to whoever
//!   lent it when nobody holds it any more (law S8);
//! - nothing here allocates once queues have grown to their working size (law S10).

mod chunk;
mod foreign;
mod marks;
mod moving_out;
mod out_buf;
mod pool;
mod region;

pub use chunk::{BlockRange, Chunk};
pub use marks::FrameTag;
pub use out_buf::{CopyCount, OutBuf, OutSegment};
pub use pool::{BlockRef, Pool};
pub use region::Region;
