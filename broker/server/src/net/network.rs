//! The sockets of one ring, and the life of each.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use coilgun_protocol::buffer::{OutBuf, Pool};
use coilgun_protocol::model::{ClientId, Timestamp, limits};

use super::accepting::AcceptState;
use super::assembly::AssemblyPools;
use super::counters::{NetCopies, NetCounters};
use super::linking::Links;
use super::receive_buffers::ReceiveBuffers;
use super::ring::{Completion, Operation, OperationKind, Ring, UserData};
use super::slots::Slots;
use super::socket::{Phase, Socket, SocketKind};

/// Most completions one turn looks at (law S23).
const COMPLETIONS_PER_TURN: usize = 256;

/// What a network is made of.
#[derive(Debug)]
pub struct NetSettings {
    /// Blocks the kernel receives into; it is given a few at a time.
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
    /// A connection was accepted, and receives.
    Opened(ClientId),
    /// A connection was accepted that may live anywhere: whoever gets this owns the descriptor, and
    /// gives it to [`Net::adopt`] or [`Net::refuse`] of one network.
    Accepted {
        /// The connected socket.
        descriptor: RawFd,
        /// What kind of socket it is.
        kind: SocketKind,
        /// Which listening socket it came through, counted from 0.
        listener: usize,
    },
    /// Bytes arrived.
    Received(ClientId),
    /// Bytes left: there is room in the outbox.
    Sent(ClientId),
    /// There is no block for what has to be held of the connection. It stands still.
    Exhausted(ClientId),
    /// The connection is over. Nothing more is heard of it but [`NetEvent::Freed`].
    Ended(ClientId, End),
    /// Nothing of it is left in the kernel; its slot is free once the owner calls
    /// [`Net::release`].
    Freed(ClientId),
    /// A connection was turned away: there is no slot for it.
    TurnedAway,
    /// A client of this process was connected, and receives. It was counted before.
    Linked(ClientId),
    /// A client of this process was turned away: there is no slot for it. It was counted before.
    LinkTurnedAway,
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
    /// When the first of them shall be sent that wait for more to go out with it.
    pub(super) held_until: Option<Timestamp>,
    /// Those that are flushing or lingering.
    pub(super) ending: Vec<ClientId>,
    pub(super) listeners: Vec<AcceptState>,
    pub(super) links: Links,
    completions: Vec<Completion>,
    /// The earliest sign the ring was asked for and has not given yet.
    wakes_at: Option<Timestamp>,
    /// When the present turn began.
    pub(super) now: Timestamp,
    pub(super) counters: NetCounters,
    /// What was copied for connections that are gone.
    pub(super) copies: NetCopies,
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
            held_until: None,
            ending: Vec::new(),
            listeners: Vec::new(),
            links: Links::default(),
            completions: Vec::with_capacity(COMPLETIONS_PER_TURN),
            wakes_at: None,
            now: Timestamp::default(),
            counters: NetCounters::default(),
            copies: NetCopies::default(),
        };
        net.buffers.provide_free(&mut net.ring);
        net
    }

    /// Looks at what the kernel has done, and appends what the owner must know.
    ///
    /// Returns how many completions there were, and connections inside the process with news.
    ///
    /// # Errors
    /// If the ring is broken; the owner cannot go on.
    pub fn poll(&mut self, now: Timestamp, events: &mut Vec<NetEvent>) -> io::Result<usize> {
        self.now = now;
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.complete(&mut completions, COMPLETIONS_PER_TURN);
        if completions.is_empty() && self.ring.needs_enter() {
            // What the kernel deferred becomes completions when the ring is entered.
            self.enter()?;
            self.ring.complete(&mut completions, COMPLETIONS_PER_TURN);
        }
        let mut count = completions.len();
        for completion in completions.drain(..) {
            self.on_completion(now, completion, events);
        }
        self.completions = completions;
        count += self.poll_links(events);
        Ok(count)
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
        accepting.into_iter().chain(ending).chain(self.held_until).min()
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
        if !self.starved.is_empty() && !self.buffers.has_some() {
            self.take_back_sends();
        }
        if self.ring.needs_enter() { self.enter() } else { Ok(()) }
    }

    fn enter(&mut self) -> io::Result<()> {
        self.counters.enters += 1;
        self.ring.enter()
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

    /// Payloads up to this size are copied (law S6).
    #[must_use]
    pub fn copy_max(&self) -> usize {
        self.copy_max
    }

    /// Where output and assembly blocks come from.
    #[must_use]
    pub fn pools(&self) -> &AssemblyPools {
        &self.pools
    }

    /// All pools that blocks come from.
    pub fn all_pools(&self) -> impl Iterator<Item = &Pool> + Clone {
        [self.buffers.pool(), &self.pools.small, &self.pools.large].into_iter()
    }

    /// Waits in the ring until something happens, so many nanoseconds at most. Returns whether anything
    /// has.
    ///
    /// # Errors
    /// If the ring is broken; the shard cannot go on.
    pub fn wait(&mut self, ns: u64) -> io::Result<bool> {
        self.counters.enters += 1;
        self.ring.wait(ns)
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
}

const _: () = assert!(limits::CONNECTIONS_DEFAULT < super::ring::SLOTS_MAX);
