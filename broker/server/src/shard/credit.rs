//! Publishers that are faster than a reader wait for it, and not for ever (laws S18, S19).
//!
//! ```text
//! outbox of B    0 ------------- low ------------- high ------->
//!                        A goes on <--      --> A waits, its socket is not read
//! ```
//!
//! A publisher waits for one outbox at a time. If B makes no room within `backpressure_ms`, B is cut
//! off; that also ends a circle of clients that wait for each other.

use coilgun_protocol::model::{ClientId, Timestamp};

use super::turn::Shard;
use crate::env::Env;
use crate::net::{Net, Phase, Ring};

/// Whether a message may be put into the outbox of a client. One that is gone has all the room in
/// the world: nothing will be delivered to it.
#[inline]
pub(super) fn has_room<R: Ring>(net: &Net<R>, high: usize, id: ClientId) -> bool {
    match net.socket(id) {
        Some(socket) if socket.phase() == Phase::Open => socket.outbox().pending_bytes() <= high,
        Some(_) | None => true,
    }
}

impl<E: Env> Shard<E> {
    /// As the function of the same name.
    #[inline]
    pub(super) fn has_room(&self, id: ClientId) -> bool {
        has_room(&self.net, self.settings.outbox_high_bytes, id)
    }

    /// Lets a client wait for room in the outbox of `target`, which may be itself.
    pub(super) fn wait_for(&mut self, now: Timestamp, id: ClientId, target: ClientId) {
        self.counters.stalls += 1;
        self.net.pause(id);
        let reader = self.clients.get_mut(target).expect("only clients that exist lack room");
        reader.waiters.push(id);
        if reader.pressed_since.is_none() {
            reader.pressed_since = Some(now);
            self.pressed.push_back((now, target));
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.waits_for = Some(target);
        }
    }

    /// Bytes left the outbox of a client: those who wait for it may go on once it is low enough.
    pub(super) fn on_sent(&mut self, id: ClientId) {
        let low = self.settings.outbox_high_bytes / 2;
        let pending = self.net.socket(id).map_or(0, |socket| socket.outbox().pending_bytes());
        let waited_for = self.clients.get(id).is_some_and(|client| !client.waiters.is_empty());
        if waited_for && pending <= low {
            self.release_waiters(id);
        }
    }

    /// Lets everybody go on who waits for a client.
    fn release_waiters(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.pressed_since = None;
        let mut waiters = std::mem::take(&mut client.waiters);
        self.go_on(&mut waiters);
        if let Some(client) = self.clients.get_mut(id) {
            client.waiters = waiters;
        }
    }

    /// Lets these clients go on.
    pub(super) fn go_on(&mut self, waiters: &mut Vec<ClientId>) {
        for id in waiters.drain(..) {
            if let Some(client) = self.clients.get_mut(id) {
                client.waits_for = None;
                self.net.resume(id);
                self.make_ready(id);
            }
        }
    }

    /// Cuts off those that made others wait for too long.
    pub(super) fn run_pressure(&mut self, now: Timestamp) {
        let patience = self.settings.backpressure_ms;
        // Ends because every step takes an entry out, and the queue is in the order of the waits.
        while let Some((since, id)) = self.pressed.front().copied() {
            let waiting = self.clients.get(id).and_then(|client| client.pressed_since);
            let counts = waiting == Some(since);
            if counts && now.ms_since(since) < patience {
                return;
            }
            self.pressed.pop_front();
            if counts {
                self.counters.slow_consumers += 1;
                self.net.close(id);
                self.remove(id);
            }
        }
    }

    /// When the longest wait ends, at the earliest.
    pub(super) fn pressure_ends(&self) -> Option<Timestamp> {
        let (since, _) = self.pressed.front()?;
        Some(since.plus_ms(self.settings.backpressure_ms))
    }
}
