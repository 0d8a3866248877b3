//! A producer that is stored once.

use tokio::time::Instant;

use crate::asynchronous::client::Client;
use crate::error::ClientError;
use crate::stream::{AppendOptions, Appended, Batch, ProducerOptions, ProducerState, Retry};

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

    /// Who it is: its number, also one that was drawn, and its epoch.
    #[must_use]
    pub fn options(&self) -> ProducerOptions {
        self.state.options()
    }

    /// Appends a batch, and tries again for as long as the time limit of the client allows if nobody
    /// knows what became of it, or the broker has no room just now. What
    /// [`AppendOptions::producer`] says is not used.
    ///
    /// A batch of which nobody knows what became is in doubt: after any error but a refusal at the first
    /// attempt, and after the future was dropped. Then the same batch may be given once more, as often as it takes,
    /// and is stored once. Another one for the same partition is refused, because the broker would take it
    /// for the one in doubt. The way out is another producer: one that has a number of its own begins
    /// again with an epoch one higher than in [`Producer::options`], and what is still on its way of the
    /// earlier one is refused from its first batch on.
    ///
    /// # Errors
    /// If the broker refuses it, the time is over, or [`ClientError::InDoubt`].
    pub async fn append(
        &mut self,
        batch: &Batch,
        options: &AppendOptions,
    ) -> Result<Appended, ClientError> {
        let until = Instant::now() + self.client.timeout();
        if self.state.lacks_stream(batch, options) {
            self.state.learn(&self.client.stream_info(&self.stream).await?);
        }
        let mut pause = Retry::FIRST_PAUSE;
        // Ends when the time is over at the latest.
        loop {
            let options = self.state.begin(batch, *options)?;
            let error = match self.client.append(&self.stream, batch, &options).await {
                Ok(appended) => {
                    self.state.stored(&options, batch);
                    return Ok(appended);
                }
                Err(error) => error,
            };
            let retry = self.state.failed(&options, &error);
            if retry == Retry::No || Instant::now() + pause > until {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = Retry::longer(pause);
        }
    }
}
