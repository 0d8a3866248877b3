//! Connections that go (laws S1, S2).

use coilgun_protocol::model::{ClientId, Timestamp};

use super::network::{End, Net, NetEvent};
use super::ring::{Operation, OperationKind, Ring};
use super::socket::{Phase, Receive};
use crate::mutant::{self, Mutant};

/// How long a connection may take to send what is left when it is finished, in milliseconds.
const FLUSH_MS_MAX: u64 = 5_000;
/// How long a finished connection waits for its peer to close too, in milliseconds.
const LINGER_MS_MAX: u64 = 1_000;

impl<R: Ring> Net<R> {
    /// Ends a connection in good order: what is to be sent is sent, then it is closed.
    pub fn finish(&mut self, now: Timestamp, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.phase != Phase::Open {
            return;
        }
        socket.set_phase(Phase::Open, Phase::Flushing);
        socket.phase_ends = now.plus_ms(FLUSH_MS_MAX);
        socket.transport.inbox_mut().clear();
        socket.paused = false;
        if !socket.dirty {
            socket.dirty = true;
            self.dirty.push(id);
        }
        self.ending.push(id);
        self.arm_receive(id);
    }

    /// Ends a connection at once; what was not sent is lost.
    pub fn close(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.phase == Phase::Closing {
            return;
        }
        socket.set_phase(socket.phase, Phase::Closing);
        socket.transport.inbox_mut().clear();
        if socket.link.is_some() {
            return self.settle_link(id);
        }
        if socket.receive == Receive::Armed {
            socket.receive = Receive::Cancelling;
            self.cancel(id, OperationKind::Receive);
        }
        if self.sockets.get(id).is_some_and(|socket| socket.in_flight > 0) {
            self.cancel(id, OperationKind::Send);
        }
        self.settle(id);
    }

    /// A cancellation or shutdown has ended, however it went.
    pub(super) fn on_done(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.outstanding -= 1;
        self.settle(id);
    }

    pub(super) fn on_closed(&mut self, id: ClientId, events: &mut Vec<NetEvent>) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.outstanding -= 1;
            socket.closed = true;
            events.push(NetEvent::Freed(id));
        }
    }

    /// Lets the slot of a connection be used again, after [`NetEvent::Freed`].
    ///
    /// # Panics
    /// If the kernel is not done with the connection.
    pub fn release(&mut self, id: ClientId) {
        let Some(mut socket) = self.sockets.remove(id) else { return };
        self.copies.collect(&mut socket);
        assert!(socket.closed, "a slot is used again when nothing is left of the connection");
    }

    /// Closes the descriptor of a closing connection once nothing is outstanding (laws S1, S2).
    pub(super) fn settle(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get(id) else { return };
        let is_quiet = socket.outstanding == 0 || mutant::is_active(Mutant::EarlyRelease);
        if socket.phase == Phase::Closing && is_quiet && !socket.closed {
            let operation = Operation::Close { socket: socket.descriptor };
            // SAFETY: closing names no memory.
            unsafe { self.push(id, OperationKind::Close, operation) };
        }
    }

    /// Ends a connection that failed, and says so once.
    pub(super) fn end(&mut self, id: ClientId, end: End, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get(id) else { return };
        let open = socket.phase == Phase::Open;
        self.close(id);
        if open {
            events.push(NetEvent::Ended(id, end));
        }
    }

    /// Everything was sent: tell the peer, and wait for it if it has not closed already.
    pub(super) fn linger(&mut self, now: Timestamp, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.peer_ended {
            return self.close(id);
        }
        socket.set_phase(Phase::Flushing, Phase::Lingering);
        socket.phase_ends = now.plus_ms(LINGER_MS_MAX);
        let operation = Operation::ShutdownWrite { socket: socket.descriptor };
        // SAFETY: a shutdown names no memory.
        unsafe { self.push(id, OperationKind::ShutdownWrite, operation) };
    }
}
