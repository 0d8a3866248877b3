//! The engine against the real session of the protocol.
//!
//! What it does: plays conversations, under a time that the tests set, with connections that break
//! where the tests or a seed say. What it never does: it opens no socket and waits for nothing.
//!
//! Invariant: the broker in here answers with what the real session writes, never with bytes by hand.

mod ends;
mod random;
mod scripted;
mod streams;
mod world;
