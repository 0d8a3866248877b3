//! Connections inside the process (law S35): what stands behind `coilgun_protocol::link` here.
//!
//! What it does: makes connections between threads of this process and shards, moves their bytes
//! through memory, and wakes whoever sleeps on one side when the other has done something. What it
//! never does: it knows no session, no slot and no phase of a connection, and it never blocks.
//!
//! ```text
//!  a client's thread                                              a shard's thread
//!  ClientEnd --write--> [ ring of bytes, 256 KiB ] --read-------> BrokerEnd, in a socket of net
//!      |   <--read----- [ ring of bytes, 256 KiB ] <--write------     |
//!      |                                                              |
//!      +--ring--> [ doorbells of the shard ] --take--> LinkPort       |
//!      +<--------- a task's waker, if it asked to be woken <----------+
//! ```
//!
//! While both sides are awake neither makes a system call. A client puts its connection into the
//! shard's queue of doorbells, at most once until the shard has taken it out, and writes the shard's
//! eventfd only if the shard sleeps (law S24). A connection is new when the shard takes it out for
//! the first time.
//!
//! Invariants:
//! - each ring has one writer and one reader; bytes come out in the order they went in, each once;
//! - whoever says that it waits looks once more afterwards, and whoever has done something looks
//!   behind a fence whether somebody waits: one of the two notices;
//! - a shard has at most [`LINKS_MAX`] connections, those included that are gone and still stand in
//!   its queue, so that there is always room in the queue;
//! - nothing here keeps a broker that has ended.

mod broker_end;
mod byte_ring;
mod client_end;
mod connector;
mod door;
mod origin;
mod pipe;
mod wait_flags;

// What the flags are made of. The model check compiles them with other ones.
use std::sync::atomic;

pub use broker_end::BrokerEnd;
pub use client_end::ClientEnd;
pub use connector::{Connector, Placing};
pub(crate) use door::Rung;
pub use door::{Door, Doors, LINKS_MAX, LinkPort};
pub use origin::LinkOrigin;
