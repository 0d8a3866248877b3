//! The broker's logic, without any IO.
//!
//! What it does: decides who gets a message ([`router`]), who may send or see it ([`security`]), and
//! what becomes of an append to a stream ([`stream`]).
//!
//! What it never does: no sockets, files, clocks, random numbers, threads or async. Everything here
//! is a plain state machine that the server, the tests and a simulator call the same way, and that
//! gives the same answers whatever keys its hash tables were given.

pub mod mutant;
pub mod router;
pub mod security;
pub mod stream;
