//! Who has which name (law S16).

use std::collections::BTreeMap;
use std::ops::Bound;

use coilgun_protocol::model::limits::{CLIENT_NAME_BYTES_MAX, SUBJECT_TOKENS_MAX};
use coilgun_protocol::model::{ClientId, Filter, FilterToken, NamespaceId, Subject, Visibility};

/// What the subjects begin with that reach a client by its name.
pub(super) const NAME_PREFIX: &[u8] = b"$NAME.";

/// The clients that have a name, by namespace and in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Directory {
    namespaces: Vec<BTreeMap<Box<[u8]>, ClientId>>,
}

impl Directory {
    /// Makes the namespace known.
    pub(super) fn open(&mut self, namespace: NamespaceId) {
        let needed = usize::from(namespace.0) + 1;
        if self.namespaces.len() < needed {
            self.namespaces.resize_with(needed, BTreeMap::new);
        }
    }

    /// Who has this name.
    pub(super) fn find(&self, namespace: NamespaceId, name: &[u8]) -> Option<ClientId> {
        self.namespaces[usize::from(namespace.0)].get(name).copied()
    }

    /// Gives a name that nobody has.
    ///
    /// # Panics
    /// If somebody has it.
    pub(super) fn insert(&mut self, namespace: NamespaceId, name: Box<[u8]>, client: ClientId) {
        let before = self.namespaces[usize::from(namespace.0)].insert(name, client);
        assert!(before.is_none(), "a name has one owner");
    }

    /// Takes a name away from its owner.
    ///
    /// # Panics
    /// If it is not the owner's.
    pub(super) fn remove(&mut self, namespace: NamespaceId, name: &[u8], client: ClientId) {
        let before = self.namespaces[usize::from(namespace.0)].remove(name);
        assert_eq!(before, Some(client), "a name is taken from its owner");
    }

    /// The clients whose name matches, in the order of their names. Looks only at names that begin
    /// like the filter up to its first wildcard.
    pub(super) fn matching<'a>(
        &'a self,
        namespace: NamespaceId,
        filter: Filter<'a>,
    ) -> impl Iterator<Item = ClientId> + 'a {
        let beginning = literal_beginning(filter);
        self.namespaces[usize::from(namespace.0)]
            .range::<[u8], _>((Bound::Included(beginning), Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(beginning))
            .filter(move |(name, _)| {
                Subject::parse(name).is_ok_and(|name| filter.matches(name, Visibility::ALL))
            })
            .map(|(_, client)| *client)
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.namespaces.iter().map(BTreeMap::len).sum()
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

/// Whether a client can have this name: it follows the grammar of a subject, is not too long, and
/// leaves room for the token `$NAME` before it.
pub(super) fn is_valid_name(name: &[u8]) -> bool {
    name.len() <= CLIENT_NAME_BYTES_MAX
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
        for bad in [b"".to_vec(), b"a.*".to_vec(), b"a b".to_vec(), vec![b'a'; 513], tokens(128)] {
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
                .map(|client| names[client.slot as usize])
                .collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}
