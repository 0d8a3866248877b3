//! The network of one shard: sockets on a ring.
//!
//! What it does: accepts, receives into provided blocks, sends from outboxes, and carries every
//! connection through its life to a clean close (laws S1, S2, S4-S9). What it never does: it knows
//! no session, no subject and no router, it reads no clock, and it waits for nothing.
//!
//! ```text
//! ring ---> Net::poll ---> NetEvent ---> whoever owns the Net (a shard, an echo server)
//!   ^                                        |  next_chunk / consume     (bytes in)
//!   +------- Net::flush <--------------------+  outbox                   (bytes out)
//! ```
//!
//! Per turn and connection: one send; per turn: one system call, if there is anything to say.

mod accepting;
mod assembly;
mod counters;
mod ending;
mod inbox;
mod linking;
mod listener;
mod network;
mod receive_buffers;
mod receiving;
mod ring;
mod sending;
mod slots;
mod socket;
mod transport;
mod trimming;

pub use assembly::{AssemblyPools, NoAssemblyBlock};
pub use counters::{NetCopies, NetCounters};
pub use inbox::{Inbox, Next};
pub use listener::{ListenAddress, ListenError, Listener};
pub use network::{End, Net, NetEvent, NetSettings};
pub use receive_buffers::ReceiveBuffers;
pub use receiving::IncompleteFrame;
pub use ring::{Completion, Operation, OperationKind, Received, Ring, SLOTS_MAX, UserData};
pub use slots::Slots;
pub use socket::{Phase, Socket, SocketKind};
pub use transport::Transport;
pub use trimming::Trimming;
