//! What is outside a shard: memory, the network ring, the clock, random numbers, wake-ups, and the
//! executor that calls its turns.
//!
//! What it does: hides the kernel and glommio behind [`Env`] and [`Turn`], so that a simulator can
//! stand in for them ([`sim`]) and a change of runtime touches this folder only. What it never
//! does: it knows no connection, no session and no subject.

mod environment;
mod executor;
mod linux;
pub mod memory;
pub mod sim;
mod sleep_flag;
mod uring;
mod wake;

// What the sleeping flag is made of. The model check compiles the flag with other ones.
use std::sync::atomic;

pub use environment::Env;
pub use executor::{ShardThread, Turn, Work, run, spawn};
pub use linux::{LinuxEnv, monotonic_now, wall_clock_ms};
pub use uring::UringRing;
pub use wake::Waker;
