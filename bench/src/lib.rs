//! Measures Coilgun: a load generator, the scenarios it plays, and reports of what it found.
//!
//! What it does: starts the bare ring echo of `coilgun-server` and a broker as processes of their
//! own on one core, drives both from one thread on another core with the same code, alternately,
//! round after round, and reports every round together with ratios that are taken inside a round.
//!
//! Seven kinds of runs: the *suite* compares broker and echo ([`suite`]), the *matrix* asks the broker
//! everything that has a number for an answer ([`matrix`]), the *shards* are compared with one shard
//! and with each other ([`shards`]), the *clients* are measured by what they cost a program
//! ([`clients`]), *elbus* stands beside the server of busrt ([`elbus`]), the *streams* beside a bare synced
//! write ([`streams`]), and the *soak* looks whether the broker stays as it was under all kinds of clients
//! ([`soak`]).
//!
//! What it never does: it corrects no figure, drops no round, and passes no run in which a message
//! was lost, doubled, overtaken or altered.
//!
//! ```text
//! suite -> scenario -> lanes -> driver <-> load <-> connections <-> echo server or broker
//!                                 |
//!                              samples -> report (table, JSON)
//! ```
//!
//! - A *lane* is the road of one numbered sequence of messages: a connection it leaves by, a
//!   connection it arrives on, and what its arrival sets off.
//! - Latency is always counted from the time at which a message was meant to leave, not from when
//!   it left, so that a stall of the load or of the server is not hidden (no coordinated omission).
//! - CPU of a server is its process's CPU clock over the measured window, which starts after a
//!   warm-up. Work that the kernel does for a server inside the load's system calls (the receiving
//!   half of a loopback send) counts for the load, for echo and broker alike.

pub mod arguments;
pub mod clients;
pub mod cpu;
pub mod cpu_plan;
pub mod elbus;
pub mod error;
pub mod interrupt;
pub mod matrix;
pub mod peers;
pub mod play;
pub mod results;
pub mod sample;
pub mod scenario;
pub mod shards;
pub mod soak;
pub mod streams;
pub mod suite;
pub mod traffic;
