//! What is written about a run, as JSON and as a table.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::BenchError;
use crate::peers::broker_traffic::BrokerTraffic;
use crate::results::machine::Machine;
use crate::results::summary::Spread;
use crate::sample::Sample;
use crate::scenario::{Comparison, Peer, Scenario};

/// Everything about a run: each round as it was measured, and what follows from them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// What it ran on.
    pub machine: Machine,
    /// What ran.
    pub versions: Versions,
    /// How it was asked for.
    pub arguments: Value,
    /// When it began.
    pub started_at_unix_seconds: u64,
    /// How busy the machine was before: runnable threads over a minute.
    pub load_average_before: f64,
    /// The same behind it, the run's own threads included.
    pub load_average_after: f64,
    /// Every round, in order.
    pub rounds: Vec<RoundReport>,
    /// Each scenario over the rounds.
    pub scenarios: Vec<ScenarioSummary>,
    /// The figures that are made inside each round.
    pub figures: Vec<Figure>,
}

/// Versions of the programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Versions {
    /// Of the bench, and of the echo server in it.
    pub bench: String,
    /// What the broker says of itself; none if it was not started here, or says nothing.
    pub broker: Option<String>,
}

/// One round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RoundReport {
    /// Its number, from 1 on.
    pub round: u32,
    /// The scenarios, in the order in which they were played.
    pub samples: Vec<SampleReport>,
    /// The scenarios that failed.
    pub failures: Vec<Failure>,
}

/// A scenario that failed in a round.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// Name of the scenario.
    pub scenario: String,
    /// What went wrong.
    pub error: String,
}

/// One scenario in one round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SampleReport {
    /// Name of the scenario.
    pub scenario: String,
    /// The server it was played against.
    pub peer: Peer,
    /// Bytes of a payload; on the echo, of a frame.
    pub payload_bytes: usize,
    /// What was measured.
    #[serde(flatten)]
    pub sample: Sample,
    /// What the broker counted; none for the echo.
    pub broker_traffic: Option<BrokerTraffic>,
}

/// One scenario over the rounds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ScenarioSummary {
    /// Name of the scenario.
    pub scenario: String,
    /// Bytes of a payload; on the echo, of a frame.
    pub payload_bytes: usize,
    /// Messages per second.
    pub messages_per_second: Option<Spread>,
    /// Half of a round's latencies are at most this, in nanoseconds.
    pub p50_ns: Option<Spread>,
    /// 99 % of a round's latencies are at most this, in nanoseconds.
    pub p99_ns: Option<Spread>,
    /// 99.9 % of a round's latencies are at most this, in nanoseconds.
    pub p99_9_ns: Option<Spread>,
    /// 99.99 % of a round's latencies are at most this, in nanoseconds.
    pub p99_99_ns: Option<Spread>,
    /// The largest latency of a round, in nanoseconds.
    pub max_ns: Option<Spread>,
    /// CPU time of the server per message, in nanoseconds.
    pub server_cpu_ns: Option<Spread>,
    /// CPU time of the load per message, in nanoseconds.
    pub load_cpu_ns: Option<Spread>,
    /// Bytes per receive of the broker.
    pub bytes_per_receive: Option<Spread>,
    /// Bytes per send of the broker.
    pub bytes_per_send: Option<Spread>,
    /// Rounds in which the load was the limit.
    pub load_limited_rounds: usize,
}

/// A figure that is made inside each round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// How it is made.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Its value in each round; none where a scenario did not measure what it needs.
    pub rounds: Vec<Option<f64>>,
    /// The values over the rounds.
    pub spread: Option<Spread>,
    /// Whether the median is good enough; none if there is no goal or no value.
    pub is_within_goal: Option<bool>,
}

impl SampleReport {
    /// What a scenario measured.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        sample: Sample,
        broker_traffic: Option<BrokerTraffic>,
    ) -> SampleReport {
        SampleReport {
            scenario: scenario.name.clone(),
            peer: scenario.shape.peer(),
            payload_bytes: scenario.payload_bytes,
            sample,
            broker_traffic,
        }
    }
}

impl RoundReport {
    fn sample_of(&self, scenario: &str) -> Option<&Sample> {
        self.samples.iter().find(|found| found.scenario == scenario).map(|found| &found.sample)
    }
}

impl Report {
    /// Fills in what follows from the rounds. Figures without any value are left out.
    pub fn summarise(&mut self, comparisons: &[Comparison]) {
        let mut order: Vec<&str> = Vec::new();
        let mut samples: HashMap<&str, Vec<&SampleReport>> = HashMap::new();
        for found in self.rounds.iter().flat_map(|round| &round.samples) {
            let list = samples.entry(&found.scenario).or_default();
            if list.is_empty() {
                order.push(&found.scenario);
            }
            list.push(found);
        }
        self.scenarios =
            order.iter().filter_map(|name| ScenarioSummary::of(&samples[name])).collect();
        self.figures = comparisons
            .iter()
            .map(|comparison| Figure::of(comparison, &self.rounds))
            .filter(|figure| figure.spread.is_some() || self.has_failed(&figure.comparison))
            .collect();
    }

    /// Whether a figure has no value because a scenario of it failed.
    fn has_failed(&self, comparison: &Comparison) -> bool {
        let against = comparison.against.as_ref().map(|against| &against.scenario);
        self.rounds.iter().flat_map(|round| &round.failures).any(|failure| {
            failure.scenario == comparison.scenario || Some(&failure.scenario) == against
        })
    }

    /// Writes everything as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<(), BenchError> {
        let failed = |error| BenchError::Write { path: path.to_owned(), error };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        fs::write(path, text).map_err(failed)
    }
}

impl ScenarioSummary {
    /// One scenario over its samples; none if there are none.
    fn of(samples: &[&SampleReport]) -> Option<ScenarioSummary> {
        let spread = |value: &dyn Fn(&Sample) -> Option<f64>| {
            Spread::of(samples.iter().filter_map(|found| value(&found.sample)))
        };
        let latency = |point: fn(&crate::sample::Percentiles) -> u64| {
            spread(&|sample| sample.latency_ns.as_ref().map(|latency| point(latency) as f64))
        };
        let traffic = |value: fn(&BrokerTraffic) -> Option<f64>| {
            Spread::of(samples.iter().filter_map(|it| it.broker_traffic.as_ref().and_then(value)))
        };
        let limited = |found: &&&SampleReport| found.sample.is_load_limited == Some(true);
        let first = samples.first()?;
        Some(ScenarioSummary {
            scenario: first.scenario.clone(),
            payload_bytes: first.payload_bytes,
            messages_per_second: spread(&|sample| Some(sample.messages_per_second)),
            p50_ns: latency(|latency| latency.p50),
            p99_ns: latency(|latency| latency.p99),
            p99_9_ns: latency(|latency| latency.p99_9),
            p99_99_ns: latency(|latency| latency.p99_99),
            max_ns: latency(|latency| latency.max),
            server_cpu_ns: spread(&|sample| sample.server_cpu_ns_per_message),
            load_cpu_ns: spread(&|sample| sample.load_cpu_ns_per_message),
            bytes_per_receive: traffic(|traffic| traffic.bytes_per_receive),
            bytes_per_send: traffic(|traffic| traffic.bytes_per_send),
            load_limited_rounds: samples.iter().filter(limited).count(),
        })
    }
}

impl Figure {
    /// A figure over the rounds.
    #[must_use]
    pub fn of(comparison: &Comparison, rounds: &[RoundReport]) -> Figure {
        let values: Vec<Option<f64>> = rounds
            .iter()
            .map(|round| comparison.value(|scenario| round.sample_of(scenario)))
            .collect();
        let spread = Spread::of(values.iter().flatten().copied());
        let is_within_goal =
            comparison.goal.zip(spread).map(|(goal, spread)| goal.is_met(spread.median));
        Figure { comparison: comparison.clone(), rounds: values, spread, is_within_goal }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { kernel, cpu_model, cpus, .. } = &self.machine;
        let broker = self.versions.broker.as_deref().unwrap_or("a broker of unknown version");
        writeln!(f, "{cpu_model}, {} cores, Linux {kernel}; {broker}", cpus.len())?;
        let (before, after) = (self.load_average_before, self.load_average_after);
        writeln!(
            f,
            "load average {before} before and {after} after; {} rounds",
            self.rounds.len()
        )?;
        writeln!(f, "min / median / max of the rounds; times in us, CPU in us per message")?;
        writeln!(f)?;
        let [name, rate, p50, p99, p99_9, max] =
            ["scenario", "k messages/s", "p50", "p99", "p99.9", "max"];
        writeln!(
            f,
            "{name:<28} {:>7} {rate:>24} {p50:>20} {p99:>20} {p99_9:>8} {max:>9} {:>20} {:>8} {:>7} {:>7}",
            "bytes", "server CPU", "load CPU", "B/recv", "B/send"
        )?;
        for scenario in &self.scenarios {
            writeln!(f, "{scenario}")?;
        }
        writeln!(f)?;
        for figure in &self.figures {
            writeln!(f, "{figure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ScenarioSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = |spread: Option<Spread>| {
            spread.map_or("-".to_owned(), |spread| format!("{:.1}", spread.median / 1000.0))
        };
        write!(
            f,
            "{:<28} {:>7} {:>24} {:>20} {:>20} {:>8} {:>9} {:>20} {:>8} {:>7} {:>7}",
            self.scenario,
            self.payload_bytes,
            three(self.messages_per_second, 1),
            three(self.p50_ns, 1),
            three(self.p99_ns, 1),
            median(self.p99_9_ns),
            median(self.max_ns),
            three(self.server_cpu_ns, 3),
            self.load_cpu_ns.map_or("-".to_owned(), |cpu| format!("{:.3}", cpu.median / 1000.0)),
            whole(self.bytes_per_receive),
            whole(self.bytes_per_send),
        )?;
        match self.load_limited_rounds {
            0 => Ok(()),
            rounds => write!(f, "  the load was the limit in {rounds}"),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<54}", self.comparison.name)?;
        let Some(Spread { min, median, max }) = self.spread else {
            return write!(f, " -");
        };
        write!(f, " {min:>8.2} / {median:>8.2} / {max:>8.2}")?;
        match self.comparison.goal.zip(self.is_within_goal) {
            Some((goal, true)) => write!(f, "   is {goal}"),
            Some((goal, false)) => write!(f, "   is NOT {goal}"),
            None => Ok(()),
        }
    }
}

/// The median, without decimals.
fn whole(spread: Option<Spread>) -> String {
    spread.map_or("-".to_owned(), |spread| format!("{:.0}", spread.median))
}

/// Smallest, median and largest, in thousands.
fn three(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or("-".to_owned(), |Spread { min, median, max }| {
        let [min, median, max] = [min, median, max].map(|value| value / 1000.0);
        format!("{min:.digits$}/{median:.digits$}/{max:.digits$}")
    })
}
