//! The sockets of one ring, and the life of each.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use coilgun_protocol::buffer::{OutBuf, Pool};
use coilgun_protocol::model::{ClientId, Timestamp, limits};

use super::inbox::AssemblyPools;
use super::receive_buffers::ReceiveBuffers;
use super::ring::{Completion, Operation, OperationKind, Ring, UserData};
use super::slots::Slots;
use super::socket::{Phase, Receive, Socket, SocketKind};

/// Most completions one turn looks at (law S23).
const COMPLETIONS_PER_TURN: usize = 256;
/// How long accepting pauses after the machine had no descriptor left, in milliseconds.
const ACCEPT_PAUSE_MS: u64 = 100;
/// How long a connection may take to send what is left when it is finished, in milliseconds.
const FLUSH_MS_MAX: u64 = 5_000;
/// How long a finished connection waits for its peer to close too, in milliseconds.
const LINGER_MS_MAX: u64 = 1_000;

/// What a network is made of.
#[derive(Debug)]
pub struct NetSettings {
    /// Blocks the kernel receives into; all of them are given to it.
    pub receive: Pool,
    /// Blocks for output and for assembling small frames.
    pub output: Pool,
    /// Blocks for assembling frames that are larger than an output block.
    pub large: Pool,
    /// Payloads up to this size are copied (law S6).
    pub copy_max: usize,
    /// Sockets there may be.
    pub sockets_max: usize,
}

/// Something the owner of the network has to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetEvent {
    /// A connection was accepted.
    Opened(ClientId),
    /// Bytes arrived.
    Received(ClientId),
    /// Bytes left: there is room in the outbox.
    Sent(ClientId),
    /// The connection is over. Nothing more is heard of it but [`NetEvent::Freed`].
    Ended(ClientId, End),
    /// Nothing of it is left in the kernel; its slot is free once the owner calls
    /// [`Net::release`].
    Freed(ClientId),
    /// A connection was turned away: there is no slot for it.
    TurnedAway,
}

/// How a connection came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The peer closed; everything it sent was handed over before.
    Peer,
    /// The network failed, with this error number.
    Failed(i32),
    /// There was no block for what had to be held.
    Exhausted,
}

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

/// The network of one shard.
#[derive(Debug)]
pub struct Net<R: Ring> {
    pub(super) ring: R,
    pub(super) buffers: ReceiveBuffers,
    pub(super) pools: AssemblyPools,
    pub(super) copy_max: usize,
    pub(super) sockets: Slots<Socket>,
    /// Those that ran out of receive blocks, first come first served.
    pub(super) starved: VecDeque<ClientId>,
    /// Those with something to send.
    pub(super) dirty: Vec<ClientId>,
    /// Those that are flushing or lingering.
    ending: Vec<ClientId>,
    listeners: Vec<AcceptState>,
    completions: Vec<Completion>,
    /// The earliest sign the ring was asked for and has not given yet.
    wakes_at: Option<Timestamp>,
    pub(super) counters: NetCounters,
    /// What was copied for connections that are gone.
    copies: NetCopies,
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
    fn add(&mut self, socket: &Socket) {
        self.payloads += socket.outbox.copied().payloads;
        self.moved_bytes += socket.transport.inbox().copied_bytes();
    }
}

#[derive(Debug)]
struct AcceptState {
    descriptor: RawFd,
    kind: SocketKind,
    armed: bool,
    /// Try again then; nothing if accepting goes on or has ended for good.
    retry_at: Option<Timestamp>,
}

impl<R: Ring> Net<R> {
    /// A network on `ring`. The ring's receive blocks must come from `settings.receive`.
    #[must_use]
    pub fn new(ring: R, settings: NetSettings) -> Net<R> {
        let mut net = Net {
            ring,
            buffers: ReceiveBuffers::new(settings.receive),
            pools: AssemblyPools { small: settings.output, large: settings.large },
            copy_max: settings.copy_max,
            sockets: Slots::new(settings.sockets_max),
            starved: VecDeque::new(),
            dirty: Vec::new(),
            ending: Vec::new(),
            listeners: Vec::new(),
            completions: Vec::with_capacity(COMPLETIONS_PER_TURN),
            wakes_at: None,
            counters: NetCounters::default(),
            copies: NetCopies::default(),
        };
        net.buffers.provide_free(&mut net.ring);
        net
    }

    /// Begins to accept on a listening socket, which has to stay open until [`Net::is_deaf`].
    pub fn listen(&mut self, descriptor: RawFd, kind: SocketKind) {
        self.listeners.push(AcceptState { descriptor, kind, armed: false, retry_at: None });
        self.arm_accept(self.listeners.len() - 1);
    }

    /// Stops accepting; connections that stand stay.
    pub fn stop_listening(&mut self) {
        for (index, state) in self.listeners.iter_mut().enumerate() {
            state.retry_at = None;
            if state.armed {
                let target = UserData::new(OperationKind::Accept, index as u32, 0);
                let user = UserData::new(OperationKind::Cancel, index as u32, u32::MAX);
                // SAFETY: a cancellation names no memory.
                unsafe { self.ring.push(Operation::Cancel { target }, user) };
            }
        }
    }

    /// Whether every listening socket is quiet after [`Net::stop_listening`].
    #[must_use]
    pub fn is_deaf(&self) -> bool {
        self.listeners.iter().all(|state| !state.armed)
    }

    /// Looks at what the kernel has done, and appends what the owner must know.
    ///
    /// Returns how many completions there were.
    pub fn poll(&mut self, now: Timestamp, events: &mut Vec<NetEvent>) -> usize {
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.complete(&mut completions, COMPLETIONS_PER_TURN);
        let count = completions.len();
        for completion in completions.drain(..) {
            self.on_completion(now, completion, events);
        }
        self.completions = completions;
        count
    }

    /// Lets go of connections that took too long to end, and accepts again after a pause.
    pub fn tick(&mut self, now: Timestamp) {
        for index in 0..self.listeners.len() {
            if self.listeners[index].retry_at.is_some_and(|at| at <= now) {
                self.listeners[index].retry_at = None;
                self.arm_accept(index);
            }
        }
        let mut ending = std::mem::take(&mut self.ending);
        ending.retain(|id| match self.sockets.get(*id) {
            Some(socket) if socket.phase == Phase::Closing => false,
            Some(socket) if socket.phase_ends <= now => {
                self.close(*id);
                false
            }
            Some(_) => true,
            None => false,
        });
        self.ending = ending;
    }

    /// When [`Net::tick`] has something to do next, at the earliest.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let accepting = self.listeners.iter().filter_map(|state| state.retry_at).min();
        let ending = self
            .ending
            .iter()
            .filter_map(|id| self.sockets.get(*id))
            .map(|socket| socket.phase_ends)
            .min();
        accepting.into_iter().chain(ending).min()
    }

    /// Hands what was written and asked for to the kernel: one send per connection (law S9), blocks
    /// back, starved connections armed again, at most one system call.
    ///
    /// # Errors
    /// If the ring is broken; the shard cannot go on.
    pub fn flush(&mut self, now: Timestamp, events: &mut Vec<NetEvent>) -> io::Result<()> {
        self.send_dirty(now, events);
        self.buffers.provide_free(&mut self.ring);
        self.arm_starved();
        if self.ring.needs_enter() {
            self.counters.enters += 1;
            self.ring.enter()?;
        }
        Ok(())
    }

    /// A connection that still exists.
    #[inline]
    #[must_use]
    pub fn socket(&self, id: ClientId) -> Option<&Socket> {
        self.sockets.get(id)
    }

    /// The outbox of a connection to which something may still be said.
    ///
    /// Whatever is written is sent at the next [`Net::flush`].
    #[inline]
    #[must_use]
    pub fn outbox(&mut self, id: ClientId) -> Option<&mut OutBuf> {
        let socket = self.sockets.get_mut(id)?;
        if socket.phase != Phase::Open {
            return None;
        }
        if !socket.dirty {
            socket.dirty = true;
            self.dirty.push(id);
        }
        Some(&mut socket.outbox)
    }

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
        if socket.receive == Receive::Armed {
            socket.receive = Receive::Cancelling;
            self.cancel(id, OperationKind::Receive);
        }
        if self.sockets.get(id).is_some_and(|socket| socket.in_flight > 0) {
            self.cancel(id, OperationKind::Send);
        }
        self.settle(id);
    }

    /// How many connections there are, in any phase.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// The names of all connections, by slot.
    pub fn ids(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.sockets.ids()
    }

    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> NetCounters {
        self.counters
    }

    /// What was copied since the start. Walks over all connections.
    #[must_use]
    pub fn copies(&self) -> NetCopies {
        let mut copies = self.copies;
        for id in self.sockets.ids() {
            if let Some(socket) = self.sockets.get(id) {
                copies.add(socket);
            }
        }
        copies
    }

    /// Where output and assembly blocks come from.
    #[must_use]
    pub fn pools(&self) -> &AssemblyPools {
        &self.pools
    }

    /// The ring, for its owner to park with.
    #[must_use]
    pub fn ring_mut(&mut self) -> &mut R {
        &mut self.ring
    }

    /// Asks the ring for a sign at a time, unless one comes before.
    pub fn wake_at(&mut self, at: Timestamp) {
        if self.wakes_at.is_some_and(|earlier| earlier <= at) {
            return;
        }
        self.wakes_at = Some(at);
        let user = UserData::new(OperationKind::Timeout, 0, 0);
        // SAFETY: a timeout names no memory of ours.
        unsafe { self.ring.push(Operation::Timeout { at }, user) };
    }

    fn on_completion(
        &mut self,
        now: Timestamp,
        completion: Completion,
        events: &mut Vec<NetEvent>,
    ) {
        let user = completion.user;
        let id = ClientId { slot: user.slot(), generation: user.generation() };
        match user.kind() {
            Some(OperationKind::Accept) => self.on_accept(now, completion, events),
            Some(OperationKind::Receive) => self.on_receive(id, completion, events),
            Some(OperationKind::Send) => self.on_sent(id, completion.result, events),
            Some(OperationKind::Cancel | OperationKind::ShutdownWrite) => self.on_done(id),
            Some(OperationKind::Close) => self.on_closed(id, events),
            Some(OperationKind::Timeout) => self.wakes_at = None,
            None => self.counters.stale_completions += 1,
        }
    }

    fn on_accept(&mut self, now: Timestamp, completion: Completion, events: &mut Vec<NetEvent>) {
        let index = completion.user.slot() as usize;
        let Some(state) = self.listeners.get_mut(index) else { return };
        state.armed = completion.more;
        let kind = state.kind;
        match completion.result {
            descriptor if descriptor >= 0 => self.open(descriptor, (kind, index), events),
            refused if refused == -libc::ECANCELED => return,
            _ => {
                self.counters.accept_pauses += 1;
                self.listeners[index].retry_at = Some(now.plus_ms(ACCEPT_PAUSE_MS));
                return;
            }
        }
        if !self.listeners[index].armed {
            self.arm_accept(index);
        }
    }

    fn open(&mut self, descriptor: RawFd, origin: (SocketKind, usize), events: &mut Vec<NetEvent>) {
        let (pool, copy_max) = (self.pools.small.clone(), self.copy_max);
        let id = self
            .sockets
            .insert_with(|id| Socket::new(id, descriptor, origin, OutBuf::new(pool, copy_max)));
        let Some(id) = id else {
            self.counters.turned_away += 1;
            let user = UserData::new(OperationKind::Close, 0, u32::MAX);
            // SAFETY: closing names no memory.
            unsafe { self.ring.push(Operation::Close { socket: descriptor }, user) };
            events.push(NetEvent::TurnedAway);
            return;
        };
        self.counters.accepted += 1;
        self.arm_receive(id);
        events.push(NetEvent::Opened(id));
    }

    fn arm_accept(&mut self, index: usize) {
        let socket = self.listeners[index].descriptor;
        let user = UserData::new(OperationKind::Accept, index as u32, 0);
        // SAFETY: a multishot accept names no memory.
        unsafe { self.ring.push(Operation::Accept { socket }, user) };
        self.listeners[index].armed = true;
    }

    /// Asks the kernel to end an operation of a connection.
    pub(super) fn cancel(&mut self, id: ClientId, kind: OperationKind) {
        let target = UserData::new(kind, id.slot, id.generation);
        // SAFETY: a cancellation names no memory.
        unsafe { self.push(id, OperationKind::Cancel, Operation::Cancel { target }) };
    }

    /// Queues an operation of a connection and counts it as outstanding.
    ///
    /// # Safety
    /// As [`Ring::push`].
    pub(super) unsafe fn push(&mut self, id: ClientId, kind: OperationKind, operation: Operation) {
        let socket = self.sockets.get_mut(id).expect("operations are for connections that exist");
        socket.outstanding += 1;
        let user = UserData::new(kind, id.slot, id.generation);
        // SAFETY: the caller keeps the promise.
        unsafe { self.ring.push(operation, user) };
    }

    /// A cancellation or shutdown has ended, however it went.
    fn on_done(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.outstanding -= 1;
        self.settle(id);
    }

    fn on_closed(&mut self, id: ClientId, events: &mut Vec<NetEvent>) {
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
        let Some(socket) = self.sockets.remove(id) else { return };
        self.copies.add(&socket);
        assert!(socket.closed, "a slot is used again when nothing is left of the connection");
    }

    /// Closes the descriptor of a closing connection once nothing is outstanding (laws S1, S2).
    pub(super) fn settle(&mut self, id: ClientId) {
        let Some(socket) = self.sockets.get(id) else { return };
        if socket.phase == Phase::Closing && socket.outstanding == 0 && !socket.closed {
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

const _: () = assert!(limits::CONNECTIONS_DEFAULT < super::ring::SLOTS_MAX);
