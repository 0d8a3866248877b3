//! What a handler of requests is given and what it gives back.

use std::time::{Duration, Instant};

use crate::blocking::client::Client;
use crate::error::ClientError;
use crate::message::{HANDLER_ERROR, HANDLER_ERROR_CODE, Message};
use crate::publication::Publication;

/// How requests are served.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServeOptions {
    /// Name of the queue group, whose members share the requests; empty: this client gets them all.
    pub queue_group: String,
}

impl ServeOptions {
    /// The same as a member of this queue group.
    #[must_use]
    pub fn with_queue_group(mut self, name: impl Into<String>) -> ServeOptions {
        self.queue_group = name.into();
        self
    }
}

/// What was served so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServeStatistics {
    /// Requests that arrived, plain messages among them.
    pub requests: u64,
    /// Those that a handler failed to answer, by an error or a panic.
    pub errors: u64,
    /// Those whose handler panicked.
    pub panics: u64,
    /// Those whose time was over before they were handled or answered.
    pub expired: u64,
    /// The last error of a handler.
    pub last_error: Option<HandlerError>,
    /// How long handlers worked, all together.
    pub processing: Duration,
}

/// A reply that is ready.
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

    /// The same with one header more. One that cannot be sent is an error to whoever asked.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The message with all that is in the reply.
    pub(crate) fn fill<'a>(
        &'a self,
        mut to: Publication<'a>,
    ) -> Result<Publication<'a>, ClientError> {
        for (name, value) in &self.headers {
            to = to.with_header(name, value)?;
        }
        Ok(to.with_payload(&self.payload))
    }
}

/// Why a handler has no reply. Whoever asked gets [`ClientError::Handler`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text} (error {code})")]
pub struct HandlerError {
    /// A number, whose meaning is between the two sides.
    pub code: u16,
    /// What went wrong; line breaks and other control bytes are replaced on the way.
    pub text: String,
}

impl HandlerError {
    /// An error with this number and these words.
    #[must_use]
    pub fn new(code: u16, text: impl Into<String>) -> HandlerError {
        HandlerError { code, text: text.into() }
    }

    /// The message with the headers that tell the error.
    pub(crate) fn fill<'a>(&self, to: Publication<'a>) -> Result<Publication<'a>, ClientError> {
        let text: String = self.text.chars().take(1024).map(printable).collect();
        let code = self.code.to_string();
        let to = to.with_header(HANDLER_ERROR, text.as_bytes())?;
        Ok(to.with_header(HANDLER_ERROR_CODE, code.as_bytes())?)
    }
}

/// A request on its way through a handler.
#[derive(Debug)]
pub struct Request<'a> {
    client: &'a mut Client,
    message: &'a Message,
    /// When whoever asked stops to wait, if that is known.
    deadline: Option<Instant>,
}

impl<'a> Request<'a> {
    /// A request whose turn has come now.
    pub(crate) fn new(client: &'a mut Client, message: &'a Message, now: Instant) -> Request<'a> {
        let patience = Duration::from_millis(message.deadline_ms().into());
        let waited = client.driver.age_of(message);
        let left = patience.saturating_sub(waited);
        let deadline = (!patience.is_zero()).then(|| now.checked_add(left)).flatten();
        Request { client, message, deadline }
    }

    /// What was asked.
    #[must_use]
    pub fn message(&self) -> &Message {
        self.message
    }

    /// When whoever asked stops to wait for the reply, counted from when the request was read;
    /// none: it did not say. A handler that works for long looks at it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether nobody waits for the reply any more.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Sends a reply before the one that the handler returns, which is the last. Does nothing where
    /// nobody asked for a reply.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn reply_more(&mut self, reply: &Reply) -> Result<(), ClientError> {
        let Some(to) = Publication::reply_to(self.message) else { return Ok(()) };
        self.client.publish(&reply.fill(to)?.with_more())?;
        self.client.write_out()
    }
}

/// A character that a header may hold.
fn printable(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}
