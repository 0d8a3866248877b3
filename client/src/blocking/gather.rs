//! One request, and the replies of everybody who answers it.

use std::time::Duration;

use crate::blocking::client::Client;
use crate::engine::{Answer, Call, RequestMode};
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;

/// The replies of everybody to one request, as they come.
///
/// Replies that come after it was dropped are thrown away.
#[derive(Debug)]
pub struct Answers<'a> {
    client: &'a mut Client,
    call: Call,
    is_done: bool,
}

impl Client {
    /// Sends a message and hands out the replies to it, whoever sends them: until none has come for
    /// `quiet` since the one before, and until `max` after the request at the latest. The first
    /// may take until then; that nobody is there to answer is known at once, and is no error.
    ///
    /// # Errors
    /// If the request cannot be sent.
    pub fn request_answers(
        &mut self,
        publication: &Publication<'_>,
        quiet: Duration,
        max: Duration,
    ) -> Result<Answers<'_>, ClientError> {
        let call = self.begin_request(publication, RequestMode::Gather { quiet }, max)?;
        Ok(Answers { client: self, call, is_done: false })
    }

    /// All replies that [`Client::request_answers`] hands out; none, if nobody answers in time. If the
    /// connection breaks, those that came before are all.
    ///
    /// # Errors
    /// If the request cannot be sent or is refused, or the connection breaks before the first reply.
    pub fn request_all(
        &mut self,
        publication: &Publication<'_>,
        quiet: Duration,
        max: Duration,
    ) -> Result<Vec<Message>, ClientError> {
        let mut answers = self.request_answers(publication, quiet, max)?;
        let mut all = Vec::new();
        // Ends at the latest when the time is over.
        loop {
            match answers.next_answer() {
                Ok(Some(answer)) => all.push(answer),
                Ok(None) => return Ok(all),
                Err(error) if all.is_empty() => return Err(error),
                Err(_no_more_come) => return Ok(all),
            }
        }
    }
}

impl Answers<'_> {
    /// The next reply, also one that tells an error; nothing, when it was quiet for long enough or the
    /// time is over.
    ///
    /// # Errors
    /// If the broker refuses the request, or the connection is lost. After an error there is no
    /// further reply.
    pub fn next_answer(&mut self) -> Result<Option<Message>, ClientError> {
        if self.is_done {
            return Ok(None);
        }
        self.is_done = true;
        match self.client.driver.wait_for(self.call)? {
            Answer::Reply(reply) => {
                self.is_done = false;
                Ok(Some(reply))
            }
            Answer::Done | Answer::Receivers(_) | Answer::End | Answer::Stream(_) => Ok(None),
        }
    }
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.client.driver.engine.forget(self.call);
    }
}
