//! What is outside a shard: memory, the network ring, the clock, random numbers, wake-ups, and the
//! executor that calls its turns.
//!
//! What it does: hides the kernel and glommio behind [`Env`] and [`Turn`], so that a simulator can
//! stand in for them ([`sim`]) and a change of runtime touches this folder only. What it never
//! does: it knows no connection, no session and no subject.

mod executor;
mod linux;
pub mod memory;
pub mod sim;
mod uring;
mod wake;

use std::io;

use coilgun_protocol::buffer::{Pool, Region};
use coilgun_protocol::model::Timestamp;

use crate::net::Ring;

pub use executor::{Turn, Work, run};
pub use linux::{LinuxEnv, wall_clock_ms};
pub use uring::UringRing;
pub use wake::Waker;

/// The world around one shard.
pub trait Env {
    /// The network ring.
    type Ring: Ring;

    /// Memory for a pool, zeroed.
    ///
    /// # Errors
    /// If there is none.
    fn region(&mut self, len: usize) -> io::Result<Region>;

    /// The shard's one network ring, which will receive into the blocks of `receive`.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn ring(&mut self, receive: &Pool) -> io::Result<Self::Ring>;

    /// The time; read once per turn (law S27).
    fn now(&mut self) -> Timestamp;

    /// A random number.
    fn random(&mut self) -> u64;
}
