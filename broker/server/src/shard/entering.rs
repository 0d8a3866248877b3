//! Clients that say who they are.

use coilgun_core::router::ClientAttributes;
use coilgun_core::security::IdentityId;
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, ErrorCode, Event, Open, OpenFlags, Opened, ShardId, Timestamp,
};

use super::authenticating::Identified;
use super::dispatch::{Progress, bytes};
use super::draining::Draining;
use super::naming::Entrance;
use super::turn::Shard;
use crate::env::Env;
use crate::security::UserNumber;

/// Bits of a slot; those above say which shard it is of, so that no two clients of a broker are called
/// the same.
const SLOT_BITS: u32 = 24;

impl<E: Env> Shard<E> {
    /// Takes the next step in letting a client in; it is asked again until it is in or refused.
    pub(super) fn open(
        &mut self,
        now: Timestamp,
        id: ClientId,
        open: &Open,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        if let Err((code, detail)) = self.enter(now, id, open, chunk, text) {
            self.counters.refused += 1;
            self.end(now, id, code, &detail);
            return Progress::Ended;
        }
        if let Some(wait) = self.entrance_waits(id) {
            return Progress::Waits(wait);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.entrance = Entrance::Inside;
        }
        self.announce(now, id, bytes(open.primary, chunk, text).is_empty());
        let client = public_id(self.mesh.shard(), id);
        self.tell(now, id, &Event::Opened(Opened { client }));
        self.watch(id);
        Progress::Done
    }

    /// Announces a client that comes in, if it is a primary with a name.
    fn announce(&mut self, now: Timestamp, id: ClientId, is_primary: bool) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let name: Box<[u8]> = Box::from(self.router.name_of(id));
        if !is_primary || name.is_empty() {
            return;
        }
        client.is_announced = true;
        let namespace = client.namespace;
        self.announce_arrival(now, namespace, &name);
    }

    fn enter(
        &mut self,
        now: Timestamp,
        id: ClientId,
        open: &Open,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Result<(), (ErrorCode, String)> {
        let Some(client) = self.clients.get(id) else {
            return Err((ErrorCode::HandshakeExpected, String::new()));
        };
        let name = bytes(open.name, chunk, text);
        let named = |code| (code, format!("name {:?}", name.escape_ascii().to_string()));
        match client.entrance {
            // It came too late to be asked to go elsewhere, and would be waited for in vain.
            Entrance::Outside if self.draining != Draining::Serving => {
                Err((ErrorCode::ShuttingDown, String::new()))
            }
            Entrance::Outside => match self.identify(now, id, open, chunk, text)? {
                Identified::Guest => self.let_in(id, None, open, chunk, text),
                Identified::User(user) => self.let_in(id, Some(user), open, chunk, text),
                Identified::Waits => Ok(()),
            },
            Entrance::Verified(user) => self.let_in(id, Some(user), open, chunk, text),
            Entrance::Authenticating | Entrance::Claiming | Entrance::Named => Ok(()),
            Entrance::Refused(ErrorCode::WrongCredentials) => {
                Err((ErrorCode::WrongCredentials, String::new()))
            }
            Entrance::Refused(code) => Err(named(code)),
            Entrance::Inside => Err((ErrorCode::HandshakeExpected, String::new())),
        }
    }

    /// Makes a client known to the router and takes the first step to its name, or says why not.
    fn let_in(
        &mut self,
        id: ClientId,
        user: Option<UserNumber>,
        open: &Open,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Result<(), (ErrorCode, String)> {
        let namespace = self.namespace_of(id, user, bytes(open.namespace, chunk, text))?;
        let [name, primary] = [open.name, open.primary].map(|it| bytes(it, chunk, text));
        let identity = match user {
            Some(user) => self.authentication.users().get(user).identity,
            None if self.clients.get(id).is_some_and(|client| client.is_listed) => {
                self.identity_of_listed(id, if primary.is_empty() { name } else { primary })?
            }
            None => IdentityId::EVERYTHING,
        };
        let Some(client) = self.clients.get_mut(id) else {
            return Err((ErrorCode::HandshakeExpected, String::new()));
        };
        client.is_restricted = identity.is_restricted();
        client.is_open = true;
        client.namespace = namespace;
        client.slow_consumer = client.slow_consumer.with(open.slow_consumer);
        if client.slow_consumer.policy.drops_oldest() {
            client.slow_mut();
        }
        self.router.add_client(id, ClientAttributes { namespace, flags: open.flags, identity });
        let named = |code| (code, format!("name {:?}", name.escape_ascii().to_string()));
        if !primary.is_empty() {
            self.router.make_secondary(id, primary).map_err(named)?;
        }
        let replaces = open.flags.contains(OpenFlags::REPLACE_NAMESAKE);
        let entrance = self.take_name(id, name, replaces).map_err(named)?;
        if let Some(client) = self.clients.get_mut(id) {
            client.entrance = entrance;
        }
        Ok(())
    }

    fn take_name(
        &mut self,
        id: ClientId,
        name: &[u8],
        replaces: bool,
    ) -> Result<Entrance, ErrorCode> {
        let Some(client) = self.clients.get(id).filter(|_| !name.is_empty()) else {
            return Ok(Entrance::Named);
        };
        self.claim_name(id, client.namespace, name, replaces)
    }
}

/// What a client of a shard is called outside of it.
fn public_id(shard: ShardId, id: ClientId) -> ClientId {
    ClientId { slot: id.slot | (shard.index() as u32) << SLOT_BITS, ..id }
}

const _: () = assert!(crate::net::SLOTS_MAX <= 1 << SLOT_BITS, "slots leave room for the shard");
