//! Streams on a shard: who appends and follows, where the partitions are, and what the others are told.
//!
//! What it does: carries out what clients want of streams, here or on the shard that owns the partition;
//! keeps the logs of this shard and what tasks beside the turns bring of them; and knows which streams
//! there are. The first shard decides about streams, in its log, and tells the others. What it never
//! does: it decides nothing that a partition decides (`streams`), and waits for nothing in a turn.
//!
//! ```text
//!  home    Append --> catalog: which partition, on which shard --> here, or => Append
//!          Appended <-------------------------------------------- effects, or => Appended
//!          Follow => owner; Records <= owner, as far as the credit goes
//!  first   Create, Delete --> its log, durable => Made, Removed to all <= Applied => the answer
//! ```

mod answering;
mod appending;
mod arrivals;
mod catalog;
mod delivering;
mod following;
mod keeping;
mod logs;
mod parking;
mod requests;
mod setup;
mod state;
mod turn;
mod words;

pub(super) use requests::{PartitionWords, StreamWish};
pub use setup::{LogFault, StreamSetup};
pub(super) use state::Streams;
