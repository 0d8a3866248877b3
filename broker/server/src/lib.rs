//! The broker's shards, and what they stand on.
//!
//! What it does: drives connections on an io_uring of its own per shard ([`net`]), behind a seam that
//! a simulator can stand in for ([`mod@env`]). What it never does: it parses no protocol
//! (`coilgun-protocol`) and decides no route (`coilgun-core`); it touches neither signals, nor the
//! allocator, nor, unless asked, the affinity of its threads (law S36).

pub mod broker;
pub mod config;
pub mod echo;
pub mod env;
mod faults;
pub mod link;
pub mod mesh;
pub mod mutant;
pub mod net;
pub mod resources;
pub mod security;
pub mod setup;
pub mod shard;
mod starting;
pub mod streams;
pub mod topology;
mod websocket;

pub use broker::{Broker, ShutdownHandle};
pub use faults::{BrokerFault, StartError};
