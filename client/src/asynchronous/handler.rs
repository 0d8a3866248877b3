//! What a handler gets, and what it gives back.

use std::time::Duration;

use tokio::time::Instant;

use crate::asynchronous::client::Client;
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;
use crate::subscription::SubscribeOptions;

/// How requests are served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServeOptions {
    /// How the messages are received: queue group, credit, and what waits while all handlers are busy.
    pub subscribe: SubscribeOptions,
    /// How many requests are handled at once; at least 1.
    pub concurrency_max: usize,
}

impl Default for ServeOptions {
    /// Without a queue group, 256 at once.
    fn default() -> Self {
        ServeOptions { subscribe: SubscribeOptions::default(), concurrency_max: 256 }
    }
}

impl ServeOptions {
    /// The same as a member of this queue group, whose members share the requests.
    #[must_use]
    pub fn with_queue_group(mut self, name: impl Into<String>) -> ServeOptions {
        self.subscribe = self.subscribe.with_queue_group(name);
        self
    }

    /// The same with at most so many requests at once.
    ///
    /// # Panics
    /// If that is none.
    #[must_use]
    pub fn with_concurrency_max(mut self, concurrency_max: usize) -> ServeOptions {
        assert!(concurrency_max > 0, "whoever serves handles at least one request at once");
        self.concurrency_max = concurrency_max;
        self
    }

    pub(super) fn subscribe_options(&self) -> SubscribeOptions {
        self.subscribe.clone()
    }
}

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
        self.client.publish(&reply.publication(publication)?.with_more()).await
    }
}

/// What a handler answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reply {
    payload: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Reply {
    /// A reply with this payload.
    #[must_use]
    pub fn new(payload: impl Into<Vec<u8>>) -> Reply {
        Reply { payload: payload.into(), headers: Vec::new() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Puts it into a publication to where replies go.
    pub(super) fn publication<'a>(
        &'a self,
        to: Publication<'a>,
    ) -> Result<Publication<'a>, ClientError> {
        let mut headers = self.headers.iter();
        let to = to.with_payload(&self.payload);
        Ok(headers.try_fold(to, |to, (name, value)| to.with_header(name, value))?)
    }
}

/// Why a handler could not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text} (error {code})")]
pub struct HandlerError {
    /// A number for programs; those of HTTP are the custom.
    pub code: u16,
    /// What went wrong, for people.
    pub text: String,
}

impl HandlerError {
    /// A failure with this number and text.
    #[must_use]
    pub fn new(code: u16, text: impl Into<String>) -> HandlerError {
        HandlerError { code, text: text.into() }
    }

    /// The reply that says so.
    pub(super) fn reply(&self) -> Reply {
        // A header is one line.
        let text: String =
            self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Reply::default()
            .with_header(crate::message::HANDLER_ERROR, text)
            .with_header(crate::message::HANDLER_ERROR_CODE, self.code.to_string())
    }
}
