//! The simulated kernel's side of a ring.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use coilgun_protocol::buffer::{BlockRef, Pool};

use super::socket::PeerId;
use super::world::{SimWorld, State};
use crate::net::{Completion, Operation, OperationKind, Received, Ring, UserData};

/// Pieces one multishot receive takes in one turn at most.
const PIECES_PER_TURN: usize = 4;
/// What a receive block holds before the kernel writes to it.
const STALE: u8 = 0xDD;

/// A [`Ring`] on a simulated kernel.
#[derive(Debug)]
pub struct SimRing {
    world: SimWorld,
    receive: Pool,
    queued: Vec<Pending>,
    pending: Vec<Pending>,
    done: VecDeque<Completion>,
    provided: VecDeque<Provided>,
}

#[derive(Debug)]
struct Pending {
    operation: Operation,
    user: UserData,
    /// What the memory of a send held when it was queued (law S1).
    sent: Vec<u8>,
}

#[derive(Debug)]
struct Provided {
    block: BlockRef,
    filled: usize,
}

/// What became of a pending operation in one turn.
enum Progress {
    /// It goes on.
    Waits,
    /// It is over.
    Ended,
}

impl SimRing {
    pub(super) fn new(world: SimWorld, receive: Pool) -> SimRing {
        SimRing {
            world,
            receive,
            queued: Vec::new(),
            pending: Vec::new(),
            done: VecDeque::new(),
            provided: VecDeque::new(),
        }
    }

    fn finish(&mut self, user: UserData, result: i32, more: bool, received: Option<Received>) {
        self.done.push_back(Completion { user, result, more, received });
    }

    fn step(&mut self, state: &mut State, pending: &mut Pending) -> Progress {
        let user = pending.user;
        match pending.operation {
            Operation::Accept { socket } => self.accept(state, user, socket),
            Operation::Receive { socket, multishot } => {
                self.receive(state, user, socket, multishot)
            }
            Operation::Send { socket, .. } | Operation::SendVector { socket, .. } => {
                self.send(state, socket, pending)
            }
            Operation::Cancel { target } => self.cancel(state, user, target),
            Operation::ShutdownWrite { socket } => {
                state.sockets[PeerId::of(socket).0].broker_ended = true;
                self.finish(user, 0, false, None);
                Progress::Ended
            }
            Operation::Close { socket } => self.close(state, user, socket),
            Operation::Timeout { at } if at <= state.now => {
                self.finish(user, -libc::ETIME, false, None);
                Progress::Ended
            }
            Operation::Timeout { .. } => Progress::Waits,
        }
    }

    fn accept(&mut self, state: &mut State, user: UserData, listener: RawFd) -> Progress {
        // Ends because every step takes a connection out of the queue.
        while let Some(at) = state.connecting.iter().position(|(to, _)| *to == listener) {
            let (_, peer) = state.connecting.remove(at).expect("it was found there");
            let ends = state.chance(state.faults.end_multishot);
            state.counts.ended_multishots += u64::from(ends);
            self.finish(user, peer.descriptor(), !ends, None);
            if ends {
                return Progress::Ended;
            }
        }
        Progress::Waits
    }

    fn receive(
        &mut self,
        state: &mut State,
        user: UserData,
        socket: RawFd,
        multishot: bool,
    ) -> Progress {
        let peer = PeerId::of(socket).0;
        for _ in 0..PIECES_PER_TURN {
            if state.chance(state.faults.reset) {
                state.counts.resets += 1;
                state.sockets[peer].reset = true;
            }
            if state.sockets[peer].reset {
                self.finish(user, -libc::ECONNRESET, false, None);
                return Progress::Ended;
            }
            if state.sockets[peer].to_broker.is_empty() {
                if state.sockets[peer].peer_ended {
                    self.finish(user, 0, false, None);
                    return Progress::Ended;
                }
                return Progress::Waits;
            }
            let starves = state.chance(state.faults.starve);
            if starves || self.provided.is_empty() {
                state.counts.starvations += 1;
                self.finish(user, -libc::ENOBUFS, false, None);
                return Progress::Ended;
            }
            let ends = !multishot || state.chance(state.faults.end_multishot);
            state.counts.ended_multishots += u64::from(ends && multishot);
            self.receive_piece(state, user, peer, !ends);
            if ends {
                return Progress::Ended;
            }
        }
        Progress::Waits
    }

    /// Moves bytes of a peer into the block at the front of those that were provided.
    fn receive_piece(&mut self, state: &mut State, user: UserData, peer: usize, more: bool) {
        let provided = self.provided.front_mut().expect("the caller saw one");
        let room = provided.block.capacity() - provided.filled;
        let mut len = room.min(state.sockets[peer].to_broker.len());
        if state.chance(state.faults.short_receive) {
            state.counts.short_receives += 1;
            len = state.up_to(len);
        }
        // SAFETY: the block was provided and is filled from the front; nobody was shown the bytes
        // behind the filled part.
        let place = unsafe { provided.block.unwritten(provided.filled, provided.filled + len) };
        for (to, from) in place.iter_mut().zip(state.sockets[peer].to_broker.drain(..len)) {
            *to = from;
        }
        provided.filled += len;
        let block = u16::try_from(provided.block.index()).expect("few blocks");
        let retired = provided.filled == provided.block.capacity();
        if retired && let Some(full) = self.provided.pop_front() {
            let _ = full.block.into_index();
        }
        self.finish(user, len as i32, more, Some(Received { block, retired }));
    }

    fn send(&mut self, state: &mut State, socket: RawFd, pending: &mut Pending) -> Progress {
        assert_eq!(
            memory_of(&pending.operation),
            pending.sent,
            "S1: memory named by a send stays as it is until its completion"
        );
        state.counts.sends_checked += 1;
        let connection = &state.sockets[PeerId::of(socket).0];
        if connection.reset {
            self.finish(pending.user, -libc::EPIPE, false, None);
            return Progress::Ended;
        }
        let room = connection.window.saturating_sub(connection.to_peer.len());
        let mut len = room.min(pending.sent.len());
        if len == 0 {
            return Progress::Waits;
        }
        if state.chance(state.faults.short_send) {
            state.counts.short_sends += 1;
            len = state.up_to(len);
        }
        state.sockets[PeerId::of(socket).0].to_peer.extend(&pending.sent[..len]);
        self.finish(pending.user, len as i32, false, None);
        Progress::Ended
    }

    fn cancel(&mut self, state: &mut State, user: UserData, target: UserData) -> Progress {
        let found = self.pending.iter().position(|pending| pending.user == target);
        let late = state.chance(state.faults.late_cancel);
        match found {
            Some(at) if !late => {
                self.pending.remove(at);
                self.finish(target, -libc::ECANCELED, false, None);
                self.finish(user, 0, false, None);
                Progress::Ended
            }
            Some(_) => {
                state.counts.late_cancels += 1;
                Progress::Waits
            }
            None => {
                self.finish(user, -libc::ENOENT, false, None);
                Progress::Ended
            }
        }
    }

    fn close(&mut self, state: &mut State, user: UserData, socket: RawFd) -> Progress {
        let outstanding = self.pending.iter().any(|pending| socket_of(pending) == Some(socket));
        assert!(!outstanding, "S2: a descriptor is closed when nothing is outstanding on it");
        let connection = &mut state.sockets[PeerId::of(socket).0];
        assert!(!connection.closed, "a descriptor is closed once");
        connection.closed = true;
        self.finish(user, 0, false, None);
        Progress::Ended
    }
}

impl Ring for SimRing {
    fn provide(&mut self, block: BlockRef) {
        assert!(self.receive.is(&block), "receive blocks come from the receive pool");
        // SAFETY: a block is provided when nobody else holds it.
        unsafe { block.unwritten(0, block.capacity()) }.fill(STALE);
        // The kernel's own hold of the block is given away by number, as in a real ring.
        let index = block.into_index();
        self.provided.push_back(Provided { block: self.receive.adopt(index), filled: 0 });
    }

    unsafe fn push(&mut self, operation: Operation, user: UserData) {
        let sent = memory_of(&operation);
        self.queued.push(Pending { operation, user, sent });
    }

    fn enter(&mut self) -> io::Result<()> {
        self.pending.append(&mut self.queued);
        let world = self.world.clone();
        let mut state = world.state();
        let mut left = self.pending.len();
        // Ends because every step takes one of those that were there at the beginning.
        while left > 0 && !self.pending.is_empty() {
            let at = state.up_to(left.min(self.pending.len())) - 1;
            let mut pending = self.pending.remove(at);
            left -= 1;
            // Timeouts and ends are exact; everything else may be late.
            let delay = state.faults.delay;
            if state.chance(delay) && !is_cancel(&pending) {
                state.counts.delays += 1;
                self.pending.push(pending);
                continue;
            }
            if let Progress::Waits = self.step(&mut state, &mut pending) {
                self.pending.push(pending);
            }
        }
        Ok(())
    }

    fn needs_enter(&mut self) -> bool {
        true
    }

    fn complete(&mut self, completions: &mut Vec<Completion>, max: usize) {
        let count = max.min(self.done.len());
        completions.extend(self.done.drain(..count));
    }

    fn wait(&mut self, _ns: u64) -> io::Result<bool> {
        // Time passes only where the world lets it.
        self.enter()?;
        Ok(!self.done.is_empty())
    }

    fn prepare_park(&mut self) -> io::Result<bool> {
        self.enter()?;
        Ok(self.done.is_empty())
    }

    fn end_park(&mut self) {}
}

fn is_cancel(pending: &Pending) -> bool {
    pending.user.kind() == Some(OperationKind::Cancel)
}

fn socket_of(pending: &Pending) -> Option<RawFd> {
    match pending.operation {
        Operation::Accept { socket }
        | Operation::Receive { socket, .. }
        | Operation::Send { socket, .. }
        | Operation::SendVector { socket, .. }
        | Operation::ShutdownWrite { socket }
        | Operation::Close { socket } => Some(socket),
        Operation::Cancel { .. } | Operation::Timeout { .. } => None,
    }
}

/// The bytes a send names.
fn memory_of(operation: &Operation) -> Vec<u8> {
    match *operation {
        Operation::Send { address, len, .. } => {
            // SAFETY: whoever pushed the operation promised that the memory stays valid.
            unsafe { std::slice::from_raw_parts(address, len as usize) }.to_vec()
        }
        Operation::SendVector { message, .. } => {
            // SAFETY: as above, for the message, its list of runs, and every run.
            unsafe {
                let message = &*message;
                std::slice::from_raw_parts(message.msg_iov, message.msg_iovlen)
                    .iter()
                    .flat_map(|run| {
                        std::slice::from_raw_parts(run.iov_base.cast::<u8>(), run.iov_len)
                    })
                    .copied()
                    .collect()
            }
        }
        Operation::Accept { .. }
        | Operation::Receive { .. }
        | Operation::Cancel { .. }
        | Operation::ShutdownWrite { .. }
        | Operation::Close { .. }
        | Operation::Timeout { .. } => Vec::new(),
    }
}
