//! The figures that are made from a suite's scenarios.

use serde::Serialize;

use super::plan::PlanSettings;
use crate::sample::{Sample, ratio};

/// A figure made from the samples of one round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Comparison {
    /// What it says, for people.
    pub name: String,
    /// What is taken from the samples.
    pub metric: Metric,
    /// Name of the scenario.
    pub scenario: String,
    /// What it is compared with; none: it stands for itself.
    pub against: Option<Against>,
    /// What is good enough; none: it is only reported.
    pub goal: Option<Goal>,
}

/// What is good enough.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Goal {
    /// Whether a value is good enough.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtMost(most) => value <= most,
            Goal::AtLeast(least) => value >= least,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Goal::AtMost(most) => write!(f, "at most {most}"),
            Goal::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// What a figure is compared with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Against {
    /// Name of the scenario.
    pub scenario: String,
    /// What is taken from its sample.
    pub metric: Metric,
    /// How the two are compared.
    pub relation: Relation,
    /// It is taken so many times; of a difference, the part of each of so many.
    pub times: u32,
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The first is divided by the second.
    Ratio,
    /// The second is taken from the first.
    Difference,
}

/// What is taken from a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Half of the latencies are at most this, in nanoseconds.
    LatencyP50,
    /// 99 % of the latencies are at most this, in nanoseconds.
    LatencyP99,
    /// CPU time of the server per message, in nanoseconds.
    ServerCpu,
    /// CPU time of the server per delivery, in nanoseconds.
    ServerCpuPerDelivery,
    /// Share of one core that the server used, in percent.
    ServerCpuPercent,
    /// Messages per second.
    MessagesPerSecond,
    /// What the broker had in memory, in MiB.
    ResidentMib,
    /// What an idle connection took of the broker's memory, in bytes.
    IdleConnectionBytes,
}

impl Metric {
    /// Its value in a sample; none if the sample does not hold it.
    #[must_use]
    pub fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Metric::LatencyP50 => sample.latency_ns.map(|latency| latency.p50 as f64),
            Metric::LatencyP99 => sample.latency_ns.map(|latency| latency.p99 as f64),
            Metric::ServerCpu => sample.server_cpu_ns_per_message,
            Metric::ServerCpuPerDelivery => sample.server_cpu_ns_per_delivery,
            Metric::ServerCpuPercent => sample.server_cpu_share.map(|share| 100.0 * share),
            Metric::MessagesPerSecond => Some(sample.messages_per_second),
            Metric::ResidentMib => {
                sample.broker_memory.map(|memory| memory.resident_bytes as f64 / 1_048_576.0)
            }
            Metric::IdleConnectionBytes => {
                sample.broker_memory.and_then(|memory| memory.idle_connection_bytes)
            }
        }
    }
}

impl Comparison {
    /// Its value in one round, whose samples `sample_of` finds by the name of their scenario; none
    /// if one is missing.
    pub fn value<'a>(&self, sample_of: impl Fn(&str) -> Option<&'a Sample>) -> Option<f64> {
        let value = self.metric.of(sample_of(&self.scenario)?)?;
        let Some(against) = &self.against else { return Some(value) };
        let other = against.metric.of(sample_of(&against.scenario)?)?;
        let times = f64::from(against.times);
        match against.relation {
            Relation::Ratio => ratio(value, other * times),
            Relation::Difference => ratio(value - other, times),
        }
    }
}

/// The figures of the first suite. Limits stand only where the payload is 64 bytes.
#[must_use]
pub fn first_comparisons(settings: &PlanSettings) -> Vec<Comparison> {
    settings.payload_bytes.iter().flat_map(|&bytes| comparisons_of(bytes, settings)).collect()
}

fn comparisons_of(bytes: usize, settings: &PlanSettings) -> Vec<Comparison> {
    let limit = |limit: f64| (bytes == 64).then_some(Goal::AtMost(limit));
    let figure = |name: &str, metric, scenario: &str, against: Option<(&str, u32)>, limit| {
        let key = |scenario: &str| format!("{scenario}/{bytes}B");
        let against = against.map(|(scenario, times)| Against {
            scenario: key(scenario),
            metric,
            relation: Relation::Ratio,
            times,
        });
        let name = format!("{name}, {bytes} B");
        Comparison { name, metric, scenario: key(scenario), against, goal: limit }
    };
    let (p50, p99, cpu) = (Metric::LatencyP50, Metric::LatencyP99, Metric::ServerCpu);
    let (pair, call) = ("publish-deliver-rtt", "request-reply-rtt");
    let mut figures = vec![
        figure("publish to deliver p50 / one echo", p50, pair, Some(("echo-rtt", 1)), None),
        figure("publish to deliver p50 / two echoes", p50, pair, Some(("echo-rtt", 2)), limit(1.3)),
        figure("request and reply p50 / two echoes", p50, call, Some(("echo-rtt", 2)), None),
        figure(
            "64 connections, server CPU per message / echo",
            cpu,
            "publish-deliver-64",
            Some(("echo-64", 1)),
            limit(1.5),
        ),
        figure("1 to 1, broker CPU ns per message", cpu, "throughput", None, limit(200.0)),
        figure(
            "1 to 1, server CPU per message / echo",
            cpu,
            "throughput",
            Some(("echo-throughput", 1)),
            None,
        ),
        figure("64 pairs, broker CPU ns per message", cpu, "throughput-64", None, None),
        figure(
            "64 pairs, server CPU per message / echo",
            cpu,
            "throughput-64",
            Some(("echo-throughput-64", 1)),
            None,
        ),
    ];
    for rate in &settings.rates {
        let (ours, echo) = (format!("open-loop-{rate}"), format!("echo-open-loop-{rate}"));
        for (metric, point) in [(p50, "p50"), (p99, "p99")] {
            let name = format!("{rate}/s {point} / echo");
            figures.push(figure(&name, metric, &ours, Some((&echo, 1)), None));
        }
    }
    figures
}
