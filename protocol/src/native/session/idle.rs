//! When a native connection has been silent for too long.
//!
//! ```text
//!  connect ----------- handshake must be done ----------- last byte ---- ping ---- ping ---- cut off
//!          HANDSHAKE_MS_MAX                                        interval  interval  interval
//! ```
//!
//! Any byte from the client counts as a sign of life, not only PONG.

use crate::model::Timestamp;
use crate::model::limits::{HANDSHAKE_MS_MAX, PINGS_UNANSWERED_MAX};

/// The clock of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    /// When the connection began; the handshake counts from here.
    opened_at: Timestamp,
    /// When the client was last heard, or last asked for a sign of life.
    quiet_since: Timestamp,
    /// Questions since the client was last heard.
    pings_unanswered: u64,
    /// Token of the latest question.
    token: u64,
}

/// What silence calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Silence {
    /// Nothing yet.
    Bearable,
    /// Ask for a sign of life under this token.
    Ask { token: u64 },
    /// The client is gone.
    Stale,
}

impl Idle {
    /// A connection that begins now.
    pub(super) fn new() -> Idle {
        let zero = Timestamp::default();
        Idle { opened_at: zero, quiet_since: zero, pings_unanswered: 0, token: 0 }
    }

    /// The connection stands.
    pub(super) fn on_open(&mut self, now: Timestamp) {
        self.opened_at = now;
        self.quiet_since = now;
    }

    /// Something came from the client, or the broker let it in.
    #[inline]
    pub(super) fn on_sign_of_life(&mut self, now: Timestamp) {
        self.quiet_since = now;
        self.pings_unanswered = 0;
    }

    /// The client was heard at `at`, if that was not known yet.
    pub(super) fn on_sign_of_life_at(&mut self, at: Timestamp) {
        if at > self.quiet_since {
            self.on_sign_of_life(at);
        }
    }

    /// When the handshake must be done.
    pub(super) fn handshake_deadline(&self) -> Timestamp {
        self.opened_at.plus_ms(HANDSHAKE_MS_MAX)
    }

    /// When silence calls for something, with questions every so many milliseconds; 0: never.
    pub(super) fn silence_deadline(&self, interval_ms: u32) -> Option<Timestamp> {
        (interval_ms > 0).then(|| self.quiet_since.plus_ms(interval_ms.into()))
    }

    /// What silence calls for now. A question counts as asked once this returned it.
    pub(super) fn on_tick(&mut self, now: Timestamp, interval_ms: u32) -> Silence {
        match self.silence_deadline(interval_ms) {
            Some(deadline) if now >= deadline => {}
            Some(_) | None => return Silence::Bearable,
        }
        if self.pings_unanswered >= PINGS_UNANSWERED_MAX {
            return Silence::Stale;
        }
        self.pings_unanswered += 1;
        self.quiet_since = now;
        self.token = self.token.wrapping_add(1);
        Silence::Ask { token: self.token }
    }
}
