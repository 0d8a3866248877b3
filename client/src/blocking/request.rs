//! Requests and their replies.

use std::time::Duration;

use crate::blocking::client::Client;
use crate::engine::{Answer, Call, RequestMode};
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;

/// The replies to one request, as they come.
///
/// Replies that come after it was dropped are thrown away.
#[derive(Debug)]
pub struct Replies<'a> {
    client: &'a mut Client,
    call: Call,
    is_done: bool,
}

impl Client {
    /// Sends a message and waits for the reply to it. Its own subject for replies, if it has one,
    /// is not used.
    ///
    /// Should more than one responder answer, the first reply counts.
    ///
    /// # Errors
    /// At once, if nobody is there to answer; if the broker refuses the request; if no reply comes
    /// within `timeout`; if the reply says that its handler failed; if the connection broke, so that
    /// nobody knows whether the request was answered.
    pub fn request(
        &mut self,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Message, ClientError> {
        let call = self.begin_request(publication, RequestMode::One, timeout)?;
        match self.driver.wait_for(call)? {
            Answer::Reply(reply) => told(reply),
            Answer::Done | Answer::Receivers(_) | Answer::End | Answer::Stream(_) => {
                Err(ClientError::TimedOut { waited_for: "reply", waited: timeout })
            }
        }
    }

    /// Sends a message and hands out the replies to it, up to the one that says that none follows.
    /// Each may take up to `timeout`.
    ///
    /// # Errors
    /// If the request cannot be sent.
    pub fn request_many(
        &mut self,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Replies<'_>, ClientError> {
        let call = self.begin_request(publication, RequestMode::Many, timeout)?;
        Ok(Replies { client: self, call, is_done: false })
    }

    pub(super) fn begin_request(
        &mut self,
        publication: &Publication<'_>,
        mode: RequestMode,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        self.make_room()?;
        let (engine, now) = self.driver.engine_now();
        engine.request(now, publication, mode, timeout)
    }
}

impl Replies<'_> {
    /// The next reply; nothing after the one that said that none follows.
    ///
    /// # Errors
    /// As [`Client::request`], for each reply anew; after an error there is no further reply.
    pub fn next_reply(&mut self) -> Result<Option<Message>, ClientError> {
        if self.is_done {
            return Ok(None);
        }
        self.is_done = true;
        match self.client.driver.wait_for(self.call)? {
            Answer::Reply(reply) => {
                let reply = told(reply)?;
                self.is_done = !reply.has_more();
                Ok(Some(reply))
            }
            Answer::Done | Answer::Receivers(_) | Answer::End | Answer::Stream(_) => Ok(None),
        }
    }
}

impl Drop for Replies<'_> {
    fn drop(&mut self) {
        self.client.driver.engine.forget(self.call);
    }
}

/// The reply, or the error that it tells.
fn told(reply: Message) -> Result<Message, ClientError> {
    reply.handler_error().map_or(Ok(reply), Err)
}
