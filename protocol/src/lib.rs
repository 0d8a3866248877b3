//! Coilgun's vocabulary and wire protocols.
//!
//! What it does: names the things a broker talks about ([`model`]), holds the bytes that travel
//! ([`buffer`]), defines the one door every protocol goes through ([`session`]) and the one for
//! connections inside a process ([`link`]), and speaks the native protocol ([`native`])
//! and that of elbus and busrt ([`elbus`]).
//!
//! What it never does: no sockets, files, clocks, random numbers, threads or async. Everything
//! here takes `(now, input)` and leaves its effects in an out-list, so that the server, the client,
//! the tests and a simulator call it the same way.

pub mod buffer;
pub mod elbus;
pub mod fuzz;
pub mod link;
pub mod model;
mod mutant;
pub mod native;
pub mod session;
pub mod transcript;
