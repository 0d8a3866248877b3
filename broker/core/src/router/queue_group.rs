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
    member_count: usize,
}

/// All queue groups of a shard, by name.
#[derive(Debug)]
pub(super) struct QueueGroups {
    groups: Slab<QueueGroup>,
    by_name: HashTable<Key<QueueGroup>>,
    hasher: RandomState,
    bytes: usize,
}

impl QueueGroups {
    /// What a group takes beside its name, in bytes; a round number on the high side.
    const GROUP_BYTES: usize = 64;

    /// No groups, and the keys of the table.
    pub(super) fn new(hasher: RandomState) -> QueueGroups {
        QueueGroups { groups: Slab::new(), by_name: HashTable::new(), hasher, bytes: 0 }
    }

    /// Counts one more member of the group of this name, which begins with its first member.
    pub(super) fn join(&mut self, namespace: NamespaceId, name: &[u8]) -> Key<QueueGroup> {
        let QueueGroups { groups, by_name, hasher, .. } = self;
        let hash = hash(hasher, namespace, name);
        let is_it = |key: &Key<QueueGroup>| {
            groups[*key].namespace == namespace && *groups[*key].name == *name
        };
        if let Some(key) = by_name.find(hash, is_it).copied() {
            groups[key].member_count += 1;
            return key;
        }
        let key = groups.insert(QueueGroup { namespace, name: Box::from(name), member_count: 1 });
        by_name.insert_unique(hash, key, |other| rehash(hasher, groups, *other));
        self.bytes += QueueGroups::cost(name);
        key
    }

    /// Counts one member less; the group ends with its last member.
    pub(super) fn leave(&mut self, key: Key<QueueGroup>) {
        let group = &mut self.groups[key];
        group.member_count -= 1;
        if group.member_count > 0 {
            return;
        }
        let hash = rehash(&self.hasher, &self.groups, key);
        let found = self.by_name.find_entry(hash, |other| *other == key);
        found.expect("a group is found under its name").remove();
        let ended = self.groups.remove(key);
        self.bytes -= QueueGroups::cost(&ended.name);
    }

    /// What a group of this name takes, in bytes, by estimate.
    pub(super) fn cost(name: &[u8]) -> usize {
        Self::GROUP_BYTES + name.len()
    }

    /// What all groups take, in bytes, by the same estimate.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All groups with their count of members, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<QueueGroup>, usize)> {
        self.groups.iter().map(|(key, group)| (key, group.member_count))
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

/// What became of the search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// This member gets the message.
    Member(usize),
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
                if !matches!(otherwise, Choice::Member(_)) {
                    otherwise = Choice::Member(member);
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
                (Some(member), _, _) | (None, Some(member), _) => Choice::Member(member),
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
        assert_eq!(groups.iter().collect::<Vec<_>>(), [(first, 1)]);
        groups.leave(first);
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
