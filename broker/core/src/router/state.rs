//! The router as a whole: what it consists of, and who is there.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use coilgun_protocol::model::limits::NAMESPACES_MAX;
use coilgun_protocol::model::{ClientId, NamespaceId, ShardId};

use super::claims::Claims;
use super::client::{ClientAttributes, Clients};
use super::directory::Directory;
use super::interest::Announcements;
use super::limits::RouterLimits;
use super::presses::PressPlaces;
use super::queue_group::QueueGroups;
use super::records::Records;
use super::route_build::RouteBuilder;
use super::route_cache::RouteCache;
use super::secondaries::Secondaries;
use super::slab::Key;
use super::subscriptions::{Entry, Subscriptions};
use super::trie::{Node, Reach, Trie};
use crate::mutant::{self, Mutant};
use crate::security::{Identities, IdentityId};

/// The routes of one shard; see the head of this room.
#[derive(Debug)]
pub struct Router {
    pub(super) limits: RouterLimits,
    /// What each identity may do.
    pub(super) identities: Arc<Identities>,
    pub(super) clients: Clients,
    pub(super) directory: Directory,
    pub(super) trie: Trie,
    pub(super) subscriptions: Subscriptions,
    pub(super) groups: QueueGroups,
    pub(super) cache: RouteCache,
    pub(super) builder: RouteBuilder,
    /// This shard's number.
    pub(super) shard: ShardId,
    /// Whether there are other shards.
    pub(super) is_meshed: bool,
    /// What this shard and the others want; empty where there are no others.
    pub(super) records: Records,
    /// What the others have to hear.
    pub(super) announcements: Announcements,
    /// Where subscriptions stand that publishers of other shards wait for.
    pub(super) press_places: PressPlaces,
    /// The clients that have some of those to release.
    pub(super) unpressing: VecDeque<ClientId>,
    /// The names this shard decides about.
    pub(super) claims: Claims,
    /// The names whose arbiters have to hear that they are free.
    pub(super) freed_names: VecDeque<(NamespaceId, Box<[u8]>)>,
    /// Whose secondaries there are.
    pub(super) secondaries: Secondaries,
    /// What the exclusions of all clients cost, in bytes.
    pub(super) exclusion_bytes: usize,
    /// Counts changes after which an older plan may be wrong.
    pub(super) revision: u64,
    /// Counts plans that look at clients one by one.
    pub(super) plan_count: u64,
    /// Counts picks of queue groups.
    pub(super) pick_count: u64,
    /// Reused by [`Router::commit`].
    pub(super) ended: Vec<Key<Entry>>,
    /// Reused where the text of a filter or subject is put together.
    pub(super) text: Vec<u8>,
}

/// What a router holds and how its cache does; the counts of the cache only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouterCounts {
    /// Clients, including those that are being removed.
    pub clients: usize,
    /// Clients that have a name, those of other shards left out.
    pub names: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Nodes of the trie, including one root per namespace.
    pub trie_nodes: usize,
    /// Records of what shards want: one for each filter, visibility and queue group; none where there
    /// is one shard only.
    pub records: usize,
    /// What other shards want: filters and names, counted for each shard that wants them.
    pub remote_interest: usize,
    /// Subjects whose route is remembered, worthless ones included.
    pub routes_cached: usize,
    /// Plans that found a current route.
    pub cache_hits: u64,
    /// Plans that had to build a route.
    pub cache_misses: u64,
    /// Routes that were forgotten for lack of room.
    pub cache_evictions: u64,
    /// Routes that were forgotten because a subscription or a name with their subject came or went.
    pub cache_invalidations: u64,
}

impl Router {
    /// A router without clients.
    ///
    /// `seeds` are the keys of its hash tables: random ones, so that no peer can aim for collisions,
    /// or fixed ones in a simulator. They change no answer (law S22).
    #[must_use]
    pub fn new(seeds: [u64; 4], limits: RouterLimits) -> Router {
        let hasher = RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3]);
        Router {
            identities: Arc::default(),
            clients: Clients::default(),
            directory: Directory::default(),
            trie: Trie::new(hasher.clone()),
            subscriptions: Subscriptions::new(hasher.clone()),
            groups: QueueGroups::new(hasher.clone()),
            records: Records::new(hasher.clone()),
            cache: RouteCache::new(hasher, &limits),
            builder: RouteBuilder::new(),
            shard: ShardId::default(),
            is_meshed: false,
            announcements: Announcements::default(),
            press_places: PressPlaces::default(),
            unpressing: VecDeque::new(),
            claims: Claims::default(),
            freed_names: VecDeque::new(),
            secondaries: Secondaries::default(),
            exclusion_bytes: 0,
            revision: 0,
            plan_count: 0,
            pick_count: 0,
            ended: Vec::new(),
            text: Vec::new(),
            limits,
        }
    }

    /// Says what each identity may do; to be said before there are clients that have one.
    pub fn know_identities(&mut self, identities: Arc<Identities>) {
        self.identities = identities;
    }

    /// Says anew what each identity may do, and which one each client has from now on instead of its
    /// present one. What a client is
    /// subscribed to stays as it is: whoever may subscribe to less than before has to be removed.
    pub fn change_identities(
        &mut self,
        identities: Arc<Identities>,
        identity_of: impl Fn(ClientId, IdentityId) -> IdentityId,
    ) {
        self.identities = identities;
        self.clients.change_identities(identity_of);
        if !mutant::is_active(Mutant::StalePermits) {
            self.cache.forget_all();
        }
    }

    /// Takes a client in; it has no name and no subscriptions yet.
    ///
    /// # Panics
    /// If a client with the same slot is there, which includes one whose removal is not
    /// [done](super::Removal::Done), or if the namespace is not below `NAMESPACES_MAX`.
    pub fn add_client(&mut self, client: ClientId, attributes: ClientAttributes) {
        self.open_namespace(attributes.namespace);
        self.clients.insert(client, attributes);
    }

    /// Makes the namespace known.
    pub(super) fn open_namespace(&mut self, namespace: NamespaceId) {
        assert!(usize::from(namespace.0) < NAMESPACES_MAX, "namespaces come from a bounded table");
        self.trie.open(namespace);
        self.directory.open(namespace);
        self.cache.epochs.open(namespace);
    }

    /// What it holds now and how its cache did so far.
    #[must_use]
    pub fn counts(&self) -> RouterCounts {
        RouterCounts {
            clients: self.clients.len(),
            names: self.directory.len(),
            subscriptions: self.subscriptions.len(),
            trie_nodes: self.trie.len(),
            records: self.records.len(),
            remote_interest: self.records.remote_count() + self.directory.remote_count(),
            routes_cached: self.cache.len(),
            cache_hits: self.cache.counts.hits,
            cache_misses: self.cache.counts.misses,
            cache_evictions: self.cache.counts.evictions,
            cache_invalidations: self.cache.counts.invalidations,
        }
    }

    /// Makes every remembered route worthless that a subscription at `node`, of this shard or
    /// another, belongs to or ought to belong to (law S33).
    pub(super) fn invalidate(&mut self, namespace: NamespaceId, node: Key<Node>) {
        let reach = self.trie.node(node).reach;
        if mutant::is_active(match reach {
            Reach::Subject => Mutant::StaleRoute,
            Reach::FirstToken(_) | Reach::Namespace => Mutant::StaleWildcard,
        }) {
            return;
        }
        match reach {
            Reach::Subject => {
                self.trie.text(node, &mut self.text);
                self.cache.invalidate(namespace, &self.text);
            }
            Reach::FirstToken(bucket) => self.cache.epochs.bump_first_token(bucket),
            Reach::Namespace => self.cache.epochs.bump_namespace(namespace),
        }
    }
}
