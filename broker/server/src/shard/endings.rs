//! Connections that come and go, and what is looked at when its time comes.

use coilgun_core::router::Removal;
use coilgun_protocol::model::{ClientId, Closing, ErrorCode, Event, Timestamp, limits};
use coilgun_protocol::session::{Session, SessionError};

use super::client::Client;
use super::draining::Draining;
use super::protocols::AnySession;
use super::settings::ListenerSettings;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;

/// Subscriptions of clients that are gone that end in one turn (law S23).
const LEAVING_PER_TURN: usize = 1024;

/// How long a frame may take to arrive when no block is left for another, in milliseconds.
const EXHAUSTED_FRAME_MS: u64 = 1_000;

/// When a session that is not being read is looked at again, in milliseconds.
const PAUSED_RECHECK_MS: u64 = 1_000;

impl<E: Env> Shard<E> {
    /// A connection was accepted: give it a session.
    pub(super) fn on_opened(&mut self, now: Timestamp, id: ClientId) {
        if self.draining == Draining::Cutting {
            // The kernel accepted it before it was told to stop.
            return self.net.close(id);
        }
        let is_surplus = self.place.take(self.settings.connections_max);
        self.begin_session(now, id, is_surplus);
    }

    /// Gives a connection that was counted a session; one for which there is no room, too.
    pub(super) fn begin_session(&mut self, now: Timestamp, id: ClientId, is_surplus: bool) {
        let Some(listener) = self.net.socket(id).map(|socket| socket.listener()) else { return };
        let ListenerSettings { protocol, slow_consumer, guests, is_listed, flush_delay_us } =
            self.listeners[listener];
        self.net.set_flush_delay(id, flush_delay_us);
        let session = AnySession::new(protocol, &self.settings);
        self.clients.insert(Client {
            guests,
            is_listed,
            ..Client::new(id, session, slow_consumer, is_surplus)
        });
        if let Some(client) = self.clients.get_mut(id)
            && let Some(outbox) = self.net.outbox(id)
        {
            client.session.on_open(now, outbox);
        }
        self.watch(id);
    }

    /// Watches the next deadline of a client's session.
    pub(super) fn watch(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            let deadline = client.session.deadline();
            self.deadlines.watch(client, deadline);
        }
    }

    /// Lets sessions look at the clock, and cuts off those that others wait for.
    pub(super) fn run_deadlines(&mut self, now: Timestamp) {
        // Ends because a session that was looked at is watched for a later time.
        while let Some(id) = self.deadlines.next_due(now, &mut self.clients) {
            self.tick(now, id);
        }
        self.deadlines.sweep(&self.clients);
        self.run_pressure(now);
    }

    fn tick(&mut self, now: Timestamp, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && client.waits == Some(Wait::Verdict)
        {
            return self.on_verdict_late(now, id);
        }
        if let Some(client) = self.clients.get_mut(id)
            && (!client.may_run() || client.held.is_some())
        {
            // It may have said something that was not read yet (law S5), and what it said before
            // comes first (law S18): look again later.
            self.deadlines.watch(client, Some(now.plus_ms(PAUSED_RECHECK_MS)));
            return self.expire_held(now, id);
        }
        if !self.look_at_frame(now, id) {
            return;
        }
        let mut commands = std::mem::take(&mut self.commands);
        if let Some(client) = self.clients.get_mut(id)
            && client.session.deadline().is_some_and(|at| at <= now)
            && let Some(outbox) = self.net.outbox(id)
        {
            client.session.on_tick(now, &mut commands, outbox);
        }
        self.run_commands(now, id, None, &commands, None);
        commands.clear();
        self.commands = commands;
        if let Some(client) = self.clients.get_mut(id) {
            let next = client.session.deadline().map(|at| at.max(now.plus_ms(1)));
            self.deadlines.watch(client, next);
        }
    }

    /// Looks at a frame that has begun to arrive: as long as it comes fast enough its bytes are a sign
    /// of life. Returns whether the connection goes on.
    fn look_at_frame(&mut self, now: Timestamp, id: ClientId) -> bool {
        let Some(frame) = self.net.incomplete_frame(id) else { return true };
        let allowed_ms = frame.need_bytes as u64 * 1000 / limits::FRAME_BYTES_PER_SECOND_MIN;
        if now.ms_since(frame.since) >= self.settings.frame_ms + allowed_ms {
            self.end_frame(now, id);
            return false;
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.session.on_sign_of_life(frame.received_at);
        }
        true
    }

    /// Ends a connection whose frame does not come to its end, after saying so.
    fn end_frame(&mut self, now: Timestamp, id: ClientId) {
        self.counters.frame_timeouts += 1;
        self.end(now, id, ErrorCode::FrameTimeout, "");
    }

    /// There is no block to assemble a connection's frame in. The frame that has taken longest to
    /// arrive makes room, if it has had its second; otherwise this one does.
    pub(super) fn on_exhausted(&mut self, now: Timestamp, id: ClientId) {
        let slowest = self
            .net
            .slowest_frame()
            .filter(|(_, since)| now.ms_since(*since) >= EXHAUSTED_FRAME_MS);
        match slowest {
            Some((slowest, _)) if slowest != id => {
                self.end_frame(now, slowest);
                self.make_ready(id);
            }
            Some(_) | None => {
                self.counters.exhausted += 1;
                self.end(now, id, ErrorCode::BuffersExhausted, "");
            }
        }
    }

    /// Ends a connection whose peer broke its protocol, after saying why.
    pub(super) fn end_with_error(&mut self, now: Timestamp, id: ClientId, error: &SessionError) {
        self.counters.protocol_errors += 1;
        self.tell(now, id, &Event::Closing(Closing { code: error.code, detail: &error.detail }));
        self.net.finish(now, id);
        self.remove(id);
    }

    /// A connection is over for the shard: its session ends, its subscriptions are in no plan any
    /// more, and nobody waits for it. The network may still be sending what it is owed.
    pub(super) fn remove(&mut self, id: ClientId) {
        let Some(mut client) = self.clients.remove(id) else { return };
        client.session.on_close();
        self.traffic_gone.add(client.session.traffic());
        self.drop_inquiry(client.inquiry.take());
        self.end_follows(id, &client.follows);
        if client.is_announced && self.draining == Draining::Serving {
            let name = Box::from(self.router.name_of(id));
            self.departed.push_back((client.namespace, name));
        }
        self.place.forget();
        self.go_on(&mut client.waiters);
        if client.is_open && self.router.remove_client(id, LEAVING_PER_TURN) == Removal::More {
            self.leaving.push_back(id);
        }
    }

    /// Ends some more subscriptions of those that are gone. Returns how many clients are left.
    pub(super) fn run_leaving(&mut self) -> usize {
        let Some(id) = self.leaving.front().copied() else { return 0 };
        if self.router.remove_client(id, LEAVING_PER_TURN) == Removal::Done {
            self.leaving.pop_front();
            if self.net.socket(id).is_some_and(|socket| socket.is_closed()) {
                self.net.release(id);
            }
        }
        1
    }

    /// Nothing of a connection is left in the kernel: its slot may be used again, unless the router
    /// is still clearing it away.
    pub(super) fn on_freed(&mut self, id: ClientId) {
        self.remove(id);
        if !self.leaving.contains(&id) {
            self.net.release(id);
        }
    }
}
