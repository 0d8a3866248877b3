//! Requests that the shard answers itself.
//!
//! Subjects whose first token is `$SYS` belong to the broker: nobody can subscribe to them, and no
//! wildcard sees them. What is here is asked for rarely and may allocate.

use coilgun_core::security::Usage;
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Outcome, Publish, PublishFlags, SubscriptionId, Timestamp,
};

use super::dispatch::Progress;
use super::draft::Reached;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;

/// What the subjects begin with.
pub(super) const PREFIX: &[u8] = b"$SYS.";

/// A request to this subject is answered with the shard's counters, as a JSON object.
pub const COUNTERS_SUBJECT: &[u8] = b"$SYS.COUNTERS";

impl<E: Env> Shard<E> {
    /// Answers a request to the broker itself, or says that nobody does.
    pub(super) fn ask_broker(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        subject: &[u8],
        reply: &[u8],
    ) -> Progress {
        if !self.is_open(id) {
            self.end(now, id, ErrorCode::HandshakeExpected, "");
            return Progress::Ended;
        }
        // The answer is sent on behalf of who asks for it.
        let permitted = self.router.check_subject(id, Usage::Request, subject);
        if permitted.and_then(|()| self.router.check_subject(id, Usage::Publish, reply)).is_err() {
            self.deny(now, id, publish.ticket);
            return Progress::Done;
        }
        if subject != COUNTERS_SUBJECT {
            self.account(
                now,
                id,
                publish,
                Reached { receivers: 0, is_starved: false, crossing: 0 },
            );
            return Progress::Done;
        }
        let Some(payload) = self.counters_of_all(id) else {
            return Progress::Waits(Wait::Counters);
        };
        let answer = Delivery {
            subscription: SubscriptionId::NAME,
            subject: reply,
            reply: &[],
            headers: &[],
            payload: Chunk::plain(&payload),
            tail: None,
            sender: &[],
            correlation: publish.correlation,
            deadline_ms: 0,
            flags: PublishFlags::default(),
            missed: 0,
        };
        let delivered = self.deliver_answer(now, id, &answer);
        if let Ok(Progress::Waits(wait)) = delivered {
            return Progress::Waits(wait);
        }
        self.forget_counters(id);
        match delivered {
            Ok(Progress::Done) => {
                self.account(
                    now,
                    id,
                    publish,
                    Reached { receivers: 1, is_starved: false, crossing: 0 },
                );
            }
            Ok(other) => return other,
            Err(code) => {
                self.outcome(
                    now,
                    id,
                    Outcome { ticket: publish.ticket, code, receivers: 0, is_starved: false },
                );
            }
        }
        Progress::Done
    }
}
