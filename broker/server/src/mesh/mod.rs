//! What shards say to each other, and how it travels.
//!
//! What it does: carries messages, interest and small answers between the shards of one broker, in
//! parcels that hold many of them: one bounded lock-free ring per ordered pair of shards, one push and
//! at most one doorbell per destination and turn (law S17). What it never does: it takes no lock,
//! waits for nobody, and decides nothing about who gets a message.
//!
//! ```text
//! shard A                                                        shard B
//!   messages -> parcel --- address, length, loan ---> ring ---> borrowed block -> outboxes
//!      ^                                                              |
//!      +-- block is free <--- number of the loan <--- returns <-------+ nobody holds it any more
//! ```
//!
//! A parcel is a block of the sender that it lends (law S8): nothing is counted across threads, because
//! the receiver gives a block back only when its own last holder is gone. A payload that fits no parcel
//! is lent where it lies, in the block in which it was assembled.
//!
//! Invariants:
//! - what is lent does not change until it comes back, and each loan comes back once;
//! - nothing overtakes: what found no parcel is in front of everything that is said later;
//! - published messages leave a part of the parcels to small ones, which always find their way.

mod agreement;
mod fabric;
mod lane;
mod loan_flag;
mod loans;
mod message;
mod peer;
mod port;
mod reading;
mod state;
mod stream_message;
mod thread_port;
mod writing;

// What the flag for loans is made of. The model check compiles the flag with other ones.
use std::sync::atomic;

pub(crate) use agreement::{Agreement, Word};
pub use fabric::fabric;
pub use message::{Connection, Message, NameClaim, Payload, Publication, ReplyTo};
pub use peer::Need;
pub use port::{LOANS_MAX, MeshPort, PARCEL_BYTES, PARCELS_MAX, Parcel};
pub use state::{Mesh, MeshCounters, run_within, within};
pub use stream_message::{StreamAppend, StreamRecords};
pub use thread_port::ThreadPort;
