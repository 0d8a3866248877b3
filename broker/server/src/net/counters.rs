//! What a network counts; plain numbers of one thread (law S27).

use super::network::Net;
use super::ring::Ring;
use super::socket::Socket;

/// What happened since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetCounters {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections turned away because there was no slot.
    pub turned_away: u64,
    /// Accepting paused because the machine had no descriptor or memory left.
    pub accept_pauses: u64,
    /// Pieces received.
    pub receives: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Sends begun.
    pub sends: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Times a connection ran out of receive blocks (law S4).
    pub starvations: u64,
    /// Times the ring was entered.
    pub enters: u64,
    /// Completions for a connection that was gone (law S2).
    pub stale_completions: u64,
}

/// What was copied (law S10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetCopies {
    /// Payloads copied into outboxes.
    pub payloads: u64,
    /// Bytes copied to assemble frames, or to free receive blocks.
    pub moved_bytes: u64,
}

impl NetCopies {
    /// Takes over what was copied for a connection since the last time.
    pub(super) fn collect(&mut self, socket: &mut Socket) {
        self.payloads += socket.outbox.take_copied().payloads;
        self.moved_bytes += socket.transport.inbox_mut().take_copied_bytes();
    }
}

impl<R: Ring> Net<R> {
    /// What was copied up to the last [`Net::flush`].
    #[must_use]
    pub fn copies(&self) -> NetCopies {
        self.copies
    }
}
