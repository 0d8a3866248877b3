//! The servers that are measured, as processes of their own.
//!
//! What it does: starts the echo server and the broker on their core, watches them, asks the broker
//! what it has counted, and ends them. What it never does: it leaves no process behind, and sends no
//! message that is measured.

pub mod broker_traffic;
pub mod child;
pub mod echo_server;
pub mod lone_broker;
pub mod process;
pub mod servers;
pub mod shard_clocks;
