//! What one way was measured to cost, and until when to measure.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cpu::{ProcessCpuClock, monotonic_ns};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::sample::Percentiles;

/// Largest round trip that can be told, in nanoseconds.
const ROUND_TRIP_NS_MAX: u64 = 60_000_000_000;

/// What one way cost in one round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClientSample {
    /// Its name.
    pub name: &'static str,
    /// Messages, or whole round trips.
    pub messages: u64,
    /// The same per second.
    pub messages_per_second: f64,
    /// CPU time of this process for each, in nanoseconds: of the client, and of the broker where that
    /// is in this process, too.
    pub cpu_ns_per_message: f64,
    /// How long round trips took, where there were any.
    pub round_trip_ns: Option<Percentiles>,
}

/// A measurement that goes on.
#[derive(Debug)]
pub struct Measurement<'a> {
    name: &'static str,
    interrupt: &'a Interrupt,
    clock: ProcessCpuClock,
    measured: Duration,
    began_ns: u64,
    began_cpu_ns: u64,
    messages: u64,
    trips: Option<Histogram<u64>>,
}

impl<'a> Measurement<'a> {
    /// One that begins now.
    ///
    /// # Errors
    /// If the system does not tell how much CPU time this process uses.
    pub fn begin(
        name: &'static str,
        measured: Duration,
        interrupt: &'a Interrupt,
    ) -> Result<Measurement<'a>, BenchError> {
        let failed = BenchError::system("reading the CPU clock of this process");
        let clock = ProcessCpuClock::of(std::process::id()).map_err(failed)?;
        let mut measurement = Measurement {
            name,
            interrupt,
            clock,
            measured,
            began_ns: 0,
            began_cpu_ns: 0,
            messages: 0,
            trips: None,
        };
        measurement.restart()?;
        Ok(measurement)
    }

    /// Forgets what was measured so far, which was the warm-up.
    ///
    /// # Errors
    /// As [`Measurement::begin`].
    pub fn restart(&mut self) -> Result<(), BenchError> {
        (self.messages, self.trips) = (0, None);
        (self.began_ns, self.began_cpu_ns) = (monotonic_ns(), self.cpu_ns()?);
        Ok(())
    }

    /// Counts messages.
    pub fn count(&mut self, messages: u64) {
        self.messages += messages;
    }

    /// Counts a round trip that began at this time on the monotonic clock.
    pub fn count_trip(&mut self, began_ns: u64) {
        self.messages += 1;
        let trips = self.trips.get_or_insert_with(|| {
            Histogram::new_with_max(ROUND_TRIP_NS_MAX, 3).expect("the bounds are in order")
        });
        trips.saturating_record(monotonic_ns() - began_ns);
    }

    /// Counts messages that were under way together since this time: one is a round trip.
    pub fn count_window(&mut self, messages: u64, began_ns: u64) {
        match messages {
            1 => self.count_trip(began_ns),
            _ => self.count(messages),
        }
    }

    /// Whether it has taken `part` of its time.
    ///
    /// # Errors
    /// If somebody asks for the end.
    pub fn has_taken(&self, part: Part) -> Result<bool, BenchError> {
        if self.interrupt.is_raised() {
            return Err(BenchError::Interrupted);
        }
        let whole = match part {
            Part::WarmUp => self.measured / 4,
            Part::Whole => self.measured,
        };
        Ok(u128::from(monotonic_ns() - self.began_ns) >= whole.as_nanos())
    }

    /// What was measured until now.
    ///
    /// # Errors
    /// As [`Measurement::begin`].
    pub fn end(self) -> Result<ClientSample, BenchError> {
        let ns = (monotonic_ns() - self.began_ns) as f64;
        let cpu_ns = (self.cpu_ns()? - self.began_cpu_ns) as f64;
        let messages = self.messages.max(1) as f64;
        Ok(ClientSample {
            name: self.name,
            messages: self.messages,
            messages_per_second: messages * 1e9 / ns,
            cpu_ns_per_message: cpu_ns / messages,
            round_trip_ns: self.trips.as_ref().and_then(Percentiles::of),
        })
    }

    fn cpu_ns(&self) -> Result<u64, BenchError> {
        self.clock.read_ns().map_err(BenchError::system("reading the CPU clock of this process"))
    }
}

/// A part of a measurement's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The first quarter of the time, once more in front of it, which does not count.
    WarmUp,
    /// All of it.
    Whole,
}
