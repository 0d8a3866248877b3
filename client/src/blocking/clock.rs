//! The time of a client, and until when a call may wait.

use std::time::{Duration, Instant};

use coilgun_protocol::model::Timestamp;

/// A clock of the engine's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Clock {
        Clock { start: now() }
    }

    /// The time it is; it is never zero.
    pub(crate) fn now(self) -> Timestamp {
        let nanoseconds = now().saturating_duration_since(self.start).as_nanos();
        Timestamp(u64::try_from(nanoseconds).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// The deadline at this time. One too far to be told is without end.
    pub(crate) fn deadline(self, at: Timestamp) -> Deadline {
        let end = self.start.checked_add(Duration::from_nanos(at.0));
        Deadline { end, is_exhausted: false }
    }
}

/// A moment after which a call stops waiting, or none.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    end: Option<Instant>,
    /// The last look at what has arrived was taken.
    is_exhausted: bool,
}

impl Deadline {
    /// The moment when `timeout` from now is over. A time too long to be told waits for ever.
    pub(crate) fn after(timeout: Duration) -> Deadline {
        Deadline { end: now().checked_add(timeout), is_exhausted: false }
    }

    /// The earlier of both.
    pub(crate) fn min(&self, other: &Deadline) -> Deadline {
        let end = match (self.end, other.end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Deadline { end, is_exhausted: false }
    }

    /// What is left of the time, or nothing if there is no end to it.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.end.map(|end| end.saturating_duration_since(now()))
    }

    /// Whether the moment has come.
    pub(crate) fn is_over(&self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    /// The same for poll(2): in milliseconds, rounded up, -1 without an end.
    pub(crate) fn poll_ms(&self) -> i32 {
        self.remaining().map_or(-1, |left| {
            let ms = left.as_nanos().div_ceil(1_000_000);
            i32::try_from(ms).unwrap_or(i32::MAX)
        })
    }

    /// Whether the socket may be looked at once more: while there is time, and exactly once after,
    /// so that a timeout of zero sees what is there, and a broker that never stops sending keeps no
    /// call from returning.
    pub(crate) fn allows_a_look(&mut self) -> bool {
        if self.is_exhausted {
            return false;
        }
        self.is_exhausted = self.is_over();
        true
    }
}

#[allow(clippy::disallowed_methods, reason = "nobody else reads a clock for a blocking client")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_rounded_up_and_may_be_without_end() {
        assert_eq!(Deadline::after(Duration::ZERO).poll_ms(), 0);
        assert_eq!(Deadline::after(Duration::MAX).poll_ms(), -1);
        let later = Deadline::after(Duration::from_secs(3600));
        assert!((3_590_000..=3_600_000).contains(&later.poll_ms()));
    }

    #[test]
    fn the_earlier_of_two_deadlines_is_the_one_that_has_an_end() {
        let (never, soon) = (Deadline::after(Duration::MAX), Deadline::after(Duration::ZERO));
        assert!(never.min(&soon).is_over() && soon.min(&never).is_over());
        assert!(never.min(&never).remaining().is_none());
    }

    #[test]
    fn a_deadline_that_is_over_allows_one_look() {
        let mut over = Deadline::after(Duration::ZERO);
        assert!(over.allows_a_look());
        assert!(!over.allows_a_look());
        let mut later = Deadline::after(Duration::from_secs(3600));
        assert!(later.allows_a_look() && later.allows_a_look());
    }
}
