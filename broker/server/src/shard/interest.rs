//! What this shard wants, told to the others, and when they all know (laws S12, S13).
//!
//! ```text
//! subscribe -> router: change 17 waits -> every ring: Interest 17 -> applied there
//!                                                                      |
//! outcome, PONG, held commands <- 17 is in force everywhere <- InterestApplied(17) from each
//! ```

use std::collections::VecDeque;

use coilgun_core::router::Interest;
use coilgun_protocol::model::{ClientId, ShardId, Timestamp};

use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::Message;
use crate::mutant::{self, Mutant};

/// How far every other shard is with what this one wants, and the other way round.
#[derive(Debug)]
pub(super) struct InterestState {
    /// The last change of ours that each shard has applied, by shard.
    applied: Vec<u64>,
    applied_everywhere: u64,
    /// The last change that each shard announced.
    heard: Vec<u64>,
    /// The last one that it was told we have applied.
    confirmed: Vec<u64>,
    /// Clients that wait for a change of ours, that for the oldest first.
    waiters: VecDeque<(u64, ClientId)>,
}

impl InterestState {
    /// Nothing is wanted yet. `own`: the number of this shard, which need not be told.
    pub(super) fn new(own: ShardId, count: usize) -> InterestState {
        let mut applied = vec![0; count];
        applied[own.index()] = u64::MAX;
        let applied_everywhere = applied.iter().copied().min().unwrap_or(u64::MAX);
        InterestState {
            applied,
            applied_everywhere,
            heard: vec![0; count],
            confirmed: vec![0; count],
            waiters: VecDeque::new(),
        }
    }

    /// Every other shard has applied the changes up to this one; all there can be, if there is no
    /// other shard.
    #[inline]
    pub(super) fn applied_everywhere(&self) -> u64 {
        if mutant::is_active(Mutant::EarlyAck) {
            return u64::MAX;
        }
        self.applied_everywhere
    }

    /// Looks at a client again once a change is in force everywhere.
    pub(super) fn watch(&mut self, id: ClientId, sequence: u64) {
        if self.waiters.back() == Some(&(sequence, id)) {
            return;
        }
        // Nearly always the last place: changes are numbered as they come.
        let before = self.waiters.iter().rposition(|(earlier, _)| *earlier <= sequence);
        self.waiters.insert(before.map_or(0, |at| at + 1), (sequence, id));
    }

    fn next_in_force(&mut self) -> Option<ClientId> {
        let (sequence, id) = *self.waiters.front()?;
        if sequence > self.applied_everywhere() {
            return None;
        }
        self.waiters.pop_front();
        Some(id)
    }
}

impl<E: Env> Shard<E> {
    /// Whether the client's own subscriptions are in force everywhere (law S13).
    #[inline]
    pub(super) fn is_in_force(&self, id: ClientId) -> bool {
        let applied = self.interest.applied_everywhere();
        self.router.interest_sequence() <= applied
            || mutant::is_active(Mutant::NoHold)
            || self.clients.get(id).is_none_or(|client| client.interest <= applied)
    }

    /// Notes that a client changed what this shard wants. Returns which change it waits for.
    pub(super) fn note_interest(&mut self, id: ClientId) -> u64 {
        let sequence = self.router.interest_sequence();
        if let Some(client) = self.clients.get_mut(id) {
            client.interest = sequence;
        }
        sequence
    }

    /// Tells every other shard what changed, as long as there is room to all of them.
    pub(super) fn announce_interest(&mut self) {
        // Ends because every step takes a change out.
        while let Some(interest) = self.router.next_interest() {
            let message = |sequence| Message::Interest { sequence, interest };
            let others = self.mesh.others();
            let bytes = message(0).encoded_len();
            if !others.iter().all(|shard| self.mesh.has_place(shard, bytes)) {
                return;
            }
            self.last_announced += 1;
            for shard in others.iter() {
                self.mesh.send(shard, &message(self.last_announced));
            }
            let sequence = self.router.interest_announced();
            assert_eq!(sequence, self.last_announced, "changes are numbered as they are announced");
        }
    }

    /// Takes in what another shard wants.
    pub(super) fn on_interest(&mut self, from: ShardId, sequence: u64, interest: &Interest<'_>) {
        let heard = &mut self.interest.heard[from.index()];
        assert_eq!(sequence, *heard + 1, "S17: nothing is lost or overtakes on the way");
        *heard = sequence;
        let applied = self.router.apply_interest(from, interest);
        applied.expect("the other shard checked what it wants");
        if !interest.is_pressed {
            let mut waiters = self.mesh.take_pressed(from);
            self.go_on(&mut waiters);
        }
    }

    /// Tells a shard how far its changes are in force here.
    pub(super) fn confirm_interest(&mut self, to: ShardId) {
        let sequence = self.interest.heard[to.index()];
        if sequence > self.interest.confirmed[to.index()] {
            self.interest.confirmed[to.index()] = sequence;
            self.mesh.say(to, &Message::InterestApplied { sequence });
        }
    }

    /// A shard has applied our changes up to this one: tells and lets go whoever waited for that.
    pub(super) fn on_interest_applied(&mut self, now: Timestamp, from: ShardId, sequence: u64) {
        let state = &mut self.interest;
        assert!(sequence >= state.applied[from.index()], "changes are applied in order");
        state.applied[from.index()] = sequence;
        state.applied_everywhere = state.applied.iter().copied().min().unwrap_or(u64::MAX);
        // Ends because every step takes an entry out.
        while let Some(id) = self.interest.next_in_force() {
            self.settle(now, id);
            if self.clients.get(id).is_some_and(|it| it.waits == Some(Wait::Interest)) {
                self.let_go(id);
            }
        }
    }

    /// Tells other shards what they have to know, and hands over what was said to them.
    pub(super) fn flush_mesh(&mut self) {
        if self.mesh.others().is_empty() {
            return;
        }
        self.free_names();
        self.announce_interest();
        let wants_all_loans = self.router.has_interest_to_announce()
            || self.is_about_to_end()
            || self.has_records_to_deliver();
        self.mesh.flush(wants_all_loans);
    }
}
