//! Clients of elbus that are looked up by their names (law S32).

use std::collections::HashMap;
use std::sync::Arc;

use coilgun_core::security::IdentityId;
use coilgun_protocol::model::{ClientId, ErrorCode, Timestamp};

use super::turn::Shard;
use crate::env::Env;
use crate::mutant::{self, Mutant};
use crate::net::SocketKind;
use crate::security::{AccessTable, Right, SharedAccess};

/// What a shard knows of who is listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    shared: Option<Arc<SharedAccess>>,
    /// The change that was looked at last, and what it said.
    version: u64,
    table: Option<Arc<AccessTable>>,
}

impl Listed {
    /// Whether something has changed since it was looked at.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.version() != self.version)
    }
}

impl<E: Env> Shard<E> {
    /// The same shard, where clients of elbus are looked up; to be said before it listens, and when it knows
    /// its users.
    #[must_use]
    pub fn with_elbus_access(mut self, shared: Arc<SharedAccess>) -> Shard<E> {
        let (version, table) = (shared.version(), shared.current());
        self.router.know_identities(table.identities());
        self.listed = Listed { shared: Some(shared), version, table: Some(table) };
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
        let Some(table) = &self.listed.table else { return Ok(IdentityId::EVERYTHING) };
        let (is_near, address) = match self.net.socket(id) {
            Some(socket) => match socket.kind() {
                SocketKind::Tcp => (false, self.env.peer_address(socket.descriptor())),
                SocketKind::WebSocket => (false, socket.link_address()),
                SocketKind::Unix | SocketKind::InProcess => (true, None),
            },
            None => (false, None),
        };
        let refused = |text: &str| Err((ErrorCode::PermissionDenied, text.to_owned()));
        match table.right_of(name) {
            Right::Everything => Ok(IdentityId::EVERYTHING),
            Right::Listed(entry) if is_near || entry.may_come_from(address.map(|it| it.ip())) => {
                Ok(table.identity_of(name))
            }
            Right::Listed(_) => refused("it may not come from there"),
            Right::Nothing => refused("no client of this name is listed"),
        }
    }

    /// Looks at what has changed: cuts off those whose entry is another one now.
    pub(super) fn follow_access(&mut self, now: Timestamp) {
        let Some(shared) = self.listed.shared.as_ref().filter(|_| self.listed.has_news()) else {
            return;
        };
        let (version, table) = (shared.version(), shared.current());
        let before = self.listed.table.replace(Arc::clone(&table));
        self.listed.version = version;
        let might = |name: &[u8]| before.as_ref().map_or(Right::Everything, |it| it.right_of(name));
        let (mut changed, mut ended) = (HashMap::new(), Vec::new());
        for client in self.clients.iter_mut() {
            let Some(name) = client.listed_as.as_deref() else { continue };
            let is_same =
                table.right_of(name) == might(name) || mutant::is_active(Mutant::StaleAccess);
            let identity = if is_same { table.identity_of(name) } else { table.nobody() };
            client.is_restricted = identity.is_restricted();
            changed.insert(client.id, identity);
            if !is_same {
                ended.push(client.id);
            }
        }
        self.router.change_identities(table.identities(), |id, identity| {
            changed.get(&id).copied().unwrap_or(identity)
        });
        for id in ended {
            self.end(now, id, ErrorCode::PermissionDenied, "what it may do has changed");
        }
    }
}
