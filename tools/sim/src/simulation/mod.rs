//! One seed, from its first connection to the end of its last shard.
//!
//! What it does: makes a world, lets clients do what the dice say while shards take turns, tells the
//! shadow model every frame that is written and read, and in the end lets everything come to rest: all
//! faults end, everybody reads, the broker drains. What it never does: it judges nothing itself but
//! that something always moves.

mod operations;
mod reading;
mod run;
mod settling;
mod state;
mod words;

pub use run::{Options, Run, run};
