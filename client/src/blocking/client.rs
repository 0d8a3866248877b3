//! The client: connects, publishes, and hands out what arrives.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use coilgun_protocol::native::NoticeFrame;

use crate::blocking::clock::Deadline;
use crate::blocking::driver::Driver;
use crate::broker_error::BrokerError;
use crate::engine::{Answer, ConnectionState, Event, Statistics};
use crate::error::ClientError;
use crate::message::Message;
use crate::options::Options;
use crate::publication::Publication;
use crate::server_info::ServerInfo;
use crate::subscription::Subscription;

/// A blocking client of a broker.
///
/// When its connection breaks, it comes back while it waits in a call, within the time limit of the
/// call, unless its options say otherwise: its subscriptions go on, and what was published meanwhile is
/// sent. Calls that waited for an answer then end with [`ClientError::Lost`].
///
/// Dropping it ends the connection at once, and what was not [flushed](Client::flush) is lost;
/// [`Client::close`] ends it in good order.
#[derive(Debug)]
pub struct Client {
    pub(crate) driver: Driver,
    pub(crate) timeout: Duration,
}

impl Client {
    /// Connects, and returns when the broker has let the client in.
    ///
    /// # Errors
    /// If nothing answers at the addresses in time, if what answers is no broker of Coilgun, or if
    /// the broker does not let this client in.
    pub fn connect(options: Options) -> Result<Client, ClientError> {
        let (timeout, waited) = (options.timeout, options.connect_timeout);
        let mut deadline = Deadline::after(waited);
        let mut driver = Driver::new(options, random());
        let mut last = None;
        // Ends at the deadline at the latest.
        while driver.state() != ConnectionState::Connected {
            if !driver.step(&mut deadline)? {
                let waited_for = "answer of a broker to the handshake";
                return Err(last.unwrap_or(ClientError::TimedOut { waited_for, waited }));
            }
            last = driver.last_loss().cloned().or(last);
        }
        Ok(Client { driver, timeout })
    }

    /// What the latest broker said about itself.
    ///
    /// # Panics
    /// Never: a client was let in before anybody has it.
    #[must_use]
    pub fn server(&self) -> &ServerInfo {
        self.driver.engine.server().expect("a client was let in before anybody has it")
    }

    /// Where the client stands, as far as it knows: it looks only while a call waits.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.driver.state()
    }

    /// What the client has counted.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let counted = self.driver.engine.statistics();
        Statistics { queued: counted.queued + self.queued_count(), ..counted }
    }

    /// What the broker said about leaving, if it is about to: it still delivers what waits, and
    /// ends the connection soon.
    #[must_use]
    pub fn going_away(&self) -> Option<&BrokerError> {
        self.driver.going_away()
    }

    /// The next thing the broker said about this connection, which goes on: that it dropped messages
    /// because this client did not read fast enough, or that it reads more slowly because this client
    /// sends too fast. Only the latest 64 are kept. It waits for nothing: notices arrive with
    /// whatever the client waits for.
    pub fn take_notice(&mut self) -> Option<NoticeFrame> {
        self.driver.take_notice()
    }

    /// The next thing that happened to the client, notices excepted: its connection broke, it came back,
    /// a subscription was not accepted again. Only the latest 256 are kept. It waits for nothing.
    pub fn take_event(&mut self) -> Option<Event> {
        self.driver.take_event()
    }

    /// How many messages wait in the client for [`Client::next_message`].
    #[must_use]
    pub fn queued_count(&self) -> usize {
        self.driver.queue.len()
    }

    /// Sends a message and waits for nothing: it goes out with [`Client::write_out`], or with the
    /// next call that waits, or once enough has come together. Without a connection it is kept for the
    /// next one; only where too much is kept already it is waited for.
    ///
    /// # Errors
    /// If the message cannot be sent; it was not taken then, and may be tried again.
    pub fn publish(&mut self, publication: &Publication<'_>) -> Result<(), ClientError> {
        self.make_room()?;
        match self.driver.engine.publish(publication) {
            Err(full @ ClientError::AwayFull { .. }) => {
                if !self.come_back()? {
                    return Err(full);
                }
                self.driver.engine.publish(publication)
            }
            taken => taken,
        }
    }

    /// Sends a message, waits until every receiver's outbox has it, and says how many there are.
    ///
    /// # Errors
    /// If the message cannot be sent, or the broker refuses it or does not answer in time; if the
    /// connection broke meanwhile, nobody knows whether it was delivered.
    pub fn publish_acked(&mut self, publication: &Publication<'_>) -> Result<u32, ClientError> {
        self.make_room()?;
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.publish_acked(now, publication, timeout)?;
        match self.driver.wait_for(call)? {
            Answer::Receivers(receivers) => Ok(receivers),
            Answer::Done | Answer::Reply(_) | Answer::End | Answer::Stream(_) => Ok(0),
        }
    }

    /// Returns once everything this client sent has taken effect: messages are in the outboxes of
    /// their receivers, and subscriptions receive.
    ///
    /// # Errors
    /// If the broker does not answer in time, or the connection broke since the last flush, so that
    /// nobody knows what became of what was sent on it.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        let timeout = self.timeout;
        let (engine, now) = self.driver.engine_now();
        let call = engine.flush(now, timeout)?;
        self.driver.wait_for(call).map(drop)
    }

    /// Hands everything to the system that was published and not yet sent. What becomes of it the
    /// client does not know before a [`Client::flush`].
    ///
    /// # Errors
    /// If the connection is lost for good, or the broker does not read in time.
    pub fn write_out(&mut self) -> Result<(), ClientError> {
        self.driver.write_out(self.timeout)
    }

    /// The oldest message that has not been handed out; nothing, if none comes within `timeout`. A
    /// timeout of zero takes what is there.
    ///
    /// # Errors
    /// If the client has ended; messages that arrived before are handed out first.
    pub fn next_message(&mut self, timeout: Duration) -> Result<Option<Message>, ClientError> {
        self.next_where(timeout, |driver| driver.queue.pop())
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
        self.next_where(timeout, |driver| driver.queue.pop_of(subscription.id()))
    }

    fn next_where(
        &mut self,
        timeout: Duration,
        mut pop: impl FnMut(&mut Driver) -> Option<Message>,
    ) -> Result<Option<Message>, ClientError> {
        if let Some(message) = pop(&mut self.driver) {
            return Ok(Some(message));
        }
        let mut deadline = Deadline::after(timeout);
        self.driver.write_some();
        // Ends at the deadline at the latest, or with the message that arrives first.
        while self.driver.step(&mut deadline)? {
            if let Some(message) = pop(&mut self.driver) {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Sends what waits to be sent, reads what has arrived as far as the queue has room, answers
    /// the broker's PINGs, and waits for nothing. Who works for long without calling anything else
    /// calls this, at least once in each ping interval.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn keep_alive(&mut self) -> Result<(), ClientError> {
        let mut now = Deadline::after(Duration::ZERO);
        self.driver.write_some();
        // Ends because only one look at the socket is allowed.
        loop {
            match self.driver.step(&mut now) {
                Ok(true) => {}
                Ok(false) | Err(ClientError::QueueFull { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Says goodbye and waits for the end: what was published is out, and what still arrives is
    /// dropped. Without a connection it comes back first, if something waits to be sent.
    ///
    /// # Errors
    /// If the client has ended before, or the broker does not end it in time.
    pub fn close(mut self) -> Result<(), ClientError> {
        if let Some(error) = self.driver.engine.closed() {
            return Err(error.clone());
        }
        let timeout = self.timeout;
        let mut deadline = Deadline::after(timeout);
        // Ends at the deadline at the latest.
        while self.driver.engine.has_parked() {
            while self.driver.queue.pop().is_some() {}
            if !self.driver.step(&mut deadline)? {
                let waited_for = "connection to send what waits";
                return Err(ClientError::TimedOut { waited_for, waited: timeout });
            }
        }
        let (engine, now) = self.driver.engine_now();
        let call = engine.close(now, timeout);
        let mut forever = Deadline::after(Duration::MAX);
        self.driver.write_some();
        // Ends at the time limit of the call at the latest.
        loop {
            while self.driver.queue.pop().is_some() {}
            if let Some(answer) = self.driver.engine.take_answer(call) {
                return answer.map(drop);
            }
            if let Err(error) = self.driver.step(&mut forever) {
                return self.driver.engine.take_answer(call).unwrap_or(Err(error)).map(drop);
            }
        }
    }

    /// Lets so much time pass, and the connection go on meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), ClientError> {
        let mut deadline = Deadline::after(time);
        // Ends at the deadline.
        while self.driver.step(&mut deadline)? {}
        Ok(())
    }

    /// Sends first, if much waits to be sent.
    pub(crate) fn make_room(&mut self) -> Result<(), ClientError> {
        if self.driver.engine.has_room() { Ok(()) } else { self.driver.write_out(self.timeout) }
    }

    /// Waits until the client is connected; says whether it is in time.
    fn come_back(&mut self) -> Result<bool, ClientError> {
        let mut deadline = Deadline::after(self.timeout);
        // Ends at the deadline at the latest.
        while self.driver.state() != ConnectionState::Connected {
            if !self.driver.step(&mut deadline)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A number that two clients hardly share: the system seeds the hasher.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_differ() {
        assert_ne!(random(), random());
    }
}
