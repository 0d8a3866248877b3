//! What the broker itself counted during a scenario, warm-up and drain included.

use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{Address, ClientError, Options, Publication};
use coilgun_protocol::model::ErrorCode;
use coilgun_server::net::ListenAddress;
use coilgun_server::shard::{COUNTERS_SUBJECT, ShardCounters};
use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::sample::ratio;

/// How long the broker may take to say what it counted.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a broker has counted since it started.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct BrokerCounters {
    /// All shards together.
    #[serde(flatten)]
    pub total: ShardCounters,
    /// Each shard by itself, in their order; none: the broker does not tell them apart.
    #[serde(default)]
    pub shards: Vec<ShardCounters>,
}

/// System calls and bytes of the broker's side.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct BrokerTraffic {
    /// Bytes per receive.
    pub bytes_per_receive: Option<f64>,
    /// Bytes per send.
    pub bytes_per_send: Option<f64>,
    /// Times the network ring was entered, per message.
    pub enters_per_message: Option<f64>,
    /// Times a connection found no receive block.
    pub starvations: u64,
    /// Times a publisher had to wait for a reader.
    pub stalls: u64,
    /// What each shard did; nothing where there is one only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardTraffic>,
}

/// What one of several shards did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ShardTraffic {
    /// Messages published on it.
    pub messages: u64,
    /// Deliveries put into its outboxes.
    pub deliveries: u64,
    /// Messages it handed to other shards, once for each.
    pub hops: u64,
    /// Parcels in which it did so.
    pub parcels: u64,
    /// Times a message found no room on its way to another shard.
    pub ring_full: u64,
    /// Most parcels that were under way to one shard at the same time since the start.
    pub parcels_lent_max: u64,
    /// CPU time it used, in nanoseconds; none: it is not known.
    pub cpu_ns: Option<u64>,
}

impl ShardTraffic {
    fn between(first: &ShardCounters, last: &ShardCounters) -> ShardTraffic {
        ShardTraffic {
            messages: last.messages - first.messages,
            deliveries: last.deliveries - first.deliveries,
            hops: last.hops - first.hops,
            parcels: last.parcels - first.parcels,
            ring_full: last.ring_full - first.ring_full,
            parcels_lent_max: last.parcels_lent_max,
            cpu_ns: None,
        }
    }
}

impl BrokerTraffic {
    /// What was counted between two moments.
    #[must_use]
    pub fn between(first: &BrokerCounters, last: &BrokerCounters) -> BrokerTraffic {
        let pairs = first.shards.iter().zip(&last.shards);
        let shards = if last.shards.len() > 1 {
            pairs.map(|(first, last)| ShardTraffic::between(first, last)).collect()
        } else {
            Vec::new()
        };
        let (first, last) = (&first.total, &last.total);
        let per = |numerator: u64, denominator: u64| ratio(numerator as f64, denominator as f64);
        let messages = last.messages - first.messages;
        BrokerTraffic {
            bytes_per_receive: per(
                last.received_bytes - first.received_bytes,
                last.receives - first.receives,
            ),
            bytes_per_send: per(last.sent_bytes - first.sent_bytes, last.sends - first.sends),
            enters_per_message: per(last.enters - first.enters, messages),
            starvations: last.starvations - first.starvations,
            stalls: last.stalls - first.stalls,
            shards,
        }
    }

    /// The same, with the CPU time of each shard between two moments, in nanoseconds.
    #[must_use]
    pub fn with_cpu(mut self, first: &[u64], last: &[u64]) -> BrokerTraffic {
        if first.len() == self.shards.len() && last.len() == self.shards.len() {
            for (shard, (first, last)) in self.shards.iter_mut().zip(first.iter().zip(last)) {
                shard.cpu_ns = Some(last - first);
            }
        }
        self
    }
}

/// Asks a broker what it has counted so far; nothing if it does not count.
///
/// # Errors
/// If the broker cannot be reached, or what it says is not understood.
pub fn ask_counters(address: &ListenAddress) -> Result<Option<BrokerCounters>, BenchError> {
    let text = address.to_string();
    let address: Address = text.parse().map_err(|_| BenchError::Argument(text))?;
    let ask = || -> Result<Vec<u8>, ClientError> {
        let mut client = Client::connect(Options::new(address).without_reconnect())?;
        let reply = client.request(&Publication::to(COUNTERS_SUBJECT), PATIENCE)?;
        client.close()?;
        Ok(reply.into_payload())
    };
    match ask() {
        Ok(payload) => serde_json::from_slice(&payload)
            .map(Some)
            .map_err(|error| BenchError::Counters(error.to_string())),
        Err(error) if error.code() == Some(ErrorCode::NoResponders) => Ok(None),
        Err(error) => Err(BenchError::Counters(error.to_string())),
    }
}
