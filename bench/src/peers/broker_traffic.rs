//! What the broker itself counted during a scenario, warm-up and drain included.

use std::time::Duration;

use coilgun_client::{Address, Client, ClientError, Options, Publication};
use coilgun_protocol::model::ErrorCode;
use coilgun_server::net::ListenAddress;
use coilgun_server::shard::{COUNTERS_SUBJECT, ShardCounters};
use serde::Serialize;

use crate::error::BenchError;
use crate::sample::ratio;

/// How long the broker may take to say what it counted.
const PATIENCE: Duration = Duration::from_secs(10);

/// System calls and bytes of the broker's side.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
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
}

impl BrokerTraffic {
    /// What was counted between two moments.
    #[must_use]
    pub fn between(first: &ShardCounters, last: &ShardCounters) -> BrokerTraffic {
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
        }
    }
}

/// Asks a broker what it has counted so far; nothing if it does not count.
///
/// # Errors
/// If the broker cannot be reached, or what it says is not understood.
pub fn ask_counters(address: &ListenAddress) -> Result<Option<ShardCounters>, BenchError> {
    let text = address.to_string();
    let address: Address = text.parse().map_err(|_| BenchError::Argument(text))?;
    let ask = || -> Result<Vec<u8>, ClientError> {
        let mut client = Client::connect(Options::new(address))?;
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
