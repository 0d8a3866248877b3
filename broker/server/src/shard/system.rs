//! Requests that the shard answers itself.
//!
//! Nobody can subscribe to subjects whose first token is `$SYS`, so a request to one of them finds no
//! responder and comes here. What is here is asked for rarely and may allocate.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{ClientId, Delivery, Event, Publish, PublishFlags, Timestamp};
use coilgun_protocol::session::Session;

use super::turn::Shard;
use crate::env::Env;

/// What the subjects begin with.
pub(super) const PREFIX: &[u8] = b"$SYS.";

/// A request to this subject is answered with the shard's counters, as a JSON object.
pub const COUNTERS_SUBJECT: &[u8] = b"$SYS.COUNTERS";

impl<E: Env> Shard<E> {
    /// Answers a request to the broker itself. Returns how many answered: 1, or 0 where the subject
    /// is unknown or no reply is wanted.
    pub(super) fn answer_system(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        subject: &[u8],
        reply: &[u8],
    ) -> u32 {
        if subject != COUNTERS_SUBJECT || reply.is_empty() {
            return 0;
        }
        let payload = serde_json::to_vec(&self.counters()).expect("numbers with names are JSON");
        let mut plan = std::mem::take(&mut self.plan);
        let has_room = |_| true;
        if self.router.plan_answer(id, reply, has_room, &mut plan).is_ok() {
            self.router.commit(&plan);
            for target in plan.targets() {
                let Some(client) = self.clients.get_mut(target.client) else { continue };
                let Some(outbox) = self.net.outbox(target.client) else { continue };
                let delivery = Delivery {
                    subscription: target.subscription,
                    subject: reply,
                    reply: &[],
                    headers: &[],
                    payload: Chunk::plain(&payload),
                    tail: None,
                    sender: &[],
                    correlation: publish.ticket,
                    deadline_ms: 0,
                    flags: PublishFlags::default(),
                    missed: target.missed,
                };
                client.session.on_event(now, &Event::Deliver(delivery), outbox);
            }
        }
        self.plan = plan;
        1
    }
}
