//! Requests whose time is over while they wait.
//!
//! The time of a request begins when the broker has read it. One that finds room at once costs
//! nothing here. One that waits is not delivered once its requester has stopped waiting: the requester
//! is told, and what it sent behind goes on waiting in its place. One that is delivered in time carries
//! the time that is left.

use coilgun_protocol::model::{ClientId, ErrorCode, Outcome, Timestamp};

use super::held::Held;
use super::turn::Shard;
use crate::env::Env;
use crate::mutant::{self, Mutant};

impl<E: Env> Shard<E> {
    /// Looks at the first command that a client waits with again when its time is over.
    pub(super) fn watch_held(&mut self, now: Timestamp, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && let Some(at) = client.held.as_ref().and_then(|held| held.expires_at())
        {
            self.deadlines.watch(client, Some(at.max(now.plus_ms(1))));
        }
    }

    /// A client that waits is looked at: requests in front whose time is over are answered now.
    pub(super) fn expire_held(&mut self, now: Timestamp, id: ClientId) {
        let Some(mut held) = self.clients.get_mut(id).and_then(|client| client.held.take()) else {
            return;
        };
        self.refuse_expired(now, id, &mut held);
        if let Some(client) = self.clients.get_mut(id) {
            client.held = Some(held);
        }
        self.watch_held(now, id);
    }

    /// Refuses requests in front whose time is over.
    pub(super) fn refuse_expired(&mut self, now: Timestamp, id: ClientId, held: &mut Held) {
        if mutant::is_active(Mutant::LateRequest) {
            return;
        }
        // Ends because every step takes a command away.
        while let Some(publish) = held.expired(now) {
            let code = ErrorCode::DeadlineExceeded;
            let outcome = Outcome { ticket: publish.ticket, code, receivers: 0, is_starved: false };
            held.advance();
            self.counters.deadlines_exceeded += 1;
            self.outcome(now, id, outcome);
        }
    }
}
