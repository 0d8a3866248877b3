//! Publishers that are faster than a reader wait for it, and not for ever (laws S18, S19).
//!
//! ```text
//! outbox of B    0 ------------- low ------------- high ------->
//!                        A goes on <--      --> A waits, its socket is not read
//! ```
//!
//! A publisher waits for one outbox at a time, if the policy of its reader says so (see
//! `shedding.rs`). If B makes no room in time, its patience has *lapsed*: those who waited go on, and
//! until B has caught up its policy says what happens without waiting. That also ends a circle of
//! clients that wait for each other.
//!
//! When little of the shard's memory is left, only outboxes that hold next to nothing have room: who
//! holds much gets no more, and who reads goes on.

use std::cmp::Reverse;

use coilgun_protocol::buffer::Pool;
use coilgun_protocol::model::{ClientId, Event, Notice, Timestamp, limits};

use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::net::{Net, Phase, Ring};

/// How many times as much as the high mark one message may bring an outbox to that goes to several
/// subscriptions of one client; what goes beyond is dropped.
pub(super) const OVERLAP_SHARE: usize = 2;
/// How many times as much as the high mark may wait for a client, answers and all, before it is not
/// read: more than messages alone come to, the largest of which is as long as the high mark.
const ANSWERS_SHARE: usize = OVERLAP_SHARE + 1;
/// The part of the output blocks that is kept for outboxes that hold next to nothing.
const RESERVE_SHARE: usize = 8;

/// Whether a message may be put into the outbox of a client. One that is gone has all the room in
/// the world: nothing will be delivered to it.
#[inline]
pub(super) fn has_room<R: Ring>(net: &Net<R>, high: usize, id: ClientId) -> bool {
    match net.socket(id) {
        Some(socket) if socket.phase() == Phase::Open => {
            let pending = socket.outbox().pending_bytes();
            pending < limits::BLOCK_BYTES.min(high) || (pending <= high && has_memory(net))
        }
        Some(_) | None => true,
    }
}

/// Whether enough output blocks are free for those who hold much already.
#[inline]
fn has_memory<R: Ring>(net: &Net<R>) -> bool {
    has_reserve(&net.pools().small)
}

/// Whether more than the reserve of a pool is free.
#[inline]
pub(super) fn has_reserve(pool: &Pool) -> bool {
    pool.free_count() > pool.block_count() / RESERVE_SHARE
}

impl<E: Env> Shard<E> {
    /// As the function of the same name.
    #[inline]
    pub(super) fn has_room(&self, id: ClientId) -> bool {
        has_room(&self.net, self.settings.outbox_high_bytes, id)
    }

    /// Whether a client has left so much of what it is owed unread that it is not read either (law
    /// S5). That is more than what messages alone may fill its outbox with.
    pub(super) fn answers_are_full(&self, id: ClientId) -> bool {
        let high = self.settings.outbox_high_bytes;
        let pending = self.net.socket(id).map_or(0, |socket| socket.outbox().pending_bytes());
        pending > ANSWERS_SHARE * high
    }

    /// Lets a client wait for room in the outbox of `target`, which may be itself, for at most `ms`.
    pub(super) fn wait_for(&mut self, now: Timestamp, id: ClientId, target: ClientId, ms: u64) {
        self.counters.stalls += 1;
        self.net.pause(id);
        self.press(now, target, ms);
        let reader = self.clients.get_mut(target).expect("only clients that exist lack room");
        reader.waiters.push(id);
        if let Some(client) = self.clients.get_mut(id) {
            let ms = u16::try_from(ms).unwrap_or(u16::MAX);
            client.waits = Some(Wait::Outbox(target, ms));
        }
    }

    /// Begins the time that others wait for a client, at most `ms`, if it has not begun.
    pub(super) fn press(&mut self, now: Timestamp, target: ClientId, ms: u64) {
        let Some(reader) = self.clients.get_mut(target) else { return };
        let until = now.plus_ms(ms);
        if reader.pressed_until.is_none_or(|at| until < at) {
            reader.pressed_until = Some(until);
            self.pressed.push(Reverse((until, target)));
        }
    }

    /// Lets a client wait until it has read enough of what it is owed.
    pub(super) fn wait_for_itself(&mut self, now: Timestamp, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        let ms = u64::from(client.slow_consumer.backpressure_ms).max(limits::BACKPRESSURE_MS_MAX);
        self.wait_for(now, id, id, ms);
    }

    /// Bytes left the outbox of a client: once it is low enough the client has caught up.
    pub(super) fn on_sent(&mut self, now: Timestamp, id: ClientId) {
        let low = self.settings.outbox_high_bytes / 2;
        let pending = self.net.socket(id).map_or(0, |socket| socket.outbox().pending_bytes());
        // Where memory is short a client has not caught up before it holds next to nothing.
        if pending > low || !self.has_room(id) {
            return;
        }
        let Some(client) = self.clients.get_mut(id) else { return };
        client.lapsed = false;
        client.pressed_until = None;
        if !client.waiters.is_empty() {
            self.release_waiters(id);
        }
        self.unpress(id);
        self.tell_of_dropped(now, id);
    }

    /// Tells a client what was dropped for it.
    fn tell_of_dropped(&mut self, now: Timestamp, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(slow) = &mut client.slow else { return };
        let notices: [Option<Notice>; 2] = slow.take_notices();
        for notice in notices.into_iter().flatten() {
            self.tell(now, id, &Event::Notice(notice));
        }
    }

    /// Lets everybody go on who waits for a client.
    fn release_waiters(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.pressed_until = None;
        let mut waiters = std::mem::take(&mut client.waiters);
        self.go_on(&mut waiters);
        if let Some(client) = self.clients.get_mut(id) {
            client.waiters = waiters;
        }
    }

    /// Ends the waits that took too long.
    pub(super) fn run_pressure(&mut self, now: Timestamp) {
        // Ends because every step takes an entry out.
        while let Some(Reverse((until, id))) = self.pressed.peek().copied() {
            if until > now {
                return;
            }
            self.pressed.pop();
            if self.clients.get(id).is_some_and(|it| it.pressed_until == Some(until)) {
                self.lapse(id);
            }
        }
    }

    /// Others waited for a client in vain: they go on, and find out what its policy says now.
    fn lapse(&mut self, id: ClientId) {
        if self.answers_are_full(id) {
            self.cut_off(id);
            return;
        }
        let has_room = self.has_room(id);
        let Some(client) = self.clients.get_mut(id) else { return };
        // Whom nobody waits for and who has room again has not made anybody wait in vain.
        client.lapsed = !(has_room && client.waiters.is_empty());
        self.release_waiters(id);
        self.unpress(id);
    }

    /// When the shortest wait ends, at the earliest.
    pub(super) fn pressure_ends(&self) -> Option<Timestamp> {
        self.pressed.peek().map(|Reverse((until, _))| *until)
    }
}
