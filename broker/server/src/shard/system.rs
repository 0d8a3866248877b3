//! Requests that the shard answers itself.
//!
//! Nobody can subscribe to subjects whose first token is `$SYS`, so a request to one of them finds no
//! responder and comes here. What is here is asked for rarely and may allocate.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, Delivery, PublishFlags, SubscriptionId, Ticket, Timestamp,
};

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
        subject: &[u8],
        reply: &[u8],
        correlation: Ticket,
    ) -> u32 {
        if subject != COUNTERS_SUBJECT || reply.is_empty() {
            return 0;
        }
        let payload = serde_json::to_vec(&self.counters()).expect("numbers with names are JSON");
        let answer = Delivery {
            subscription: SubscriptionId::NAME,
            subject: reply,
            reply: &[],
            headers: &[],
            payload: Chunk::plain(&payload),
            tail: None,
            sender: &[],
            correlation,
            deadline_ms: 0,
            flags: PublishFlags::default(),
            missed: 0,
        };
        self.deliver_answer(now, id, answer);
        1
    }
}
