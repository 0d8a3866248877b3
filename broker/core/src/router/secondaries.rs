//! Clients that belong to another one: secondaries, which end with their primary.

use std::collections::{BTreeMap, VecDeque};

use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId};

use super::state::Router;
use crate::mutant::{self, Mutant};

/// The secondaries of a shard, by the name of their primary, on whatever shard that is.
#[derive(Debug, Default)]
pub(super) struct Secondaries {
    by_primary: BTreeMap<(NamespaceId, Box<[u8]>), Vec<ClientId>>,
    /// Those whose primary has gone.
    orphans: VecDeque<ClientId>,
}

impl Router {
    /// Makes a client a secondary of whoever has this name.
    ///
    /// # Errors
    /// [`ErrorCode::PrimaryNotRegistered`] if nobody is known to have it, on any shard.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn make_secondary(&mut self, client: ClientId, primary: &[u8]) -> Result<(), ErrorCode> {
        let namespace = self.clients.present(client).attributes.namespace;
        if !self.directory.is_taken(namespace, primary) {
            return Err(ErrorCode::PrimaryNotRegistered);
        }
        self.clients.present_mut(client).primary = Box::from(primary);
        let key = (namespace, Box::from(primary));
        self.secondaries.by_primary.entry(key).or_default().push(client);
        Ok(())
    }

    /// The next secondary whose primary has gone: the caller removes it. It may have gone itself.
    pub fn next_orphan(&mut self) -> Option<ClientId> {
        self.secondaries.orphans.pop_front()
    }

    /// Somebody gave a name up: if nobody has it now, its secondaries are orphans.
    pub(super) fn orphan_secondaries(&mut self, namespace: NamespaceId, name: &[u8]) {
        if self.secondaries.by_primary.is_empty()
            || self.directory.is_taken(namespace, name)
            || mutant::is_active(Mutant::Undying)
        {
            return;
        }
        if let Some(clients) = self.secondaries.by_primary.remove(&(namespace, Box::from(name))) {
            self.secondaries.orphans.extend(clients);
        }
    }

    /// A client that leaves is nobody's secondary any more.
    pub(super) fn leave_primary(&mut self, client: ClientId) {
        let leaver = self.clients.present(client);
        if leaver.primary.is_empty() {
            return;
        }
        let key = (leaver.attributes.namespace, leaver.primary.clone());
        if let Some(clients) = self.secondaries.by_primary.get_mut(&key) {
            clients.retain(|other| *other != client);
            if clients.is_empty() {
                self.secondaries.by_primary.remove(&key);
            }
        }
    }
}
