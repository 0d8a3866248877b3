//! How a simulation comes to rest, and what must be true then.

use coilgun_server::env::sim::Faults;

use super::operations::{NAMES, SUBJECTS};
use super::state::Simulation;
use crate::client::Reading;
use crate::finding::{Finding, demand};
use crate::profile::NAMESPACES;
use crate::shadow::{Manners, Published};

/// Rounds in which everything must have come to rest.
const ROUNDS_MAX: usize = 6_000;

/// Credit that every subscription gets in the end, to be told what it missed.
const LAST_CREDIT: u64 = 1_000;

impl Simulation {
    /// Ends all difficulties, and waits until everything that is owed has come.
    pub(super) fn settle(&mut self) -> Result<(), Finding> {
        self.is_settling = true;
        self.world.set_faults(Faults::none());
        self.cluster.end_stalls();
        self.cluster.end_holds();
        for client in &mut self.clients {
            client.reading = Reading::All;
        }
        self.trace.line(format_args!("{} everything settles", self.round));
        self.ping_all()?;
        self.until_quiet()?;
        if !self.is_draining {
            self.audit()?;
        }
        self.cluster.check_routers()
    }

    /// Lets every subscription hear once more, so that it is told what it missed.
    fn audit(&mut self) -> Result<(), Finding> {
        for at in 0..self.clients.len() {
            if !self.is_here(at) {
                continue;
            }
            for id in self.clients[at].subscriptions.clone() {
                let Some(number) = self.shadow.find(self.clients[at].number, id) else { continue };
                if self.shadow.subscription(number).wanted.credit.is_some() {
                    self.add_credit(at, number, LAST_CREDIT);
                }
            }
        }
        self.until_nothing_comes()?;
        let inboxes = (0..self.clients.len()).map(|at| format!("_INBOX.{at}"));
        let names = NAMES.iter().map(|name| format!("$NAME.{name}"));
        let plain = SUBJECTS.iter().map(|subject| (*subject).to_owned());
        let subjects: Vec<String> = plain.chain(inboxes).chain(names).collect();
        for namespace in 0..NAMESPACES.len() {
            let auditor =
                self.connect(0, usize::MAX, Manners { namespace, ..Manners::default() }, None);
            for subject in &subjects {
                let published = Published { subject: subject.clone(), ..Published::default() };
                self.publish(auditor, published);
            }
            self.ping(auditor);
        }
        self.until_quiet()?;
        self.ping_all()?;
        self.until_quiet()
    }

    /// Goes on until also what clients said who are gone by now has come to its readers: a round of
    /// barriers brings nothing.
    fn until_nothing_comes(&mut self) -> Result<(), Finding> {
        for _ in 0..ROUNDS_MAX {
            let before = self.tally.deliveries;
            self.ping_all()?;
            self.round()?;
            self.until_quiet()?;
            let leaving = (0..self.clients.len()).filter(|at| !self.is_here(*at));
            let all_gone = leaving.into_iter().all(|at| self.clients[at].is_gone);
            if all_gone && self.tally.deliveries == before {
                return Ok(());
            }
        }
        Err(Finding::new("something always moves", "there is always one delivery more"))
    }

    /// The broker drains, and nothing is left.
    pub(super) fn wind_up(&mut self) -> Result<(), Finding> {
        for at in 0..self.clients.len() {
            if self.is_here(at) {
                match self.dice.below(3) {
                    0 => self.say_goodbye(at),
                    1 => self.end_half(at),
                    _ => {}
                }
            }
        }
        self.drain();
        for _ in 0..ROUNDS_MAX {
            if self.cluster.is_done() {
                break;
            }
            self.round()?;
        }
        demand(self.cluster.is_done(), "a drain comes to its end", || {
            let open = self.clients.iter().filter(|client| !client.is_gone).count();
            format!("{open} connections are left")
        })?;
        self.cluster.check_empty()
    }

    /// Tells all shards to drain.
    pub(super) fn drain(&mut self) {
        if self.is_draining {
            return;
        }
        self.is_draining = true;
        self.clients.iter().for_each(|client| self.shadow.excuse(client.number));
        self.cluster.drain();
        self.trace.line(format_args!("{} the broker drains", self.round));
    }

    /// Everybody who is there asks for a barrier.
    fn ping_all(&mut self) -> Result<(), Finding> {
        for at in 0..self.clients.len() {
            if self.is_here(at) {
                self.ping(at);
            }
        }
        Ok(())
    }

    /// Goes on until everybody who is there has seen all its PONGs (which, by the model, come behind
    /// all other answers).
    fn until_quiet(&mut self) -> Result<(), Finding> {
        for _ in 0..ROUNDS_MAX {
            let waits = |at: &usize| self.is_here(*at) && self.has_pings(*at);
            if !(0..self.clients.len()).any(|at| waits(&at)) {
                return Ok(());
            }
            self.round()?;
        }
        let waits = (0..self.clients.len()).find(|at| self.is_here(*at) && self.has_pings(*at));
        Err(Finding::new("something always moves", format!("client {waits:?} waits for its PONG")))
    }

    fn has_pings(&self, at: usize) -> bool {
        !self.shadow.client(self.clients[at].number).pings.is_empty()
    }

    /// Whether a client is there, and means to stay.
    fn is_here(&self, at: usize) -> bool {
        let client = &self.clients[at];
        let facts = self.shadow.client(client.number);
        // A broker that drains accepts nobody any more.
        let may_come = facts.opened.is_some() || !self.is_draining;
        !client.has_ended && !client.is_gone && facts.leaving.is_none() && may_come
    }
}
