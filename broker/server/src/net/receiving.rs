//! Bytes in: arming, pausing, running out of blocks, and handing chunks to the owner.

use coilgun_protocol::buffer::BlockRange;
use coilgun_protocol::model::{ClientId, Timestamp, limits};
use coilgun_protocol::session::Consumed;

use super::inbox::Next;
use super::network::{End, Net, NetEvent};
use super::ring::{Completion, Operation, OperationKind, Ring};
use super::socket::{Phase, Receive, Socket};
use crate::mutant::{self, Mutant};

/// Unparsed bytes of one connection above which it is not read for a while (law S5).
const INBOX_HIGH_BYTES: usize = 4 * limits::BLOCK_BYTES;

/// A frame that has begun to arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IncompleteFrame {
    /// How many bytes it needs until more can be said about it: its whole length once that is known.
    pub need_bytes: usize,
    /// When it began.
    pub since: Timestamp,
    /// When the latest bytes of the connection arrived.
    pub received_at: Timestamp,
}

impl<R: Ring> Net<R> {
    /// The bytes of a connection to parse next, if there are any. If there is no block to assemble
    /// them in, the owner is told so.
    pub fn next_chunk(&mut self, id: ClientId, events: &mut Vec<NetEvent>) -> Option<BlockRange> {
        let socket = self.sockets.get_mut(id)?;
        if socket.phase != Phase::Open {
            return None;
        }
        match socket.transport.next(&self.pools) {
            Next::Chunk(chunk) => Some(chunk),
            Next::Wait => {
                // What waited may just have become part of a frame that needs more.
                self.arm_receive(id);
                None
            }
            Next::Exhausted => {
                events.push(NetEvent::Exhausted(id));
                None
            }
        }
    }

    /// Says how far the chunk was parsed, and receives more if there is room for it again.
    pub fn consume(&mut self, id: ClientId, consumed: Consumed, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.phase != Phase::Open {
            return;
        }
        let inbox = socket.transport.inbox_mut();
        let was_incomplete = inbox.incomplete_bytes().is_some();
        if inbox.consume(consumed, &self.pools).is_err() {
            return events.push(NetEvent::Exhausted(id));
        }
        if consumed.bytes > 0 || !was_incomplete {
            socket.frame_since = self.now;
        }
        self.arm_receive(id);
    }

    /// The frame of a connection that has begun to arrive, if there is one.
    #[must_use]
    pub fn incomplete_frame(&self, id: ClientId) -> Option<IncompleteFrame> {
        let socket = self.sockets.get(id).filter(|socket| socket.phase == Phase::Open)?;
        let need_bytes = socket.transport.inbox().incomplete_bytes()?;
        let (since, received_at) = (socket.frame_since, socket.received_at);
        Some(IncompleteFrame { need_bytes, since, received_at })
    }

    /// The connection whose frame has taken longest to arrive, and since when. It looks at all of
    /// them: for when memory has run out.
    #[must_use]
    pub fn slowest_frame(&self) -> Option<(ClientId, Timestamp)> {
        let frames = self.ids().filter_map(|id| Some((id, self.incomplete_frame(id)?.since)));
        frames.min_by_key(|(_, since)| *since)
    }

    /// Stops reading a connection. What the kernel has already read is kept, outside the receive
    /// blocks (laws S5, S6).
    pub fn pause(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.paused = true;
        socket.transport.inbox_mut().move_out(&self.pools.small);
        self.stop_receive(id);
    }

    /// Reads a connection again.
    pub fn resume(&mut self, id: ClientId) {
        if let Some(socket) = self.sockets.get_mut(id) {
            if socket.paused {
                // Nobody read the rest of its frame meanwhile: that is not held against it.
                socket.frame_since = self.now;
            }
            socket.paused = false;
            self.arm_receive(id);
        }
    }

    /// Receives on a connection if it should be and is not.
    pub(super) fn arm_receive(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if !socket.wants_bytes() {
            return;
        }
        socket.receive = Receive::Armed;
        if socket.link.is_some() {
            return self.look_at_link(id);
        }
        let operation = Operation::Receive { socket: socket.descriptor, multishot: !socket.heavy };
        // SAFETY: receiving names only blocks that were provided, which the ring holds.
        unsafe { self.push(id, OperationKind::Receive, operation) };
    }

    /// Serves those that ran out of blocks, as long as there are blocks (law S4).
    pub(super) fn arm_starved(&mut self) {
        for _ in 0..self.starved.len() {
            let Some(id) = self.starved.front().copied() else { return };
            if !self.has_block_for(id) {
                return;
            }
            self.starved.pop_front();
            if let Some(socket) = self.sockets.get_mut(id)
                && socket.receive == Receive::Starved
            {
                socket.receive = Receive::Idle;
                self.arm_receive(id);
            }
        }
    }

    pub(super) fn on_receive(
        &mut self,
        id: ClientId,
        completion: Completion,
        events: &mut Vec<NetEvent>,
    ) {
        let len = usize::try_from(completion.result).unwrap_or(0);
        let piece = completion.received.map(|received| self.buffers.take(received, len));
        let Some(socket) = self.sockets.get_mut(id) else {
            self.counters.stale_completions += 1;
            return;
        };
        if !completion.more {
            if len == 0 || !mutant::is_active(Mutant::DroppedReceive) {
                socket.receive = Receive::Idle;
            }
            socket.outstanding -= 1;
        }
        match (socket.phase, piece) {
            (Phase::Open, Some(piece)) if len > 0 => self.on_piece(id, piece, events),
            (Phase::Closing, _) => self.settle(id),
            (Phase::Open | Phase::Flushing | Phase::Lingering, _) if len > 0 => {
                self.arm_receive(id);
            }
            (Phase::Open | Phase::Flushing | Phase::Lingering, _) => {
                self.on_receive_ended(id, completion, events);
            }
        }
    }

    pub(super) fn on_piece(&mut self, id: ClientId, piece: BlockRange, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        self.counters.receives += 1;
        self.counters.received_bytes += piece.len() as u64;
        socket.received_at = self.now;
        socket.heavy &= piece.len() >= limits::BLOCK_BYTES / 4;
        if socket.transport.receive(piece, &self.pools).is_err() {
            self.end(id, End::Exhausted, events);
            return;
        }
        if socket.paused {
            socket.transport.inbox_mut().move_out(&self.pools.small);
        }
        if socket.transport.inbox().chunk_bytes() > INBOX_HIGH_BYTES {
            socket.heavy = true;
            self.stop_receive(id);
        }
        self.arm_receive(id);
        events.push(NetEvent::Received(id));
    }

    /// No bytes came: the peer closed, blocks ran out, it was cancelled, or the network failed.
    fn on_receive_ended(
        &mut self,
        id: ClientId,
        completion: Completion,
        events: &mut Vec<NetEvent>,
    ) {
        match -completion.result {
            0 => self.on_peer_ended(id, events),
            libc::ENOBUFS => {
                self.buffers.on_shortage();
                self.on_shortage(id);
            }
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => self.arm_receive(id),
            error => self.end(id, End::Failed(error), events),
        }
    }

    /// The peer will send nothing more.
    pub(super) fn on_peer_ended(&mut self, id: ClientId, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.peer_ended = true;
        match socket.phase {
            Phase::Open => events.push(NetEvent::Received(id)),
            Phase::Lingering => self.close(id),
            Phase::Flushing | Phase::Closing => {}
        }
    }

    /// A connection found no block to receive into: it waits for one in the queue.
    pub(super) fn on_shortage(&mut self, id: ClientId) {
        self.counters.starvations += 1;
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.receive = Receive::Starved;
        if !mutant::is_active(Mutant::LostStarved) {
            self.starved.push_back(id);
        }
    }

    fn stop_receive(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.receive == Receive::Armed && socket.link.is_some() {
            socket.receive = Receive::Idle;
        } else if socket.receive == Receive::Armed {
            socket.receive = Receive::Cancelling;
            self.cancel(id, OperationKind::Receive);
        }
    }
}

impl Socket {
    /// Whether a receive should be armed now.
    fn wants_bytes(&self) -> bool {
        let room = match self.phase {
            Phase::Open if self.heavy || self.link.is_some() => !self.transport.inbox().is_ready(),
            Phase::Open => self.transport.inbox().chunk_bytes() <= INBOX_HIGH_BYTES,
            Phase::Flushing | Phase::Lingering => true,
            Phase::Closing => false,
        };
        room && self.receive == Receive::Idle && !self.paused && !self.peer_ended
    }
}
