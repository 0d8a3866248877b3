//! What shards tell each other about what they want.
//!
//! A shard announces *states*, not changes: how many members it has now, whether anybody has the name
//! now. So what changes several times before it is announced is announced once, and what is announced
//! twice does no harm. Changes are announced in the order in which they came first.

use std::collections::VecDeque;

use coilgun_protocol::model::limits::SHARDS_MAX;
use coilgun_protocol::model::{ErrorCode, Filter, NamespaceId, ShardId, Visibility};

use super::directory;
use super::queue_group::{self, QueueGroup};
use super::records::{Record, RecordName};
use super::slab::Key;
use super::state::Router;
use super::trie::Node;
use crate::mutant::{self, Mutant};

/// What one shard tells the others about what it wants now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest<'a> {
    /// Where it wants it.
    pub namespace: NamespaceId,
    /// What it wants.
    pub wanted: Wanted<'a>,
    /// Members of a queue group that it has; for everything else 1 if it wants it, 0 if not.
    pub count: u32,
    /// Whether publishers have to wait for one of its clients that wants it.
    pub is_pressed: bool,
}

/// What a shard can want.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<'a> {
    /// The messages of a filter.
    Filter {
        /// Native text.
        filter: &'a [u8],
        /// What a leading wildcard may see.
        visibility: Visibility,
        /// The queue group; empty: they are wanted plainly.
        group: &'a [u8],
    },
    /// What is meant for the client of this name.
    Name(&'a [u8]),
}

/// What waits to be announced.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    queue: VecDeque<Change>,
    announced: u64,
}

/// One change that waits.
#[derive(Debug)]
enum Change {
    /// Of a record.
    Record(Key<Record>),
    /// Of who has a name.
    Name(NamespaceId, Box<[u8]>),
}

impl Announcements {
    /// Whether a record's change waits, and how often; for tests.
    pub(super) fn count_record(&self, record: Key<Record>) -> usize {
        let is_it = |change: &&Change| match change {
            Change::Record(key) => *key == record,
            Change::Name(..) => false,
        };
        self.queue.iter().filter(is_it).count()
    }

    /// How many changes of names wait; for tests.
    pub(super) fn name_count(&self) -> usize {
        let is_name = |change: &&Change| match change {
            Change::Record(_) => false,
            Change::Name(..) => true,
        };
        self.queue.iter().filter(is_name).count()
    }
}

impl Router {
    /// Makes it the router of one of `count` shards, before any client is added. With a `count` of 1
    /// nothing changes.
    ///
    /// # Panics
    /// If there are clients already, or `shard` is not below `count`, or that above `SHARDS_MAX`.
    pub fn join_mesh(&mut self, shard: ShardId, count: usize) {
        assert_eq!(self.clients.len(), 0, "what was subscribed before would never be announced");
        assert!(shard.index() < count && count <= SHARDS_MAX, "shards are numbered from 0");
        self.shard = shard;
        self.is_meshed = count > 1;
        self.groups.begin_picks_at(shard.index() as u64);
    }

    /// The oldest change that was not announced yet, as the state is now; none: there is nothing to
    /// announce. It stays the oldest until [`Router::interest_announced`].
    pub fn next_interest(&mut self) -> Option<Interest<'_>> {
        match self.announcements.queue.front()? {
            Change::Record(key) => {
                let record = self.records.record(*key);
                self.trie.text(record.node, &mut self.text);
                let (group, count) = match record.group.some() {
                    Some(group) => (self.groups.name(group), record.local),
                    None => (b"".as_slice(), record.local.min(1)),
                };
                let (filter, visibility) = (self.text.as_slice(), record.visibility);
                Some(Interest {
                    namespace: record.namespace,
                    wanted: Wanted::Filter { filter, visibility, group },
                    count,
                    is_pressed: record.local_pressed > 0,
                })
            }
            Change::Name(namespace, name) => {
                let known = self.directory.get(*namespace, name);
                let owned = known.filter(|known| known.local.is_some());
                Some(Interest {
                    namespace: *namespace,
                    wanted: Wanted::Name(name),
                    count: u32::from(owned.is_some()),
                    is_pressed: owned.is_some_and(|known| known.is_pressed),
                })
            }
        }
    }

    /// Forgets the change that [`Router::next_interest`] gave, because every other shard will hear of
    /// it. Returns its number: changes are numbered from 1.
    ///
    /// # Panics
    /// If there is nothing to announce.
    pub fn interest_announced(&mut self) -> u64 {
        let change = self.announcements.queue.pop_front().expect("a change was announced");
        match change {
            Change::Record(key) => {
                self.records.record_mut(key).is_queued = false;
                self.forget_record_if_unused(key);
            }
            Change::Name(namespace, name) => {
                let known = self.directory.get_mut(namespace, &name);
                known.expect("a name that waits is known").is_queued = false;
                self.directory.forget_if_unused(namespace, &name);
            }
        }
        self.announcements.announced += 1;
        self.announcements.announced
    }

    /// The number of the last change that was announced or waits to be. Who subscribed a moment ago
    /// waits until every other shard has applied this one (law S12). 0: there was none.
    #[must_use]
    pub fn interest_sequence(&self) -> u64 {
        self.announcements.announced + self.announcements.queue.len() as u64
    }

    /// Whether there is anything to announce.
    #[must_use]
    pub fn has_interest_to_announce(&self) -> bool {
        !self.announcements.queue.is_empty()
    }

    /// Takes in what another shard announced: the next plan knows it. What changes nothing leaves
    /// remembered routes alone; what does makes those worthless that a subscription of this shard
    /// with the same filter would (law S33). Opens namespaces as needed.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFilter`], [`ErrorCode::InvalidQueueGroup`] or [`ErrorCode::InvalidName`];
    /// never for what a router announced.
    ///
    /// # Panics
    /// If it comes from this shard itself, or the namespace is not below `NAMESPACES_MAX`.
    pub fn apply_interest(
        &mut self,
        from: ShardId,
        interest: &Interest<'_>,
    ) -> Result<(), ErrorCode> {
        assert!(self.is_meshed && from != self.shard, "a shard hears of others");
        match interest.wanted {
            Wanted::Filter { filter, visibility, group } => {
                let filter = Filter::parse(filter).map_err(|_| ErrorCode::InvalidFilter)?;
                if !group.is_empty() && !queue_group::is_valid_name(group) {
                    return Err(ErrorCode::InvalidQueueGroup);
                }
                self.open_namespace(interest.namespace);
                self.apply_filter(from, interest, filter, visibility, group);
            }
            Wanted::Name(name) => {
                if !directory::is_valid_name(name) {
                    return Err(ErrorCode::InvalidName);
                }
                self.open_namespace(interest.namespace);
                let Interest { namespace, count, is_pressed, .. } = *interest;
                if self.directory.set_remote(namespace, name, from, count > 0, is_pressed) {
                    self.invalidate_name(namespace, name);
                    self.orphan_secondaries(namespace, name);
                }
            }
        }
        Ok(())
    }

    fn apply_filter(
        &mut self,
        from: ShardId,
        interest: &Interest<'_>,
        filter: Filter<'_>,
        visibility: Visibility,
        group: &[u8],
    ) {
        let namespace = interest.namespace;
        let found = if interest.count > 0 {
            let node = self.trie.insert(namespace, filter);
            let group = match group {
                [] => Key::NONE,
                name => self.groups.find_or_begin(namespace, name),
            };
            Some(self.record_of(namespace, RecordName { node, group, visibility }))
        } else {
            self.find_record(namespace, filter, group, visibility)
        };
        let Some(key) = found else { return };
        if self.records.set_remote(key, from, interest.count, interest.is_pressed) {
            self.revision += 1;
            if !mutant::is_active(Mutant::DeafRoute) {
                self.invalidate(namespace, self.records.record(key).node);
            }
        }
        self.forget_record_if_unused(key);
    }

    fn find_record(
        &self,
        namespace: NamespaceId,
        filter: Filter<'_>,
        group: &[u8],
        visibility: Visibility,
    ) -> Option<Key<Record>> {
        let node = self.trie.find(namespace, filter)?;
        let group = match group {
            [] => Key::NONE,
            name => self.groups.find(namespace, name)?,
        };
        self.records.find(RecordName { node, group, visibility })
    }

    /// The record of this name, made if there is none.
    fn record_of(&mut self, namespace: NamespaceId, name: RecordName) -> Key<Record> {
        if let Some(key) = self.records.find(name) {
            return key;
        }
        if let Some(group) = name.group.some() {
            self.groups.hold(group);
        }
        let node_list = &mut self.trie.node_mut(name.node).records;
        self.records.insert(namespace, name, node_list)
    }

    fn forget_record_if_unused(&mut self, key: Key<Record>) {
        if !self.records.record(key).is_unused() {
            return;
        }
        let node = self.records.record(key).node;
        let node_list = &mut self.trie.node_mut(node).records;
        let forgotten = self.records.remove(key, node_list);
        self.trie.prune(node);
        if let Some(group) = forgotten.group.some() {
            self.groups.release(group);
        }
    }

    /// Counts a subscription of this shard that begins. Other shards have to hear of the first one
    /// with a filter, and of each member of a queue group.
    pub(super) fn count_in(
        &mut self,
        namespace: NamespaceId,
        node: Key<Node>,
        group: Key<QueueGroup>,
        visibility: Visibility,
    ) {
        if !self.is_meshed {
            return;
        }
        let key = self.record_of(namespace, RecordName { node, group, visibility });
        let record = self.records.record_mut(key);
        record.local += 1;
        if record.local == 1 || group != Key::NONE {
            self.announce(key);
        }
    }

    /// Counts a subscription of this shard that ends. Other shards have to hear of the last one with
    /// a filter, and of each member of a queue group.
    pub(super) fn count_out(&mut self, name: RecordName) {
        if !self.is_meshed {
            return;
        }
        let key = self.records.find(name).expect("a subscription of one of several has a record");
        let record = self.records.record_mut(key);
        record.local -= 1;
        if record.local == 0 || name.group != Key::NONE {
            self.announce(key);
        }
    }

    /// Has the state of a record announced, unless that is to come anyway.
    pub(super) fn announce(&mut self, key: Key<Record>) {
        let record = self.records.record_mut(key);
        if !core::mem::replace(&mut record.is_queued, true) {
            self.announcements.queue.push_back(Change::Record(key));
        }
    }

    /// Has announced who has a name, unless that is to come anyway. A name that nobody has and
    /// nobody has to hear of is forgotten.
    pub(super) fn announce_name(&mut self, namespace: NamespaceId, name: &[u8]) {
        if !self.is_meshed {
            self.directory.forget_if_unused(namespace, name);
            return;
        }
        let known = self.directory.get_mut(namespace, name).expect("a name that changed is known");
        if !core::mem::replace(&mut known.is_queued, true) {
            self.announcements.queue.push_back(Change::Name(namespace, Box::from(name)));
        }
    }
}
