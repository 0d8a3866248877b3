//! What a handler of requests is given, and what is counted.

use std::time::{Duration, Instant};

use crate::blocking::client::Client;
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;
use crate::serving::{HandlerError, Reply};

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
