//! Names of clients, which one shard decides about and all know (law S16).
//!
//! ```text
//! HELLO --> home --NameClaim--> the shard that the name's hash points to
//!             |<--NameVerdict--------+
//!             +--> the name is announced as interest is; once all know it, the client is let in
//! ```
//!
//! A client that goes while its name is being decided about gives it back when the verdict comes.

use coilgun_core::router::arbiter_of;
use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId, ShardId};

use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::{Message, NameClaim};
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

impl<E: Env> Shard<E> {
    /// Takes the next step to a client's name.
    pub(super) fn claim_name(
        &mut self,
        id: ClientId,
        namespace: NamespaceId,
        name: &[u8],
    ) -> Result<Entrance, ErrorCode> {
        let arbiter = arbiter_of(namespace, name, self.mesh.shard_count());
        if arbiter != self.mesh.shard() {
            let claim = NameClaim { client: id, namespace, name };
            self.mesh.say(arbiter, &Message::NameClaim(claim));
            return Ok(Entrance::Claiming);
        }
        if !self.mesh.others().is_empty() {
            self.router.claim_name(namespace, name, arbiter)?;
        }
        self.router.register_name(id, name)?;
        self.note_interest(id);
        Ok(Entrance::Named)
    }

    /// A client of another shard wants a name that is decided about here.
    pub(super) fn on_name_claim(&mut self, from: ShardId, claim: &NameClaim<'_>) {
        let decided = self.router.claim_name(claim.namespace, claim.name, from);
        let code = decided.err().unwrap_or(ErrorCode::Ok);
        self.mesh.say(from, &Message::NameVerdict { claim: *claim, code });
    }

    /// Another shard has decided about the name of a client.
    pub(super) fn on_name_verdict(&mut self, claim: &NameClaim<'_>, code: ErrorCode) {
        let NameClaim { client: id, namespace, name } = *claim;
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
            self.router.release_claim(namespace, name, arbiter);
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
