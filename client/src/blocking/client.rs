//! The client: connects, publishes, subscribes, and hands out what arrives.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::model::{PublishFlags, SubscriptionId, Ticket};
use coilgun_protocol::native::{ClientFrame, NoticeFrame, OutcomeFrame};

use crate::blocking::clock::Deadline;
use crate::blocking::exchange::{Answer, Exchange};
use crate::blocking::request::Inbox;
use crate::error::{BrokerError, ClientError};
use crate::message::Message;
use crate::options::Options;
use crate::publication::Publication;
use crate::server_info::ServerInfo;
use crate::subscription::Subscription;

/// A blocking connection to a broker.
///
/// Dropping it ends the connection at once, and what was not [flushed](Client::flush) is lost;
/// [`Client::close`] ends it in good order.
#[derive(Debug)]
pub struct Client {
    pub(crate) exchange: Exchange,
    pub(crate) timeout: Duration,
    pub(crate) inbox: Option<Inbox>,
    info: ServerInfo,
    /// Those that nobody ended. Some may have ended by themselves.
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
    pub(crate) subscription_last: u64,
    ticket_last: u32,
    token_last: u64,
}

impl Client {
    /// Connects, and returns when the broker has let the client in.
    ///
    /// # Errors
    /// If nothing answers at the address in time, if what answers is no broker of Coilgun, or if
    /// the broker does not let this client in.
    pub fn connect(options: Options) -> Result<Client, ClientError> {
        let timeout = options.connect_timeout;
        let mut deadline = Deadline::after(timeout);
        let mut exchange = Exchange::open(&options, &deadline).map_err(|error| {
            let address = options.address.clone();
            ClientError::Connect { address, source: Arc::new(error) }
        })?;
        exchange.push(&ClientFrame::Hello(options.hello()), timeout)?;
        // Ends at the deadline at the latest.
        let info = loop {
            match exchange.next_answer(&mut deadline)? {
                Some(Answer::Welcome(info)) => break info,
                Some(_) => {}
                None => {
                    let waited_for = "answer of a broker to the handshake";
                    return Err(ClientError::TimedOut { waited_for, waited: timeout });
                }
            }
        };
        Ok(Client {
            exchange,
            timeout: options.timeout,
            inbox: None,
            info,
            subscriptions: BTreeSet::new(),
            subscription_last: 0,
            ticket_last: 0,
            token_last: 0,
        })
    }

    /// What the broker said about itself.
    #[must_use]
    pub fn server(&self) -> &ServerInfo {
        &self.info
    }

    /// What the broker said about leaving, if it is about to: it still delivers what waits, and
    /// ends the connection soon.
    #[must_use]
    pub fn going_away(&self) -> Option<&BrokerError> {
        self.exchange.go_away()
    }

    /// The next thing the broker said about this connection, which goes on: that it dropped messages
    /// because this client did not read fast enough, or that it reads more slowly because this client
    /// sends too fast. Only the latest 64 are kept. It waits for nothing: notices arrive with
    /// whatever the client waits for.
    pub fn take_notice(&mut self) -> Option<NoticeFrame> {
        self.exchange.take_notice()
    }

    /// How many messages wait in the client for [`Client::next_message`].
    #[must_use]
    pub fn queued_count(&self) -> usize {
        self.exchange.queue_len()
    }

    /// Sends a message and waits for nothing: it goes out with [`Client::write_out`], or with the
    /// next call that waits, or once enough has come together.
    ///
    /// # Errors
    /// If the message cannot be sent; it was not taken then, and may be tried again.
    pub fn publish(&mut self, publication: &Publication<'_>) -> Result<(), ClientError> {
        publication.check(self.info.payload_bytes_max)?;
        let frame = publication.frame(PublishFlags::default());
        self.exchange.push(&ClientFrame::Publish(frame), self.timeout)
    }

    /// Sends a message, waits until every receiver's outbox has it, and says how many there are.
    ///
    /// # Errors
    /// If the message cannot be sent, or the broker refuses it or does not answer in time.
    pub fn publish_acked(&mut self, publication: &Publication<'_>) -> Result<u32, ClientError> {
        publication.check(self.info.payload_bytes_max)?;
        let mut frame = publication.frame(PublishFlags::ACK);
        if !publication.correlation().is_some() {
            frame.correlation = self.next_ticket();
        }
        self.exchange.push(&ClientFrame::Publish(frame), self.timeout)?;
        let outcome = self.wait_for_outcome(frame.correlation, "acknowledgement")?;
        accepted(&outcome, || format!("publish to {}", publication.subject_text()))?;
        Ok(outcome.receivers)
    }

    /// Returns once everything this client sent has taken effect: messages are in the outboxes of
    /// their receivers, and subscriptions receive.
    ///
    /// # Errors
    /// If the connection is lost, or the broker does not answer in time.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.token_last += 1;
        let token = self.token_last;
        self.exchange.push(&ClientFrame::Ping { token }, self.timeout)?;
        self.wait_for("answer to a flush", |answer| match answer {
            Answer::Pong(back) if back == token => Some(()),
            Answer::Pong(_)
            | Answer::Welcome(_)
            | Answer::Outcome(_)
            | Answer::Reply(_)
            | Answer::Queued
            | Answer::Nothing => None,
        })
    }

    /// Hands everything to the system that was published and not yet sent. What becomes of it the
    /// client does not know before a [`Client::flush`].
    ///
    /// # Errors
    /// If the connection is lost, or the broker does not read in time.
    pub fn write_out(&mut self) -> Result<(), ClientError> {
        self.exchange.flush(self.timeout)
    }

    /// The oldest message that has not been handed out; nothing, if none comes within `timeout`. A
    /// timeout of zero takes what is there.
    ///
    /// # Errors
    /// If the connection is lost; messages that arrived before are handed out first.
    pub fn next_message(&mut self, timeout: Duration) -> Result<Option<Message>, ClientError> {
        let mut deadline = Deadline::after(timeout);
        // Ends at the deadline at the latest, or with the message that arrives first.
        while self.exchange.queue_len() == 0 {
            if self.exchange.next_answer(&mut deadline)?.is_none() {
                return Ok(None);
            }
        }
        Ok(self.exchange.pop())
    }

    /// The oldest message of one subscription that was not handed out; nothing, if none comes within
    /// `timeout`. Messages of others stay where they are.
    ///
    /// # Errors
    /// As [`Client::next_message`], or if so many messages of others wait that none can be read.
    pub fn next_message_of(
        &mut self,
        subscription: Subscription,
        timeout: Duration,
    ) -> Result<Option<Message>, ClientError> {
        let mut deadline = Deadline::after(timeout);
        // Ends at the deadline at the latest, or with the message that arrives first.
        loop {
            if let Some(message) = self.exchange.pop_of(subscription.id()) {
                return Ok(Some(message));
            }
            if self.exchange.next_answer(&mut deadline)?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Sends what waits to be sent, reads what has arrived as far as the queue has room, answers
    /// the broker's PINGs, and waits for nothing. Who works for long without calling anything else
    /// calls this, at least once in each ping interval.
    ///
    /// # Errors
    /// If the connection is lost.
    pub fn keep_alive(&mut self) -> Result<(), ClientError> {
        let mut now = Deadline::after(Duration::ZERO);
        // Ends because only one look at the socket is allowed.
        loop {
            match self.exchange.next_answer(&mut now) {
                Ok(Some(_)) => {}
                Ok(None) | Err(ClientError::QueueFull { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Says goodbye and waits for the end: what was published is out, and what still arrives is
    /// dropped.
    ///
    /// # Errors
    /// If the connection was lost before, or the broker does not end it in time.
    pub fn close(mut self) -> Result<(), ClientError> {
        self.exchange.push(&ClientFrame::Goodbye, self.timeout)?;
        let mut deadline = Deadline::after(self.timeout);
        // Ends at the deadline at the latest.
        loop {
            while self.exchange.pop().is_some() {}
            match self.exchange.next_answer(&mut deadline) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let waited_for = "end of the connection";
                    return Err(ClientError::TimedOut { waited_for, waited: self.timeout });
                }
                Err(ClientError::Gone) => return Ok(()),
                Err(ClientError::Ended(_)) if self.exchange.go_away().is_some() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts messages into the queue until `wanted` finds its answer.
    pub(crate) fn wait_for<T>(
        &mut self,
        waited_for: &'static str,
        mut wanted: impl FnMut(Answer) -> Option<T>,
    ) -> Result<T, ClientError> {
        let mut deadline = Deadline::after(self.timeout);
        // Ends at the deadline at the latest.
        loop {
            match self.exchange.next_answer(&mut deadline)? {
                Some(answer) => {
                    if let Some(found) = wanted(answer) {
                        return Ok(found);
                    }
                }
                None => return Err(ClientError::TimedOut { waited_for, waited: self.timeout }),
            }
        }
    }

    pub(crate) fn wait_for_outcome(
        &mut self,
        ticket: Ticket,
        waited_for: &'static str,
    ) -> Result<OutcomeFrame, ClientError> {
        self.wait_for(waited_for, |answer| match answer {
            Answer::Outcome(outcome) if outcome.correlation == ticket => Some(outcome),
            Answer::Outcome(_)
            | Answer::Pong(_)
            | Answer::Welcome(_)
            | Answer::Reply(_)
            | Answer::Queued
            | Answer::Nothing => None,
        })
    }

    /// A number for a frame that is answered. The upper half differs from client to client, so that
    /// a reply, which carries its requester's number, is not taken for a frame of this client.
    pub(crate) fn next_ticket(&mut self) -> Ticket {
        self.ticket_last = self.ticket_last.wrapping_add(1);
        let client = self.info.client.slot.wrapping_add(1);
        // Wrapping around takes four billion requests; the number 0 is the one that means nothing.
        Ticket((u64::from(client) << 32 | u64::from(self.ticket_last)).max(1))
    }
}

/// Whether the broker accepted what an outcome is about.
pub(crate) fn accepted(
    outcome: &OutcomeFrame,
    what: impl FnOnce() -> String,
) -> Result<(), ClientError> {
    if outcome.is_ok() { Ok(()) } else { Err(ClientError::refused(what(), outcome.code)) }
}
