//! Leaving a broker that is about to end, in good order.
//!
//! ```text
//! GOAWAY      what is in hand goes on for a while: handlers answer, calls get their answers
//! then        PING, GOODBYE: what was sent before takes effect, what is owed still comes;
//!             what is published now waits for the next connection
//! the end     on_lost, and the next address
//! ```

use std::time::Duration;

use coilgun_protocol::model::Timestamp;
use coilgun_protocol::native::{ClientFrame, GoAway};

use crate::broker_error::BrokerError;
use crate::engine::calls::after;
use crate::engine::event::Event;
use crate::engine::machine::{Engine, Stage};
use crate::error::ClientError;

/// The token of the barrier before GOODBYE; no call has it.
pub(super) const MOVE_TOKEN: u64 = u64::MAX - 1;
/// For how long handlers in hand can answer before GOODBYE, at most.
const GRACE: Duration = Duration::from_millis(250);

/// How far leaving has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moving {
    /// GOODBYE is said at `earliest`, or once no call waits, at `latest`.
    Finishing { earliest: Timestamp, latest: Timestamp },
    /// No call was over at the earliest time; GOODBYE is said at this one even so.
    Waiting { latest: Timestamp },
    /// GOODBYE is said.
    Gone,
}

impl Engine {
    /// The broker is about to end the connection.
    pub(super) fn on_go_away(&mut self, now: Timestamp, go_away: &GoAway<'_>) {
        let said = BrokerError::leaving(go_away);
        self.go_away = Some(ClientError::Ended(said.clone()));
        self.tell(Event::GoingAway(said));
        let comes_back = self.options.reconnect.is_some();
        if go_away.drain_ms > 0 && comes_back && self.moving.is_none() && self.stage_is_open() {
            let left = Duration::from_millis(go_away.drain_ms.into());
            let earliest = after(now, GRACE.min(left / 4));
            self.moving = Some(Moving::Finishing { earliest, latest: after(now, left / 2) });
        }
    }

    /// Says goodbye, if it is time to.
    pub(super) fn check_move(&mut self, now: Timestamp) -> Result<(), ClientError> {
        let latest = match self.moving {
            None | Some(Moving::Gone) => return Ok(()),
            Some(Moving::Finishing { earliest, .. }) if now < earliest => return Ok(()),
            Some(Moving::Finishing { latest, .. } | Moving::Waiting { latest }) => latest,
        };
        if now < latest && self.calls.are_any_sent() {
            self.moving = Some(Moving::Waiting { latest });
            return Ok(());
        }
        self.outgoing.push_now(&ClientFrame::Ping { token: MOVE_TOKEN })?;
        self.outgoing.push_now(&ClientFrame::Goodbye)?;
        self.outgoing.park();
        self.moving = Some(Moving::Gone);
        Ok(())
    }

    /// When [`Engine::check_move`] has something to do.
    pub(super) fn move_deadline(&self) -> Option<Timestamp> {
        match self.moving? {
            Moving::Finishing { earliest, .. } => Some(earliest),
            Moving::Waiting { latest } => Some(latest),
            Moving::Gone => None,
        }
    }

    fn stage_is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }
}
