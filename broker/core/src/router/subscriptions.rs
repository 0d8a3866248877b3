//! All subscriptions of a shard: their table, their lists, and who finds them by number.

use ahash::RandomState;
use coilgun_protocol::model::{ClientId, SlowConsumer, SubscriptionId, Visibility};
use hashbrown::HashTable;

use super::queue_group::QueueGroup;
use super::slab::{Key, Slab};
use super::trie::Node;

/// Credit that never runs out.
pub(super) const UNLIMITED: u32 = u32::MAX;

/// One subscription.
#[derive(Debug)]
pub(super) struct Entry {
    /// The client's number for it; never 0.
    pub(super) id: SubscriptionId,
    /// When it began: subscriptions of a shard are numbered from 1 in the order they came.
    pub(super) sequence: u64,
    /// When its queue group last picked it: picks are numbered from 1; 0: never.
    pub(super) picked: u64,
    /// Slot of its client.
    pub(super) client: u32,
    /// Where its filter ends in the trie.
    pub(super) node: Key<Node>,
    /// Its queue group; none: it is plain.
    pub(super) group: Key<QueueGroup>,
    /// Its neighbours in the lists of its node and of its client.
    links: [Links; 2],
    /// How many messages may be delivered; [`UNLIMITED`]: any number.
    pub(super) credit: u32,
    /// It ends once it has had this many deliveries; 0: it does not.
    pub(super) deliveries_max: u32,
    /// Messages it missed since its last delivery for lack of credit.
    pub(super) missed: u32,
    /// What a leading wildcard of its filter may see.
    pub(super) visibility: Visibility,
    /// Whether its client wants each message once only.
    pub(super) once: bool,
    /// Whether its filter matches subjects that its client must not see.
    pub(super) is_cut: bool,
    /// Whether the publishers of other shards have to wait for it.
    pub(super) is_pressed: bool,
    /// What happens to its messages while its client does not read fast enough.
    pub(super) slow_consumer: SlowConsumer,
}

impl Entry {
    /// Whether deliveries change nothing but a count.
    pub(super) fn is_free(&self) -> bool {
        self.credit == UNLIMITED && self.deliveries_max == 0 && self.missed == 0
    }
}

/// Neighbours in a list.
#[derive(Clone, Copy, Debug)]
struct Links {
    previous: Key<Entry>,
    next: Key<Entry>,
}

/// The lists a subscription is in; the youngest is first in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    /// The subscriptions with the same filter.
    Node = 0,
    /// The subscriptions of the same client.
    Client = 1,
}

/// What a new subscription is made from.
#[derive(Debug)]
pub(super) struct NewEntry {
    pub(super) id: SubscriptionId,
    pub(super) client: u32,
    pub(super) node: Key<Node>,
    pub(super) group: Key<QueueGroup>,
    pub(super) credit: u32,
    pub(super) deliveries_max: u32,
    pub(super) visibility: Visibility,
    pub(super) once: bool,
    pub(super) is_cut: bool,
    pub(super) slow_consumer: SlowConsumer,
}

/// All subscriptions of a shard.
#[derive(Debug)]
pub(super) struct Subscriptions {
    entries: Slab<Entry>,
    /// Deliveries since the subscription began, by place. Apart from the entries, because every
    /// delivery counts here and most touch nothing else: eight of these share a cache line.
    delivered: Vec<u64>,
    by_id: HashTable<Key<Entry>>,
    hasher: RandomState,
    last_sequence: u64,
}

impl Subscriptions {
    /// No subscriptions, and the keys of the table.
    pub(super) fn new(hasher: RandomState) -> Subscriptions {
        Subscriptions {
            entries: Slab::new(),
            delivered: Vec::new(),
            by_id: HashTable::new(),
            hasher,
            last_sequence: 0,
        }
    }

    /// Takes a subscription in, at the front of both lists. Its number must be free.
    pub(super) fn insert(
        &mut self,
        new: NewEntry,
        node_list: &mut Key<Entry>,
        client_list: &mut Key<Entry>,
    ) -> Key<Entry> {
        self.last_sequence += 1;
        let alone = Links { previous: Key::NONE, next: Key::NONE };
        let key = self.entries.insert(Entry {
            id: new.id,
            sequence: self.last_sequence,
            picked: 0,
            client: new.client,
            node: new.node,
            group: new.group,
            links: [alone; 2],
            credit: new.credit,
            deliveries_max: new.deliveries_max,
            missed: 0,
            visibility: new.visibility,
            once: new.once,
            is_cut: new.is_cut,
            is_pressed: false,
            slow_consumer: new.slow_consumer,
        });
        if self.delivered.len() <= key.index() {
            self.delivered.resize(key.index() + 1, 0);
        }
        self.delivered[key.index()] = 0;
        self.push_front(List::Node, node_list, key);
        self.push_front(List::Client, client_list, key);
        let Subscriptions { entries, by_id, hasher, .. } = self;
        let hash = hash(hasher, new.client, new.id);
        by_id.insert_unique(hash, key, |other| rehash(hasher, entries, *other));
        key
    }

    /// Takes a subscription out of everything.
    pub(super) fn remove(
        &mut self,
        key: Key<Entry>,
        node_list: &mut Key<Entry>,
        client_list: &mut Key<Entry>,
    ) -> Entry {
        self.unlink(List::Node, node_list, key);
        self.unlink(List::Client, client_list, key);
        let hash = rehash(&self.hasher, &self.entries, key);
        let found = self.by_id.find_entry(hash, |other| *other == key);
        found.expect("a subscription is found under its number").remove();
        self.entries.remove(key)
    }

    /// The client's subscription of this number.
    pub(super) fn find(&self, client: ClientId, id: SubscriptionId) -> Option<Key<Entry>> {
        let hash = hash(&self.hasher, client.slot, id);
        let is_it = |key: &Key<Entry>| {
            let entry = &self.entries[*key];
            entry.id == id && entry.client == client.slot
        };
        self.by_id.find(hash, is_it).copied()
    }

    /// The subscription at this place.
    #[inline]
    pub(super) fn entry(&self, key: Key<Entry>) -> &Entry {
        &self.entries[key]
    }

    /// The subscription at this place, to be changed.
    #[inline]
    pub(super) fn entry_mut(&mut self, key: Key<Entry>) -> &mut Entry {
        &mut self.entries[key]
    }

    /// The subscription at this place, if there is one.
    pub(super) fn get(&self, key: Key<Entry>) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Counts a delivery and returns how many there were since the subscription began. A key that
    /// names none, as that of a client's name, counts nothing.
    #[inline]
    pub(super) fn count_delivery(&mut self, key: Key<Entry>) -> u64 {
        match self.delivered.get_mut(key.index()) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => 0,
        }
    }

    /// Deliveries since the subscription began.
    pub(super) fn delivered(&self, key: Key<Entry>) -> u64 {
        self.delivered[key.index()]
    }

    /// How many subscriptions there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The subscriptions of a list, youngest first.
    pub(super) fn list(&self, list: List, first: Key<Entry>) -> impl Iterator<Item = Key<Entry>> {
        core::iter::successors(first.some(), move |key| {
            self.entries[*key].links[list as usize].next.some()
        })
    }

    /// All subscriptions, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<Entry>, &Entry)> {
        self.entries.iter()
    }

    fn push_front(&mut self, list: List, first: &mut Key<Entry>, key: Key<Entry>) {
        let next = *first;
        self.entries[key].links[list as usize] = Links { previous: Key::NONE, next };
        if let Some(next) = next.some() {
            self.entries[next].links[list as usize].previous = key;
        }
        *first = key;
    }

    fn unlink(&mut self, list: List, first: &mut Key<Entry>, key: Key<Entry>) {
        let Links { previous, next } = self.entries[key].links[list as usize];
        match previous.some() {
            Some(previous) => self.entries[previous].links[list as usize].next = next,
            None => {
                assert_eq!(*first, key, "what has nobody before it is first");
                *first = next;
            }
        }
        if let Some(next) = next.some() {
            self.entries[next].links[list as usize].previous = previous;
        }
    }
}

fn hash(hasher: &RandomState, client: u32, id: SubscriptionId) -> u64 {
    hasher.hash_one((client, id.0))
}

fn rehash(hasher: &RandomState, entries: &Slab<Entry>, key: Key<Entry>) -> u64 {
    let entry = &entries[key];
    hash(hasher, entry.client, entry.id)
}

const _: () = assert!(size_of::<Entry>() <= 72, "there may be millions of them");
