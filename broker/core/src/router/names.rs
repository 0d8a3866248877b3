//! Clients that take a name.

use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId};

use super::directory::{self, NAME_PREFIX};
use super::state::Router;

impl Router {
    /// Gives the client a name, under which the subject `$NAME.<name>` and broadcasts reach it. A
    /// name it had before is free again. Where there are several shards, the caller has
    /// [claimed](Router::claim_name) the name at its [arbiter](super::arbiter_of) before, and the name
    /// is announced.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidName`], or [`ErrorCode::NameTaken`] if another client of this shard and
    /// the namespace has the name; the client then keeps what it had.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn register_name(&mut self, client: ClientId, name: &[u8]) -> Result<(), ErrorCode> {
        if !directory::is_valid_name(name) {
            return Err(ErrorCode::InvalidName);
        }
        let namespace = self.clients.present(client).attributes.namespace;
        match self.directory.find(namespace, name) {
            Some(owner) if owner == client => return Ok(()),
            Some(_) => return Err(ErrorCode::NameTaken),
            None => {}
        }
        self.release_name(client);
        self.directory.insert(namespace, Box::from(name), client);
        self.clients.present_mut(client).name = Box::from(name);
        self.announce_name(namespace, name);
        self.invalidate_name(namespace, name);
        Ok(())
    }

    /// The client's name; empty if it has none.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    #[must_use]
    pub fn name_of(&self, client: ClientId) -> &[u8] {
        &self.clients.present(client).name
    }

    /// The client of this shard that has a name.
    #[must_use]
    pub fn client_named(&self, namespace: NamespaceId, name: &[u8]) -> Option<ClientId> {
        self.trie.is_open(namespace).then(|| self.directory.find(namespace, name)).flatten()
    }

    /// The clients of this shard that have a name in a namespace, in the order of the names, behind
    /// this one.
    pub fn named_clients<'a>(
        &'a self,
        namespace: NamespaceId,
        after: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], ClientId)> + 'a {
        self.directory
            .behind(namespace, after)
            .filter_map(|(name, known)| Some((name, known.local?)))
    }

    /// Takes the client's name away, if it has one.
    pub(super) fn release_name(&mut self, client: ClientId) {
        let owner = self.clients.present_mut(client);
        let namespace = owner.attributes.namespace;
        let name = core::mem::take(&mut owner.name);
        if !name.is_empty() {
            self.directory.remove(namespace, &name, client);
            self.announce_name(namespace, &name);
            self.invalidate_name(namespace, &name);
            self.orphan_secondaries(namespace, &name);
            if self.is_meshed {
                self.freed_names.push_back((namespace, name));
            }
        }
    }

    /// Forgets the route of the subject that reaches the owner of the name.
    pub(super) fn invalidate_name(&mut self, namespace: NamespaceId, name: &[u8]) {
        self.revision += 1;
        self.text.clear();
        self.text.extend_from_slice(NAME_PREFIX);
        self.text.extend_from_slice(name);
        self.cache.invalidate(namespace, &self.text);
    }
}
