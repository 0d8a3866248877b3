//! One connection's share of a turn: some of its bytes, parsed and carried out (law S23).

use coilgun_protocol::buffer::BlockRange;
use coilgun_protocol::model::{ClientId, Commands, Timestamp, limits};
use coilgun_protocol::session::{Consumed, Session, SessionError};

use super::dispatch::Progress;
use super::held::Held;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;

impl<E: Env> Shard<E> {
    /// Looks at a connection: first what it held back, then its next bytes.
    pub(super) fn run_slice(&mut self, now: Timestamp, id: ClientId) {
        if !self.run_held(now, id) {
            return;
        }
        // A peer that does not read its answers is not read either (law S5).
        if self.answers_are_full(id) {
            return self.wait_for_itself(now, id);
        }
        let Some(chunk) = self.net.next_chunk(id, &mut self.events) else {
            return self.finish_if_ended(now, id);
        };
        let mut commands = std::mem::take(&mut self.commands);
        self.run_chunk(now, id, &chunk, &mut commands);
        commands.clear();
        self.commands = commands;
        if self.has_more(id) {
            self.make_ready(id);
        }
    }

    fn run_chunk(
        &mut self,
        now: Timestamp,
        id: ClientId,
        chunk: &BlockRange,
        commands: &mut Commands,
    ) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(outbox) = self.net.outbox(id) else { return };
        let parsed = client.session.on_bytes(now, chunk.chunk(), commands, outbox);
        let (consumed, error) = match parsed {
            Ok(consumed) => (consumed, None),
            Err(error) => (Consumed { bytes: chunk.len(), need: 0 }, Some(error)),
        };
        self.net.consume(id, consumed, &mut self.events);
        self.run_commands(now, id, Some(chunk), commands, error);
        if self.settings.rate.is_limited() {
            self.charge(now, id, commands.list().len(), consumed.bytes);
        }
    }

    /// Carries out what a session wants done, as far as there is room for it, and keeps the rest.
    /// Without a chunk, all spans refer to the scratch text. `error` is what comes behind the
    /// commands.
    pub(super) fn run_commands(
        &mut self,
        now: Timestamp,
        id: ClientId,
        chunk: Option<&BlockRange>,
        commands: &Commands,
        error: Option<SessionError>,
    ) {
        let bytes = chunk.map(BlockRange::chunk).unwrap_or_default();
        for (at, command) in commands.list().iter().enumerate() {
            match self.dispatch(now, id, command, bytes, commands.text()) {
                Progress::Done => {}
                Progress::Waits(wait) => {
                    self.hold(now, id, chunk, commands, at, error);
                    self.wait(now, id, wait);
                    return self.watch_held(now, id);
                }
                Progress::Ended => return,
            }
        }
        if let Some(error) = error {
            if self.is_owed_anything(id) {
                // What it is owed for what it said before comes before the end.
                self.hold(now, id, chunk, commands, commands.list().len(), Some(error));
                return self.wait(now, id, Wait::Answers);
            }
            self.end_with_error(now, id, &error);
        }
    }

    /// Keeps the commands from `at` on.
    fn hold(
        &mut self,
        now: Timestamp,
        id: ClientId,
        chunk: Option<&BlockRange>,
        commands: &Commands,
        at: usize,
        error: Option<SessionError>,
    ) {
        let pool = &self.net.pools().small;
        let (mut held, copied) =
            Held::new(now, &commands.list()[at..], chunk, commands.text(), pool);
        held.error = error;
        self.counters.moved_bytes += copied as u64;
        if let Some(client) = self.clients.get_mut(id) {
            client.held = Some(Box::new(held));
        }
    }

    /// Carries out what was held back. Returns whether nothing is held any more.
    fn run_held(&mut self, now: Timestamp, id: ClientId) -> bool {
        let Some(client) = self.clients.get_mut(id) else { return false };
        let Some(mut held) = client.held.take() else { return true };
        for _ in 0..limits::COMMANDS_PER_SLICE {
            self.refuse_expired(now, id, &mut held);
            let Some(command) = held.next(now) else { break };
            match self.dispatch(now, id, &command, held.chunk(), held.text()) {
                Progress::Done => held.advance(),
                Progress::Waits(wait) => {
                    if let Some(client) = self.clients.get_mut(id) {
                        client.held = Some(held);
                    }
                    self.wait(now, id, wait);
                    self.watch_held(now, id);
                    return false;
                }
                Progress::Ended => return false,
            }
        }
        if held.error.is_some() && self.is_owed_anything(id) {
            if let Some(client) = self.clients.get_mut(id) {
                client.held = Some(held);
            }
            self.wait(now, id, Wait::Answers);
            return false;
        }
        if let Some(error) = held.error.take() {
            self.end_with_error(now, id, &error);
            return false;
        }
        true
    }

    /// Whether bytes are there that can be looked at without more arriving, or the peer has ended.
    fn has_more(&self, id: ClientId) -> bool {
        self.net
            .socket(id)
            .is_some_and(|socket| socket.transport().inbox().is_ready() || socket.peer_ended())
    }

    /// The peer closed and everything it sent has taken effect: close too.
    fn finish_if_ended(&mut self, now: Timestamp, id: ClientId) {
        let has_ended = self.net.socket(id).is_some_and(|socket| socket.peer_ended());
        if has_ended && !self.is_owed_anything(id) {
            self.net.finish(now, id);
            self.remove(id);
        }
    }
}
