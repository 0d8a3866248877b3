//! Reading partitions: followers begin, get credit as their records are taken, and end.

use std::time::Duration;

use coilgun_protocol::model::{FollowId, Offset, Ticket, Timestamp, Unfollow};
use coilgun_protocol::native::{ClientFrame, FollowEndedFrame, RecordsFrame, StreamRequest};

use crate::engine::answer::Answer;
use crate::engine::calls::{Call, Kind, StreamKind, after};
use crate::engine::followers::{HeldFollower, TakenRecord, reading};
use crate::engine::machine::{Engine, Stage};
use crate::error::ClientError;
use crate::stream::FollowOptions;

/// How long a follower waits that the broker had no room for when it came back.
const BEGIN_PAUSE: Duration = Duration::from_millis(100);

impl Engine {
    /// Reads a partition from `from` on: [`Answer::Done`] when the broker reads for it. It goes on over connections, behind the last record that came.
    ///
    /// # Errors
    /// If the broker has no streams, or the client has ended.
    ///
    /// # Panics
    /// If the options read nothing ahead.
    pub fn follow(
        &mut self,
        now: Timestamp,
        stream: &str,
        partition: u32,
        from: Offset,
        options: FollowOptions,
        timeout: Duration,
    ) -> Result<(Call, FollowId), ClientError> {
        assert!(options.ahead_records > 0 && options.ahead_bytes > 0, "something is read ahead");
        let follower = self.followers.next_id();
        self.check_streams()?;
        let what = reading(stream, partition);
        let kind = Kind::Stream(StreamKind::Follow { follower, what });
        let call = self.calls.insert(kind, now, timeout);
        let held = HeldFollower::new(stream, partition, from, options, call);
        self.followers.insert(follower, held);
        // Where the broker has not said yet that it has streams, it begins when that has come.
        if self.is_reading() {
            self.begin_follower(follower);
        }
        Ok((call, follower))
    }

    /// What is there for a follower; each record is handed out once.
    pub fn take_record(&mut self, follower: FollowId) -> TakenRecord {
        let (taken, credit) = self.followers.take(follower);
        if let Some(credit) = credit
            && self.is_reading()
        {
            self.push_fixed(&ClientFrame::Stream(StreamRequest::AddCredit(credit)));
        }
        taken
    }

    /// A follower for which there is a record or its end, each in its turn.
    pub fn ready_follower(&mut self) -> Option<FollowId> {
        self.followers.ready()
    }

    /// Whether there is a follower that was not given up.
    #[must_use]
    pub fn has_followers(&self) -> bool {
        self.followers.is_any()
    }

    /// Gives a follower up, with what waits for it.
    pub fn drop_follower(&mut self, follower: FollowId) {
        if self.followers.remove(follower) {
            self.unfollow(follower);
        }
    }

    /// Ends all followers: what has come is still handed out.
    pub(super) fn end_followers(&mut self) {
        for follower in self.followers.going_on() {
            self.unfollow(follower);
            self.end_follower(follower, Err(ClientError::Closed));
        }
    }

    /// Whether the broker hears of followers on this connection: it has said that it has streams, and
    /// the client is not leaving.
    fn is_reading(&self) -> bool {
        matches!(self.stage, Stage::Open) && self.is_greeted()
    }

    /// Nothing more comes for a follower. Whoever waits for it to begin gets it even so, with what came,
    /// and this end: the answer may be lost with the connection, and is asked for no more.
    fn end_follower(&mut self, follower: FollowId, how: Result<(), ClientError>) {
        if let Some(call) = self.followers.find(follower).and_then(|held| held.call()) {
            self.calls.end(call, Ok(Answer::Done));
        }
        self.followers.end(follower, how);
    }

    fn unfollow(&mut self, follow: FollowId) {
        if self.is_reading() {
            let unfollow = Unfollow { follow, ticket: Ticket::NONE };
            self.push_fixed(&ClientFrame::Stream(StreamRequest::Unfollow(unfollow)));
        }
    }

    /// The broker let the client in again: followers that were in force go on.
    pub(super) fn begin_followers(&mut self) {
        for follower in self.followers.going_on() {
            self.begin_follower(follower);
        }
    }

    fn begin_follower(&mut self, follower: FollowId) {
        let Some(held) = self.followers.find(follower) else { return };
        let asked = held.call();
        let number = asked.map_or_else(|| self.calls.next_number(), |call| call.0);
        let request = StreamRequest::Follow(held.begin(follower, Ticket(number)));
        match self.outgoing.push_now(&ClientFrame::Stream(request)) {
            Ok(()) if asked.is_some() => {}
            Ok(()) => self.followers.begin_again(number, follower),
            Err(error) => {
                let error = ClientError::from(error);
                self.calls.end(Call(number), Err(error.clone()));
                self.followers.end(follower, Err(error));
            }
        }
    }

    pub(super) fn on_records(&mut self, frame: &RecordsFrame<'_>) {
        self.statistics.messages_in += u64::from(frame.count);
        if let Err(error) = self.followers.add(frame) {
            self.unfollow(frame.follow);
            self.end_follower(frame.follow, Err(error));
        }
    }

    pub(super) fn on_follow_ended(&mut self, frame: &FollowEndedFrame) {
        let Some(held) = self.followers.find(frame.follow) else { return };
        let how = if frame.is_ok() {
            Ok(())
        } else {
            let first = frame.first_offset.0;
            Err(ClientError::refused_about(held.what(), frame.code, first))
        };
        self.end_follower(frame.follow, how);
    }

    /// The broker did not accept a follower again: it is begun once more a little later, unless that is
    /// in vain.
    pub(super) fn lose_follower(&mut self, now: Timestamp, follower: FollowId, code: u16) {
        let Some(held) = self.followers.find(follower) else { return };
        let error = ClientError::refused(held.what(), code);
        if error.is_retryable() {
            self.followers.begin_later(after(now, BEGIN_PAUSE), follower);
        } else {
            self.followers.end(follower, Err(error));
        }
    }

    /// Begins those again for which it is time.
    pub(super) fn retry_followers(&mut self, now: Timestamp) {
        // Ends because none is put off meanwhile.
        while self.is_reading()
            && let Some(follower) = self.followers.next_due(now)
        {
            self.begin_follower(follower);
        }
    }

    /// When [`Engine::retry_followers`] has something to do.
    pub(super) fn followers_deadline(&self) -> Option<Timestamp> {
        self.followers.due().filter(|_| self.is_reading())
    }
}
