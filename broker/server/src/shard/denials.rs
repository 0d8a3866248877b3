//! What a client may not do, and how it is told (law S32).
//!
//! Who asked for an answer gets one for each message. Others get a notice for the first, and then at
//! most one each second with how many there were: a client that publishes where it may not shall not
//! fill its own outbox.

use coilgun_protocol::model::{ClientId, ErrorCode, Event, Notice, Outcome, Ticket, Timestamp};

use super::turn::Shard;
use crate::env::Env;

/// Shortest time between two notices of one client, in milliseconds.
const NOTICE_MS_MIN: u64 = 1_000;

/// What one client was denied and not told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Denials {
    untold: u64,
    told_at: Option<Timestamp>,
}

impl Denials {
    /// Counts a denial; returns how many there are to tell of, if it is time.
    fn count(&mut self, now: Timestamp) -> Option<u64> {
        self.untold += 1;
        if self.told_at.is_some_and(|at| now < at.plus_ms(NOTICE_MS_MIN)) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl<E: Env> Shard<E> {
    /// Tells a client that it may not publish or subscribe there.
    #[cold]
    pub(super) fn deny(&mut self, now: Timestamp, id: ClientId, ticket: Ticket) {
        self.counters.denied += 1;
        let code = ErrorCode::PermissionDenied;
        if ticket.is_some() {
            return self.outcome(
                now,
                id,
                Outcome { ticket, code, receivers: 0, is_starved: false },
            );
        }
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(count) = client.denials.count(now) {
            self.tell(now, id, &Event::Notice(Notice { code, count }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s32_notices_of_denials_are_few_and_count_all() {
        let mut denials = Denials::default();
        let begin = Timestamp(7_000_000_000);
        assert_eq!(denials.count(begin), Some(1));
        assert_eq!(denials.count(begin.plus_ms(1)), None);
        assert_eq!(denials.count(begin.plus_ms(999)), None);
        assert_eq!(denials.count(begin.plus_ms(1000)), Some(3));
    }
}
