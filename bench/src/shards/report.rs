//! What was found about shards, as JSON and as markdown.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::hop::HopSample;
use crate::error::BenchError;
use crate::peers::broker_traffic::ShardTraffic;
use crate::results::json::write_compact;
use crate::results::markdown::{markdown, three};
use crate::results::report::{Report, SampleReport};
use crate::results::summary::Spread;

/// Everything that was measured about shards.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShardsReport {
    /// What was played against brokers.
    #[serde(flatten)]
    pub report: Report,
    /// The hop without a broker around it, round by round.
    pub hop_rounds: Vec<Vec<HopSample>>,
}

impl ShardsReport {
    /// Writes everything as JSON, without spaces.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<(), BenchError> {
        write_compact(self, path)
    }

    /// The tables, ready to be pasted into a document: scenarios and figures, what each shard did, and
    /// the hop.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = markdown(&self.report);
        self.push_shards(&mut text);
        self.push_hops(&mut text);
        text
    }

    fn push_shards(&self, text: &mut String) {
        text.push_str(
            "\n| scenario | shard | % of messages | % of deliveries | % of CPU | hops per message \
             | messages per parcel | ring full | parcels lent at most |\n\
             |---|---|---|---|---|---|---|---|---|\n",
        );
        for name in self.report.scenarios.iter().map(|scenario| &scenario.scenario) {
            let rounds = self.report.rounds.iter().flat_map(|round| &round.samples);
            let samples: Vec<&SampleReport> = rounds.filter(|it| it.scenario == *name).collect();
            let shards = samples.iter().filter_map(|it| it.broker_traffic.as_ref());
            let shards: Vec<&[ShardTraffic]> = shards.map(|it| &it.shards[..]).collect();
            let count = shards.iter().map(|shards| shards.len()).max().unwrap_or(0);
            for number in 0..count {
                push_shard(text, name, number, &shards);
            }
        }
    }

    fn push_hops(&self, text: &mut String) {
        let Some(first) = self.hop_rounds.first() else { return };
        text.push_str(
            "\n| hop | k messages/s | ns per message | CPU ns per message | messages per parcel \
             | round trip p50 us | p99 us |\n|---|---|---|---|---|---|---|\n",
        );
        for name in first.iter().map(|sample| &sample.name) {
            let samples = self.hop_rounds.iter().flatten().filter(|it| it.name == *name);
            let cell = |digits, value: &dyn Fn(&HopSample) -> Option<f64>| {
                three(Spread::of(samples.clone().filter_map(value)), digits)
            };
            let us = |ns: u64| ns as f64 / 1000.0;
            let cells = [
                name.clone(),
                cell(0, &|it| Some(it.messages_per_second / 1000.0)),
                cell(0, &|it| Some(it.ns_per_message)),
                cell(0, &|it| Some(it.cpu_ns_per_message)),
                cell(1, &|it| it.messages_per_parcel),
                cell(2, &|it| it.round_trip_ns.map(|trip| us(trip.p50))),
                cell(2, &|it| it.round_trip_ns.map(|trip| us(trip.p99))),
            ];
            writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
        }
    }
}

/// What one shard did in a scenario, over the rounds.
fn push_shard(text: &mut String, name: &str, number: usize, rounds: &[&[ShardTraffic]]) {
    let cell = |digits, value: &dyn Fn(&[ShardTraffic], &ShardTraffic) -> Option<f64>| {
        let values = rounds.iter().filter_map(|all| value(all, all.get(number)?));
        three(Spread::of(values), digits)
    };
    let share = |part: u64, all: u64| (all > 0).then(|| 100.0 * part as f64 / all as f64);
    let per = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
    let cells = [
        name.to_owned(),
        number.to_string(),
        cell(0, &|all, it| share(it.messages, all.iter().map(|it| it.messages).sum())),
        cell(0, &|all, it| share(it.deliveries, all.iter().map(|it| it.deliveries).sum())),
        cell(0, &|all, it| share(it.cpu_ns?, all.iter().filter_map(|it| it.cpu_ns).sum())),
        cell(2, &|_, it| per(it.hops, it.messages)),
        cell(1, &|_, it| per(it.hops, it.parcels).filter(|_| it.hops > 0)),
        cell(0, &|_, it| Some(it.ring_full as f64)),
        cell(0, &|_, it| Some(it.parcels_lent_max as f64)),
    ];
    writeln!(text, "| {} |", cells.join(" | ")).expect("a text takes everything");
}
