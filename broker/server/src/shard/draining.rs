//! How a shard ends.
//!
//! ```text
//! serving --Drain--> asking --all gone, or drain_ms--> closing --all gone, or a little longer--> done
//! ```
//!
//! *Asking*: nothing is accepted any more, clients are told to go elsewhere, and so is who says only now
//! who it is. *Closing*: those that
//! are left are closed in good order; whoever does not take that in time is cut off.

use coilgun_protocol::model::{ClientId, ErrorCode, Timestamp};
use coilgun_protocol::session::Session;

use super::control::Control;
use super::turn::Shard;
use crate::env::Env;

/// How long clients have to take in the end of their connection, in milliseconds.
const CLOSING_MS_MAX: u64 = 1_500;
/// How long clients are waited for that cannot be told in their protocol to go elsewhere, in
/// milliseconds; busrt gives them as long.
const MUTE_MS_MAX: u64 = 1_000;

/// Where a shard is on its way to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Draining {
    /// It serves.
    #[default]
    Serving,
    /// It waits for its clients to go, until then.
    Asking(Timestamp),
    /// It closes what is left, until then.
    Closing(Timestamp),
    /// It cut off what was left.
    Cutting,
}

impl<E: Env> Shard<E> {
    /// Hears words from other threads.
    pub(super) fn run_controls(&mut self, now: Timestamp) {
        // Ends because the queue is bounded and nobody says more than a few words.
        while let Some(control) = self.controls.take() {
            match (control, self.draining) {
                (Control::Drain, Draining::Serving) => self.ask(now),
                (Control::Stop, Draining::Serving) => {
                    self.ask(now);
                    self.cut();
                }
                (Control::Stop, Draining::Asking(_) | Draining::Closing(_)) => self.cut(),
                (Control::Drain, Draining::Asking(_) | Draining::Closing(_))
                | (_, Draining::Cutting) => {}
            }
        }
    }

    /// A shard that is gone takes the others with it: alone they cannot keep what was promised.
    pub(super) fn look_for_lost(&mut self, now: Timestamp) {
        if self.mesh.lost().is_some() && self.draining != Draining::Cutting {
            if self.draining == Draining::Serving {
                self.ask(now);
            }
            self.cut();
        }
    }

    /// Takes the next step towards the end. Returns whether it is reached.
    pub(super) fn run_draining(&mut self, now: Timestamp) -> bool {
        match self.draining {
            Draining::Serving => return false,
            Draining::Asking(until) if now >= until => self.close_all(now),
            Draining::Asking(_) if self.mute_is_due(now) => self.close_mute(now),
            Draining::Closing(until) if now >= until => self.cut(),
            Draining::Asking(_) | Draining::Closing(_) | Draining::Cutting => {}
        }
        // The last word of one shard may be an answer that another one waits for: all end together.
        let is_quiet = self.mesh.is_quiet() || self.mesh.lost().is_some();
        let is_quiet = is_quiet && self.is_about_to_end() && self.close_logs();
        self.mesh.agree_to_end(is_quiet)
    }

    /// Whether nothing is left but what other shards have to do.
    pub(super) fn is_about_to_end(&self) -> bool {
        self.draining != Draining::Serving && self.net.socket_count() == 0 && self.net.is_deaf()
    }

    /// When the next step is due.
    pub(super) fn drain_ends(&self) -> Option<Timestamp> {
        match self.draining {
            Draining::Serving | Draining::Cutting => None,
            Draining::Asking(until) if self.mute_until > Timestamp::default() => {
                Some(until.min(self.mute_until))
            }
            Draining::Asking(until) | Draining::Closing(until) => Some(until),
        }
    }

    fn ask(&mut self, now: Timestamp) {
        self.announce_shutdown(now);
        self.draining = Draining::Asking(now.plus_ms(self.settings.drain_ms));
        self.mute_until = now.plus_ms(self.settings.drain_ms.min(MUTE_MS_MAX));
        self.net.stop_listening();
        for client in self.clients.iter_mut() {
            if let Some(outbox) = self.net.outbox(client.id) {
                client.session.on_drain(outbox);
            }
        }
    }

    fn close_all(&mut self, now: Timestamp) {
        self.draining = Draining::Closing(now.plus_ms(CLOSING_MS_MAX));
        for id in self.connections() {
            self.end(now, id, ErrorCode::ShuttingDown, "");
        }
    }

    fn mute_is_due(&self, now: Timestamp) -> bool {
        self.mute_until > Timestamp::default() && now >= self.mute_until
    }

    /// Closes those that could not be told to go.
    fn close_mute(&mut self, now: Timestamp) {
        self.mute_until = Timestamp::default();
        for id in self.connections() {
            if self.clients.get(id).is_some_and(|client| !client.session.says_good_bye()) {
                self.end(now, id, ErrorCode::ShuttingDown, "");
            }
        }
    }

    fn cut(&mut self) {
        self.draining = Draining::Cutting;
        for id in self.connections() {
            self.net.close(id);
            self.remove(id);
        }
    }

    fn connections(&self) -> Vec<ClientId> {
        self.net.ids().collect()
    }
}
