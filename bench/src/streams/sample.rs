//! What one way was measured to give.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::cpu::{ProcessCpuClock, monotonic_ns, thread_cpu_ns};
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::sample::Percentiles;

/// Largest time that can be told, in nanoseconds.
const NS_MAX: u64 = 60_000_000_000;

/// What one way gave in one round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StreamSample {
    /// Its name.
    pub name: &'static str,
    /// Records, or writes.
    pub records: u64,
    /// The same per second.
    pub records_per_second: f64,
    /// Bytes of payload per second.
    pub bytes_per_second: f64,
    /// CPU time of the broker for a million records, in seconds; none without a broker.
    pub broker_cpu_s_per_million: Option<f64>,
    /// How much of its core the load used, from 0 to 1: at 1 the load was the limit.
    pub load_busy: f64,
    /// How long it took from an append to its ack, if that was measured.
    pub ack_ns: Option<Percentiles>,
}

/// A measurement that goes on: first a warm-up, then what counts.
#[derive(Debug)]
pub struct Measurement<'a> {
    name: &'static str,
    interrupt: &'a Interrupt,
    broker: Option<ProcessCpuClock>,
    measured: Duration,
    began_ns: u64,
    began_load_ns: u64,
    began_broker_ns: u64,
    is_warm: bool,
    records: u64,
    bytes: u64,
    acks: Histogram<u64>,
}

impl<'a> Measurement<'a> {
    /// One that begins now, with its warm-up.
    ///
    /// # Errors
    /// If the broker's clock cannot be read.
    pub fn begin(
        name: &'static str,
        measured: Duration,
        broker: Option<ProcessCpuClock>,
        interrupt: &'a Interrupt,
    ) -> Result<Measurement<'a>, BenchError> {
        let acks = Histogram::new_with_max(NS_MAX, 3).expect("the bounds are in order");
        let mut measurement = Measurement {
            name,
            interrupt,
            broker,
            measured,
            began_ns: 0,
            began_load_ns: 0,
            began_broker_ns: 0,
            is_warm: false,
            records: 0,
            bytes: 0,
            acks,
        };
        measurement.restart()?;
        Ok(measurement)
    }

    /// Ends the warm-up at once.
    ///
    /// # Errors
    /// As [`Measurement::begin`].
    pub fn skip_warm_up(&mut self) -> Result<(), BenchError> {
        self.is_warm = true;
        self.restart()
    }

    fn restart(&mut self) -> Result<(), BenchError> {
        (self.records, self.bytes) = (0, 0);
        self.acks.reset();
        self.began_broker_ns = self.broker_ns()?.unwrap_or_default();
        (self.began_ns, self.began_load_ns) = (monotonic_ns(), thread_cpu_ns());
        Ok(())
    }

    /// Counts records that have so many bytes of payload together.
    pub fn count(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }

    /// Notes that something sent at `sent_ns` was acked now.
    pub fn note_ack(&mut self, sent_ns: u64) {
        self.acks.saturating_record(monotonic_ns() - sent_ns);
    }

    /// Whether its time is over; a warm-up that is over begins what counts.
    ///
    /// # Errors
    /// If somebody asks for the end.
    pub fn is_over(&mut self) -> Result<bool, BenchError> {
        if self.interrupt.is_raised() {
            return Err(BenchError::Interrupted);
        }
        let taken = Duration::from_nanos(monotonic_ns() - self.began_ns);
        if !self.is_warm && taken >= self.measured / 4 {
            self.skip_warm_up()?;
            return Ok(false);
        }
        Ok(self.is_warm && taken >= self.measured)
    }

    /// What was measured until now.
    ///
    /// # Errors
    /// As [`Measurement::begin`].
    pub fn end(self) -> Result<StreamSample, BenchError> {
        let ns = (monotonic_ns() - self.began_ns) as f64;
        let load_ns = (thread_cpu_ns() - self.began_load_ns) as f64;
        let broker_ns = self.broker_ns()?.map(|it| (it - self.began_broker_ns) as f64);
        let per_second = |count: u64| count as f64 * 1e9 / ns;
        let records = self.records.max(1) as f64;
        Ok(StreamSample {
            name: self.name,
            records: self.records,
            records_per_second: per_second(self.records),
            bytes_per_second: per_second(self.bytes),
            // Nanoseconds for one are milliseconds for a million.
            broker_cpu_s_per_million: broker_ns.map(|it| it / records / 1000.0),
            load_busy: load_ns / ns,
            ack_ns: Percentiles::of(&self.acks),
        })
    }

    fn broker_ns(&self) -> Result<Option<u64>, BenchError> {
        let read = self.broker.map(ProcessCpuClock::read_ns).transpose();
        read.map_err(BenchError::system("reading the broker's CPU clock"))
    }
}
