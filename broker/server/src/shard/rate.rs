//! How fast a connection may send.
//!
//! Each command and each byte moves the time up to which the connection has used its rate up. It may
//! be one second ahead of the clock: that is the burst. Beyond, it is not read until the clock has
//! caught up; nothing is lost. This is the generic cell rate algorithm (ITU-T I.371).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use coilgun_protocol::model::{ClientId, ErrorCode, Event, Notice, Timestamp};

use super::turn::Shard;
use crate::env::Env;

/// How far a connection may be ahead of its rate.
const BURST_NS: u64 = 1_000_000_000;

/// Limits of one connection; 0: none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RateLimits {
    /// Commands per second: messages, and what else a client asks for.
    pub messages_per_second: u64,
    /// Bytes per second.
    pub bytes_per_second: u64,
}

impl RateLimits {
    /// Whether there is any.
    #[must_use]
    pub fn is_limited(self) -> bool {
        self.messages_per_second > 0 || self.bytes_per_second > 0
    }
}

/// How far a connection has used its rates up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    messages_until: u64,
    bytes_until: u64,
}

impl Bucket {
    /// Takes what a connection sent. Returns until when it must not be read, if that is later than
    /// now.
    pub(super) fn charge(
        &mut self,
        now: Timestamp,
        limits: RateLimits,
        messages: u64,
        bytes: u64,
    ) -> Option<Timestamp> {
        let rates = [
            (&mut self.messages_until, limits.messages_per_second, messages),
            (&mut self.bytes_until, limits.bytes_per_second, bytes),
        ];
        let mut latest = 0;
        for (until, per_second, count) in rates {
            if per_second > 0 {
                let cost = u128::from(count) * 1_000_000_000 / u128::from(per_second);
                let cost = u64::try_from(cost).unwrap_or(u64::MAX);
                *until = now.0.max(*until).saturating_add(cost);
                latest = latest.max(*until);
            }
        }
        let reads_at = latest.saturating_sub(BURST_NS);
        (reads_at > now.0).then_some(Timestamp(reads_at))
    }
}

/// Connections that are not read until their time has come.
#[derive(Debug, Default)]
pub(super) struct Throttled(BinaryHeap<Reverse<(Timestamp, ClientId)>>);

impl Throttled {
    /// When the first of them may be read again.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}

impl<E: Env> Shard<E> {
    /// Takes what a connection sent from its rate, and stops reading it if it was too much.
    pub(super) fn charge(&mut self, now: Timestamp, id: ClientId, messages: usize, bytes: usize) {
        let limits = self.settings.rate;
        let Some(client) = self.clients.get_mut(id) else { return };
        let over = client.bucket.charge(now, limits, messages as u64, bytes as u64);
        let Some(until) = over.filter(|_| client.is_open) else { return };
        client.throttled_until = Some(until);
        self.throttled.0.push(Reverse((until, id)));
        self.counters.throttles += 1;
        self.net.pause(id);
        let count = (until.0 - now.0).div_ceil(1_000_000);
        self.tell(now, id, &Event::Notice(Notice { code: ErrorCode::RateExceeded, count }));
    }

    /// Reads those again whose time has come.
    pub(super) fn run_throttled(&mut self, now: Timestamp) {
        // Ends because every step takes an entry out.
        while let Some(Reverse((at, id))) = self.throttled.0.peek().copied() {
            if at > now {
                return;
            }
            self.throttled.0.pop();
            if let Some(client) = self.clients.get_mut(id)
                && client.throttled_until == Some(at)
            {
                client.throttled_until = None;
                self.read_again(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_on_the_average_and_allows_a_burst() {
        let limits = RateLimits { messages_per_second: 100, bytes_per_second: 0 };
        let mut bucket = Bucket::default();
        let (mut now, mut sent) = (Timestamp(5_000_000_000), 0);
        let begin = now;
        assert_eq!(bucket.charge(now, limits, 100, 1 << 40), None, "a second's worth at once");
        while now.ms_since(begin) < 10_000 {
            sent += 10;
            match bucket.charge(now, limits, 10, 0) {
                Some(until) => now = until,
                None => now = now.plus_ms(1),
            }
        }
        assert!((1000..=1020).contains(&sent), "{sent} in ten seconds");
    }

    #[test]
    fn bytes_are_limited_by_themselves() {
        let limits = RateLimits { messages_per_second: 0, bytes_per_second: 1000 };
        let mut bucket = Bucket::default();
        let now = Timestamp(1);
        assert_eq!(bucket.charge(now, limits, u64::MAX, 1000), None);
        assert_eq!(bucket.charge(now, limits, 0, 500), Some(Timestamp(500_000_001)));
        assert!(RateLimits::default().charge_nothing());
    }

    impl RateLimits {
        fn charge_nothing(self) -> bool {
            Bucket::default().charge(Timestamp(1), self, u64::MAX, u64::MAX).is_none()
        }
    }
}
