//! The door for connections inside one process.
//!
//! What it does: says what the two sides of such a connection may expect of each other. The broker
//! implements [`Link`], a client uses it, and the program that embeds both brings them together
//! (law S35). What it never does: it moves no byte itself, and knows no thread and no runtime.
//!
//! A link is an ordered stream of bytes in both directions, as a socket is, and carries one of
//! the broker's protocols from its first byte on: which one, the connector knows. Each direction holds a bounded number of bytes.
//!
//! ```text
//!   client                                               broker
//!   send ----------> [ bounded bytes ] -----------> its shard reads
//!   receive <------- [ bounded bytes ] <----------- its shard writes
//!   waker  <-------- told when there is something to receive, or room, or the end
//! ```

use core::task::Waker;

/// The client's end of a connection inside the process. Dropping it ends the connection; what was
/// sent before still reaches the broker.
pub trait Link: Send {
    /// Puts the beginning of `bytes` on its way, wakes the broker if it sleeps, and returns how many
    /// bytes there was room for: 0, if there was none.
    ///
    /// # Errors
    /// If the broker has ended the connection: nothing is read any more.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, LinkEnded>;

    /// Moves what has arrived to the front of `room` and returns how many bytes that was: 0, if
    /// nothing is there.
    ///
    /// # Errors
    /// If the broker has ended the connection, and everything it sent before was received.
    fn receive(&mut self, room: &mut [u8]) -> Result<usize, LinkEnded>;

    /// Has `waker` woken at the next of these: something is there to receive; with `for_room`, there
    /// is room to send; the connection has ended. Says whether it is so already; the waker is then
    /// woken or not. One waker is kept, the latest, and it is woken once.
    fn wake(&mut self, waker: &Waker, for_room: bool) -> bool;
}

/// Makes connections inside the process.
pub trait LinkConnector: Send + Sync + core::fmt::Debug {
    /// Makes a connection to the broker.
    ///
    /// # Errors
    /// If the broker has ended or is about to, or has no room for another connection.
    fn connect(&self) -> Result<Box<dyn Link>, LinkRefused>;
}

/// The other side has ended the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the broker has ended the connection")]
pub struct LinkEnded;

/// Why there is no connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LinkRefused {
    /// The broker has ended, or is about to.
    #[error("the broker in this process has ended")]
    Ended,
    /// The broker has as many connections as it may.
    #[error("the broker in this process has no room for another connection")]
    Full,
}
