//! A deterministic simulator of a whole broker.
//!
//! What it does: runs shards on one thread in an order that a seed decides, in a world that is slow,
//! forgetful and unfair within the rules, with clients that come, go, stop reading and die, and holds
//! what they see against a model of what the broker promises. The same seed does the same, byte for
//! byte. What it never does: it opens no socket and reads no clock; no deliberate fault can be switched
//! on in it but by its own tests.
//!
//! ```text
//!  seed -> profile, dice -> operations -> clients --bytes--> shards, in turns, on a simulated kernel
//!                               |             <--bytes--
//!                               +-> shadow model <- every frame that is written or read
//! ```

pub mod campaign;
pub mod client;
pub mod cluster;
pub mod dice;
pub mod finding;
pub mod log;
pub mod profile;
pub mod report;
pub mod shadow;
pub mod simulation;
pub mod streams;
pub mod tally;
pub mod trace;
