//! Clients of elbus that come through WebSockets.
//!
//! What it does: one thread beside the shards accepts TCP connections, shakes hands as HTTP asks for, and
//! moves the bytes between each WebSocket and a connection inside the process, on which the shard
//! speaks elbus as on any other. Binary messages are pieces of one stream of bytes, whatever their
//! length, as busrt has it. What it never does: it understands no frame of elbus and decides about no
//! message, it runs nothing on a shard (law S26), and it encrypts nothing.
//!
//! ```text
//!  client --HTTP--> Handshaking --> Open <--pieces--> link <--> shard
//!                        |           |
//!                        '-----------+--> Closing (a second for the good-bye) --> gone
//! ```
//!
//! Invariants:
//! - nothing is read from a WebSocket while what was read before waits for room in its link, and nothing
//!   is taken from a link while something waits to be written: a client that floods, and one that does not
//!   read, fill their rings and no more;
//! - there are no more connections than the broker may have, shaking hands included;
//! - the thread ends when it is told to, at most a second later.

mod bridge;
mod connection;
mod starting;
mod wakers;

pub(crate) use bridge::Bridge;
pub(crate) use starting::start;
