//! What a program asks of its client.

use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::model::{
    AddCredit, FollowId, PublishFlags, SubscriptionId, Ticket, Timestamp, Unsubscribe,
};
use coilgun_protocol::native::{ClientFrame, EncodeError, Features};

use crate::engine::answer::Answer;
use crate::engine::calls::{Call, Kind, RequestMode, StreamKind};
use crate::engine::machine::{Engine, Stage};
use crate::engine::moving::Moving;
use crate::engine::subscriptions::{Held, Stage as HeldStage};
use crate::error::ClientError;
use crate::publication::{Publication, check_filter};
use crate::subscription::SubscribeOptions;

/// The largest payload that is taken while no broker has said what it accepts, in bytes.
const PAYLOAD_BYTES_UNTOLD: usize = 1024 * 1024;

/// Something that a program waits for and that has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// There is an answer to a call.
    Call(Call),
    /// There is a message for a subscription, or its end.
    Subscription(SubscriptionId),
    /// There is a record for a follower, or its end.
    Follower(FollowId),
}

impl Engine {
    /// The largest payload that may be published just now, in bytes.
    #[must_use]
    pub fn payload_bytes_max(&self) -> usize {
        self.info.as_ref().map_or(PAYLOAD_BYTES_UNTOLD, |info| info.payload_bytes_max)
    }

    /// Whether publishers may go on; where not, the driver sends first.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.outgoing.has_room()
    }

    /// Sends a message; without a connection it is kept for the next one.
    ///
    /// # Errors
    /// If it cannot be sent, too much waits for the next connection, or the client has ended.
    pub fn publish(&mut self, publication: &Publication<'_>) -> Result<(), ClientError> {
        publication.check(self.payload_bytes_max())?;
        self.publish_checked(publication)
    }

    /// The same for a message that was checked.
    #[inline]
    pub(crate) fn publish_checked(&mut self, it: &Publication<'_>) -> Result<(), ClientError> {
        self.check_open()?;
        let frame = ClientFrame::Publish(it.frame(PublishFlags::default()));
        self.outgoing.push(&frame, None)?;
        self.statistics.messages_out += 1;
        Ok(())
    }

    /// Sends a message whose receivers the broker counts: [`Answer::Receivers`].
    ///
    /// # Errors
    /// As [`Engine::publish`].
    pub fn publish_acked(
        &mut self,
        now: Timestamp,
        publication: &Publication<'_>,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        publication.check(self.payload_bytes_max())?;
        let kind = Kind::Ack { subject: publication.subject_text() };
        let mut frame = publication.frame(PublishFlags::ACK);
        self.call(now, kind, timeout, |calls, call| {
            if frame.correlation.is_some() {
                calls.answer_to(frame.correlation.0, call);
            } else {
                frame.correlation = Ticket(call.0);
            }
            ClientFrame::Publish(frame)
        })
        .inspect(|_| self.statistics.messages_out += 1)
    }

    /// Asks for a barrier: it is [`Answer::Done`] when everything published before has taken effect.
    ///
    /// # Errors
    /// [`ClientError::Lost`], if messages published before went with an earlier connection and
    /// nobody was told so: that is said once.
    pub fn flush(&mut self, now: Timestamp, timeout: Duration) -> Result<Call, ClientError> {
        self.check_open()?;
        if core::mem::take(&mut self.outgoing.is_doubtful) {
            let reason: Arc<str> = "a connection broke since the last flush".into();
            return Err(ClientError::Lost { reason });
        }
        let mark = self.outgoing.sent;
        self.call(now, Kind::Flush { mark }, timeout, |_, call| ClientFrame::Ping { token: call.0 })
    }

    /// Sends a request; its replies are [`Answer::Reply`].
    ///
    /// # Errors
    /// As [`Engine::publish`].
    pub fn request(
        &mut self,
        now: Timestamp,
        publication: &Publication<'_>,
        mode: RequestMode,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        publication.check(self.payload_bytes_max())?;
        self.check_open()?;
        self.open_inbox()?;
        let kind = Kind::Request { subject: publication.subject_text(), mode };
        let prefix = self.inbox_prefix.clone();
        let mut reply = String::new();
        let mut frame = publication.frame(PublishFlags::REQUEST);
        frame.deadline_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
        let call = self.calls.insert(kind, now, timeout);
        reply.push_str(&prefix);
        reply.push_str(&call.0.to_string());
        frame.correlation = Ticket(call.0);
        frame.reply = reply.as_bytes();
        self.send_call(call, &ClientFrame::Publish(frame))?;
        self.statistics.messages_out += 1;
        Ok(call)
    }

    /// Subscribes to the inbox, at the first request. Whatever follows on this connection stands
    /// behind it, so nobody has to wait for it.
    fn open_inbox(&mut self) -> Result<(), ClientError> {
        if self.inbox.is_some() {
            return Ok(());
        }
        let filter = format!("{}*", self.inbox_prefix);
        check_filter(filter.as_bytes())?;
        let id = self.subscriptions.next_id();
        let held = Held::new(&filter, &SubscribeOptions::default(), HeldStage::Live);
        self.subscriptions.insert(id, held);
        self.inbox = Some(id);
        if self.is_greeted() {
            self.begin_subscription(id);
        }
        Ok(())
    }

    /// Begins a subscription: [`Answer::Done`] when it is in force. Without a connection, the next
    /// one brings it into force.
    ///
    /// # Errors
    /// If the filter is none, the broker does not offer credit, or the client has ended.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        filter: &str,
        options: &SubscribeOptions,
        timeout: Duration,
    ) -> Result<(Call, SubscriptionId), ClientError> {
        self.check_open()?;
        check_filter(filter.as_bytes())?;
        if options.credit.is_some() {
            self.require_credit()?;
        }
        let id = self.subscriptions.next_id();
        let kind = Kind::Subscribe { subscription: id, filter: filter.to_owned() };
        let call = self.calls.insert(kind, now, timeout);
        self.subscriptions.insert(id, Held::new(filter, options, HeldStage::Asked(call)));
        if self.is_greeted() {
            self.begin_subscription(id);
        }
        Ok((call, id))
    }

    /// Ends a subscription once it has had so many messages since it began, 0: at once. It is
    /// [`Answer::Done`] when the broker knows. What arrived before can still be taken out.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn unsubscribe(
        &mut self,
        now: Timestamp,
        id: SubscriptionId,
        deliveries_max: u32,
        timeout: Duration,
    ) -> Result<Call, ClientError> {
        self.check_open()?;
        let call = self.calls.insert(Kind::Unsubscribe { subscription: id }, now, timeout);
        let is_in_force = self.is_greeted();
        let Some(held) = self.subscriptions.find(id).filter(|it| it.stage != HeldStage::Ended)
        else {
            self.calls.end(call, Ok(Answer::Done));
            return Ok(call);
        };
        let later = held.end_after(deliveries_max);
        if later.is_none() {
            held.stage = HeldStage::Ending;
        }
        if !is_in_force {
            if later.is_none() {
                self.subscriptions.end(id);
            }
            self.calls.end(call, Ok(Answer::Done));
            return Ok(call);
        }
        let deliveries_max = later.unwrap_or(0);
        let frame = Unsubscribe { subscription: id, ticket: Ticket(call.0), deliveries_max };
        self.outgoing.push_now(&ClientFrame::Unsubscribe(frame))?;
        self.mark_sent(call);
        Ok(call)
    }

    /// Forgets a subscription at once, with what waits for it.
    pub fn drop_subscription(&mut self, id: SubscriptionId) {
        let Some(held) = self.subscriptions.remove(id) else { return };
        // It may have been the one whose queue was full.
        self.resume_reading();
        let goes_on = held.stage == HeldStage::Live || matches!(held.stage, HeldStage::Asked(_));
        if goes_on && self.is_greeted() && id != SubscriptionId::NAME {
            let end = Unsubscribe { subscription: id, ticket: Ticket::NONE, deliveries_max: 0 };
            self.push_fixed(&ClientFrame::Unsubscribe(end));
        }
    }

    /// Lets a subscription receive so many messages more.
    ///
    /// # Errors
    /// If the broker does not offer credit, or the client has ended.
    pub fn add_credit(&mut self, id: SubscriptionId, messages: u32) -> Result<(), ClientError> {
        self.check_open()?;
        self.require_credit()?;
        let is_in_force = self.is_greeted();
        let Some(held) = self.subscriptions.find(id).filter(|held| held.uses_credit()) else {
            return Ok(());
        };
        held.add_credit(messages);
        if is_in_force {
            self.push_fixed(&ClientFrame::Credit(AddCredit { subscription: id, messages }));
        }
        Ok(())
    }

    /// Ends all subscriptions but that of replies: [`Answer::Done`] when everything has arrived that
    /// still comes. Publishing goes on.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn drain(&mut self, now: Timestamp, timeout: Duration) -> Result<Call, ClientError> {
        self.check_open()?;
        let is_in_force = self.is_greeted();
        for id in self.subscriptions.ids() {
            let Some(held) = self.subscriptions.find(id) else { continue };
            if self.inbox == Some(id) || held.stage == HeldStage::Ended {
                continue;
            }
            held.stage = HeldStage::Ending;
            if !is_in_force {
                self.subscriptions.end(id);
            } else if id != SubscriptionId::NAME {
                let end = Unsubscribe { subscription: id, ticket: Ticket::NONE, deliveries_max: 0 };
                self.push_fixed(&ClientFrame::Unsubscribe(end));
            }
        }
        self.end_followers();
        let call = self.calls.insert(Kind::Drain, now, timeout);
        self.send_call(call, &ClientFrame::Ping { token: call.0 })?;
        Ok(call)
    }

    /// Whether no queue holds a message any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.subscriptions.are_empty() && self.followers.are_empty()
    }

    /// Moves what waits to be sent into `buffer`, which must be empty, and takes its memory.
    /// `written` bytes of what was taken before were sent since.
    pub fn take_output(&mut self, buffer: &mut Vec<u8>, written: usize) {
        self.statistics.bytes_out += written as u64;
        self.outgoing.take(buffer);
    }

    /// Whether something waits to be sent on the connection that stands.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outgoing.waiting_bytes() > 0
    }

    /// The answer to a call, if there is one; each is handed out once. A request for several replies
    /// has several answers, of which [`Answer::End`] or an error is the last.
    pub fn take_answer(&mut self, call: Call) -> Option<Result<Answer, ClientError>> {
        self.calls.take(call)
    }

    /// Forgets a call: its answer is thrown away, a subscription that nobody got is ended, and what
    /// still waits for a connection is not sent.
    pub fn forget(&mut self, call: Call) {
        self.outgoing.take_back(call);
        match self.calls.forget(call) {
            Some(Kind::Subscribe { subscription, .. }) => self.drop_subscription(subscription),
            Some(Kind::Stream(StreamKind::Follow { follower, .. })) => self.drop_follower(follower),
            Some(_) | None => {}
        }
    }

    /// The next thing that has changed for somebody who waits. The same may be said twice.
    pub fn next_woken(&mut self) -> Option<Woken> {
        let call = self.calls.next_woken().map(Woken::Call);
        let call = call.or_else(|| self.subscriptions.next_woken().map(Woken::Subscription));
        call.or_else(|| self.followers.next_woken().map(Woken::Follower))
    }

    /// Whether frames may be sent on this connection: HELLO stands before them, and no GOODBYE.
    pub(super) fn is_greeted(&self) -> bool {
        let is_leaving = matches!(self.moving, Some(Moving::Gone));
        matches!(self.stage, Stage::Greeting | Stage::Open) && !is_leaving
    }

    pub(super) fn check_open(&self) -> Result<(), ClientError> {
        match &self.stage {
            Stage::Closed(error) => Err(error.clone()),
            Stage::Leaving => Err(ClientError::Closed),
            Stage::Away { .. } | Stage::Connecting | Stage::Greeting | Stage::Open => Ok(()),
        }
    }

    fn require_credit(&self) -> Result<(), ClientError> {
        let lacks = |info: &crate::ServerInfo| !info.features.contains(Features::CREDIT);
        if self.info.as_ref().is_some_and(lacks) {
            return Err(ClientError::NotOffered("credit for subscriptions"));
        }
        Ok(())
    }

    fn call<'a>(
        &mut self,
        now: Timestamp,
        kind: Kind,
        timeout: Duration,
        frame: impl FnOnce(&mut crate::engine::calls::Calls, Call) -> ClientFrame<'a>,
    ) -> Result<Call, ClientError> {
        self.check_open()?;
        let call = self.calls.insert(kind, now, timeout);
        let frame = frame(&mut self.calls, call);
        self.send_call(call, &frame)?;
        Ok(call)
    }

    pub(super) fn send_call(
        &mut self,
        call: Call,
        frame: &ClientFrame<'_>,
    ) -> Result<(), ClientError> {
        match self.outgoing.push(frame, Some(call)) {
            Ok(true) => self.mark_sent(call),
            Ok(false) => {}
            Err(error) => {
                self.calls.forget(call);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn mark_sent(&mut self, call: Call) {
        if let Some(entry) = self.calls.pending(call) {
            entry.is_sent = true;
        }
    }

    pub(super) fn push_fixed(&mut self, frame: &ClientFrame<'_>) {
        let pushed: Result<(), EncodeError> = self.outgoing.push_now(frame);
        pushed.expect("a frame of fixed size fits");
    }
}
