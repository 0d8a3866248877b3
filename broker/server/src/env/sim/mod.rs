//! A simulated world for the shards of one broker: their clock, their random numbers, their kernel, the
//! lanes between them, and the peers on the other side of their sockets.
//!
//! What it does: steps on one thread, in an order that a seed decides, and injects the faults a real
//! kernel shows: short receives and sends, receive blocks that run out, multishot operations that
//! end, completions that are late, cancellations that come too late, resets, rings between shards
//! that are full, parcels that are seen late. It counts how often it
//! did each, so that a test can demand that it was exercised. What it never does: it opens no file
//! or socket and reads no clock.
//!
//! It also watches the laws that only a kernel can see: memory named by a send must not change until
//! its completion (S1), and a descriptor is closed only when nothing is outstanding on it (S2). What
//! lies in a parcel must not change until the loan comes back, once (S8). What
//! lies in a receive block is overwritten when the block is provided again.
//!
//! [`SimClient`] plays a client of the native protocol as far as its bytes go; what they mean is for
//! tests and simulators to judge.

mod environment;
mod faults;
mod lanes;
mod late;
mod native_client;
mod port;
mod ring;
mod socket;
mod tasks;
mod world;

pub use environment::SimEnv;
pub use faults::{FaultCounts, Faults};
pub use lanes::MeshCounts;
pub use native_client::SimClient;
pub use port::SimPort;
pub use ring::SimRing;
pub use socket::PeerId;
pub use world::SimWorld;
