//! Queue groups: their names, and whose turn it is (law S14).

use ahash::RandomState;
use coilgun_protocol::model::NamespaceId;
use coilgun_protocol::model::limits::QUEUE_GROUP_BYTES_MAX;
use hashbrown::HashTable;

use super::slab::{Key, Slab};

/// The subscriptions of one namespace that share one name and divide messages between them.
#[derive(Debug)]
pub(super) struct QueueGroup {
    namespace: NamespaceId,
    name: Box<[u8]>,
    /// Subscriptions of this shard.
    member_count: usize,
    /// Records of what shards want that name it, which it outlives as well.
    record_count: usize,
    /// Counts picks, so that routes built anew do not all begin with the same shard.
    pick_count: u64,
}

/// All queue groups of a shard, by name.
#[derive(Debug)]
pub(super) struct QueueGroups {
    groups: Slab<QueueGroup>,
    by_name: HashTable<Key<QueueGroup>>,
    hasher: RandomState,
    bytes: usize,
    /// Groups that have members on this shard.
    own_count: usize,
    first_pick: u64,
}

impl QueueGroups {
    /// What a group takes beside its name, in bytes; a round number on the high side.
    const GROUP_BYTES: usize = 64;

    /// No groups, and the keys of the table.
    pub(super) fn new(hasher: RandomState) -> QueueGroups {
        let (groups, by_name) = (Slab::new(), HashTable::new());
        QueueGroups { groups, by_name, hasher, bytes: 0, own_count: 0, first_pick: 0 }
    }

    /// Lets the groups of this shard begin elsewhere than those of other shards.
    pub(super) fn begin_picks_at(&mut self, first_pick: u64) {
        self.first_pick = first_pick;
    }

    /// Counts one more member of the group of this name, which begins if there is none.
    pub(super) fn join(&mut self, namespace: NamespaceId, name: &[u8]) -> Key<QueueGroup> {
        let key = self.find_or_begin(namespace, name);
        let group = &mut self.groups[key];
        group.member_count += 1;
        if group.member_count == 1 {
            self.bytes += QueueGroups::cost(name);
            self.own_count += 1;
        }
        key
    }

    /// Counts one member less; without members and records the group ends.
    pub(super) fn leave(&mut self, key: Key<QueueGroup>) {
        let group = &mut self.groups[key];
        group.member_count -= 1;
        if group.member_count == 0 {
            self.bytes -= QueueGroups::cost(&group.name);
            self.own_count -= 1;
        }
        self.end_if_unused(key);
    }

    /// Counts one more record that names the group.
    pub(super) fn hold(&mut self, key: Key<QueueGroup>) {
        self.groups[key].record_count += 1;
    }

    /// Counts one record less; without members and records the group ends.
    pub(super) fn release(&mut self, key: Key<QueueGroup>) {
        self.groups[key].record_count -= 1;
        self.end_if_unused(key);
    }

    /// The group of this name, if there is one.
    pub(super) fn find(&self, namespace: NamespaceId, name: &[u8]) -> Option<Key<QueueGroup>> {
        let is_it = |key: &Key<QueueGroup>| {
            let group = &self.groups[*key];
            group.namespace == namespace && *group.name == *name
        };
        self.by_name.find(hash(&self.hasher, namespace, name), is_it).copied()
    }

    /// The group of this name. One that begins has neither members nor records, and ends unless it
    /// gets one.
    pub(super) fn find_or_begin(&mut self, namespace: NamespaceId, name: &[u8]) -> Key<QueueGroup> {
        if let Some(key) = self.find(namespace, name) {
            return key;
        }
        let QueueGroups { groups, by_name, hasher, .. } = self;
        let key = groups.insert(QueueGroup {
            namespace,
            name: Box::from(name),
            member_count: 0,
            record_count: 0,
            pick_count: self.first_pick,
        });
        let hash = hash(hasher, namespace, name);
        by_name.insert_unique(hash, key, |other| rehash(hasher, groups, *other));
        key
    }

    /// Whether one more member of the group of this name makes no more groups of this shard than
    /// `own_max`.
    pub(super) fn has_room(&self, namespace: NamespaceId, name: &[u8], own_max: usize) -> bool {
        let has_members = |key| self.groups[key].member_count > 0;
        self.own_count < own_max || self.find(namespace, name).is_some_and(has_members)
    }

    /// The name of a group.
    pub(super) fn name(&self, key: Key<QueueGroup>) -> &[u8] {
        &self.groups[key].name
    }

    /// Counts that a member was picked, of whatever shard.
    pub(super) fn count_pick(&mut self, key: Key<QueueGroup>) {
        let group = &mut self.groups[key];
        group.pick_count = group.pick_count.wrapping_add(1);
    }

    /// A number below `weight` that a route built now begins with. The numbers of successive picks
    /// spread evenly: the fraction is that of multiples of the golden ratio (Knuth, The Art of
    /// Computer Programming, 6.4), so that subjects used only once share the work by weight as well.
    pub(super) fn first_turn(&self, key: Key<QueueGroup>, weight: u64) -> u64 {
        let fraction = self.groups[key].pick_count.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((u128::from(fraction) * u128::from(weight)) >> 64) as u64
    }

    fn end_if_unused(&mut self, key: Key<QueueGroup>) {
        let group = &self.groups[key];
        if group.member_count > 0 || group.record_count > 0 {
            return;
        }
        let hash = rehash(&self.hasher, &self.groups, key);
        let found = self.by_name.find_entry(hash, |other| *other == key);
        found.expect("a group is found under its name").remove();
        self.groups.remove(key);
    }

    /// What a group of this name takes, in bytes, by estimate.
    pub(super) fn cost(name: &[u8]) -> usize {
        Self::GROUP_BYTES + name.len()
    }

    /// What the groups of this shard's own subscriptions take, in bytes, by the same estimate.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All groups with their counts of members and records, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<QueueGroup>, usize, usize)> {
        self.groups.iter().map(|(key, group)| (key, group.member_count, group.record_count))
    }
}

fn hash(hasher: &RandomState, namespace: NamespaceId, name: &[u8]) -> u64 {
    hasher.hash_one((namespace.0, name))
}

fn rehash(hasher: &RandomState, groups: &Slab<QueueGroup>, key: Key<QueueGroup>) -> u64 {
    hash(hasher, groups[key].namespace, &groups[key].name)
}

/// Whether `name` can name a queue group: 1 to [`QUEUE_GROUP_BYTES_MAX`] bytes without white space.
pub(super) fn is_valid_name(name: &[u8]) -> bool {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    !name.is_empty() && name.len() <= QUEUE_GROUP_BYTES_MAX && !name.iter().any(is_space)
}

/// How a member stands when its group looks for one to deliver to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It can have the message.
    Ready,
    /// It has credit, but there is no room for the message now.
    NoRoom,
    /// It has no credit.
    NoCredit,
    /// It must not have the message.
    Excluded,
}

/// What became of the search among the members of this shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// This member gets the message.
    Member(usize),
    /// Members have credit, and none of them room; this one comes first.
    Full(usize),
    /// Members want it, and none of them has credit.
    Starved,
    /// No member may have it.
    Nobody,
}

/// Looks for the member to deliver to: the first one that is ready, beginning with the one whose
/// turn it is; if none is, the first one that has credit, for which the publisher then waits.
///
/// `members` is how many there are, `turn` which of them is asked first.
pub(super) fn choose(
    members: usize,
    turn: usize,
    mut standing: impl FnMut(usize) -> Standing,
) -> Choice {
    let mut otherwise = Choice::Nobody;
    for member in (turn..members).chain(0..turn) {
        match standing(member) {
            Standing::Ready => return Choice::Member(member),
            Standing::NoRoom => {
                if !matches!(otherwise, Choice::Full(_)) {
                    otherwise = Choice::Full(member);
                }
            }
            Standing::NoCredit => {
                if otherwise == Choice::Nobody {
                    otherwise = Choice::Starved;
                }
            }
            Standing::Excluded => {}
        }
    }
    otherwise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s14_the_choice_over_every_combination_of_three() {
        use Standing::{Excluded, NoCredit, NoRoom, Ready};
        let all = [Ready, NoRoom, NoCredit, Excluded];
        for number in 0..64 * 3 {
            let standings = [all[number % 4], all[number / 4 % 4], all[number / 16 % 4]];
            let turn = number / 64;
            let order = [turn, (turn + 1) % 3, (turn + 2) % 3];
            let first = |wanted| order.iter().copied().find(|at| standings[*at] == wanted);
            let expected = match (first(Ready), first(NoRoom), first(NoCredit)) {
                (Some(member), _, _) => Choice::Member(member),
                (None, Some(member), _) => Choice::Full(member),
                (None, None, Some(_)) => Choice::Starved,
                (None, None, None) => Choice::Nobody,
            };
            let found = choose(3, turn, |member| standings[member]);
            assert_eq!(found, expected, "{standings:?} turn {turn}");
        }
        assert_eq!(choose(0, 0, |_| Ready), Choice::Nobody);
    }

    #[test]
    fn groups_of_one_name_are_one_per_namespace() {
        let mut groups = QueueGroups::new(RandomState::with_seeds(1, 2, 3, 4));
        let first = groups.join(NamespaceId(0), b"g");
        assert_eq!(groups.join(NamespaceId(0), b"g"), first);
        let other = groups.join(NamespaceId(1), b"g");
        assert_ne!(other, first);
        groups.leave(first);
        groups.leave(other);
        assert_eq!(groups.iter().collect::<Vec<_>>(), [(first, 1, 0)]);
        groups.hold(first);
        groups.leave(first);
        assert_eq!(groups.bytes(), 0, "what other shards want is theirs to limit");
        assert_eq!(groups.find(NamespaceId(0), b"g"), Some(first));
        groups.release(first);
        assert_eq!(groups.iter().count(), 0);
        assert_eq!(groups.bytes(), 0);
    }

    #[test]
    fn names_of_groups() {
        assert!(is_valid_name(b"workers.eu"));
        assert!(is_valid_name(&[b'g'; QUEUE_GROUP_BYTES_MAX]));
        for bad in [b"".as_slice(), b"a b", b"a\r\n", &[b'g'; QUEUE_GROUP_BYTES_MAX + 1]] {
            assert!(!is_valid_name(bad), "{}", bad.escape_ascii());
        }
    }
}
