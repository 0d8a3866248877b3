//! What was found about clients, as JSON and as markdown.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::sample::ClientSample;
use crate::error::BenchError;
use crate::results::json::write_compact;
use crate::results::machine::Machine;
use crate::results::markdown::three;
use crate::results::summary::Spread;

/// A figure: its name, what is divided by what (nothing: as it is), what of it, and its goal.
const FIGURES: [(&str, &str, Option<&str>, Measured, f64); 9] = [
    ("async publish, client CPU in ns per message", "publish/async", None, Measured::Cpu, 250.0),
    (
        "request p50, blocking client / bare socket",
        "request/blocking",
        Some("request/raw"),
        Measured::P50,
        1.2,
    ),
    (
        "request p50, async client / bare socket",
        "request/async",
        Some("request/raw"),
        Measured::P50,
        1.2,
    ),
    (
        "publish to deliver, many at a time, CPU of both sides, in-process / TCP, async",
        "embedded/in-process/flow",
        Some("embedded/tcp/flow"),
        Measured::Cpu,
        0.5,
    ),
    (
        "the same, blocking",
        "embedded/in-process/flow/blocking",
        Some("embedded/tcp/flow/blocking"),
        Measured::Cpu,
        0.5,
    ),
    (
        "publish to deliver, one at a time, CPU of both sides, in-process / TCP, async",
        "embedded/in-process/round-trip",
        Some("embedded/tcp/round-trip"),
        Measured::Cpu,
        0.5,
    ),
    (
        "the same, blocking",
        "embedded/in-process/round-trip/blocking",
        Some("embedded/tcp/round-trip/blocking"),
        Measured::Cpu,
        0.5,
    ),
    (
        "publish to deliver p50, parked, in-process / TCP, async",
        "embedded/in-process/round-trip",
        Some("embedded/tcp/round-trip"),
        Measured::P50,
        0.8,
    ),
    (
        "the same, blocking",
        "embedded/in-process/round-trip/blocking",
        Some("embedded/tcp/round-trip/blocking"),
        Measured::P50,
        0.8,
    ),
];

/// What of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Measured {
    /// CPU time per message.
    Cpu,
    /// Half of the round trips took at most this.
    P50,
}

/// Everything that was measured about clients.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClientsReport {
    /// What it ran on.
    pub machine: Machine,
    /// How it was asked for.
    pub arguments: Value,
    /// When it began.
    pub started_at_unix_seconds: u64,
    /// How busy the machine was before: runnable threads over a minute.
    pub load_average_before: f64,
    /// Every round, each with its samples in the order they were taken.
    pub rounds: Vec<Vec<ClientSample>>,
}

impl ClientsReport {
    /// Writes everything as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<(), BenchError> {
        write_compact(self, path)
    }

    /// The tables, ready to be pasted into a document; three values are the smallest, the median and
    /// the largest of the rounds.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{}, {} cores, Linux {}; {} rounds; load average {} before.\n\n\
             | way, 64 B | k messages/s | CPU ns per message | round trip p50 us | p99 us |\n\
             |---|---|---|---|---|\n",
            self.machine.cpu_model,
            self.machine.cpus.len(),
            self.machine.kernel,
            self.rounds.len(),
            self.load_average_before,
        );
        for name in self.rounds.first().into_iter().flatten().map(|sample| sample.name) {
            let samples = || self.rounds.iter().flatten().filter(|sample| sample.name == name);
            let cell = |digits, value: &dyn Fn(&ClientSample) -> Option<f64>| {
                three(Spread::of(samples().filter_map(value)), digits)
            };
            let us = |ns: u64| ns as f64 / 1000.0;
            let cells = [
                name.to_owned(),
                cell(1, &|it| Some(it.messages_per_second / 1000.0)),
                cell(0, &|it| Some(it.cpu_ns_per_message)),
                cell(1, &|it| it.round_trip_ns.map(|trip| us(trip.p50))),
                cell(1, &|it| it.round_trip_ns.map(|trip| us(trip.p99))),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
        }
        text.push_str("\n| figure, made inside each round | min / median / max | goal | |\n");
        text.push_str("|---|---|---|---|\n");
        for (name, of, over, measured, goal) in FIGURES {
            let values = self.rounds.iter().filter_map(|round| figure(round, of, over, measured));
            let Some(spread) = Spread::of(values) else { continue };
            let verdict = if spread.median <= goal { "reached" } else { "missed" };
            let digits = if over.is_some() { 2 } else { 0 };
            let cells = [
                name.to_owned(),
                three(Some(spread), digits),
                format!("at most {goal}"),
                verdict.to_owned(),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
        }
        text
    }
}

/// A figure of one round, if it measured what that needs.
fn figure(round: &[ClientSample], of: &str, over: Option<&str>, measured: Measured) -> Option<f64> {
    let value = |name: &str| {
        let sample = round.iter().find(|sample| sample.name == name)?;
        match measured {
            Measured::Cpu => Some(sample.cpu_ns_per_message),
            Measured::P50 => sample.round_trip_ns.map(|trip| trip.p50 as f64),
        }
    };
    match over {
        Some(over) => Some(value(of)? / value(over)?),
        None => value(of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_made_of_one_round() {
        let sample = |name, cpu_ns_per_message| ClientSample {
            name,
            messages: 1,
            messages_per_second: 1.0,
            cpu_ns_per_message,
            round_trip_ns: None,
        };
        let round = [sample("a", 10.0), sample("b", 40.0)];
        assert_eq!(figure(&round, "a", Some("b"), Measured::Cpu), Some(0.25));
        assert_eq!(figure(&round, "a", None, Measured::Cpu), Some(10.0));
        assert_eq!(figure(&round, "a", None, Measured::P50), None);
        assert_eq!(figure(&round, "a", Some("c"), Measured::Cpu), None);
    }
}
