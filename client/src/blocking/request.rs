//! Requests and their replies.
//!
//! ```text
//! inbox     _INBOX.<32 hexadecimal digits>.*         one subscription per client, made when needed
//! request   reply subject = _INBOX.<...>.<ticket>    so that a reply is known by its subject
//! ```
//!
//! A reply is known by its subject and not by its correlation, because responders that speak another
//! protocol have no correlation to give back.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use coilgun_protocol::model::{PublishFlags, SubscriptionId, Ticket};
use coilgun_protocol::native::ClientFrame;

use crate::blocking::client::{Client, accepted};
use crate::blocking::clock::Deadline;
use crate::blocking::exchange::Answer;
use crate::blocking::handling::HandlerError;
use crate::error::ClientError;
use crate::message::Message;
use crate::publication::Publication;
use crate::subscription::SubscribeOptions;

/// Where a client receives replies.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// The subject of its replies without the last token, with the dot before it.
    prefix: String,
}

/// The replies to one request, as they come.
///
/// Replies that come after it was dropped are thrown away.
#[derive(Debug)]
pub struct Replies<'a> {
    client: &'a mut Client,
    request: Request,
    is_done: bool,
}

/// A request on its way.
#[derive(Clone, Debug)]
struct Request {
    /// Where it went, for people.
    subject: String,
    ticket: Ticket,
    reply_subject: String,
    /// How long each reply may take.
    timeout: Duration,
}

impl Client {
    /// Sends a message and waits for the reply to it. Its own subject for replies, if it has one,
    /// is not used.
    ///
    /// Should more than one responder answer, the first reply counts.
    ///
    /// # Errors
    /// At once, if nobody is there to answer; if the broker refuses the request; if no reply comes
    /// within `timeout`; if the reply says that its handler failed.
    pub fn request(
        &mut self,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Message, ClientError> {
        let request = self.send_request(publication, timeout)?;
        let mut deadline = Deadline::after(timeout);
        told(self.wait_for_reply(&request, &mut deadline)?)
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
        let request = self.send_request(publication, timeout)?;
        Ok(Replies { client: self, request, is_done: false })
    }

    /// Sends a message and collects the replies of everyone who answers: until none has come for the
    /// time `quiet`, and for `max` in all at most. Replies that tell an error are among them.
    ///
    /// # Errors
    /// At once, if nobody is there to answer; if the broker refuses the request, or the connection is
    /// lost. If nobody answers in time, that is no error, and there are no replies.
    pub fn request_all(
        &mut self,
        publication: &Publication<'_>,
        quiet: Duration,
        max: Duration,
    ) -> Result<Vec<Message>, ClientError> {
        let request = self.send_request(publication, max)?;
        let end = Deadline::after(max);
        let mut replies = Vec::new();
        // Ends with `max` at the latest.
        loop {
            let left = end.remaining().unwrap_or(Duration::MAX);
            let patience = if replies.is_empty() { left } else { left.min(quiet) };
            match self.wait_for_reply(&request, &mut Deadline::after(patience)) {
                Ok(reply) => replies.push(reply),
                Err(ClientError::TimedOut { .. }) => return Ok(replies),
                Err(error) => return Err(error),
            }
            if end.remaining().is_some_and(|left| left.is_zero()) {
                return Ok(replies);
            }
        }
    }

    fn send_request(
        &mut self,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Request, ClientError> {
        publication.check(self.server().payload_bytes_max)?;
        let prefix = self.inbox_prefix()?;
        let ticket = self.next_ticket();
        let reply_subject = format!("{prefix}{}", ticket.0);
        let mut frame = publication.frame(PublishFlags::REQUEST);
        frame.correlation = ticket;
        frame.reply = reply_subject.as_bytes();
        frame.deadline_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
        self.exchange.push(&ClientFrame::Publish(frame), self.timeout)?;
        Ok(Request { subject: publication.subject_text(), ticket, reply_subject, timeout })
    }

    /// The inbox, which is made at the first request.
    fn inbox_prefix(&mut self) -> Result<String, ClientError> {
        if let Some(inbox) = &self.inbox {
            return Ok(inbox.prefix.clone());
        }
        let prefix = format!("_INBOX.{:016x}{:016x}.", random(), random());
        let options = SubscribeOptions::default();
        let subscription = self.subscribe(&format!("{prefix}*"), &options)?;
        self.exchange.set_inbox(subscription.id());
        // It goes on through a drain: what was asked is still answered.
        self.subscriptions.remove(&subscription.id());
        self.inbox = Some(Inbox { prefix: prefix.clone() });
        Ok(prefix)
    }

    fn wait_for_reply(
        &mut self,
        request: &Request,
        deadline: &mut Deadline,
    ) -> Result<Message, ClientError> {
        // Ends at the deadline at the latest.
        loop {
            match self.exchange.next_answer(deadline)? {
                Some(Answer::Reply(reply)) => {
                    if reply.subject() == request.reply_subject.as_bytes() {
                        return Ok(reply);
                    }
                }
                Some(Answer::Outcome(outcome)) => {
                    if outcome.correlation == request.ticket {
                        accepted(&outcome, || format!("request to {}", request.subject))?;
                    }
                }
                Some(Answer::Welcome(_) | Answer::Pong(_) | Answer::Queued | Answer::Nothing) => {}
                None => {
                    let (waited_for, waited) = ("reply", request.timeout);
                    return Err(ClientError::TimedOut { waited_for, waited });
                }
            }
        }
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
        let mut deadline = Deadline::after(self.request.timeout);
        let reply = self.client.wait_for_reply(&self.request, &mut deadline).and_then(told);
        self.is_done = !reply.as_ref().is_ok_and(Message::has_more);
        reply.map(Some)
    }
}

/// The reply, or the error that it tells.
fn told(reply: Message) -> Result<Message, ClientError> {
    HandlerError::told_by(&reply).map_or(Ok(reply), Err)
}

/// A number that two clients hardly share: the system seeds the hasher.
fn random() -> u64 {
    RandomState::new().hash_one(SubscriptionId::NAME.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_differ() {
        assert_ne!(random(), random());
    }
}
