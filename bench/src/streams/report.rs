//! What was found about streams, as JSON and as markdown.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::sample::StreamSample;
use crate::error::BenchError;
use crate::results::json::write_compact;
use crate::results::machine::Machine;
use crate::results::markdown::three;
use crate::results::summary::Spread;

/// A figure: its name, what is divided by what (nothing: as it is), what of it, and its goal.
type Figure = (&'static str, &'static str, Option<&'static str>, Measured, Goal);

const FIGURES: [Figure; 12] = [
    (
        "ack p50, leader / published message, one under way",
        "append/leader/1",
        Some("publish/acked/1"),
        Measured::P50,
        Goal::AtMost(1.5),
    ),
    (
        "bytes/s of payload, durable, 2 logs / 1 log",
        "append/durable/2-logs",
        Some("append/durable/1-log"),
        Measured::Bytes,
        Goal::ToBeKnown,
    ),
    (
        "bytes/s of payload, durable, 4 logs / 1 log",
        "append/durable/4-logs",
        Some("append/durable/1-log"),
        Measured::Bytes,
        Goal::ToBeKnown,
    ),
    (
        "ack p50 at the client / bare synced write, one record under way",
        "append/durable/1",
        Some("raw/4KiB"),
        Measured::P50,
        Goal::AtMost(1.5),
    ),
    (
        "ack p50 at the client in us, one record under way",
        "append/durable/1",
        None,
        Measured::P50,
        Goal::AtMost(250.0),
    ),
    (
        "k records/s, 100 x 1 KiB, durable",
        "append/durable/100x1KiB",
        None,
        Measured::Rate,
        Goal::AtLeast(345.0),
    ),
    (
        "broker CPU s per million, 100 x 1 KiB, durable",
        "append/durable/100x1KiB",
        None,
        Measured::Cpu,
        Goal::AtMost(1.0),
    ),
    (
        "bytes/s of payload, 100 x 1 KiB durable / bare synced writes",
        "append/durable/100x1KiB",
        Some("raw/500KiB"),
        Measured::Bytes,
        Goal::AtLeast(0.8),
    ),
    (
        "k records/s, 100 x 256 B, leader",
        "append/leader/100x256B",
        None,
        Measured::Rate,
        Goal::AtLeast(1000.0),
    ),
    (
        "records/s, 1 / 1,000 partitions",
        "append/durable/1-partition",
        Some("append/durable/1000-partitions"),
        Measured::Rate,
        Goal::AtMost(1.2),
    ),
    (
        "broker CPU s per million, read from memory over TCP",
        "read/cache/1KiB",
        None,
        Measured::Cpu,
        Goal::AtMost(0.5),
    ),
    (
        "broker CPU s per million, read from the disk over TCP",
        "read/disk/1KiB",
        None,
        Measured::Cpu,
        Goal::AtMost(0.5),
    ),
];

/// What of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Measured {
    /// Half of the acks took at most this, in microseconds.
    P50,
    /// Thousands of records per second.
    Rate,
    /// Bytes of payload per second.
    Bytes,
    /// CPU time of the broker for a million records, in seconds.
    Cpu,
}

/// What a figure is to be.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// It has none: it shall be known.
    ToBeKnown,
}

/// Everything that was measured about streams.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StreamsReport {
    /// What it ran on.
    pub machine: Machine,
    /// How it was asked for.
    pub arguments: Value,
    /// When it began.
    pub started_at_unix_seconds: u64,
    /// How busy the machine was before: runnable threads over a minute.
    pub load_average_before: f64,
    /// Every round, each with its samples in the order they were taken.
    pub rounds: Vec<Vec<StreamSample>>,
}

impl StreamsReport {
    /// Writes everything as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<(), BenchError> {
        write_compact(self, path)
    }

    /// The tables, ready to be pasted into a document; three values are the smallest, the median and the
    /// largest of the rounds.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{}, {} cores, Linux {}; {} rounds; load average {} before.\n\n\
             | way | k records/s | MB/s | broker CPU s per million | load busy | ack p50 us | p99 us |\n\
             |---|---|---|---|---|---|---|\n",
            self.machine.cpu_model,
            self.machine.cpus.len(),
            self.machine.kernel,
            self.rounds.len(),
            self.load_average_before,
        );
        for name in self.rounds.first().into_iter().flatten().map(|sample| sample.name) {
            let cell = |digits, value: &dyn Fn(&StreamSample) -> Option<f64>| {
                let samples = self.rounds.iter().flatten().filter(|sample| sample.name == name);
                three(Spread::of(samples.filter_map(value)), digits)
            };
            let us = |ns: u64| ns as f64 / 1000.0;
            let cells = [
                name.to_owned(),
                cell(1, &|it| Some(it.records_per_second / 1000.0)),
                cell(1, &|it| Some(it.bytes_per_second / 1e6)),
                cell(2, &|it| it.broker_cpu_s_per_million),
                cell(2, &|it| Some(it.load_busy)),
                cell(1, &|it| it.ack_ns.map(|ack| us(ack.p50))),
                cell(1, &|it| it.ack_ns.map(|ack| us(ack.p99))),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
        }
        self.push_figures(&mut text);
        text
    }

    fn push_figures(&self, text: &mut String) {
        text.push_str("\n| figure, made inside each round | min / median / max | goal | |\n");
        text.push_str("|---|---|---|---|\n");
        for figure in FIGURES {
            let values = self.rounds.iter().filter_map(|round| value_of(round, &figure));
            let Some(spread) = Spread::of(values) else { continue };
            let verdict = |is_reached| if is_reached { "reached" } else { "missed" };
            let (wanted, verdict) = match figure.4 {
                Goal::AtMost(most) => (format!("at most {most}"), verdict(spread.median <= most)),
                Goal::AtLeast(least) => {
                    (format!("at least {least}"), verdict(spread.median >= least))
                }
                Goal::ToBeKnown => ("-".to_owned(), "-"),
            };
            let cell = three(Some(spread), 2);
            writeln!(text, "| {} | {cell} | {wanted} | {verdict} |", figure.0)
                .expect("a text takes everything");
        }
    }
}

/// What a figure is in one round, if both of its sides were measured.
fn value_of(round: &[StreamSample], figure: &Figure) -> Option<f64> {
    let (_, over, under, measured, _) = *figure;
    let value = |name: &str| {
        let sample = round.iter().find(|sample| sample.name == name)?;
        match measured {
            Measured::P50 => sample.ack_ns.map(|ack| ack.p50 as f64 / 1000.0),
            Measured::Rate => Some(sample.records_per_second / 1000.0),
            Measured::Bytes => Some(sample.bytes_per_second),
            Measured::Cpu => sample.broker_cpu_s_per_million,
        }
    };
    match under {
        None => value(over),
        Some(under) => Some(value(over)? / value(under)?),
    }
}
