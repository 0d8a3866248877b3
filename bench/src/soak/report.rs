//! What a soak saw, and whether the broker stayed as it was.

use std::fmt;
use std::fs;
use std::path::Path;

use coilgun_server::shard::ShardCounters;
use serde::Serialize;
use serde_json::Value;

use crate::error::BenchError;
use crate::results::machine::Machine;
use crate::results::summary::Spread;
use crate::traffic::stalled_reader::StalledReaderReport;

/// Memory may grow by this share of what it was, and by [`GROWTH_BYTES`] for each shard.
const GROWTH_SHARE: f64 = 0.05;
/// Memory may grow by so many bytes for each shard, beside [`GROWTH_SHARE`]: every shard has pools of
/// its own, which keep a little more or less of what they were once used for.
const GROWTH_BYTES: f64 = 4.0 * 1024.0 * 1024.0;
/// Share of the time after which memory is looked at.
const WARM_UP_SHARE: f64 = 0.1;

/// Everything about a soak.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SoakReport {
    /// What it ran on.
    pub machine: Machine,
    /// What the broker says of itself; none if it was not started here.
    pub broker: Option<String>,
    /// How it was asked for.
    pub arguments: Value,
    /// How long it was to take, in seconds.
    pub seconds: f64,
    /// Shards of the broker.
    pub shard_count: usize,
    /// The broker at intervals.
    pub samples: Vec<SoakSample>,
    /// What was exercised.
    pub amounts: Amounts,
    /// The least that counts as exercised in that time.
    pub minimums: Amounts,
    /// What each of several shards did.
    pub shards: Vec<ShardAmounts>,
    /// The least that counts as done on each of them.
    pub shard_minimums: ShardAmounts,
    /// What happened on the connection that nobody read.
    pub stalled_reader: StalledReaderReport,
    /// The broker's memory; none if there are too few samples.
    pub memory: Option<Flatness>,
    /// The broker's descriptors; none if its process is not known.
    pub descriptors: Option<Descriptors>,
    /// What ended it early: a lost message, a broken connection, an interrupt.
    pub error: Option<String>,
}

/// The broker at one moment.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct SoakSample {
    /// Seconds since the beginning.
    pub at_seconds: f64,
    /// What the broker has in memory, in bytes.
    pub resident_bytes: Option<u64>,
    /// Descriptors the broker has open.
    pub descriptors: Option<usize>,
    /// Share of a core the broker used since the previous sample.
    pub cpu_share: Option<f64>,
    /// What the broker counted so far.
    pub counters: Option<ShardCounters>,
    /// What was exercised so far.
    pub amounts: Amounts,
}

/// How much of everything was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Amounts {
    /// Deliveries of the steady traffic, each checked.
    pub messages: u64,
    /// Connections opened.
    pub connections: u64,
    /// Clients that vanished: closed, reset, half closed.
    pub vanished: u64,
    /// Clients that sent nonsense and were cut off.
    pub nonsense: u64,
    /// Times the reader that never reads was cut off.
    pub stalled_readers: u64,
    /// Bursts of connections.
    pub bursts: u64,
    /// Those of the deliveries that arrived on the shard where they were published.
    pub stayed: u64,
    /// Those that arrived on another shard.
    pub crossed: u64,
}

/// How much one of several shards did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ShardAmounts {
    /// Deliveries of the steady traffic on this shard that were published there.
    pub stayed: u64,
    /// Deliveries of the steady traffic on this shard that were published on another one.
    pub crossed: u64,
    /// Messages this shard handed to others, as it counts them itself.
    pub hops: u64,
}

/// Whether a number stayed what it was.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Flatness {
    /// Its median in the first quarter of the time after the warm-up.
    pub first_median: f64,
    /// Its median in the last quarter.
    pub last_median: f64,
    /// Whether the last is near enough to the first.
    pub is_flat: bool,
}

/// The broker's descriptors before and behind everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Descriptors {
    /// Before the first connection.
    pub base: usize,
    /// After the last one was closed.
    pub after: usize,
}

impl Amounts {
    /// The least that has to be done in so many seconds. With several shards messages have to stay on
    /// each of them and to leave each of them.
    #[must_use]
    pub fn least(seconds: f64, shards: usize) -> Amounts {
        let per = |count: f64| (count * seconds) as u64;
        let each = ShardAmounts::least(seconds, shards);
        Amounts {
            messages: per(500.0),
            connections: per(5.0),
            vanished: per(1.0),
            nonsense: per(1.0),
            stalled_readers: per(0.05),
            bursts: per(0.02).max(1),
            stayed: shards as u64 * each.stayed,
            crossed: shards as u64 * each.crossed,
        }
    }

    /// The names of what was done less than `least`.
    #[must_use]
    pub fn below(&self, least: &Amounts) -> Vec<&'static str> {
        [
            ("messages", self.messages, least.messages),
            ("connections", self.connections, least.connections),
            ("vanished", self.vanished, least.vanished),
            ("nonsense", self.nonsense, least.nonsense),
            ("stalled_readers", self.stalled_readers, least.stalled_readers),
            ("bursts", self.bursts, least.bursts),
            ("stayed", self.stayed, least.stayed),
            ("crossed", self.crossed, least.crossed),
        ]
        .into_iter()
        .filter_map(|(name, done, least)| (done < least).then_some(name))
        .collect()
    }
}

impl ShardAmounts {
    /// The least that each of so many shards has to do in so many seconds; nothing, if it is alone.
    #[must_use]
    pub fn least(seconds: f64, shards: usize) -> ShardAmounts {
        if shards == 1 {
            return ShardAmounts::default();
        }
        let count = ((50.0 * seconds) as u64).max(1);
        ShardAmounts { stayed: count, crossed: count, hops: count }
    }

    /// The names of what was done less than `least`.
    #[must_use]
    pub fn below(&self, least: &ShardAmounts) -> Vec<&'static str> {
        [
            ("stayed", self.stayed, least.stayed),
            ("crossed", self.crossed, least.crossed),
            ("hops", self.hops, least.hops),
        ]
        .into_iter()
        .filter_map(|(name, done, least)| (done < least).then_some(name))
        .collect()
    }
}

impl Flatness {
    /// Of the memory of a broker of so many shards over samples of a soak of `seconds`; none without
    /// samples in both quarters.
    #[must_use]
    pub fn of_memory(samples: &[SoakSample], seconds: f64, shards: usize) -> Option<Flatness> {
        let begin = WARM_UP_SHARE * seconds;
        let quarter = (seconds - begin) / 4.0;
        let median = |from: f64, to: f64| {
            let inside = samples.iter().filter(|it| (from..=to).contains(&it.at_seconds));
            let bytes = inside.filter_map(|sample| sample.resident_bytes);
            Spread::of(bytes.map(|bytes| bytes as f64)).map(|spread| spread.median)
        };
        let first_median = median(begin, begin + quarter)?;
        // What was sampled behind the end, because a turn took long, belongs to the last quarter.
        let last_median = median(seconds - quarter, f64::INFINITY)?;
        let allowed = GROWTH_SHARE * first_median + GROWTH_BYTES * shards as f64;
        let is_flat = (last_median - first_median).abs() <= allowed;
        Some(Flatness { first_median, last_median, is_flat })
    }
}

impl SoakReport {
    /// What is wrong, in sentences; nothing if the broker passed.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.error.iter().cloned().collect();
        match &self.memory {
            None => complaints.push("memory: too few samples to judge".to_owned()),
            Some(memory) if !memory.is_flat => complaints.push("memory: not flat".to_owned()),
            Some(_) => {}
        }
        match &self.descriptors {
            Some(Descriptors { base, after }) if after > base => {
                complaints.push(format!("descriptors: {after} behind the load, {base} before"));
            }
            Some(_) | None => {}
        }
        let below = self.amounts.below(&self.minimums);
        complaints.extend(below.iter().map(|name| format!("{name}: below the minimum")));
        for (number, shard) in self.shards.iter().enumerate() {
            let below = shard.below(&self.shard_minimums);
            let below =
                below.iter().map(|name| format!("shard {number}: {name}: below the minimum"));
            complaints.extend(below);
        }
        complaints
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

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exercised: {:?}", self.amounts)?;
        writeln!(f, "at least:  {:?}", self.minimums)?;
        for (number, shard) in self.shards.iter().enumerate() {
            writeln!(f, "shard {number}: {shard:?}")?;
        }
        writeln!(f, "stalled reader: {:?}", self.stalled_reader)?;
        if let Some(Flatness { first_median, last_median, .. }) = self.memory {
            let [first, last] = [first_median, last_median].map(|bytes| bytes / 1_048_576.0);
            writeln!(f, "memory: {first:.1} MiB in the first quarter, {last:.1} in the last")?;
        }
        if let Some(Descriptors { base, after }) = self.descriptors {
            writeln!(f, "descriptors: {base} before, {after} behind")?;
        }
        let complaints = self.complaints();
        if complaints.is_empty() {
            return writeln!(f, "the broker stayed as it was");
        }
        complaints.iter().try_for_each(|complaint| writeln!(f, "FAILED: {complaint}"))
    }
}
