//! What was found about the two servers, as JSON and as markdown.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::benchmark::{BenchmarkSample, STAGES, StageSample};
use super::fan_out::{FanOutSample, SUBSCRIBERS};
use super::server::Which;
use crate::error::BenchError;
use crate::results::json::write_compact;
use crate::results::machine::Machine;
use crate::results::markdown::three;
use crate::results::summary::Spread;
use crate::sample::Sample;

/// Everything that was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ElbusReport {
    /// What it ran on.
    pub machine: Machine,
    /// What Coilgun says of itself.
    pub coilgun: Option<String>,
    /// How it was asked for.
    pub arguments: Value,
    /// When it began.
    pub started_at_unix_seconds: u64,
    /// How busy the machine was before: runnable threads over a minute.
    pub load_average_before: f64,
    /// Messages per second to each of many clients with which busrtd keeps up; none: not asked.
    pub highest_rate: Option<u64>,
    /// Every round.
    pub rounds: Vec<ElbusRound>,
}

/// One round.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct ElbusRound {
    /// The benchmark against each server, in order.
    pub benchmarks: Vec<BenchmarkSample>,
    /// The fan-out on each server, in order.
    pub fan_outs: Vec<FanOutSample>,
}

impl ElbusRound {
    /// A stage on one server; on busrtd, where it broke off, with the long queue.
    fn stage(&self, which: Which, stage: &str) -> Option<&StageSample> {
        let on = |which: Which| {
            let run = self.benchmarks.iter().find(|run| run.server == which)?;
            run.stages.iter().find(|sample| sample.stage == stage)
        };
        match which {
            Which::Busrtd => on(Which::Busrtd).or_else(|| on(Which::BusrtdLongQueue)),
            Which::BusrtdLongQueue | Which::Coilgun => on(which),
        }
    }

    fn fan_out(&self, which: Which) -> Option<&Sample> {
        let found = self.fan_outs.iter().find(|sample| sample.server == which)?;
        found.sample.as_ref()
    }
}

impl ElbusReport {
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
            "{}, {} cores, Linux {}; {} rounds; load average {} before.\n",
            self.machine.cpu_model,
            self.machine.cpus.len(),
            self.machine.kernel,
            self.rounds.len(),
            self.load_average_before,
        );
        if self.rounds.iter().any(|round| !round.benchmarks.is_empty()) {
            self.push_benchmark(&mut text);
        }
        if self.highest_rate.is_some() {
            self.push_fan_out(&mut text);
        }
        text
    }

    fn push_benchmark(&self, text: &mut String) {
        text.push_str(
            "\n| stage | busrtd k/s | coilgun k/s | coilgun / busrtd | busrtd CPU s/M \
             | coilgun CPU s/M | coilgun / busrtd | client core, busrtd | client core, coilgun \
             | busrtd broke off |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for stage in STAGES {
            let cell = |which, digits, value: &dyn Fn(&StageSample) -> f64| {
                let values = self.rounds.iter().filter_map(|round| round.stage(which, stage));
                three(Spread::of(values.map(value)), digits)
            };
            let ratio = |value: &dyn Fn(&StageSample) -> f64| {
                let values = self.rounds.iter().filter_map(|round| {
                    let ours = round.stage(Which::Coilgun, stage)?;
                    Some(value(ours) / value(round.stage(Which::Busrtd, stage)?))
                });
                three(Spread::of(values), 2)
            };
            let rate = |it: &StageSample| it.per_second / 1000.0;
            let cpu = |it: &StageSample| it.server_cpu_seconds_per_million;
            let client = |it: &StageSample| it.client_cpu_share;
            let cells = [
                stage.to_owned(),
                cell(Which::Busrtd, 0, &rate),
                cell(Which::Coilgun, 0, &rate),
                ratio(&rate),
                cell(Which::Busrtd, 2, &cpu),
                cell(Which::Coilgun, 2, &cpu),
                ratio(&cpu),
                cell(Which::Busrtd, 2, &client),
                cell(Which::Coilgun, 2, &client),
                self.broken_off(stage),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
        }
        for which in Which::ALL {
            let runs = self.rounds.iter().flat_map(|round| &round.benchmarks);
            let mut runs = runs.filter(|run| run.server == which);
            if let Some(why) = runs.find_map(|run| run.broken_off.as_ref()) {
                let why = why.replace('|', "/");
                writeln!(text, "\n{} broke off: {why}", which.name()).expect("as above");
            }
        }
    }

    /// In how many rounds busrtd, as it comes, did not complete a stage.
    fn broken_off(&self, stage: &str) -> String {
        let runs = self.rounds.iter().flat_map(|round| &round.benchmarks);
        let runs = runs.filter(|run| run.server == Which::Busrtd);
        let missing = runs.filter(|run| run.stages.iter().all(|sample| sample.stage != stage));
        match missing.count() {
            0 => String::new(),
            count => format!("in {count} of {}: with a long queue", self.rounds.len()),
        }
    }

    fn push_fan_out(&self, text: &mut String) {
        let rate = self.highest_rate.unwrap_or_default();
        writeln!(
            text,
            "\nOne publisher to {SUBSCRIBERS} clients at {} messages/s, half of what busrtd keeps up with.\n\n\
             | server | p50 us | p99 us | p99.9 us | max us | server CPU ns per delivery | failed |\n\
             |---|---|---|---|---|---|---|",
            rate / 2
        )
        .expect("a text takes everything");
        for which in [Which::Busrtd, Which::Coilgun] {
            let cell = |digits, value: &dyn Fn(&Sample) -> Option<f64>| {
                let values = self.rounds.iter().filter_map(|round| value(round.fan_out(which)?));
                three(Spread::of(values), digits)
            };
            let us = |ns: u64| ns as f64 / 1000.0;
            let all = self.rounds.iter().flat_map(|round| &round.fan_outs);
            let failures: Vec<_> = all
                .filter(|found| found.server == which)
                .filter_map(|found| found.failure.as_deref())
                .collect();
            let failed = failures.last().map_or(String::new(), |why| {
                format!("in {} of {}: {why}", failures.len(), self.rounds.len())
            });
            let cells = [
                which.name().to_owned(),
                cell(0, &|it| it.latency_ns.map(|it| us(it.p50))),
                cell(0, &|it| it.latency_ns.map(|it| us(it.p99))),
                cell(0, &|it| it.latency_ns.map(|it| us(it.p99_9))),
                cell(0, &|it| it.latency_ns.map(|it| us(it.max))),
                cell(0, &|it| it.server_cpu_ns_per_delivery),
                failed.replace('|', "/"),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
        }
        let p99 = |round: &ElbusRound, which| {
            round.fan_out(which)?.latency_ns.map(|latency| latency.p99 as f64)
        };
        let ratios = self
            .rounds
            .iter()
            .filter_map(|round| Some(p99(round, Which::Coilgun)? / p99(round, Which::Busrtd)?));
        writeln!(
            text,
            "\np99, coilgun / busrtd: {} (goal: at most 0.5)",
            three(Spread::of(ratios), 2)
        )
        .expect("a text takes everything");
    }
}
