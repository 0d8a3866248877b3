//! The filters of a shard as a tree of tokens.
//!
//! ```text
//!   root of namespace
//!    |-- orders --+-- eu          children with a literal token: one table for the whole tree,
//!    |            |-- * -- paid   keyed by (parent, token)
//!    |            `-- >           `*` and `>`: an index in the parent
//!    `-- *
//! ```
//!
//! Subscriptions with the same filter hang in a list at the node where it ends. A node without
//! subscriptions, records and children is freed; roots stay.
//!
//! The estimate of memory counts the nodes that this shard's own subscriptions need, whatever the
//! filters of other shards need beside them: those are limited where they are subscribed.

use ahash::RandomState;
use coilgun_protocol::model::{Filter, FilterToken, NamespaceId};
use hashbrown::HashTable;

use super::epochs;
use super::records::Record;
use super::slab::{Key, Slab};
use super::subscriptions::Entry;

/// What a node takes, with its share of the tables, in bytes; a round number on the high side.
const NODE_BYTES: usize = 64;

/// A filter, or the beginning of one.
#[derive(Debug)]
pub(super) struct Node {
    /// The filter without its last token; a root has none.
    pub(super) parent: Key<Node>,
    /// The same filter with `*` behind it.
    pub(super) one: Key<Node>,
    /// The same filter with `>` behind it.
    pub(super) rest: Key<Node>,
    /// How many nodes continue it with a literal token.
    pub(super) literal_children: u32,
    /// The youngest subscription with exactly this filter; they form a list.
    pub(super) first: Key<Entry>,
    /// The first record of what shards want with exactly this filter; they form a list.
    pub(super) records: Key<Record>,
    /// How many children subscriptions of this shard need.
    own_children: u32,
    /// The last token, if it is literal.
    token: Box<[u8]>,
    /// What the last token is.
    edge: Edge,
    /// Which routes a subscription with this filter may belong to.
    pub(super) reach: Reach,
}

/// What leads to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    /// Nothing: it is the root of a namespace.
    Root,
    /// A literal token.
    Literal,
    /// `*`.
    One,
    /// `>`.
    Rest,
}

/// Which routes a filter may belong to, and so which are worthless when it comes or goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// The filter has no wildcard: only the route of the subject with the same text.
    Subject,
    /// The first token is literal: only routes whose first token is in this bucket.
    FirstToken(u8),
    /// The first token is a wildcard: any route of the namespace.
    Namespace,
}

impl Node {
    fn is_unused(&self) -> bool {
        self.first == Key::NONE
            && self.records == Key::NONE
            && self.literal_children == 0
            && self.one == Key::NONE
            && self.rest == Key::NONE
            && self.edge != Edge::Root
    }

    /// Whether subscriptions of this shard need it; a root always counts.
    fn is_own(&self) -> bool {
        self.first != Key::NONE || self.own_children > 0 || self.edge == Edge::Root
    }

    /// What it takes by the estimate of [`Trie::cost`].
    fn cost(&self) -> usize {
        NODE_BYTES + self.token.len()
    }
}

/// All filters of a shard.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Slab<Node>,
    children: HashTable<Key<Node>>,
    hasher: RandomState,
    /// The root of each namespace that was opened.
    roots: Vec<Key<Node>>,
    bytes: usize,
    /// Reused by [`Trie::text`].
    path: Vec<Key<Node>>,
}

impl Trie {
    /// No filters, and the keys of the table.
    pub(super) fn new(hasher: RandomState) -> Trie {
        let (nodes, children) = (Slab::new(), HashTable::new());
        Trie { nodes, children, hasher, roots: Vec::new(), bytes: 0, path: Vec::new() }
    }

    /// Makes the namespace known.
    pub(super) fn open(&mut self, namespace: NamespaceId) {
        let place = usize::from(namespace.0);
        if self.roots.len() <= place {
            self.roots.resize(place + 1, Key::NONE);
        }
        if self.roots[place] == Key::NONE {
            let root = self.add(Key::NONE, Box::default(), Edge::Root, Reach::Subject);
            self.bytes += self.nodes[root].cost();
            self.roots[place] = root;
        }
    }

    /// Whether the namespace is known.
    pub(super) fn is_open(&self, namespace: NamespaceId) -> bool {
        self.roots.get(usize::from(namespace.0)).is_some_and(|root| root.some().is_some())
    }

    /// The root of a namespace that was opened.
    pub(super) fn root(&self, namespace: NamespaceId) -> Key<Node> {
        self.roots[usize::from(namespace.0)]
    }

    /// The node of a filter, made where it is missing.
    pub(super) fn insert(&mut self, namespace: NamespaceId, filter: Filter<'_>) -> Key<Node> {
        let bucket = epochs::bucket(namespace, filter.text());
        let mut at = self.root(namespace);
        for token in filter.tokens() {
            let child = self.child_of(at, token);
            at = match child.some() {
                Some(child) => child,
                None => self.add_child(at, token, bucket),
            };
        }
        at
    }

    /// The node of a filter, if there is one.
    pub(super) fn find(&self, namespace: NamespaceId, filter: Filter<'_>) -> Option<Key<Node>> {
        let mut at = self.root(namespace);
        for token in filter.tokens() {
            at = self.child_of(at, token).some()?;
        }
        Some(at)
    }

    /// Counts the memory of a node, and of those above it, for a subscription of this shard that is
    /// about to be the node's.
    pub(super) fn count_own(&mut self, node: Key<Node>) {
        if self.nodes[node].is_own() {
            return;
        }
        let mut at = node;
        // Ends at the root, which always counts: a filter has at most 128 tokens.
        loop {
            self.bytes += self.nodes[at].cost();
            at = self.nodes[at].parent;
            let above = &mut self.nodes[at];
            let was_own = above.is_own();
            above.own_children += 1;
            if was_own {
                return;
            }
        }
    }

    /// Counts the memory no more that a node, and those above it, took for a subscription of this
    /// shard that was the node's.
    pub(super) fn uncount_own(&mut self, node: Key<Node>) {
        let mut at = node;
        // Ends at the root, which always counts: a filter has at most 128 tokens.
        while !self.nodes[at].is_own() {
            self.bytes -= self.nodes[at].cost();
            at = self.nodes[at].parent;
            self.nodes[at].own_children -= 1;
        }
    }

    /// Frees a node that is not needed any more, and those above it that then are not.
    pub(super) fn prune(&mut self, node: Key<Node>) {
        let mut at = node;
        // Ends at the root, which is never unused: a filter has at most 128 tokens.
        while self.nodes[at].is_unused() {
            let parent = self.nodes[at].parent;
            match self.nodes[at].edge {
                Edge::Root => unreachable!("a root is never unused"),
                Edge::One => self.nodes[parent].one = Key::NONE,
                Edge::Rest => self.nodes[parent].rest = Key::NONE,
                Edge::Literal => {
                    let hash = rehash(&self.hasher, &self.nodes, at);
                    let found = self.children.find_entry(hash, |other| *other == at);
                    found.expect("a literal child is in the table").remove();
                    self.nodes[parent].literal_children -= 1;
                }
            }
            self.nodes.remove(at);
            at = parent;
        }
    }

    /// The node at this place.
    #[inline]
    pub(super) fn node(&self, key: Key<Node>) -> &Node {
        &self.nodes[key]
    }

    /// The node at this place, to be changed.
    pub(super) fn node_mut(&mut self, key: Key<Node>) -> &mut Node {
        &mut self.nodes[key]
    }

    /// The node that continues `parent` with a literal token, if there is one.
    pub(super) fn literal_child(&self, parent: Key<Node>, token: &[u8]) -> Option<Key<Node>> {
        if self.nodes[parent].literal_children == 0 {
            return None;
        }
        let is_it = |key: &Key<Node>| {
            let node = &self.nodes[*key];
            node.parent == parent && *node.token == *token
        };
        self.children.find(hash(&self.hasher, parent, token), is_it).copied()
    }

    /// Writes the text of the filter that ends at `node`, in place of what was in `text`.
    pub(super) fn text(&mut self, node: Key<Node>, text: &mut Vec<u8>) {
        self.path.clear();
        let mut at = node;
        // Ends at the root: a filter has at most 128 tokens.
        while self.nodes[at].edge != Edge::Root {
            self.path.push(at);
            at = self.nodes[at].parent;
        }
        text.clear();
        for key in self.path.iter().rev() {
            if !text.is_empty() {
                text.push(b'.');
            }
            let node = &self.nodes[*key];
            match node.edge {
                Edge::Root | Edge::Literal => text.extend_from_slice(&node.token),
                Edge::One => text.push(b'*'),
                Edge::Rest => text.push(b'>'),
            }
        }
    }

    /// What a filter takes at most, in bytes, by estimate.
    pub(super) fn cost(filter: Filter<'_>) -> usize {
        filter.tokens().count() * NODE_BYTES + filter.text().len()
    }

    /// What the filters of this shard's own subscriptions take, in bytes, by the same estimate.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<Node>, &Node)> {
        self.nodes.iter()
    }

    fn child_of(&self, parent: Key<Node>, token: FilterToken<'_>) -> Key<Node> {
        match token {
            FilterToken::Literal(text) => self.literal_child(parent, text).unwrap_or(Key::NONE),
            FilterToken::One => self.nodes[parent].one,
            FilterToken::Rest => self.nodes[parent].rest,
        }
    }

    fn add_child(&mut self, parent: Key<Node>, token: FilterToken<'_>, bucket: u8) -> Key<Node> {
        let above = &self.nodes[parent];
        let below_root = above.edge == Edge::Root;
        let literal_reach = above.reach;
        let wild_reach = match literal_reach {
            Reach::Subject if below_root => Reach::Namespace,
            Reach::Subject => Reach::FirstToken(bucket),
            Reach::FirstToken(_) | Reach::Namespace => literal_reach,
        };
        match token {
            FilterToken::Literal(text) => {
                let child = self.add(parent, Box::from(text), Edge::Literal, literal_reach);
                self.nodes[parent].literal_children += 1;
                let Trie { nodes, children, hasher, .. } = self;
                let hash = hash(hasher, parent, text);
                children.insert_unique(hash, child, |other| rehash(hasher, nodes, *other));
                child
            }
            FilterToken::One => {
                let child = self.add(parent, Box::default(), Edge::One, wild_reach);
                self.nodes[parent].one = child;
                child
            }
            FilterToken::Rest => {
                let child = self.add(parent, Box::default(), Edge::Rest, wild_reach);
                self.nodes[parent].rest = child;
                child
            }
        }
    }

    fn add(&mut self, parent: Key<Node>, token: Box<[u8]>, edge: Edge, reach: Reach) -> Key<Node> {
        self.nodes.insert(Node {
            parent,
            one: Key::NONE,
            rest: Key::NONE,
            literal_children: 0,
            first: Key::NONE,
            records: Key::NONE,
            own_children: 0,
            token,
            edge,
            reach,
        })
    }
}

fn hash(hasher: &RandomState, parent: Key<Node>, token: &[u8]) -> u64 {
    hasher.hash_one((parent.number(), token))
}

fn rehash(hasher: &RandomState, nodes: &Slab<Node>, key: Key<Node>) -> u64 {
    let node = &nodes[key];
    hash(hasher, node.parent, &node.token)
}

const _: () = assert!(size_of::<Node>() <= 48, "a filter may have many of them");
