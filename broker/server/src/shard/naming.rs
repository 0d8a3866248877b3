//! Names of clients, which one shard decides about and all know (law S16).
//!
//! ```text
//! HELLO --> home --NameClaim--> the shard that the name's hash points to
//!             |<--NameVerdict--------+
//!             +--> the name is announced as interest is; once all know it, the client is let in
//! ```
//!
//! Who takes a name from somebody waits at the arbiter until the shard of the other one has cut that off
//! and says that the name is free.
//!
//! A client that goes while its name is being decided about gives it back when the verdict comes.

use std::collections::{BTreeMap, VecDeque};

use coilgun_core::router::arbiter_of;
use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId, ShardId, Timestamp};

use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::{Message, NameClaim};
use crate::mutant::{self, Mutant};
use crate::security::UserNumber;

/// How far a client is on its way in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Entrance {
    /// It has not said who it is.
    #[default]
    Outside,
    /// Its password is being checked.
    Authenticating,
    /// It is who it says.
    Verified(UserNumber),
    /// Another shard decides about its name.
    Claiming,
    /// It may not have its name.
    Refused(ErrorCode),
    /// It has what it asked for, and is let in once all shards know its name.
    Named,
    /// It is in.
    Inside,
}

/// Clients that take a name from somebody, by the name, in the order in which they came.
pub(super) type Usurpers = BTreeMap<(NamespaceId, Box<[u8]>), VecDeque<(ShardId, ClientId)>>;

/// What the arbiter of a name decided.
enum Decision {
    /// The claim is granted.
    Granted,
    /// It will be, once the name is free.
    Waits,
}

impl<E: Env> Shard<E> {
    /// Takes the next step to a client's name. `replaces`: whoever has it loses it.
    pub(super) fn claim_name(
        &mut self,
        id: ClientId,
        namespace: NamespaceId,
        name: &[u8],
        replaces: bool,
    ) -> Result<Entrance, ErrorCode> {
        let claim = NameClaim { client: id, namespace, name, replaces };
        let arbiter = arbiter_of(namespace, name, self.mesh.shard_count());
        if arbiter != self.mesh.shard() {
            self.mesh.say(arbiter, &Message::NameClaim(claim));
            return Ok(Entrance::Claiming);
        }
        match self.decide_claim(arbiter, &claim)? {
            Decision::Granted => {
                self.router.register_name(id, name)?;
                self.note_interest(id);
                Ok(Entrance::Named)
            }
            Decision::Waits => Ok(Entrance::Claiming),
        }
    }

    /// A client of another shard wants a name that is decided about here.
    pub(super) fn on_name_claim(&mut self, from: ShardId, claim: &NameClaim<'_>) {
        let code = match self.decide_claim(from, claim) {
            Ok(Decision::Granted) => ErrorCode::Ok,
            Ok(Decision::Waits) => return,
            Err(code) => code,
        };
        self.mesh.say(from, &Message::NameVerdict { claim: *claim, code });
    }

    /// Decides about a name as its arbiter.
    fn decide_claim(&mut self, by: ShardId, claim: &NameClaim<'_>) -> Result<Decision, ErrorCode> {
        let NameClaim { client, namespace, name, replaces } = *claim;
        if self.mesh.others().is_empty() {
            // Nobody else decides, and nobody has to hear of it.
            if replaces && let Some(owner) = self.router.client_named(namespace, name) {
                self.evict(owner);
            }
            return Ok(Decision::Granted);
        }
        match self.router.claim_name(namespace, name, by) {
            Err(ErrorCode::NameTaken) if replaces && mutant::is_active(Mutant::SharedName) => {
                Ok(Decision::Granted)
            }
            Err(ErrorCode::NameTaken) if replaces => {
                let waits = self.usurpers.entry((namespace, Box::from(name))).or_default();
                waits.push_back((by, client));
                if waits.len() == 1 {
                    self.evict_owner(namespace, name);
                }
                Ok(Decision::Waits)
            }
            decided => decided.map(|()| Decision::Granted),
        }
    }

    /// Has whoever has a name cut off; the name is free when its shard says so.
    fn evict_owner(&mut self, namespace: NamespaceId, name: &[u8]) {
        let Some(owner) = self.router.claimed_by(namespace, name) else { return };
        if owner == self.mesh.shard() {
            self.on_eviction(namespace, name);
        } else {
            self.mesh.say(owner, &Message::NameEvicted { namespace, name });
        }
    }

    /// The arbiter gives the name of a client of this shard to somebody else. If nobody here has it any
    /// more, the arbiter hears that anyway.
    pub(super) fn on_eviction(&mut self, namespace: NamespaceId, name: &[u8]) {
        if let Some(owner) = self.router.client_named(namespace, name) {
            self.evict(owner);
        }
    }

    /// Cuts a client off because somebody else takes its name.
    fn evict(&mut self, owner: ClientId) {
        self.net.close(owner);
        self.remove(owner);
    }

    /// At the arbiter: a shard gave a name up. Whoever waits for it gets it.
    pub(super) fn on_name_freed(&mut self, from: ShardId, namespace: NamespaceId, name: &[u8]) {
        self.router.release_claim(namespace, name, from);
        if self.usurpers.is_empty() || self.router.claimed_by(namespace, name).is_some() {
            return;
        }
        let key = (namespace, Box::from(name));
        let Some(waits) = self.usurpers.get_mut(&key) else { return };
        let next = waits.pop_front();
        let more = !waits.is_empty();
        if !more {
            self.usurpers.remove(&key);
        }
        let Some((shard, client)) = next else { return };
        let granted = self.router.claim_name(namespace, name, shard);
        let code = granted.err().unwrap_or(ErrorCode::Ok);
        let claim = NameClaim { client, namespace, name, replaces: true };
        if shard == self.mesh.shard() {
            self.on_name_verdict(&claim, code);
        } else {
            self.mesh.say(shard, &Message::NameVerdict { claim, code });
        }
        if more {
            self.evict_owner(namespace, name);
        }
    }

    /// Ends the secondaries of clients that have gone.
    pub(super) fn end_orphans(&mut self, now: Timestamp) {
        // Ends because every step takes one out.
        while let Some(orphan) = self.router.next_orphan() {
            if self.clients.get(orphan).is_some() {
                self.end(now, orphan, ErrorCode::PrimaryNotRegistered, "");
            }
        }
    }

    /// Another shard has decided about the name of a client.
    pub(super) fn on_name_verdict(&mut self, claim: &NameClaim<'_>, code: ErrorCode) {
        let NameClaim { client: id, namespace, name, .. } = *claim;
        let is_waiting =
            self.clients.get(id).is_some_and(|client| client.entrance == Entrance::Claiming);
        if !is_waiting {
            if code == ErrorCode::Ok {
                self.free_name(namespace, name);
            }
            return;
        }
        let is_granted = code == ErrorCode::Ok;
        let granted = if is_granted { self.router.register_name(id, name) } else { Err(code) };
        if granted.is_ok() {
            self.note_interest(id);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.entrance = granted.map_or_else(Entrance::Refused, |()| Entrance::Named);
        }
        self.let_go(id);
    }

    /// Gives the names of clients that are gone back to those that decide about them.
    pub(super) fn free_names(&mut self) {
        // Ends because every step takes a name out.
        while let Some((namespace, name)) = self.router.next_freed_name() {
            self.free_name(namespace, &name);
        }
    }

    fn free_name(&mut self, namespace: NamespaceId, name: &[u8]) {
        let arbiter = arbiter_of(namespace, name, self.mesh.shard_count());
        if arbiter == self.mesh.shard() {
            self.on_name_freed(arbiter, namespace, name);
        } else {
            self.mesh.say(arbiter, &Message::NameFreed { namespace, name });
        }
    }

    /// Whether a client on its way in has to wait, and for what.
    pub(super) fn entrance_waits(&self, id: ClientId) -> Option<Wait> {
        match self.clients.get(id)?.entrance {
            Entrance::Claiming => Some(Wait::Name),
            Entrance::Named if !self.is_in_force(id) => Some(Wait::Interest),
            Entrance::Authenticating => Some(Wait::Verdict),
            Entrance::Outside
            | Entrance::Verified(_)
            | Entrance::Refused(_)
            | Entrance::Named
            | Entrance::Inside => None,
        }
    }
}
