//! Connections inside the process, which live as sockets without a descriptor (law S35).
//!
//! ```text
//! doorbell ---> due ---poll---> one block of bytes each ---> the transport, as from a socket
//! outbox  ---flush---> the ring to the client, as much as there is room for
//! ```
//!
//! The kernel knows nothing of them: no operation is outstanding, and nothing is in flight. They are
//! read once at a time, when nothing of them waits to be parsed, so that each holds one receive block
//! at the most. What says that a receive is armed means here that the next byte is waited for.

use coilgun_protocol::buffer::{BlockRange, BlockRef, OutBuf};
use coilgun_protocol::model::ClientId;

use super::network::{End, Net, NetEvent};
use super::ring::Ring;
use super::socket::{Phase, Receive, Socket, SocketKind};
use crate::link::{BrokerEnd, LinkOrigin, LinkPort, Rung};

/// Doorbells that one turn answers (law S23).
const DOORBELLS_PER_TURN: usize = 256;

/// What a network knows of connections inside the process.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Where the settings of their ways in begin in the list of all listening sockets.
    listener: usize,
    /// Those that have something to receive, or may have.
    due: Vec<ClientId>,
    /// Those that have ended and whose owner has to be told.
    freed: Vec<ClientId>,
    /// After what names connections, so that those end first when all is dropped.
    port: Option<LinkPort>,
}

impl<R: Ring> Net<R> {
    /// Begins to take connections inside the process, which count as accepted by the listening socket
    /// with the number `listener` or, by the way they came in, one behind it.
    pub fn serve_links(&mut self, port: LinkPort, listener: usize) {
        (self.links.port, self.links.listener) = (Some(port), listener);
    }

    /// Whether connections inside the process have something to do in the next turn.
    #[must_use]
    pub fn has_link_work(&self) -> bool {
        let links = &self.links;
        !links.due.is_empty()
            || !links.freed.is_empty()
            || links.port.as_ref().is_some_and(|port| port.rung_count() > 0)
    }

    /// Takes no new connections inside the process any more.
    pub(super) fn close_links(&self) {
        if let Some(port) = &self.links.port {
            port.close();
        }
    }

    /// Answers doorbells and receives. Returns how many connections it looked at.
    pub(super) fn poll_links(&mut self, events: &mut Vec<NetEvent>) -> usize {
        let rung = self.links.port.as_ref().map_or(0, LinkPort::rung_count);
        for _ in 0..rung.min(DOORBELLS_PER_TURN) {
            match self.links.port.as_ref().and_then(LinkPort::next) {
                Some(Rung::New(end)) => self.adopt_link(end, events),
                Some(Rung::Known(id)) => self.on_doorbell(id),
                None => break,
            }
        }
        let mut freed = std::mem::take(&mut self.links.freed);
        let mut due = std::mem::take(&mut self.links.due);
        let count = rung + freed.len() + due.len();
        events.extend(freed.drain(..).map(NetEvent::Freed));
        for id in due.drain(..) {
            self.receive_link(id, events);
        }
        // What became due meanwhile comes in the next turn; the lists keep their memory.
        due.append(&mut self.links.due);
        freed.append(&mut self.links.freed);
        (self.links.due, self.links.freed) = (due, freed);
        count
    }

    fn adopt_link(&mut self, end: BrokerEnd, events: &mut Vec<NetEvent>) {
        let (pool, copy_max) = (self.pools.small.clone(), self.copy_max);
        let LinkOrigin { entry, address } = end.origin();
        let kind = if address.is_some() { SocketKind::WebSocket } else { SocketKind::InProcess };
        let origin = (kind, self.links.listener + entry);
        let id = self.sockets.insert_with(|id| {
            end.set_name(id);
            let outbox = OutBuf::new(pool, copy_max);
            Socket { link: Some(end), ..Socket::new(id, NO_DESCRIPTOR, origin, outbox) }
        });
        let Some(id) = id else {
            // The end that was not taken was dropped, which tells the client.
            self.counters.turned_away += 1;
            return events.push(NetEvent::LinkTurnedAway);
        };
        self.counters.accepted += 1;
        events.push(NetEvent::Linked(id));
        self.arm_receive(id);
    }

    /// Bytes came, or there is room, or the client is gone.
    fn on_doorbell(&mut self, id: ClientId) {
        self.look_at_link(id);
        if let Some(socket) = self.sockets.get_mut(id)
            && !socket.outbox.is_empty()
            && !socket.dirty
        {
            socket.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Makes a connection due if it waits for bytes and there are some.
    pub(super) fn look_at_link(&mut self, id: ClientId) {
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.receive == Receive::Armed
            && !socket.is_due
            && socket.link.as_ref().is_some_and(BrokerEnd::has_news)
        {
            socket.is_due = true;
            self.links.due.push(id);
        }
    }

    fn receive_link(&mut self, id: ClientId, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.is_due = false;
        let Some(link) = socket.link.as_mut().filter(|_| socket.receive == Receive::Armed) else {
            return;
        };
        if link.is_over() {
            socket.receive = Receive::Idle;
            return self.on_peer_ended(id, events);
        }
        if socket.phase != Phase::Open {
            link.discard();
            return self.look_at_link(id);
        }
        if !link.has_bytes() {
            return;
        }
        socket.receive = Receive::Idle;
        let Some(block) = self.take_link_block() else {
            return self.on_shortage(id);
        };
        let socket = self.sockets.get_mut(id).expect("it was there a moment ago");
        let link = socket.link.as_mut().expect("only connections inside the process are due");
        // SAFETY: the block was just taken, nothing else refers to it.
        let room = unsafe { block.unwritten(0, block.capacity()) };
        let count = link.receive(room);
        self.on_piece(id, BlockRange::new(block, 0, count), events);
    }

    /// A block to receive into: one that the kernel does not have, or one for output.
    fn take_link_block(&self) -> Option<BlockRef> {
        self.buffers.pool().take().or_else(|| self.pools.small.take())
    }

    /// Whether a connection that found no block to receive into would find one now.
    pub(super) fn has_block_for(&self, id: ClientId) -> bool {
        if self.is_link(id) {
            self.buffers.pool().free_count() + self.pools.small.free_count() > 0
        } else {
            self.buffers.has_some()
        }
    }

    /// Moves what waits for a client into its ring, and wakes it.
    pub(super) fn send_link(&mut self, id: ClientId, events: &mut Vec<NetEvent>) {
        let low = self.buffers.is_low();
        let Some(socket) = self.sockets.get_mut(id) else { return };
        let Some(link) = &mut socket.link else { return };
        let waited = socket.outbox.pending_bytes();
        let mut sent = 0;
        // Ends because each round empties the outbox, sends something, or finds no room.
        while !socket.outbox.is_empty() && !link.is_peer_gone() {
            let before = sent;
            let mut taken = 0;
            for run in socket.outbox.segments() {
                let count = link.send(run);
                taken += count;
                if count < run.len() {
                    break;
                }
            }
            socket.outbox.consume(taken);
            sent += taken;
            if socket.outbox.is_empty() || sent == before && link.wait_for_room() {
                break;
            }
        }
        if link.is_peer_gone() {
            // Nobody receives it. What the client said before it went is still listened to.
            socket.outbox.consume(socket.outbox.pending_bytes());
        }
        link.announce();
        if sent > 0 {
            self.counters.sends += 1;
            self.counters.sent_bytes += sent as u64;
        }
        if socket.outbox.pending_bytes() < waited && socket.phase == Phase::Open {
            events.push(NetEvent::Sent(id));
        }
        self.after_link_send(id, low, events);
    }

    fn after_link_send(&mut self, id: ClientId, low: bool, events: &mut Vec<NetEvent>) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.outbox.is_exhausted() {
            return self.end(id, End::Exhausted, events);
        }
        if socket.outbox.is_empty() {
            socket.late = false;
            if socket.phase == Phase::Flushing {
                // It reads the rest from memory that is its own as well: nobody has to wait for it.
                self.close(id);
            }
        } else {
            self.wait_for_reader(id, low);
        }
    }

    /// A connection has ended: tells its client, and soon its owner.
    pub(super) fn settle_link(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if let Some(link) = &socket.link
            && socket.phase == Phase::Closing
            && !socket.closed
        {
            link.end();
            socket.closed = true;
            self.links.freed.push(id);
        }
    }

    /// Whether a connection is inside the process.
    pub(super) fn is_link(&self, id: ClientId) -> bool {
        self.sockets.get(id).is_some_and(|socket| socket.link.is_some())
    }
}

/// What stands for a descriptor where there is none.
const NO_DESCRIPTOR: i32 = -1;
