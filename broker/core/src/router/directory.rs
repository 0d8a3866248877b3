//! Who has which name (law S16), here and on other shards.

use std::collections::BTreeMap;
use std::ops::Bound;

use coilgun_protocol::model::limits::{CLIENT_NAME_BYTES_MAX, SUBJECT_TOKENS_MAX};
use coilgun_protocol::model::{
    ClientId, Filter, FilterToken, NamespaceId, ShardId, ShardSet, Subject, Visibility,
};

/// What the subjects begin with that reach a client by its name.
pub(super) const NAME_PREFIX: &[u8] = b"$NAME.";

/// Who has a name. For a moment there may be two: while it is not yet known everywhere that the
/// first gave it up.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// The client of this shard that has it.
    pub(super) local: Option<ClientId>,
    /// Whether the publishers of other shards have to wait for that client.
    pub(super) is_pressed: bool,
    /// The other shards on which a client has it.
    pub(super) remote: ShardSet,
    /// Those of them whose publishers have to wait.
    pub(super) remote_pressed: ShardSet,
    /// Whether a change waits to be announced.
    pub(super) is_queued: bool,
}

impl Name {
    fn is_unused(&self) -> bool {
        self.local.is_none() && self.remote.is_empty() && !self.is_queued
    }
}

/// The names that clients have, by namespace and in their order.
#[derive(Debug, Default)]
pub(super) struct Directory {
    namespaces: Vec<BTreeMap<Box<[u8]>, Name>>,
    local_count: usize,
    remote_count: usize,
}

impl Directory {
    /// Makes the namespace known.
    pub(super) fn open(&mut self, namespace: NamespaceId) {
        let needed = usize::from(namespace.0) + 1;
        if self.namespaces.len() < needed {
            self.namespaces.resize_with(needed, BTreeMap::new);
        }
    }

    /// Which client of this shard has this name.
    pub(super) fn find(&self, namespace: NamespaceId, name: &[u8]) -> Option<ClientId> {
        self.get(namespace, name)?.local
    }

    /// Whether a client has this name, on this shard or another.
    pub(super) fn is_taken(&self, namespace: NamespaceId, name: &[u8]) -> bool {
        self.get(namespace, name).is_some_and(|it| it.local.is_some() || !it.remote.is_empty())
    }

    /// What is known about this name.
    pub(super) fn get(&self, namespace: NamespaceId, name: &[u8]) -> Option<&Name> {
        self.namespaces[usize::from(namespace.0)].get(name)
    }

    /// What is known about this name, to be changed in what is not counted: its marks.
    pub(super) fn get_mut(&mut self, namespace: NamespaceId, name: &[u8]) -> Option<&mut Name> {
        self.namespaces[usize::from(namespace.0)].get_mut(name)
    }

    /// Gives a name that no client of this shard has.
    ///
    /// # Panics
    /// If somebody has it.
    pub(super) fn insert(&mut self, namespace: NamespaceId, name: Box<[u8]>, client: ClientId) {
        let known = self.namespaces[usize::from(namespace.0)].entry(name).or_default();
        let before = known.local.replace(client);
        assert!(before.is_none(), "a name has one owner");
        self.local_count += 1;
    }

    /// Takes a name away from its owner. It is [forgotten](Directory::forget_if_unused) only when
    /// everybody knows.
    ///
    /// # Panics
    /// If it is not the owner's.
    pub(super) fn remove(&mut self, namespace: NamespaceId, name: &[u8], client: ClientId) {
        let known = self.get_mut(namespace, name).expect("a name that somebody has is known");
        let before = known.local.take();
        known.is_pressed = false;
        assert_eq!(before, Some(client), "a name is taken from its owner");
        self.local_count -= 1;
    }

    /// Notes whether a client of another shard has the name. Says whether that is news.
    pub(super) fn set_remote(
        &mut self,
        namespace: NamespaceId,
        name: &[u8],
        from: ShardId,
        has_it: bool,
        is_pressed: bool,
    ) -> bool {
        let names = &mut self.namespaces[usize::from(namespace.0)];
        if has_it && !names.contains_key(name) {
            names.insert(Box::from(name), Name::default());
        }
        let Some(known) = names.get_mut(name) else { return false };
        let before = (known.remote, known.remote_pressed);
        known.remote.remove(from);
        known.remote_pressed.remove(from);
        if has_it {
            known.remote.insert(from);
        }
        if has_it && is_pressed {
            known.remote_pressed.insert(from);
        }
        self.remote_count -= before.0.len();
        self.remote_count += known.remote.len();
        let is_news = before != (known.remote, known.remote_pressed);
        self.forget_if_unused(namespace, name);
        is_news
    }

    /// Forgets a name that nobody has, and nobody has to be told of.
    pub(super) fn forget_if_unused(&mut self, namespace: NamespaceId, name: &[u8]) {
        if self.get(namespace, name).is_some_and(Name::is_unused) {
            self.namespaces[usize::from(namespace.0)].remove(name);
        }
    }

    /// The names that match, in their order. Looks only at names that begin like the filter up to
    /// its first wildcard.
    pub(super) fn matching<'a>(
        &'a self,
        namespace: NamespaceId,
        filter: Filter<'a>,
    ) -> impl Iterator<Item = &'a Name> + 'a {
        let beginning = literal_beginning(filter);
        self.namespaces[usize::from(namespace.0)]
            .range::<[u8], _>((Bound::Included(beginning), Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(beginning))
            .filter(move |(name, _)| {
                Subject::parse(name).is_ok_and(|name| filter.matches(name, Visibility::ALL))
            })
            .map(|(_, known)| known)
    }

    /// The names behind this one, in their order.
    pub(super) fn behind<'a>(
        &'a self,
        namespace: NamespaceId,
        after: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a Name)> + 'a {
        let names = self.namespaces.get(usize::from(namespace.0));
        names
            .into_iter()
            .flat_map(move |names| {
                names.range::<[u8], _>((Bound::Excluded(after), Bound::Unbounded))
            })
            .map(|(name, known)| (&**name, known))
    }

    /// How many clients of this shard have a name.
    pub(super) fn len(&self) -> usize {
        self.local_count
    }

    /// How many names clients of other shards have, each shard by itself.
    pub(super) fn remote_count(&self) -> usize {
        self.remote_count
    }

    /// All names, by namespace and in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NamespaceId, &[u8], &Name)> {
        (0u16..).zip(&self.namespaces).flat_map(|(number, names)| {
            names.iter().map(move |(name, known)| (NamespaceId(number), &**name, known))
        })
    }
}

/// The text of a filter before its first wildcard.
fn literal_beginning(filter: Filter<'_>) -> &[u8] {
    let mut end = 0;
    for token in filter.tokens() {
        match token {
            FilterToken::Literal(text) => end += text.len() + 1,
            FilterToken::One | FilterToken::Rest => break,
        }
    }
    &filter.text()[..end.min(filter.text().len())]
}

/// The client name in a subject that reaches a client by its name.
pub(super) fn name_in_subject(subject: &[u8]) -> Option<&[u8]> {
    subject.strip_prefix(NAME_PREFIX)
}

/// Whether a client can have this name: it follows the grammar of a subject, is not too long, leaves
/// room for the token `$NAME` before it, and does not begin with an empty token, as names of the broker
/// do.
pub(super) fn is_valid_name(name: &[u8]) -> bool {
    name.len() <= CLIENT_NAME_BYTES_MAX
        && name.split(|byte| *byte == b'.').next() != Some(b"%00")
        && Subject::parse(name).is_ok_and(|name| name.tokens().count() < SUBJECT_TOKENS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s16_names_that_can_be_and_cannot() {
        let tokens = |count: usize| vec!["a"; count].join(".").into_bytes();
        for good in [b"a".to_vec(), b"%2Ebroker".to_vec(), vec![b'a'; 512], tokens(127)] {
            assert!(is_valid_name(&good), "{}", good.escape_ascii());
        }
        for bad in [
            b"".to_vec(),
            b"%00".to_vec(),
            b"%00.broker".to_vec(),
            b"a.*".to_vec(),
            b"a b".to_vec(),
            vec![b'a'; 513],
            tokens(128),
        ] {
            assert!(!is_valid_name(&bad), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn matching_names_come_in_order() {
        let mut directory = Directory::default();
        let namespace = NamespaceId(2);
        directory.open(namespace);
        let names = ["b", "a.b", "a", "a.c.d", "a-b", "$x.y", "ab"];
        for (slot, name) in names.iter().enumerate() {
            let client = ClientId { slot: slot as u32, generation: 0 };
            directory.insert(namespace, Box::from(name.as_bytes()), client);
        }
        for (filter, expected) in [
            ("a", vec!["a"]),
            ("*", vec!["a", "a-b", "ab", "b"]),
            ("a.>", vec!["a.b", "a.c.d"]),
            ("*.*", vec!["$x.y", "a.b"]),
            (">", vec!["$x.y", "a", "a-b", "a.b", "a.c.d", "ab", "b"]),
            ("a.*.d", vec!["a.c.d"]),
            ("c", vec![]),
        ] {
            let filter = Filter::parse(filter.as_bytes()).expect("the text is a filter");
            let found: Vec<_> = directory
                .matching(namespace, filter)
                .filter_map(|known| known.local)
                .map(|client| names[client.slot as usize])
                .collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}
