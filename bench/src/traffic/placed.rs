//! Connections on shards of one's choice.
//!
//! Where a connection lives is the broker's decision and stands in its welcome. So connections are
//! opened until one lives where it is wanted; the others wait until one of theirs is wanted, because
//! closing them would change what the broker decides next.

use coilgun_server::net::ListenAddress;

use crate::error::BenchError;
use crate::traffic::native_load::NativeClient;

/// Most connections that wait for their turn.
const SPARE_MAX: usize = 256;

/// Opens connections on shards of one's choice. Those that nobody took are closed with this.
#[derive(Debug)]
pub struct PlacedClients {
    address: ListenAddress,
    payload_bytes: usize,
    spare: Vec<NativeClient>,
}

impl PlacedClients {
    /// To the broker at `address`, for payloads of up to `payload_bytes`.
    #[must_use]
    pub fn new(address: &ListenAddress, payload_bytes: usize) -> PlacedClients {
        PlacedClients { address: address.clone(), payload_bytes, spare: Vec::new() }
    }

    /// A connection on the shard with this number.
    ///
    /// # Errors
    /// If a connection cannot be made, or none of many lives there.
    pub fn on(&mut self, shard: usize) -> Result<NativeClient, BenchError> {
        if let Some(index) = self.spare.iter().position(|client| client.shard() == shard) {
            return Ok(self.spare.swap_remove(index));
        }
        // Ends because there is a most for those that wait.
        while self.spare.len() < SPARE_MAX {
            let client = NativeClient::open(&self.address, self.payload_bytes)?;
            if client.shard() == shard {
                return Ok(client);
            }
            self.spare.push(client);
        }
        let text = format!("{SPARE_MAX} connections went to shards other than {shard}");
        Err(BenchError::Refused(text))
    }
}
