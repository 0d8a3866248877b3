//! Connections that come.

use std::os::fd::RawFd;

use coilgun_protocol::buffer::OutBuf;
use coilgun_protocol::model::{ClientId, Timestamp};

use super::network::{Net, NetEvent};
use super::ring::{Completion, Operation, OperationKind, Ring, UserData};
use super::socket::{Socket, SocketKind};
use crate::mutant::{self, Mutant};

/// How long accepting pauses after the machine had no descriptor left, in milliseconds.
const ACCEPT_PAUSE_MS: u64 = 100;

#[derive(Debug)]
pub(super) struct AcceptState {
    pub(super) descriptor: RawFd,
    pub(super) kind: SocketKind,
    /// What it accepts is handed out as [`NetEvent::Accepted`].
    pub(super) hands_out: bool,
    pub(super) armed: bool,
    /// It accepts no more; what the kernel accepted before still comes.
    pub(super) stopped: bool,
    /// Try again then; nothing if accepting goes on or has ended for good.
    pub(super) retry_at: Option<Timestamp>,
}

impl<R: Ring> Net<R> {
    /// Begins to accept on a listening socket, which has to stay open until [`Net::is_deaf`].
    pub fn listen(&mut self, descriptor: RawFd, kind: SocketKind) {
        self.accept_on(descriptor, kind, false);
    }

    /// Does the same for networks of which each may get a connection: what is accepted comes out as
    /// [`NetEvent::Accepted`], and nothing is received from it before it is adopted (law S3).
    pub fn listen_for_others(&mut self, descriptor: RawFd, kind: SocketKind) {
        self.accept_on(descriptor, kind, true);
    }

    /// Takes over a connection that was accepted, here or elsewhere, and begins to receive. Without a
    /// slot the connection is closed, and nothing is returned.
    pub fn adopt(
        &mut self,
        descriptor: RawFd,
        kind: SocketKind,
        listener: usize,
    ) -> Option<ClientId> {
        let (pool, copy_max) = (self.pools.small.clone(), self.copy_max);
        let origin = (kind, listener);
        let id = self
            .sockets
            .insert_with(|id| Socket::new(id, descriptor, origin, OutBuf::new(pool, copy_max)));
        let Some(id) = id else {
            self.counters.turned_away += 1;
            self.refuse(descriptor);
            return None;
        };
        self.counters.accepted += 1;
        self.arm_receive(id);
        Some(id)
    }

    /// Closes a connection that was accepted and not adopted.
    pub fn refuse(&mut self, descriptor: RawFd) {
        let user = UserData::new(OperationKind::Close, 0, u32::MAX);
        // SAFETY: closing names no memory.
        unsafe { self.ring.push(Operation::Close { socket: descriptor }, user) };
    }

    fn accept_on(&mut self, descriptor: RawFd, kind: SocketKind, hands_out: bool) {
        self.listeners.push(AcceptState {
            descriptor,
            kind,
            hands_out,
            armed: false,
            stopped: false,
            retry_at: None,
        });
        self.arm_accept(self.listeners.len() - 1);
    }

    /// Stops accepting, inside the process as well; connections that stand stay.
    pub fn stop_listening(&mut self) {
        self.close_links();
        for (index, state) in self.listeners.iter_mut().enumerate() {
            state.retry_at = None;
            state.stopped = true;
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

    pub(super) fn on_accept(
        &mut self,
        now: Timestamp,
        completion: Completion,
        events: &mut Vec<NetEvent>,
    ) {
        let index = completion.user.slot() as usize;
        let Some(state) = self.listeners.get_mut(index) else { return };
        state.armed = completion.more;
        let (kind, hands_out) = (state.kind, state.hands_out);
        match completion.result {
            descriptor if descriptor >= 0 && hands_out => {
                events.push(NetEvent::Accepted { descriptor, kind, listener: index });
            }
            descriptor if descriptor >= 0 => events.push(
                self.adopt(descriptor, kind, index).map_or(NetEvent::TurnedAway, NetEvent::Opened),
            ),
            refused if refused == -libc::ECANCELED => return,
            _ => {
                self.counters.accept_pauses += 1;
                if !state.stopped {
                    state.retry_at = Some(now.plus_ms(ACCEPT_PAUSE_MS));
                }
                return;
            }
        }
        // A multishot accept may end by itself just before its cancellation comes.
        let is_forgotten = mutant::is_active(Mutant::DroppedAccept);
        if !self.listeners[index].armed && !self.listeners[index].stopped && !is_forgotten {
            self.arm_accept(index);
        }
    }

    pub(super) fn arm_accept(&mut self, index: usize) {
        let socket = self.listeners[index].descriptor;
        let user = UserData::new(OperationKind::Accept, index as u32, 0);
        // SAFETY: a multishot accept names no memory.
        unsafe { self.ring.push(Operation::Accept { socket }, user) };
        self.listeners[index].armed = true;
    }
}
