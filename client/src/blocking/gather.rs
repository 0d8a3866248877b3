//! One request, and the replies of everybody who answers it.

use std::time::Duration;

use coilgun_protocol::model::ErrorCode;

use crate::blocking::client::Client;
use crate::blocking::clock::Deadline;
use crate::blocking::request::Request;
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;

/// The replies of everybody to one request, as they come.
///
/// Replies that come after it was dropped are thrown away.
#[derive(Debug)]
pub struct Answers<'a> {
    client: &'a mut Client,
    request: Request,
    quiet: Duration,
    end: Deadline,
    has_begun: bool,
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
        let request = self.send_request(publication, max)?;
        let end = Deadline::after(max);
        Ok(Answers { client: self, request, quiet, end, has_begun: false, is_done: false })
    }

    /// All replies that [`Client::request_answers`] hands out; none, if nobody answers in time.
    ///
    /// # Errors
    /// If the broker refuses the request, or the connection is lost.
    pub fn request_all(
        &mut self,
        publication: &Publication<'_>,
        quiet: Duration,
        max: Duration,
    ) -> Result<Vec<Message>, ClientError> {
        let mut answers = self.request_answers(publication, quiet, max)?;
        let mut all = Vec::new();
        // Ends at the latest when the time is over.
        while let Some(answer) = answers.next_answer()? {
            all.push(answer);
        }
        Ok(all)
    }
}

impl Answers<'_> {
    /// The next reply; nothing, when it was quiet for long enough or the time is over.
    ///
    /// # Errors
    /// If the broker refuses the request, or the connection is lost. After an error there is no
    /// further reply.
    pub fn next_answer(&mut self) -> Result<Option<Message>, ClientError> {
        let left = self.end.remaining().unwrap_or(Duration::MAX);
        // Someone who never stops answering does not go on beyond the end.
        if self.is_done || (self.has_begun && left.is_zero()) {
            return Ok(None);
        }
        let time = if self.has_begun { left.min(self.quiet) } else { left };
        let answer = self.client.reply_before(&self.request, &mut Deadline::after(time));
        self.has_begun = true;
        self.is_done = !matches!(answer, Ok(Some(_)));
        match answer {
            Err(error) if error.code() == Some(ErrorCode::NoResponders) => Ok(None),
            answer => answer,
        }
    }
}
