//! How a client comes back after its connection broke.

use std::time::Duration;

/// How a client comes back: it waits before each attempt, any time between nothing and a bound that
/// doubles from attempt to attempt, so that thousands of clients do not come back at once. It also
/// doubles from connection to connection if several in a row stand for less than the largest bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reconnect {
    /// The bound before the first attempt.
    pub delay_first: Duration,
    /// The largest bound.
    pub delay_max: Duration,
    /// How many attempts in a row may fail before the client gives up; none: it never does.
    pub attempts_max: Option<u32>,
}

impl Default for Reconnect {
    /// 50 ms at first, 5 s at most, for ever.
    fn default() -> Self {
        Reconnect {
            delay_first: Duration::from_millis(50),
            delay_max: Duration::from_secs(5),
            attempts_max: None,
        }
    }
}

impl Reconnect {
    /// The same, but that the client gives up after so many attempts in a row.
    #[must_use]
    pub fn with_attempts_max(mut self, attempts_max: u32) -> Reconnect {
        self.attempts_max = Some(attempts_max);
        self
    }

    /// The same with these bounds before the first and before later attempts.
    #[must_use]
    pub fn with_delays(mut self, first: Duration, max: Duration) -> Reconnect {
        (self.delay_first, self.delay_max) = (first, max);
        self
    }
}
