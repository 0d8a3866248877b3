//! Which filters match a subject.

use coilgun_protocol::model::Subject;

use super::slab::Key;
use super::trie::{Node, Trie};

/// Walks the trie level by level; keeps its memory from one subject to the next.
///
/// A level holds at most as many nodes as there are filters whose beginning matches, which the
/// limit on subscriptions bounds.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    level: Vec<Key<Node>>,
    next_level: Vec<Key<Node>>,
    found: Vec<Key<Node>>,
}

impl Matcher {
    /// The nodes below `root` at which a filter ends that matches `subject`, in no order that means
    /// anything. Visibility is not looked at: it belongs to a subscription, not to a filter.
    pub(super) fn find(
        &mut self,
        trie: &Trie,
        root: Key<Node>,
        subject: Subject<'_>,
    ) -> &[Key<Node>] {
        self.found.clear();
        self.level.clear();
        self.level.push(root);
        for token in subject.tokens() {
            self.descend(trie, token);
            if self.level.is_empty() {
                break;
            }
        }
        self.found.extend_from_slice(&self.level);
        &self.found
    }

    /// Takes one token: finds the filters that end here with `>`, goes on with those that match it.
    fn descend(&mut self, trie: &Trie, token: &[u8]) {
        self.next_level.clear();
        for at in &self.level {
            let node = trie.node(*at);
            self.found.extend(node.rest.some());
            self.next_level.extend(node.one.some());
            self.next_level.extend(trie.literal_child(*at, token));
        }
        core::mem::swap(&mut self.level, &mut self.next_level);
    }
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;
    use coilgun_protocol::model::{Filter, NamespaceId};

    use super::*;

    #[test]
    fn filters_that_match_are_found_and_no_others() {
        let mut trie = Trie::new(RandomState::with_seeds(1, 2, 3, 4));
        let namespace = NamespaceId::DEFAULT;
        trie.open(namespace);
        let filters = ["a.b", "a.*", "a.>", "*.b", ">", "a", "*", "a.b.c", "a.b.>", "b.b", "*.*.*"];
        let nodes = filters.map(|text| {
            trie.insert(namespace, Filter::parse(text.as_bytes()).expect("the text is a filter"))
        });
        let subject = Subject::parse(b"a.b").expect("the text is a subject");
        let mut matcher = Matcher::default();
        let found = matcher.find(&trie, trie.root(namespace), subject);
        for (text, node) in filters.iter().zip(nodes) {
            let expected = ["a.b", "a.*", "a.>", "*.b", ">"].contains(text);
            assert_eq!(found.contains(&node), expected, "{text}");
        }
        for node in nodes {
            trie.prune(node);
        }
        assert_eq!(trie.len(), 1, "only the root is left");
        assert_eq!(trie.bytes(), 64);
    }

    #[test]
    fn texts_come_back() {
        let mut trie = Trie::new(RandomState::with_seeds(1, 2, 3, 4));
        trie.open(NamespaceId::DEFAULT);
        let mut text = Vec::new();
        for filter in ["a", "a.*.c", ">", "a.b.>"] {
            let parsed = Filter::parse(filter.as_bytes()).expect("the text is a filter");
            let node = trie.insert(NamespaceId::DEFAULT, parsed);
            trie.text(node, &mut text);
            assert_eq!(text, filter.as_bytes());
        }
    }
}
