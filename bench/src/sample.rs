//! What one scenario measured in one round.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::traffic::connection::Traffic;
use crate::traffic::stalled_reader::StalledReaderReport;
use crate::traffic::window::{Snapshot, Window};

/// The load counts as the limit above this share of its core.
const LOAD_LIMIT_SHARE: f64 = 0.95;

/// What one scenario measured in one round. Times are in nanoseconds unless the name says otherwise.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Sample {
    /// Length of the measured window in seconds.
    pub seconds: f64,
    /// Messages that were where they were going in the window; for requests, whole round trips.
    pub messages: u64,
    /// The same with warm-up and drain: all that were sent, each of which arrived once, in order,
    /// unaltered.
    pub messages_checked: u64,
    /// The same per second.
    pub messages_per_second: f64,
    /// What arrived in the window: one for each receiver of a message, and for each step of a round
    /// trip.
    pub deliveries: u64,
    /// The same per second.
    pub deliveries_per_second: f64,
    /// Latencies, where the scenario takes them.
    pub latency_ns: Option<Percentiles>,
    /// How late the load itself was with sending, where it sends by a schedule.
    pub send_lag_ns: Option<Percentiles>,
    /// CPU time of the server's process per message; none if its process is not known.
    pub server_cpu_ns_per_message: Option<f64>,
    /// The same in seconds per million messages.
    pub server_cpu_seconds_per_million: Option<f64>,
    /// CPU time of the server's process per delivery.
    pub server_cpu_ns_per_delivery: Option<f64>,
    /// Share of one core that the server used.
    pub server_cpu_share: Option<f64>,
    /// CPU time of the load's thread per message.
    pub load_cpu_ns_per_message: Option<f64>,
    /// The same in seconds per million messages.
    pub load_cpu_seconds_per_million: Option<f64>,
    /// CPU time of the load's thread per delivery.
    pub load_cpu_ns_per_delivery: Option<f64>,
    /// Share of one core that the load used.
    pub load_cpu_share: f64,
    /// Whether the load, not the server, set the limit. Says nothing where the load sends by a
    /// schedule, for which it watches the clock without pause.
    pub is_load_limited: Option<bool>,
    /// What went through the load's connections in the window.
    pub load_traffic: LoadTraffic,
    /// Memory of the broker, where the scenario asks for it.
    pub broker_memory: Option<BrokerMemory>,
    /// What happened on the connection that nobody reads, where the scenario has one.
    pub stalled_reader: Option<StalledReaderReport>,
}

/// Memory of the broker's process.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct BrokerMemory {
    /// What it had in memory before the scenario, in bytes.
    pub before_bytes: u64,
    /// What it had in memory while the scenario's connections were open, in bytes.
    pub resident_bytes: u64,
    /// What each idle connection took, in bytes; none if the scenario has no idle connections.
    pub idle_connection_bytes: Option<f64>,
}

/// Points of a distribution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Percentiles {
    /// How many values.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// Half of them are at most this.
    pub p50: u64,
    /// 90 % of them are at most this.
    pub p90: u64,
    /// 99 % of them are at most this.
    pub p99: u64,
    /// 99.9 % of them are at most this.
    pub p99_9: u64,
    /// 99.99 % of them are at most this.
    pub p99_99: u64,
    /// The largest.
    pub max: u64,
}

/// System calls and bytes of the load's side.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct LoadTraffic {
    /// Sends that sent something.
    pub sends: u64,
    /// Bytes per send.
    pub bytes_per_send: Option<f64>,
    /// Receives that received something.
    pub receives: u64,
    /// Bytes per receive.
    pub bytes_per_receive: Option<f64>,
}

impl Sample {
    /// The figures of a window that is over; none if it is not. `is_scheduled`: the load sent by a
    /// schedule.
    #[must_use]
    pub fn of(window: &Window, is_scheduled: bool, messages_checked: u64) -> Option<Sample> {
        let (first, last) = window.snapshots()?;
        let nanoseconds = (last.at_ns - first.at_ns) as f64;
        let messages = last.arrivals.messages - first.arrivals.messages;
        let deliveries = last.arrivals.deliveries - first.arrivals.deliveries;
        let server_cpu = server_cpu_ns(&first, &last);
        let load_cpu = (last.load_cpu_ns - first.load_cpu_ns) as f64;
        let per_message = |ns: f64| ratio(ns, messages as f64);
        let per_delivery = |ns: f64| ratio(ns, deliveries as f64);
        // Nanoseconds per message are milliseconds per million, so a thousandth are seconds.
        let per_million = |ns: f64| per_message(ns).map(|ns| ns / 1000.0);
        let load_cpu_share = ratio(load_cpu, nanoseconds).unwrap_or(0.0);
        Some(Sample {
            seconds: nanoseconds / 1e9,
            messages,
            messages_checked,
            messages_per_second: ratio(messages as f64 * 1e9, nanoseconds).unwrap_or(0.0),
            deliveries,
            deliveries_per_second: ratio(deliveries as f64 * 1e9, nanoseconds).unwrap_or(0.0),
            latency_ns: Percentiles::of(window.latencies()),
            send_lag_ns: Percentiles::of(window.lags()),
            server_cpu_ns_per_message: server_cpu.and_then(per_message),
            server_cpu_seconds_per_million: server_cpu.and_then(per_million),
            server_cpu_ns_per_delivery: server_cpu.and_then(per_delivery),
            server_cpu_share: server_cpu.and_then(|ns| ratio(ns, nanoseconds)),
            load_cpu_ns_per_message: per_message(load_cpu),
            load_cpu_seconds_per_million: per_million(load_cpu),
            load_cpu_ns_per_delivery: per_delivery(load_cpu),
            load_cpu_share,
            is_load_limited: (!is_scheduled).then_some(load_cpu_share >= LOAD_LIMIT_SHARE),
            load_traffic: LoadTraffic::between(first.traffic, last.traffic),
            broker_memory: None,
            stalled_reader: None,
        })
    }
}

impl Percentiles {
    /// The points of a histogram; none if it is empty.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Option<Percentiles> {
        if histogram.is_empty() {
            return None;
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        Some(Percentiles {
            count: histogram.len(),
            min: histogram.min(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: histogram.max(),
        })
    }
}

impl LoadTraffic {
    fn between(first: Traffic, last: Traffic) -> LoadTraffic {
        let sends = last.sends - first.sends;
        let receives = last.receives - first.receives;
        let sent_bytes = (last.sent_bytes - first.sent_bytes) as f64;
        let received_bytes = (last.received_bytes - first.received_bytes) as f64;
        LoadTraffic {
            sends,
            bytes_per_send: ratio(sent_bytes, sends as f64),
            receives,
            bytes_per_receive: ratio(received_bytes, receives as f64),
        }
    }
}

fn server_cpu_ns(first: &Snapshot, last: &Snapshot) -> Option<f64> {
    let (first, last) = first.server_cpu_ns.zip(last.server_cpu_ns)?;
    Some((last - first) as f64)
}

/// A quotient; none if nothing is divided by.
#[must_use]
pub fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator != 0.0).then(|| numerator / denominator)
}
