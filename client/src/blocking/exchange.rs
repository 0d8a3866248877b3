//! What arrives, sorted: messages into the queue, answers to the call that waits for one.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use coilgun_protocol::model::SubscriptionId;
use coilgun_protocol::native::{
    ClientFrame, EncodeError, NoticeFrame, OutcomeFrame, Preface, ServerFrame, encode_frame,
};

use crate::blocking::clock::Deadline;
use crate::blocking::connection::Connection;
use crate::error::{BrokerError, ClientError};
use crate::message::Message;
use crate::options::Options;
use crate::server_info::ServerInfo;

/// Output that waits at this length is sent before more is appended, in bytes.
const OUTPUT_HIGH_BYTES: usize = 64 * 1024;
/// Notices that are kept.
const NOTICES_MAX: usize = 64;

/// The connection and the messages that wait for the caller.
#[derive(Debug)]
pub(crate) struct Exchange {
    connection: Connection,
    queue: VecDeque<Message>,
    queue_bytes: usize,
    queue_messages_max: usize,
    queue_bytes_max: usize,
    /// The subscription whose messages are replies and never get into the queue.
    inbox: Option<SubscriptionId>,
    /// What happened to the connection, oldest first.
    notices: VecDeque<NoticeFrame>,
    /// What the broker said about leaving.
    go_away: Option<BrokerError>,
    /// Why the connection is lost.
    lost: Option<ClientError>,
}

/// What a call may wait for.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The broker lets the client in.
    Welcome(ServerInfo),
    /// What became of a frame.
    Outcome(OutcomeFrame),
    /// Everything before the PING with this token took effect.
    Pong(u64),
    /// A message for the inbox.
    Reply(Message),
    /// A message went into the queue.
    Queued,
    /// Nothing for anybody.
    Nothing,
}

impl Exchange {
    /// Connects and appends the preface.
    pub(crate) fn open(options: &Options, deadline: &Deadline) -> io::Result<Exchange> {
        let mut connection = Connection::open(&options.address, deadline)?;
        connection.output().extend_from_slice(&Preface::OURS.encode());
        Ok(Exchange {
            connection,
            queue: VecDeque::new(),
            queue_bytes: 0,
            queue_messages_max: options.queue_messages_max.max(1),
            queue_bytes_max: options.queue_bytes_max,
            inbox: None,
            notices: VecDeque::new(),
            go_away: None,
            lost: None,
        })
    }

    /// Says which subscription is the inbox.
    pub(crate) fn set_inbox(&mut self, inbox: SubscriptionId) {
        self.inbox = Some(inbox);
    }

    /// What the broker said about leaving, if it did.
    pub(crate) fn go_away(&self) -> Option<&BrokerError> {
        self.go_away.as_ref()
    }

    /// The oldest message that waits.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?;
        self.queue_bytes -= message.bytes_len();
        Some(message)
    }

    /// The oldest message that waits and came for this subscription.
    pub(crate) fn pop_of(&mut self, subscription: SubscriptionId) -> Option<Message> {
        let at = self.queue.iter().position(|it| it.subscription() == subscription)?;
        let message = self.queue.remove(at)?;
        self.queue_bytes -= message.bytes_len();
        Some(message)
    }

    /// The oldest notice that was not looked at.
    pub(crate) fn take_notice(&mut self) -> Option<NoticeFrame> {
        self.notices.pop_front()
    }

    /// How many messages wait.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Appends a frame to the output. Nothing is sent yet.
    ///
    /// # Errors
    /// If the frame cannot be sent, the connection is lost, or the output is full and cannot be
    /// sent in time; the frame was not taken then.
    pub(crate) fn push(
        &mut self,
        frame: &ClientFrame<'_>,
        timeout: Duration,
    ) -> Result<(), ClientError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        if self.connection.output_len() >= OUTPUT_HIGH_BYTES {
            self.flush(timeout)?;
        }
        encode_frame(frame, self.connection.output()).map_err(|error: EncodeError| error.into())
    }

    /// Sends what waits to be sent, and sorts what arrives meanwhile; answers are dropped.
    ///
    /// # Errors
    /// As [`Exchange::next_answer`], or if the broker did not take everything in time.
    pub(crate) fn flush(&mut self, timeout: Duration) -> Result<(), ClientError> {
        let mut deadline = Deadline::after(timeout);
        self.connection.write_some();
        // Ends because the deadline allows one look after its end, and each look reads a bounded
        // number of frames.
        while !self.connection.is_flushed() {
            if self.take()?.is_none() {
                if !deadline.allows_a_look() {
                    let waited_for = "room to write";
                    return Err(ClientError::TimedOut { waited_for, waited: timeout });
                }
                self.exchange(&deadline)?;
            }
        }
        Ok(())
    }

    /// Sends what waits to be sent, and waits for the next thing that arrives; nothing, if nothing
    /// does before the deadline.
    ///
    /// # Errors
    /// If the connection is lost, or a message arrived for which the queue has no room. The message
    /// stays where it is; nothing is lost.
    pub(crate) fn next_answer(
        &mut self,
        deadline: &mut Deadline,
    ) -> Result<Option<Answer>, ClientError> {
        self.connection.write_some();
        // Ends because the deadline allows one look after its end.
        loop {
            if let Some(answer) = self.take()? {
                return Ok(Some(answer));
            }
            if !deadline.allows_a_look() {
                return Ok(None);
            }
            self.exchange(deadline)?;
        }
    }

    /// Whether the queue has room for one more message of this size.
    fn has_room(&self, bytes: usize) -> bool {
        self.queue.is_empty()
            || (self.queue.len() < self.queue_messages_max
                && self.queue_bytes + bytes <= self.queue_bytes_max)
    }

    fn exchange(&mut self, deadline: &Deadline) -> Result<(), ClientError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let result = self.connection.exchange(deadline);
        result.map_err(|error| match (error, self.go_away.clone()) {
            (ClientError::Gone, Some(go_away)) => self.lose(ClientError::Ended(go_away)),
            (error, _) => self.lose(error),
        })
    }

    /// Remembers why the connection is lost.
    fn lose(&mut self, error: ClientError) -> ClientError {
        self.lost = Some(error.clone());
        error
    }

    /// Takes one frame out of what was read, if a whole one is there.
    fn take(&mut self) -> Result<Option<Answer>, ClientError> {
        let front = match self.connection.front() {
            Ok(Some(front)) => front,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.lose(error.into())),
        };
        let used = front.used;
        let answer = match front.frame {
            ServerFrame::Deliver(frame) => {
                let message = Message::new(&frame);
                return self.take_message(message, used).map(Some);
            }
            ServerFrame::Welcome(welcome) => Answer::Welcome(ServerInfo::new(&welcome)),
            ServerFrame::Outcome(outcome) => Answer::Outcome(outcome),
            ServerFrame::Pong { token } => Answer::Pong(token),
            ServerFrame::Ping { token } => {
                self.connection.consume(used);
                self.answer_ping(token)?;
                return Ok(Some(Answer::Nothing));
            }
            ServerFrame::Notice(notice) => {
                if self.notices.len() == NOTICES_MAX {
                    self.notices.pop_front();
                }
                self.notices.push_back(notice);
                Answer::Nothing
            }
            ServerFrame::GoAway(go_away) => {
                self.go_away = Some(BrokerError::leaving(&go_away));
                Answer::Nothing
            }
            ServerFrame::Error(frame) => {
                let error = BrokerError::ended(&frame);
                return Err(self.lose(ClientError::Ended(error)));
            }
        };
        self.connection.consume(used);
        Ok(Some(answer))
    }

    fn take_message(&mut self, message: Message, used: usize) -> Result<Answer, ClientError> {
        if self.inbox == Some(message.subscription()) {
            self.connection.consume(used);
            return Ok(Answer::Reply(message));
        }
        if !self.has_room(message.bytes_len()) {
            let (messages, bytes) = (self.queue.len(), self.queue_bytes);
            return Err(ClientError::QueueFull { messages, bytes });
        }
        self.connection.consume(used);
        self.queue_bytes += message.bytes_len();
        self.queue.push_back(message);
        Ok(Answer::Queued)
    }

    /// Appends the PONG, unless so much waits to be sent already that this is a sign of life in
    /// itself: a broker that asks and asks and never reads does not fill the memory.
    fn answer_ping(&mut self, token: u64) -> Result<(), ClientError> {
        if self.connection.output_len() >= OUTPUT_HIGH_BYTES {
            return Ok(());
        }
        encode_frame(&ClientFrame::Pong { token }, self.connection.output())?;
        self.connection.write_some();
        Ok(())
    }
}
