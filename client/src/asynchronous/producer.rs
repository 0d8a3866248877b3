//! A producer that is stored once.

use tokio::time::Instant;

use crate::asynchronous::client::Client;
use crate::error::ClientError;
use crate::stream::{AppendOptions, Appended, Batch, ProducerState, Retry};

/// Appends batches to a stream, each of which is stored exactly once: what gets lost on the way is sent
/// again under the same number, and the broker knows it by that.
///
/// Batches go one after the other; several producers, or larger batches, go faster.
#[derive(Debug)]
pub struct Producer {
    client: Client,
    stream: String,
    state: ProducerState,
}

impl Producer {
    pub(super) fn new(client: Client, stream: &str, state: ProducerState) -> Producer {
        Producer { client, stream: stream.to_owned(), state }
    }

    /// Appends a batch, and tries again for as long as the time limit of the client allows if nobody
    /// knows what became of it, or the broker has no room just now. What
    /// [`AppendOptions::producer`] says is not used.
    ///
    /// # Errors
    /// If the broker refuses it, or the time is over. After [`ClientError::TimedOut`] the same batch may
    /// be given once more, and is stored once; another one would be taken for it.
    pub async fn append(
        &mut self,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<Appended, ClientError> {
        let options = self.state.next(batch, *options);
        let until = Instant::now() + self.client.timeout();
        let mut pause = Retry::FIRST_PAUSE;
        // Ends when the time is over at the latest.
        loop {
            let error = match self.client.append(&self.stream, batch, &options).await {
                Ok(appended) => {
                    self.state.stored(&options, batch);
                    return Ok(appended);
                }
                Err(error) => error,
            };
            if ProducerState::retry(&error) == Retry::No || Instant::now() + pause > until {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = Retry::longer(pause);
        }
    }
}
