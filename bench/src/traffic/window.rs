//! The measured part of a scenario: a warm-up before it, a drain behind it.
//!
//! ```text
//! | warm up | measured | drain |
//!           ^ first    ^ last snapshot
//! ```

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::cpu::{ProcessCpuClock, thread_cpu_ns};
use crate::error::BenchError;
use crate::traffic::connection::Traffic;

/// Largest latency that is told apart, in nanoseconds: a minute. Larger ones count as this.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Significant decimal digits of a recorded latency.
const LATENCY_DIGITS: u8 = 3;

/// How long the parts of a scenario take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Before anything is measured.
    pub warm_up: Duration,
    /// The measured part.
    pub measured: Duration,
    /// How long nothing may arrive while messages are under way; then they count as lost.
    pub stall: Duration,
}

/// Counters at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// When, in nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// CPU time of the load's thread, in nanoseconds.
    pub load_cpu_ns: u64,
    /// CPU time of the server's process, in nanoseconds; none: it is not known.
    pub server_cpu_ns: Option<u64>,
    /// What had arrived.
    pub arrivals: Arrivals,
    /// What had gone through the load's connections.
    pub traffic: Traffic,
}

/// What has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arrivals {
    /// Messages that were where they were going, at all of their receivers.
    pub messages: u64,
    /// Deliveries: one for each receiver of a message, and for each step of a round trip.
    pub deliveries: u64,
}

/// What a scenario measures between its first and its last snapshot.
#[derive(Debug)]
pub struct Window {
    begins_ns: u64,
    ends_ns: u64,
    server_clock: Option<ProcessCpuClock>,
    first: Option<Snapshot>,
    last: Option<Snapshot>,
    latencies: Histogram<u64>,
    lags: Histogram<u64>,
}

/// Where a moment lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Before the last snapshot.
    Running,
    /// The last snapshot was taken.
    Over,
}

impl Window {
    /// The window of a scenario that starts at `now`.
    #[must_use]
    pub fn new(now: u64, timing: Timing, server_clock: Option<ProcessCpuClock>) -> Window {
        let begins_ns = now + nanoseconds(timing.warm_up);
        let ends_ns = begins_ns + nanoseconds(timing.measured);
        Window {
            begins_ns,
            ends_ns,
            server_clock,
            first: None,
            last: None,
            latencies: empty_histogram(),
            lags: empty_histogram(),
        }
    }

    /// Takes the snapshots when their time has come.
    ///
    /// # Errors
    /// If the server's clock is gone, and the server with it.
    #[inline]
    pub fn advance(
        &mut self,
        now: u64,
        arrivals: Arrivals,
        traffic: impl FnOnce() -> Traffic,
    ) -> Result<Phase, BenchError> {
        if now < self.begins_ns || (self.first.is_some() && now < self.ends_ns) {
            return Ok(Phase::Running);
        }
        let server_cpu_ns = match self.server_clock {
            Some(clock) => {
                Some(clock.read_ns().map_err(BenchError::system("reading a server's CPU clock"))?)
            }
            None => None,
        };
        let snapshot = Snapshot {
            at_ns: now,
            load_cpu_ns: thread_cpu_ns(),
            server_cpu_ns,
            arrivals,
            traffic: traffic(),
        };
        if self.first.is_none() {
            self.first = Some(snapshot);
            return Ok(Phase::Running);
        }
        self.last = Some(snapshot);
        Ok(Phase::Over)
    }

    /// A message that was meant to be sent at `intended_ns` was where it was going at `now`.
    #[inline]
    pub fn record_latency(&mut self, intended_ns: u64, now: u64) {
        if (self.begins_ns..self.ends_ns).contains(&intended_ns) {
            self.latencies.saturating_record(now.saturating_sub(intended_ns).max(1));
        }
    }

    /// A message that was meant to be sent at `intended_ns` was given to its connection at `now`.
    #[inline]
    pub fn record_lag(&mut self, intended_ns: u64, now: u64) {
        if (self.begins_ns..self.ends_ns).contains(&intended_ns) {
            self.lags.saturating_record(now.saturating_sub(intended_ns).max(1));
        }
    }

    /// First and last snapshot, once both were taken.
    #[must_use]
    pub fn snapshots(&self) -> Option<(Snapshot, Snapshot)> {
        self.first.zip(self.last)
    }

    /// The latencies of messages that were meant to be sent in the window, in nanoseconds.
    #[must_use]
    pub fn latencies(&self) -> &Histogram<u64> {
        &self.latencies
    }

    /// How late the load itself was with messages of the window, in nanoseconds.
    #[must_use]
    pub fn lags(&self) -> &Histogram<u64> {
        &self.lags
    }
}

/// A duration in nanoseconds, at most what 64 bits hold.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, LATENCY_DIGITS)
        .expect("the bounds are constants that make a histogram")
}
