//! What arrives: bytes become frames, and frames go where they belong.

use std::collections::VecDeque;

use coilgun_protocol::model::{ErrorCode, SubscriptionId, Timestamp};
use coilgun_protocol::native::{
    ClientFrame, DecodeError, DeliverFrame, Incoming as Item, OutcomeFrame, ServerFrame,
    ServerReader,
};

use crate::broker_error::BrokerError;
use crate::engine::answer::Answer;
use crate::engine::calls::{Call, Entry, Kind, RequestMode};
use crate::engine::event::Event;
use crate::engine::machine::{Engine, Stage};
use crate::engine::moving::MOVE_TOKEN;
use crate::engine::subscriptions::{Queued, Stage as Held, Taken, refused};
use crate::error::ClientError;
use crate::message::Message;
use crate::server_info::ServerInfo;

/// Output beyond which the broker's PINGs need no answer: it is a sign of life in itself.
const PONG_BYTES_MAX: usize = 64 * 1024;

/// Bytes of this connection that could not be read yet.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    reader: ServerReader,
    /// The beginning of a frame.
    part: Vec<u8>,
    /// How many bytes of it are needed before more can be said.
    need: usize,
    /// Bytes that came while a queue was full.
    held: Vec<u8>,
    is_paused: bool,
}

/// What one look at the front of some bytes found.
enum Look {
    /// So many bytes were used up.
    Used(usize),
    /// So many are needed.
    Need(usize),
}

impl Engine {
    /// Bytes arrived. After a pause, it is called without any, to go on with what is held.
    ///
    /// # Errors
    /// If the connection cannot go on; the driver closes it and says so to [`Engine::on_lost`].
    pub fn on_bytes(&mut self, now: Timestamp, bytes: &[u8]) -> Result<(), ClientError> {
        if !matches!(self.stage, Stage::Greeting | Stage::Open | Stage::Leaving) {
            // Bytes of a connection that was given up.
            return Ok(());
        }
        self.statistics.bytes_in += bytes.len() as u64;
        if !bytes.is_empty() {
            self.hear(now);
        }
        if self.incoming.is_paused {
            self.incoming.held.extend_from_slice(bytes);
            return Ok(());
        }
        if self.incoming.held.is_empty() {
            return self.read(now, bytes);
        }
        let mut held = core::mem::take(&mut self.incoming.held);
        held.extend_from_slice(bytes);
        self.read(now, &held)
    }

    fn read(&mut self, now: Timestamp, mut bytes: &[u8]) -> Result<(), ClientError> {
        // Ends because every turn uses bytes up, or is the last.
        while !bytes.is_empty() && !self.incoming.is_paused {
            if self.incoming.part.is_empty() {
                match self.look(now, bytes)? {
                    Look::Used(used) => bytes = &bytes[used..],
                    Look::Need(need) => {
                        self.incoming.part.extend_from_slice(bytes);
                        self.incoming.need = need;
                        return Ok(());
                    }
                }
                continue;
            }
            // The frame that has begun is completed, and no byte more.
            let missing = self.incoming.need - self.incoming.part.len();
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            self.incoming.part.extend_from_slice(taken);
            bytes = rest;
            if self.incoming.part.len() < self.incoming.need {
                return Ok(());
            }
            let mut part = core::mem::take(&mut self.incoming.part);
            match self.look(now, &part)? {
                Look::Used(used) => {
                    assert_eq!(used, part.len(), "no more was taken than the frame needs");
                    part.clear();
                    part.shrink_to(PONG_BYTES_MAX);
                }
                Look::Need(need) => self.incoming.need = need,
            }
            self.incoming.part = part;
        }
        self.incoming.held.extend_from_slice(bytes);
        Ok(())
    }

    fn look(&mut self, now: Timestamp, bytes: &[u8]) -> Result<Look, ClientError> {
        let item = self.incoming.reader.read(bytes);
        match item.map_err(|error: DecodeError| ClientError::Protocol(error))? {
            Item::Preface { used, .. } => Ok(Look::Used(used)),
            Item::Incomplete { need } => Ok(Look::Need(need)),
            Item::Frame { frame, used } => {
                self.on_frame(now, &frame)?;
                Ok(Look::Used(used))
            }
        }
    }

    fn on_frame(&mut self, now: Timestamp, frame: &ServerFrame<'_>) -> Result<(), ClientError> {
        match frame {
            ServerFrame::Deliver(deliver) => self.on_deliver(now, deliver),
            ServerFrame::Outcome(outcome) => self.on_outcome(now, *outcome),
            ServerFrame::Welcome(welcome) => self.on_welcome(now, ServerInfo::new(welcome)),
            ServerFrame::Pong { token } => self.on_pong(*token),
            ServerFrame::Ping { token } => {
                if self.outgoing.waiting_bytes() < PONG_BYTES_MAX {
                    self.outgoing.push_now(&ClientFrame::Pong { token: *token })?;
                }
            }
            ServerFrame::Notice(notice) => self.tell(Event::Notice(*notice)),
            ServerFrame::Stream(stream) => self.on_stream(stream),
            ServerFrame::GoAway(go_away) => self.on_go_away(now, go_away),
            ServerFrame::Error(error) => return Err(ClientError::Ended(BrokerError::ended(error))),
        }
        Ok(())
    }

    #[inline]
    fn on_deliver(&mut self, now: Timestamp, frame: &DeliverFrame<'_>) {
        self.statistics.messages_in += 1;
        let id = frame.subscription;
        if self.inbox == Some(id) {
            self.on_reply(now, frame);
            return;
        }
        // What comes for a subscription that nobody holds any more was on its way when it ended.
        let held = self.subscriptions.find(id).filter(|held| held.stage != Held::Ended);
        let Some(held) = held else { return };
        let queued = held.queue(Message::new(frame).arrived_at(now));
        let is_over = held.stage == Held::Ended;
        let stops = held.stops_reading();
        match queued {
            Queued::Yes { is_first } if is_first || is_over => self.subscriptions.wake(id),
            Queued::Yes { .. } => {}
            Queued::Dropped { is_first } => {
                self.statistics.dropped += 1;
                if is_over {
                    self.subscriptions.wake(id);
                }
                if is_first {
                    let dropped = self.statistics.dropped;
                    self.tell(Event::SlowConsumer { subscription: id, dropped });
                }
            }
        }
        self.incoming.is_paused |= stops;
    }

    /// A reply is known by its subject, because responders that speak another protocol have no
    /// correlation to give back.
    fn on_reply(&mut self, now: Timestamp, frame: &DeliverFrame<'_>) {
        let number = frame.subject.strip_prefix(self.inbox_prefix.as_bytes());
        let number = number.and_then(|number| str::from_utf8(number).ok()?.parse().ok());
        let Some(number) = number else { return };
        let call = Call(number);
        if self.calls.pending(call).is_none() {
            // Nobody waits for it any more.
            return;
        }
        let (messages_max, bytes_max) =
            (self.options.queue_messages_max, self.options.queue_bytes_max);
        let message = Message::new(frame);
        if !self.calls.add_reply(call, message, now, messages_max, bytes_max) {
            self.statistics.dropped += 1;
        }
    }

    fn on_outcome(&mut self, now: Timestamp, outcome: OutcomeFrame) {
        let number = outcome.correlation.0;
        if let Some(id) = self.subscriptions.begun_again(number) {
            if !outcome.is_ok() {
                self.lose_subscription(id, outcome.code);
            }
            return;
        }
        if let Some(follower) = self.followers.begun_again(number) {
            if !outcome.is_ok() {
                self.lose_follower(now, follower, outcome.code);
            }
            return;
        }
        let call = self.calls.of_outcome(number);
        let Some(entry) = self.calls.pending(call) else { return };
        let result = match entry.kind.clone() {
            Kind::Ack { subject } => accepted(outcome, || format!("publish to {subject}"))
                .map(|()| Answer::Receivers(outcome.receivers)),
            Kind::Subscribe { subscription, filter } => {
                let result = accepted(outcome, || format!("subscription to {filter}"));
                match (&result, self.subscriptions.find(subscription)) {
                    (Ok(()), Some(held)) if matches!(held.stage, Held::Asked(_)) => {
                        held.stage = Held::Live;
                    }
                    (Ok(()), Some(_) | None) => {}
                    (Err(_), _) => drop(self.subscriptions.remove(subscription)),
                }
                result.map(|()| Answer::Done)
            }
            Kind::Unsubscribe { subscription } => {
                let goes_on = self.subscriptions.find(subscription).map(|held| held.stage.clone());
                if goes_on == Some(Held::Ending) {
                    self.subscriptions.end(subscription);
                }
                // Where the broker knows of none, it has ended by itself.
                Ok(Answer::Done)
            }
            Kind::Request { subject, mode } => {
                let nobody = outcome.code == ErrorCode::NoResponders as u16;
                match (mode, accepted(outcome, || format!("request to {subject}"))) {
                    (_, Ok(())) => return,
                    (RequestMode::Gather { .. }, Err(_)) if nobody => Ok(Answer::End),
                    (_, Err(error)) => Err(error),
                }
            }
            Kind::Stream(kind) => match self.on_stream_outcome(kind, outcome) {
                Some(result) => result,
                None => return,
            },
            Kind::Flush { .. } | Kind::Drain | Kind::Close => return,
        };
        self.calls.end(call, result);
    }

    fn lose_subscription(&mut self, id: SubscriptionId, code: u16) {
        let Some(held) = self.subscriptions.find(id) else { return };
        let error = refused(held.filter(), code);
        self.subscriptions.end(id);
        if self.inbox == Some(id) {
            // The next request makes another one; for these no reply comes any more.
            self.inbox = None;
            self.subscriptions.remove(id);
            let is_request = |entry: &Entry| matches!(entry.kind, Kind::Request { .. });
            self.calls.end_all(is_request, |_| Err(error.clone()));
        }
        self.tell(Event::SubscriptionLost { subscription: id, error });
    }

    fn on_pong(&mut self, token: u64) {
        if token == MOVE_TOKEN {
            self.outgoing.confirmed = self.outgoing.sent;
            return;
        }
        let Some(entry) = self.calls.pending(Call(token)) else { return };
        match entry.kind {
            Kind::Flush { mark } => {
                self.outgoing.confirmed = self.outgoing.confirmed.max(mark);
            }
            Kind::Drain => self.subscriptions.end_ending(),
            Kind::Ack { .. }
            | Kind::Subscribe { .. }
            | Kind::Unsubscribe { .. }
            | Kind::Request { .. }
            | Kind::Stream(_)
            | Kind::Close => return,
        }
        self.calls.end(Call(token), Ok(Answer::Done));
    }

    /// Whether the driver shall read nothing, because a queue is full whose subscription wants that.
    #[must_use]
    pub fn is_reading_paused(&self) -> bool {
        self.incoming.is_paused
    }

    /// Whether bytes are held that can be read now: the driver calls [`Engine::on_bytes`] without
    /// bytes.
    #[must_use]
    pub fn has_held_bytes(&self) -> bool {
        !self.incoming.is_paused && !self.incoming.held.is_empty()
    }

    /// Appends everything that waits for a subscription to `out`. Returns what there was, and
    /// whether the driver may read again that could not before.
    pub fn take_messages(
        &mut self,
        subscription: SubscriptionId,
        out: &mut VecDeque<Message>,
    ) -> (Taken, bool) {
        let taken =
            self.subscriptions.find(subscription).map_or(Taken::Ended, |held| held.take(out));
        (taken, self.resume())
    }

    /// The oldest message that waits for a subscription; and as [`Engine::take_messages`].
    pub fn take_message(&mut self, subscription: SubscriptionId) -> (Option<Message>, bool) {
        let message = self.subscriptions.find(subscription).and_then(|held| held.pop());
        (message, self.resume())
    }

    /// Says that a subscription was given up; whether the driver may read again that could not before.
    pub fn resume_reading(&mut self) -> bool {
        self.resume()
    }

    /// The client leaves: what still comes is read, and thrown away.
    pub(super) fn stop_listening(&mut self) {
        self.subscriptions.end_all();
        self.followers.end_all(&ClientError::Closed);
        self.incoming.is_paused = false;
    }

    /// Whether there is room again in every queue that had none.
    fn resume(&mut self) -> bool {
        let resumes = self.incoming.is_paused
            && (matches!(self.stage, Stage::Closed(_)) || !self.subscriptions.stop_reading());
        if resumes {
            self.incoming.is_paused = false;
        }
        resumes
    }
}

/// Whether the broker accepted what an outcome is about.
pub(super) fn accepted(
    outcome: OutcomeFrame,
    what: impl FnOnce() -> String,
) -> Result<(), ClientError> {
    if outcome.is_ok() { Ok(()) } else { Err(ClientError::refused(what(), outcome.code)) }
}
