//! Finding out who wants the messages of a subject: what a cache miss does.

use coilgun_protocol::model::{ErrorCode, NamespaceId, Subject, SubscriptionId};

use super::client::{Client, Clients, Presence};
use super::directory::{Directory, name_in_subject};
use super::epochs::{self, Epochs};
use super::matcher::Matcher;
use super::plan::{RouteGroup, Target};
use super::queue_group::QueueGroup;
use super::route::Route;
use super::slab::Key;
use super::subscriptions::{Entry, List, Subscriptions};
use super::trie::{Reach, Trie};
use crate::mutant::{self, Mutant};

/// Builds routes; keeps its memory from one to the next.
#[derive(Debug)]
pub(super) struct RouteBuilder {
    /// The route that was built last.
    pub(super) route: Route,
    matcher: Matcher,
    plain: Vec<Found>,
    grouped: Vec<Found>,
    build_count: u64,
}

/// What a route is built from.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    pub(super) trie: &'a Trie,
    pub(super) subscriptions: &'a Subscriptions,
    pub(super) clients: &'a mut Clients,
    pub(super) directory: &'a Directory,
    pub(super) epochs: &'a Epochs,
}

/// A subscription that wants the message.
#[derive(Clone, Copy, Debug)]
struct Found {
    group: Key<QueueGroup>,
    sequence: u64,
    entry: Key<Entry>,
}

impl RouteBuilder {
    /// Nothing built yet.
    pub(super) fn new() -> RouteBuilder {
        RouteBuilder {
            route: Route::new(),
            matcher: Matcher::default(),
            plain: Vec::new(),
            grouped: Vec::new(),
            build_count: 0,
        }
    }

    /// Builds the route of a subject into [`RouteBuilder::route`].
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]. This is where subjects are checked: a subject whose route is
    /// remembered was checked when the route was built.
    pub(super) fn build(
        &mut self,
        namespace: NamespaceId,
        text: &[u8],
        sources: Sources<'_>,
    ) -> Result<(), ErrorCode> {
        let subject = Subject::parse(text).map_err(|_| ErrorCode::InvalidSubject)?;
        self.build_count += 1;
        let route = &mut self.route;
        route.clear();
        route.build = self.build_count;
        route.namespace = namespace;
        route.bucket = epochs::bucket(namespace, text);
        route.stamp = sources.epochs.stamp(namespace, route.bucket);
        route.subject.extend_from_slice(text);
        self.collect(namespace, subject, &sources);
        self.add_name(namespace, text, &sources);
        self.add_plain(&sources);
        self.add_groups(&sources);
        self.prepare(sources.subscriptions, sources.clients);
        Ok(())
    }

    /// Collects the subscriptions that match, each group's together, the oldest first.
    fn collect(&mut self, namespace: NamespaceId, subject: Subject<'_>, sources: &Sources<'_>) {
        self.plain.clear();
        self.grouped.clear();
        let class = subject.class();
        let root = sources.trie.root(namespace);
        for node in self.matcher.find(sources.trie, root, subject) {
            let node = sources.trie.node(*node);
            let begins_wild =
                node.reach == Reach::Namespace && !mutant::is_active(Mutant::SeesEverything);
            for key in sources.subscriptions.list(List::Node, node.first) {
                let entry = sources.subscriptions.entry(key);
                if begins_wild && !entry.visibility.shows(class) {
                    continue;
                }
                if sources.clients.any_leaving() && is_leaving(sources.clients, entry) {
                    continue;
                }
                let found = Found { group: entry.group, sequence: entry.sequence, entry: key };
                match entry.group.some() {
                    Some(_) => self.grouped.push(found),
                    None => self.plain.push(found),
                }
            }
        }
        self.plain.sort_unstable_by_key(|found| found.sequence);
        self.grouped.sort_unstable_by_key(|found| (found.group.number(), found.sequence));
    }

    /// Adds the client that is meant by name.
    fn add_name(&mut self, namespace: NamespaceId, text: &[u8], sources: &Sources<'_>) {
        let client = name_in_subject(text).and_then(|name| sources.directory.find(namespace, name));
        self.route.plain.extend(client.map(|client| Target {
            client,
            subscription: SubscriptionId::NAME,
            missed: 0,
            entry: Key::NONE,
        }));
    }

    fn add_plain(&mut self, sources: &Sources<'_>) {
        let targets = self.plain.iter().map(|found| target(found, sources));
        self.route.plain.extend(targets);
    }

    /// Adds the groups, that with the oldest member first. The turn begins with the member that was
    /// not picked for the longest time: so that it goes on where it was when the route is built
    /// anew, and so that subjects that are used only once share a group's work as well.
    fn add_groups(&mut self, sources: &Sources<'_>) {
        let members = self.grouped.iter().map(|found| target(found, sources));
        self.route.members.extend(members);
        let mut first = 0;
        for same in self.grouped.chunk_by(|one, next| one.group == next.group) {
            let waited_longest = |place: &usize| {
                let entry = sources.subscriptions.entry(same[*place].entry);
                (entry.picked, entry.sequence)
            };
            let turn = (0..same.len()).min_by_key(waited_longest).unwrap_or_default();
            let (group, count) = (same[0].group, same.len());
            self.route.groups.push(RouteGroup { group, first, count, turn });
            first += count;
        }
        let grouped = &self.grouped;
        self.route.groups.sort_unstable_by_key(|group| grouped[group.first].sequence);
    }

    /// Sees whether the route can be copied into plans as it is, and takes out what clients that
    /// want each message once would get twice.
    fn prepare(&mut self, subscriptions: &Subscriptions, clients: &mut Clients) {
        let is_free = |found: &Found| subscriptions.entry(found.entry).is_free();
        self.route.prepared = self.route.groups.is_empty() && self.plain.iter().all(is_free);
        if !self.route.prepared {
            return;
        }
        // A mark no plan uses: plans are numbered from below.
        let mark = u64::MAX - self.build_count;
        self.route.plain.retain(|target| {
            let client = clients.in_slot_mut(target.client.slot);
            !client.wants_once() || client.mark(mark)
        });
    }
}

/// Whether the subscription's client is being removed.
fn is_leaving(clients: &Clients, entry: &Entry) -> bool {
    let client: &Client = clients.in_slot(entry.client);
    client.presence == Presence::Leaving && !mutant::is_active(Mutant::Undead)
}

fn target(found: &Found, sources: &Sources<'_>) -> Target {
    let entry = sources.subscriptions.entry(found.entry);
    let client = sources.clients.in_slot(entry.client).id;
    Target { client, subscription: entry.id, missed: 0, entry: found.entry }
}
