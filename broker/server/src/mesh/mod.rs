//! What shards say to each other, and how it travels.
//!
//! What it does: carries messages, interest and small answers between the shards of one broker, in
//! parcels that hold many of them: one bounded lock-free ring per ordered pair of shards, one push and
//! at most one doorbell per destination and turn (law S17). What it never does: it takes no lock,
//! waits for nobody, and decides nothing about who gets a message.

mod agreement;
mod fabric;
mod lane;
mod loan_flag;
mod port;
mod thread_port;

// What the flag for loans is made of. The model check compiles the flag with other ones.
use std::sync::atomic;

pub(crate) use agreement::{Agreement, Word};
pub use fabric::fabric;
pub use port::{LOANS_MAX, MeshPort, PARCELS_MAX, Parcel};
pub use thread_port::ThreadPort;
