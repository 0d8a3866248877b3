//! Clients of elbus that are looked up by their names (law S32).

use std::collections::HashMap;
use std::sync::Arc;

use coilgun_core::security::{IdentityId, Permissions, Rules};
use coilgun_protocol::model::{ClientId, ErrorCode, Timestamp};

use super::turn::Shard;
use crate::env::Env;
use crate::mutant::{self, Mutant};
use crate::net::SocketKind;
use crate::security::{ElbusAccess, ElbusClient, SharedAccess};

/// What a shard knows of who is listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    shared: Option<Arc<SharedAccess>>,
    /// The change that was looked at last.
    version: u64,
    access: Option<Arc<ElbusAccess>>,
    identities: HashMap<Box<[u8]>, IdentityId>,
}

impl Listed {
    /// Whether something has changed since it was looked at.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.version() != self.version)
    }
}

/// What a client may do.
#[derive(PartialEq, Eq)]
enum Right<'a> {
    /// Everything: nobody is listed.
    Everything,
    /// What its entry says.
    Listed(&'a ElbusClient),
    /// Nothing: others are listed.
    Nothing,
}

impl<'a> Right<'a> {
    fn of(access: &'a Option<Arc<ElbusAccess>>, name: &[u8]) -> Right<'a> {
        match access {
            None => Right::Everything,
            Some(access) => access.get(name).map_or(Right::Nothing, Right::Listed),
        }
    }
}

/// Whoever may do nothing any more.
fn nobody() -> Permissions {
    let nothing = || Rules::new::<&str>(Some(&[]), &[]).expect("there is no filter in them");
    Permissions {
        publish: nothing(),
        subscribe: nothing(),
        request: nothing(),
        names: Some(nothing()),
        broadcast: Some(nothing()),
    }
}

impl<E: Env> Shard<E> {
    /// The same shard, where clients of elbus are looked up; to be said before it listens, and when its
    /// users are known.
    #[must_use]
    pub fn with_elbus_access(mut self, shared: Arc<SharedAccess>) -> Shard<E> {
        self.listed.shared = Some(shared);
        self
    }

    /// What a client that came through a listener of elbus may do, under the name of its primary.
    pub(super) fn identity_of_listed(
        &mut self,
        id: ClientId,
        name: &[u8],
    ) -> Result<IdentityId, (ErrorCode, String)> {
        if let Some(client) = self.clients.get_mut(id) {
            // Also where nobody is listed: somebody may be, later.
            client.listed_as = Some(name.into());
        }
        let Some(access) = &self.listed.access else { return Ok(IdentityId::EVERYTHING) };
        let (is_near, address) = match self.net.socket(id) {
            Some(socket) => match socket.kind() {
                SocketKind::Tcp => (false, self.env.peer_address(socket.descriptor())),
                SocketKind::WebSocket => (false, socket.link_address()),
                SocketKind::Unix | SocketKind::InProcess => (true, None),
            },
            None => (false, None),
        };
        let refused = |text: &str| Err((ErrorCode::PermissionDenied, text.to_owned()));
        match access.get(name) {
            Some(entry) if is_near || entry.may_come_from(address.map(|it| it.ip())) => {}
            Some(_) => return refused("it may not come from there"),
            None => return refused("no client of this name is listed"),
        }
        Ok(self.listed.identities[name])
    }

    /// Looks at what has changed: cuts off those whose entry is another one now.
    pub(super) fn follow_access(&mut self, now: Timestamp) {
        let Some(shared) = self.listed.shared.as_ref().filter(|_| self.listed.has_news()) else {
            return;
        };
        let (version, access) = (shared.version(), shared.current());
        let mut identities = (*self.authentication.users().identities()).clone();
        let nobody = identities.add(nobody());
        let entries = access.iter().flat_map(|access| access.iter());
        self.listed.identities = entries
            .map(|(name, entry)| (name.into(), identities.add(entry.permissions.clone())))
            .collect();
        self.listed.version = version;
        let before = std::mem::replace(&mut self.listed.access, access);
        let (mut changed, mut ended) = (HashMap::new(), Vec::new());
        for client in self.clients.iter_mut() {
            let Some(name) = client.listed_as.as_deref() else { continue };
            let (may, might) = (Right::of(&self.listed.access, name), Right::of(&before, name));
            let is_same = may == might || mutant::is_active(Mutant::StaleAccess);
            let identity = match (is_same, self.listed.identities.get(name), &may) {
                (true, Some(identity), _) => *identity,
                (true, None, Right::Everything) => IdentityId::EVERYTHING,
                (_, _, _) => nobody,
            };
            client.is_restricted = identity.is_restricted();
            changed.insert(client.id, identity);
            if !is_same {
                ended.push(client.id);
            }
        }
        self.router.change_identities(Arc::new(identities), |id, identity| {
            changed.get(&id).copied().unwrap_or(identity)
        });
        for id in ended {
            self.end(now, id, ErrorCode::PermissionDenied, "what it may do has changed");
        }
    }
}
