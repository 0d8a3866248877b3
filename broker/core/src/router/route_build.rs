//! Finding out who wants the messages of a subject: what a cache miss does.

use coilgun_protocol::model::{ErrorCode, NamespaceId, Subject};

use super::client::{Client, Clients, Presence};
use super::directory::{Directory, name_in_subject};
use super::epochs::{self, Epochs};
use super::matcher::Matcher;
use super::plan::{RouteGroup, Target};
use super::planning::named;
use super::queue_group::{QueueGroup, QueueGroups};
use super::records::{Record, Records};
use super::route::Route;
use super::shares::{Share, weight_of};
use super::slab::Key;
use super::subscriptions::{Entry, List, Subscriptions};
use super::trie::{Reach, Trie};
use crate::mutant::{self, Mutant};
use crate::security::Identities;

/// Builds routes; keeps its memory from one to the next.
#[derive(Debug)]
pub(super) struct RouteBuilder {
    /// The route that was built last.
    pub(super) route: Route,
    matcher: Matcher,
    plain: Vec<Found>,
    grouped: Vec<Found>,
    shared: Vec<Shared>,
    in_order: Vec<u32>,
    build_count: u64,
}

/// What a route is built from.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    pub(super) identities: &'a Identities,
    pub(super) trie: &'a Trie,
    pub(super) subscriptions: &'a Subscriptions,
    pub(super) clients: &'a mut Clients,
    pub(super) directory: &'a Directory,
    pub(super) records: &'a Records,
    pub(super) queue_groups: &'a QueueGroups,
    pub(super) epochs: &'a Epochs,
    /// Whether any client excludes anything.
    pub(super) any_exclusions: bool,
}

/// A subscription that wants the message.
#[derive(Clone, Copy, Debug)]
struct Found {
    group: Key<QueueGroup>,
    sequence: u64,
    entry: Key<Entry>,
}

/// Members of a queue group on another shard, with one filter.
#[derive(Clone, Copy, Debug)]
struct Shared {
    group: Key<QueueGroup>,
    share: Share,
}

impl RouteBuilder {
    /// Nothing built yet.
    pub(super) fn new() -> RouteBuilder {
        RouteBuilder {
            route: Route::new(),
            matcher: Matcher::default(),
            plain: Vec::new(),
            grouped: Vec::new(),
            shared: Vec::new(),
            in_order: Vec::new(),
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
        self.add_shares();
        self.order_groups(sources.queue_groups);
        self.index_groups();
        self.prepare(sources.subscriptions, sources.clients);
        Ok(())
    }

    /// Collects the subscriptions that match, each group's together, the oldest first, and what
    /// other shards want of them.
    fn collect(&mut self, namespace: NamespaceId, subject: Subject<'_>, sources: &Sources<'_>) {
        self.plain.clear();
        self.grouped.clear();
        self.shared.clear();
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
                if entry.is_cut && is_hidden(sources, entry, subject) {
                    continue;
                }
                if sources.any_exclusions && is_excluded(sources.clients, entry, subject) {
                    continue;
                }
                let found = Found { group: entry.group, sequence: entry.sequence, entry: key };
                match entry.group.some() {
                    Some(_) => self.grouped.push(found),
                    None => self.plain.push(found),
                }
            }
            for key in sources.records.list(node.records) {
                let record = sources.records.record(key);
                if begins_wild && !record.visibility.shows(class) {
                    continue;
                }
                match record.group.some() {
                    Some(_) => share_out(key, sources.records, &mut self.shared),
                    None => self.route.elsewhere.add(record.remote, record.remote_pressed),
                }
            }
        }
        self.plain.sort_unstable_by_key(|found| found.sequence);
        self.grouped.sort_unstable_by_key(|found| (found.group.number(), found.sequence));
    }

    /// Adds the client that is meant by name.
    fn add_name(&mut self, namespace: NamespaceId, text: &[u8], sources: &Sources<'_>) {
        let Some(name) = name_in_subject(text) else { return };
        let Some(known) = sources.directory.get(namespace, name) else { return };
        self.route.elsewhere.add(known.remote, known.remote_pressed);
        self.route.plain.extend(known.local.map(named));
    }

    fn add_plain(&mut self, sources: &Sources<'_>) {
        let targets = self.plain.iter().map(|found| target(found, sources));
        self.route.plain.extend(targets);
    }

    /// Adds the groups that have members on this shard. The turn begins with the member that was
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
            self.route.groups.push(RouteGroup { first, count, turn, ..RouteGroup::of(group) });
            first += count;
        }
    }

    /// Adds the members on other shards, each shard once for a group, whatever their filters.
    fn add_shares(&mut self) {
        let own_count = self.route.groups.len();
        self.shared.sort_unstable_by_key(|shared| (shared.group.number(), shared.share.shard));
        for same in self.shared.chunk_by(|one, next| one.group == next.group) {
            let first_share = self.route.shares.len();
            for merged in same.chunk_by(|one, next| one.share.shard == next.share.shard) {
                let weight = merged.iter().map(|one| one.share.weight);
                let weight = weight.fold(0, u32::saturating_add);
                let is_pressed = merged.iter().any(|one| one.share.is_pressed);
                self.route.shares.push(Share { weight, is_pressed, ..merged[0].share });
            }
            // The groups of this shard are in this order still, and others stand behind them.
            let own = &self.route.groups[..own_count];
            let number = same[0].group.number();
            let place = own.binary_search_by_key(&number, |group| group.group.number());
            let place = place.unwrap_or_else(|_| {
                self.route.groups.push(RouteGroup::of(same[0].group));
                self.route.groups.len() - 1
            });
            let group = &mut self.route.groups[place];
            group.first_share = first_share;
            group.share_count = self.route.shares.len() - first_share;
        }
    }

    /// Puts the group with the oldest member of this shard first, and those that have none last, and
    /// says whose turn it is among the shards.
    fn order_groups(&mut self, queue_groups: &QueueGroups) {
        let Route { groups, shares, .. } = &mut self.route;
        for group in groups.iter_mut() {
            let shares = &shares[group.first_share..group.first_share + group.share_count];
            group.weight = weight_of(group.count, shares);
            group.shard_turn = match shares {
                [] => 0,
                [..] => queue_groups.first_turn(group.group, group.weight),
            };
        }
        let grouped = &self.grouped;
        groups.sort_unstable_by_key(|group| match group.count {
            0 => (u64::MAX, group.group.number()),
            _ => (grouped[group.first].sequence, 0),
        });
    }

    /// Notes the order of the groups by their keys, by which they are found.
    fn index_groups(&mut self) {
        let groups = &mut self.route.groups;
        self.in_order.clear();
        self.in_order.extend((0u32..).take(groups.len()));
        self.in_order.sort_unstable_by_key(|place| groups[*place as usize].group.number());
        for (group, place) in groups.iter_mut().zip(&self.in_order) {
            group.in_order = *place;
        }
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

/// Notes which other shards have members of a queue group.
fn share_out(key: Key<Record>, records: &Records, shared: &mut Vec<Shared>) {
    let record = records.record(key);
    for shard in record.remote.iter() {
        let weight = records.members(key, shard);
        let is_pressed = record.remote_pressed.contains(shard);
        shared.push(Shared { group: record.group, share: Share { shard, is_pressed, weight } });
    }
}

/// Whether the subscription's client is being removed.
fn is_leaving(clients: &Clients, entry: &Entry) -> bool {
    let client: &Client = clients.in_slot(entry.client);
    client.presence == Presence::Leaving && !mutant::is_active(Mutant::Undead)
}

/// Whether the subscription's client leaves the subject out.
fn is_excluded(clients: &Clients, entry: &Entry, subject: Subject<'_>) -> bool {
    clients.in_slot(entry.client).exclusions.hide(subject)
}

/// Whether the subscription's client must not see the subject (law S32).
fn is_hidden(sources: &Sources<'_>, entry: &Entry, subject: Subject<'_>) -> bool {
    let identity = sources.clients.in_slot(entry.client).attributes.identity;
    sources.identities.hides(identity, subject) && !mutant::is_active(Mutant::IgnoredDeny)
}

fn target(found: &Found, sources: &Sources<'_>) -> Target {
    let entry = sources.subscriptions.entry(found.entry);
    let client = sources.clients.in_slot(entry.client).id;
    Target { client, subscription: entry.id, missed: 0, entry: found.entry }
}
