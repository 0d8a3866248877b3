//! What shards want, filter by filter: one record for this shard and all others.
//!
//! ```text
//!   node of the trie --> record --> record --> ...    one for each visibility and queue group
//!                          |  local: subscriptions of this shard      remote: set of other shards
//!                          `--> count --> count                       groups only: members of each
//! ```
//!
//! Only a shard of several has records. There may be very many that one other shard wants plainly,
//! so a record is small, and what only queue groups need lies elsewhere.

use ahash::RandomState;
use coilgun_protocol::model::{NamespaceId, ShardId, ShardSet, Visibility};
use hashbrown::HashTable;

use super::queue_group::QueueGroup;
use super::slab::{Key, Slab};
use super::trie::Node;

/// Who wants the messages of one filter, with one visibility and in one queue group.
#[derive(Debug)]
pub(super) struct Record {
    /// The other shards that want them.
    pub(super) remote: ShardSet,
    /// Those of them whose publishers have to wait.
    pub(super) remote_pressed: ShardSet,
    /// Where the filter ends in the trie.
    pub(super) node: Key<Node>,
    /// The queue group; none: they are wanted plainly.
    pub(super) group: Key<QueueGroup>,
    previous: Key<Record>,
    next: Key<Record>,
    counts: Key<Count>,
    /// Subscriptions of this shard.
    pub(super) local: u32,
    /// Those of them that the publishers of other shards have to wait for.
    pub(super) local_pressed: u32,
    /// Where the filter belongs.
    pub(super) namespace: NamespaceId,
    /// What a leading wildcard may see.
    pub(super) visibility: Visibility,
    /// Whether a change waits to be announced.
    pub(super) is_queued: bool,
}

impl Record {
    /// What tells it apart.
    pub(super) fn name(&self) -> RecordName {
        let Record { node, group, visibility, .. } = *self;
        RecordName { node, group, visibility }
    }

    /// Whether nobody wants anything and nobody has to be told.
    pub(super) fn is_unused(&self) -> bool {
        self.local == 0 && self.remote.is_empty() && !self.is_queued
    }
}

/// What tells records apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordName {
    pub(super) node: Key<Node>,
    pub(super) group: Key<QueueGroup>,
    pub(super) visibility: Visibility,
}

/// How many members of a queue group another shard has.
#[derive(Debug)]
struct Count {
    shard: ShardId,
    members: u32,
    next: Key<Count>,
}

/// All records of a shard.
#[derive(Debug)]
pub(super) struct Records {
    records: Slab<Record>,
    counts: Slab<Count>,
    by_name: HashTable<Key<Record>>,
    hasher: RandomState,
    remote_count: usize,
}

impl Records {
    /// No records, and the keys of the table.
    pub(super) fn new(hasher: RandomState) -> Records {
        let (records, counts, by_name) = (Slab::new(), Slab::new(), HashTable::new());
        Records { records, counts, by_name, hasher, remote_count: 0 }
    }

    /// The record of this name, if there is one.
    pub(super) fn find(&self, name: RecordName) -> Option<Key<Record>> {
        let is_it = |key: &Key<Record>| self.records[*key].name() == name;
        self.by_name.find(hash(&self.hasher, name), is_it).copied()
    }

    /// Makes a record that there is not yet, at the front of its node's list.
    pub(super) fn insert(
        &mut self,
        namespace: NamespaceId,
        name: RecordName,
        node_list: &mut Key<Record>,
    ) -> Key<Record> {
        let next = *node_list;
        let key = self.records.insert(Record {
            remote: ShardSet::EMPTY,
            remote_pressed: ShardSet::EMPTY,
            node: name.node,
            group: name.group,
            previous: Key::NONE,
            next,
            counts: Key::NONE,
            local: 0,
            local_pressed: 0,
            namespace,
            visibility: name.visibility,
            is_queued: false,
        });
        if let Some(next) = next.some() {
            self.records[next].previous = key;
        }
        *node_list = key;
        let Records { records, by_name, hasher, .. } = self;
        let hash = hash(hasher, name);
        by_name.insert_unique(hash, key, |other| rehash(hasher, records, *other));
        key
    }

    /// Takes a record out that is unused.
    pub(super) fn remove(&mut self, key: Key<Record>, node_list: &mut Key<Record>) -> Record {
        assert!(self.records[key].is_unused(), "only what nobody needs is forgotten");
        let hash = rehash(&self.hasher, &self.records, key);
        let found = self.by_name.find_entry(hash, |other| *other == key);
        found.expect("a record is found under its name").remove();
        let removed = self.records.remove(key);
        match removed.previous.some() {
            Some(previous) => self.records[previous].next = removed.next,
            None => *node_list = removed.next,
        }
        if let Some(next) = removed.next.some() {
            self.records[next].previous = removed.previous;
        }
        removed
    }

    /// Notes what another shard wants now: `members` of a queue group, or anything at all (1) or
    /// nothing (0) plainly. Says whether that is news.
    pub(super) fn set_remote(
        &mut self,
        key: Key<Record>,
        from: ShardId,
        members: u32,
        is_pressed: bool,
    ) -> bool {
        let is_wanted = members > 0;
        let is_pressed = is_pressed && is_wanted;
        let was_pressed = self.records[key].remote_pressed.contains(from);
        let before = self.members(key, from);
        let is_plain = self.records[key].group == Key::NONE;
        let now = if is_plain { u32::from(is_wanted) } else { members };
        if before == now && was_pressed == is_pressed {
            return false;
        }
        if !is_plain {
            self.set_members(key, from, members);
        }
        self.remote_count -= usize::from(before > 0);
        self.remote_count += usize::from(is_wanted);
        let record = &mut self.records[key];
        if is_wanted {
            record.remote.insert(from);
        } else {
            record.remote.remove(from);
        }
        if is_pressed {
            record.remote_pressed.insert(from);
        } else {
            record.remote_pressed.remove(from);
        }
        true
    }

    /// How many members of the queue group another shard has; 1 if it wants plainly.
    pub(super) fn members(&self, key: Key<Record>, shard: ShardId) -> u32 {
        let record = &self.records[key];
        if record.group == Key::NONE {
            return u32::from(record.remote.contains(shard));
        }
        self.count_of(record, shard).map_or(0, |count| self.counts[count].members)
    }

    /// The record at this place.
    pub(super) fn record(&self, key: Key<Record>) -> &Record {
        &self.records[key]
    }

    /// The record at this place, to be changed.
    pub(super) fn record_mut(&mut self, key: Key<Record>) -> &mut Record {
        &mut self.records[key]
    }

    /// The records of a node.
    pub(super) fn list(&self, first: Key<Record>) -> impl Iterator<Item = Key<Record>> {
        core::iter::successors(first.some(), move |key| self.records[*key].next.some())
    }

    /// All records, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<Record>, &Record)> {
        self.records.iter()
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many wishes of other shards they hold.
    pub(super) fn remote_count(&self) -> usize {
        self.remote_count
    }

    /// How many counts of members there are.
    pub(super) fn count_len(&self) -> usize {
        self.counts.len()
    }

    /// The count of one shard in a record; at most as many are looked at as there are shards.
    fn count_of(&self, record: &Record, shard: ShardId) -> Option<Key<Count>> {
        let mut all =
            core::iter::successors(record.counts.some(), |key| self.counts[*key].next.some());
        all.find(|key| self.counts[*key].shard == shard)
    }

    fn set_members(&mut self, key: Key<Record>, shard: ShardId, members: u32) {
        let found = self.count_of(&self.records[key], shard);
        match found {
            Some(count) if members > 0 => self.counts[count].members = members,
            Some(count) => self.forget_count(key, count),
            None => {
                let next = self.records[key].counts;
                self.records[key].counts = self.counts.insert(Count { shard, members, next });
            }
        }
    }

    fn forget_count(&mut self, key: Key<Record>, count: Key<Count>) {
        let next = self.counts.remove(count).next;
        let first = self.records[key].counts;
        if first == count {
            self.records[key].counts = next;
            return;
        }
        let mut at = first;
        // Ends because the count was in the list, which has at most one place for each shard.
        while self.counts[at].next != count {
            at = self.counts[at].next;
        }
        self.counts[at].next = next;
    }
}

fn hash(hasher: &RandomState, name: RecordName) -> u64 {
    hasher.hash_one((name.node.number(), name.group.number(), name.visibility.0))
}

fn rehash(hasher: &RandomState, records: &Slab<Record>, key: Key<Record>) -> u64 {
    hash(hasher, records[key].name())
}

const _: () = assert!(size_of::<Record>() <= 48, "there may be millions of them");

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> RecordName {
        RecordName { node: Key::at(7), group: Key::at(3), visibility: Visibility::ALL }
    }

    #[test]
    fn s14_members_are_counted_for_each_shard() {
        let mut records = Records::new(RandomState::with_seeds(1, 2, 3, 4));
        let mut list = Key::NONE;
        let key = records.insert(NamespaceId::DEFAULT, name(), &mut list);
        let [one, two, three] = [1, 2, 3].map(ShardId::new);
        for (shard, members, is_news) in
            [(one, 2, true), (two, 5, true), (three, 1, true), (two, 5, false), (one, 3, true)]
        {
            assert_eq!(records.set_remote(key, shard, members, false), is_news, "{shard}");
        }
        let members = |records: &Records| [one, two, three].map(|one| records.members(key, one));
        assert_eq!((members(&records), records.remote_count()), ([3, 5, 1], 3));
        assert!(records.set_remote(key, two, 0, true), "nobody presses who wants nothing");
        assert_eq!((members(&records), records.count_len()), ([3, 0, 1], 2));
        assert!(records.set_remote(key, one, 3, true));
        assert!(!records.set_remote(key, two, 0, false));
        assert!(records.set_remote(key, three, 0, false));
        assert!(records.set_remote(key, one, 0, false));
        assert_eq!((records.remote_count(), records.count_len()), (0, 0));
        records.remove(key, &mut list);
        assert!(list == Key::NONE && records.len() == 0);
    }

    #[test]
    fn records_of_a_node_form_a_list() {
        let mut records = Records::new(RandomState::with_seeds(1, 2, 3, 4));
        let mut list = Key::NONE;
        let visible = [Visibility::PLAIN, Visibility::SYSTEM, Visibility::INBOX];
        let names = visible.map(|visibility| RecordName { visibility, ..name() });
        let keys = names.map(|name| records.insert(NamespaceId::DEFAULT, name, &mut list));
        let listed = |records: &Records, list| records.list(list).collect::<Vec<_>>();
        assert_eq!(listed(&records, list), [keys[2], keys[1], keys[0]]);
        records.remove(keys[1], &mut list);
        assert_eq!(listed(&records, list), [keys[2], keys[0]]);
        assert_eq!((records.find(names[1]), records.find(names[2])), (None, Some(keys[2])));
        records.remove(keys[2], &mut list);
        records.remove(keys[0], &mut list);
        assert_eq!(listed(&records, list), []);
    }
}
