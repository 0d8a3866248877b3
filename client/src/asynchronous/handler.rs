//! What a handler gets.

use std::time::Duration;

use tokio::time::Instant;

use crate::asynchronous::client::Client;
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;
use crate::serving::Reply;

/// One request, for its handler.
#[derive(Debug)]
pub struct Request {
    message: Message,
    deadline: Option<Instant>,
    client: Client,
}

impl Request {
    pub(super) fn new(message: Message, client: &Client) -> Request {
        let ms = message.deadline_ms();
        let arrived = client.instant(message.arrived());
        let deadline = (ms > 0).then(|| arrived + Duration::from_millis(ms.into()));
        Request { message, deadline, client: client.clone() }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The payload of the message.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.message.payload()
    }

    /// When the requester stops waiting, as far as is known here: the time its request travelled is
    /// not counted. Nothing, if it does not say.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sends a reply behind which more follow; the last one is what the handler returns.
    ///
    /// # Errors
    /// If the message wants no reply, or as [`Client::publish`].
    pub async fn reply_more(&self, reply: &Reply) -> Result<(), ClientError> {
        let publication =
            Publication::reply_to(&self.message).unwrap_or_else(|| Publication::to(""));
        self.client.publish(&reply.fill(publication)?.with_more()).await
    }
}
