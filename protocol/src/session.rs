//! The one door every protocol goes through: bytes in, commands out; events in, bytes out.
//!
//! What it does: defines [`Session`], which a protocol implements once per connection. What it
//! never does: it knows no protocol, and a session knows no other session, no router and no socket.
//!
//! ```text
//!                on_bytes                          dispatch
//!   chunk  ------------------>  commands  ------------------------->  router
//!   bytes  <------------------  events    <-------------------------
//!                on_event
//! ```

use crate::buffer::{Chunk, OutBuf};
use crate::model::{Commands, ErrorCode, Event, Timestamp};

/// One connection's state in its protocol (laws S28, S34).
pub trait Session {
    /// The connection stands. Some servers speak first.
    fn on_open(&mut self, now: Timestamp, out: &mut OutBuf);

    /// Bytes arrived. Takes whole frames from the front of `input` until it is used up, holds only
    /// the beginning of a frame, or `commands` is full. Spans in the commands refer to `input`.
    ///
    /// A frame that becomes more commands than fit is taken in parts: the session notes how far it
    /// came and leaves the rest, at least one byte, because without bytes it is not called again.
    ///
    /// What is written to `out` here goes out before anything the commands cause. An answer that
    /// must keep its place behind them is written at the [`Event`] of one of them, if need be of a
    /// [`Barrier`](crate::model::Barrier).
    ///
    /// # Errors
    /// If the bytes break the protocol. Frames before the bad one are in `commands` and count.
    fn on_bytes(
        &mut self,
        now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Consumed, SessionError>;

    /// Bytes of a frame arrived at `at` that is not whole yet: the client is alive.
    fn on_sign_of_life(&mut self, at: Timestamp);

    /// Something happened that the client is told of.
    fn on_event(&mut self, now: Timestamp, event: &Event<'_>, out: &mut OutBuf);

    /// The time of [`Session::deadline`] has come. Spans in the commands refer to the scratch text.
    fn on_tick(&mut self, now: Timestamp, commands: &mut Commands, out: &mut OutBuf);

    /// When [`Session::on_tick`] wants to be called next. Looked at after [`Session::on_open`], after
    /// `Event::Opened` and after [`Session::on_tick`]: elsewhere it may only move away.
    fn deadline(&self) -> Option<Timestamp>;

    /// The broker shuts down: tell the client to go elsewhere.
    fn on_drain(&mut self, out: &mut OutBuf);

    /// The connection is gone; nothing can be sent any more.
    fn on_close(&mut self);

    /// What it has read and written so far.
    fn traffic(&self) -> Traffic;
}

/// What travelled on a connection, or on several: messages and commands, and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Frames from the client; signs of life do not count.
    pub frames_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Frames to the client; signs of life do not count.
    pub frames_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
}

impl Traffic {
    /// Counts a frame from the client.
    #[inline]
    pub fn take_in(&mut self, bytes: usize) {
        self.frames_in += 1;
        self.bytes_in += bytes as u64;
    }

    /// Counts a frame to the client.
    #[inline]
    pub fn say(&mut self, bytes: usize) {
        self.frames_out += 1;
        self.bytes_out += bytes as u64;
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: Traffic) {
        self.frames_in += other.frames_in;
        self.bytes_in += other.bytes_in;
        self.frames_out += other.frames_out;
        self.bytes_out += other.bytes_out;
    }
}

/// How far a session came in a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consumed {
    /// Bytes from the front of the chunk that are used up.
    pub bytes: usize,
    /// How many bytes the frame behind them needs from its beginning until more can be said about
    /// it: its whole length once its header is there. 0 if nothing is left, or if the list of
    /// commands was full.
    pub need: usize,
}

/// The peer broke the protocol. The connection is closed after the session said why, if the
/// protocol can.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct SessionError {
    /// What the peer is told.
    pub code: ErrorCode,
    /// Names the field and its place.
    pub detail: String,
}
