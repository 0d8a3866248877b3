//! How connections end, and clients.

use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::model::{ErrorCode, Timestamp};
use coilgun_protocol::native::ClientFrame;

use crate::engine::answer::Answer;
use crate::engine::backoff::Backoff;
use crate::engine::calls::{Call, Kind};
use crate::engine::event::Event;
use crate::engine::incoming::Incoming;
use crate::engine::machine::{Engine, Stage};
use crate::error::ClientError;

impl Engine {
    /// Says goodbye: what was published is sent before. [`Answer::Done`] when the broker has ended the
    /// connection; every other call ends with [`ClientError::Closed`] now, and subscriptions end
    /// with what they have. What still waits for a connection then is lost: see
    /// [`Engine::has_parked`]. The call ends with [`ClientError::Lost`] if messages certainly did not
    /// reach the broker, or the connection broke before it ended.
    pub fn close(&mut self, now: Timestamp, timeout: Duration) -> Call {
        if matches!(self.stage, Stage::Leaving) {
            // Somebody else began to: both wait for the same end.
            return self.calls.insert(Kind::Close, now, timeout);
        }
        let is_open = matches!(self.stage, Stage::Open);
        self.calls.end_all(|_| true, |_| Err(ClientError::Closed));
        let call = self.calls.insert(Kind::Close, now, timeout);
        if is_open {
            if self.is_greeted() {
                self.push_fixed(&ClientFrame::Goodbye);
            }
            self.stop_listening();
            self.stage = Stage::Leaving;
            return call;
        }
        let lost = || ClientError::Lost { reason: "it was closed before it came back".into() };
        let result = if self.has_parked() { Err(lost()) } else { Ok(Answer::Done) };
        self.calls.end(call, result);
        self.end(&ClientError::Closed);
        call
    }

    /// Whether something that was published, appended or asked waits for the next connection.
    #[must_use]
    pub fn has_parked(&self) -> bool {
        self.outgoing.away_bytes() > 0
    }

    /// There is no connection any more, or there never was one. `buffer` is what
    /// [`Engine::take_output`] gave last and `written` how many bytes of it the system took.
    ///
    /// Messages of it that the broker cannot have seen whole are sent again on the next
    /// connection. Calls whose frame was sent end with [`ClientError::Lost`].
    pub fn on_lost(&mut self, now: Timestamp, error: ClientError, buffer: &[u8], written: usize) {
        self.statistics.bytes_out += written as u64;
        if matches!(self.stage, Stage::Leaving) {
            return self.leave(&error, buffer, written);
        }
        let error = match (error, self.go_away.take()) {
            (ClientError::Gone, Some(go_away)) => go_away,
            (error, _) => error,
        };
        let attempt_failed = match self.stage {
            Stage::Connecting | Stage::Greeting => true,
            Stage::Open => false,
            Stage::Leaving | Stage::Away { .. } | Stage::Closed(_) => return,
        };
        self.incoming = Incoming::default();
        self.moving = None;
        self.outgoing.lose(buffer, written, self.calls.barrier_mark());
        self.subscriptions.on_lost();
        self.followers.on_lost();
        self.lose_calls(&error);
        let was_connected = self.info.is_some();
        let delay = if is_final(&error, was_connected) {
            None
        } else {
            self.backoff.next_delay(now, was_connected, attempt_failed)
        };
        let Some(delay) = delay else { return self.end(&error) };
        self.stage = Stage::Away { retry: Backoff::at(now, delay) };
        self.tell(Event::Lost { error, next_attempt: delay });
    }

    /// The connection is over on which the client said goodbye, or was about to.
    fn leave(&mut self, error: &ClientError, buffer: &[u8], written: usize) {
        let is_sent = written == buffer.len() && self.outgoing.waiting_bytes() == 0;
        self.outgoing.lose(buffer, written, 0);
        // The broker ends the connection once it has read everything, and not before.
        let is_good_end = is_sent && matches!(error, ClientError::Gone);
        let is_whole = !self.has_parked() && (is_good_end || !self.outgoing.is_doubtful);
        let reason: Arc<str> = error.to_string().into();
        let lost = || ClientError::Lost { reason: Arc::clone(&reason) };
        self.calls.end_all(
            |entry| entry.kind == Kind::Close,
            |_| if is_whole { Ok(Answer::Done) } else { Err(lost()) },
        );
        self.end(&ClientError::Closed);
    }

    fn lose_calls(&mut self, error: &ClientError) {
        let reason: Arc<str> = error.to_string().into();
        self.calls.end_all(
            |entry| entry.is_sent,
            |entry| match entry.kind {
                // Without the connection there is no subscription either.
                Kind::Unsubscribe { .. } => Ok(Answer::Done),
                Kind::Flush { .. }
                | Kind::Drain
                | Kind::Ack { .. }
                | Kind::Subscribe { .. }
                | Kind::Request { .. }
                | Kind::Stream(_)
                | Kind::Close => Err(ClientError::Lost { reason: Arc::clone(&reason) }),
            },
        );
    }

    /// Ends the client for good, with all its calls: nobody drives it any more.
    pub fn abandon(&mut self, error: &ClientError) {
        self.end(error);
    }

    /// Ends the client for good.
    pub(super) fn end(&mut self, error: &ClientError) {
        if matches!(self.stage, Stage::Closed(_)) {
            return;
        }
        self.stage = Stage::Closed(error.clone());
        self.outgoing.clear();
        self.subscriptions.end_all();
        self.followers.end_all(error);
        self.calls.end_all(|_| true, |_| Err(error.clone()));
        self.tell(Event::Closed(error.clone()));
    }
}

/// Whether trying again is in vain. The broker may not know yet that an earlier connection is gone:
/// a name that was ours is given back in time.
fn is_final(error: &ClientError, was_connected: bool) -> bool {
    match error {
        ClientError::Ended(said) => {
            let may_be_ours = was_connected && error.code() == Some(ErrorCode::NameTaken);
            !said.retryable && !may_be_ours
        }
        ClientError::Closed => true,
        ClientError::Protocol(_) | ClientError::Encode(_) => !was_connected,
        ClientError::Address(_)
        | ClientError::Connect { .. }
        | ClientError::Io(_)
        | ClientError::InvalidSubject { .. }
        | ClientError::InvalidFilter { .. }
        | ClientError::InvalidHeaders(_)
        | ClientError::PayloadTooLarge { .. }
        | ClientError::NotOffered(_)
        | ClientError::Refused { .. }
        | ClientError::RecordTooLarge(_)
        | ClientError::Unreadable { .. }
        | ClientError::Gone
        | ClientError::TimedOut { .. }
        | ClientError::QueueFull { .. }
        | ClientError::Lost { .. }
        | ClientError::AwayFull { .. }
        | ClientError::InDoubt { .. }
        | ClientError::Handler { .. } => false,
    }
}
