//! What is always true of a router, as a check for tests.

use super::client::Presence;
use super::records::RecordName;
use super::route::Route;
use super::shares::weight_of;
use super::slab::Key;
use super::state::Router;
use super::subscriptions::{Entry, List};

impl Router {
    /// Checks everything the head of this room promises. Looks at everything there is, so it is for
    /// tests and for debugging.
    ///
    /// # Errors
    /// Says which promise is broken.
    pub fn invariants(&self) -> Result<(), String> {
        self.check_lists()?;
        self.check_nodes()?;
        self.check_groups()?;
        self.check_names()?;
        self.check_records()?;
        self.check_pressure()?;
        self.check_cache()
    }

    fn check_lists(&self) -> Result<(), String> {
        let mut by_client = 0;
        for client in self.clients.iter() {
            let listed = self.subscriptions.list(List::Client, client.first);
            let count =
                listed.filter(|key| self.subscriptions.entry(*key).client == client.id.slot);
            let count = count.count();
            ensure(count == client.subscription_count, || {
                format!("count of client {}", client.id)
            })?;
            by_client += count;
        }
        ensure(by_client == self.subscriptions.len(), || "lists of clients".to_owned())?;
        let mut by_node = 0;
        for (node, content) in self.trie.iter() {
            let listed = self.subscriptions.list(List::Node, content.first);
            by_node += listed.filter(|key| self.subscriptions.entry(*key).node == node).count();
        }
        ensure(by_node == self.subscriptions.len(), || "lists of nodes".to_owned())?;
        for (key, entry) in self.subscriptions.iter() {
            let client = self.clients.in_slot(entry.client).id;
            let found = self.subscriptions.find(client, entry.id) == Some(key);
            ensure(found, || format!("{client} has {:?} under its number", entry.id))?;
        }
        ensure(self.ended.is_empty(), || "ended subscriptions are gone".to_owned())
    }

    fn check_nodes(&self) -> Result<(), String> {
        for (key, node) in self.trie.iter() {
            let is_root = node.parent == Key::NONE;
            let has_children = node.literal_children > 0
                || node.one.some().is_some()
                || node.rest.some().is_some();
            let is_needed = is_root
                || has_children
                || node.first.some().is_some()
                || node.records.some().is_some();
            ensure(is_needed, || format!("node {key:?} is needed"))?;
        }
        let bytes = self.filter_bytes();
        ensure(bytes <= self.limits.filter_bytes_per_shard, || "bytes of filters".to_owned())?;
        let count = self.subscriptions.len();
        ensure(count <= self.limits.subscriptions_per_shard, || "subscriptions".to_owned())
    }

    fn check_groups(&self) -> Result<(), String> {
        for (group, member_count, record_count) in self.groups.iter() {
            let members = self.subscriptions.iter().filter(|(_, entry)| entry.group == group);
            let records = self.records.iter().filter(|(_, record)| record.group == group);
            let right = members.count() == member_count
                && records.count() == record_count
                && member_count + record_count > 0;
            ensure(right, || format!("members of group {group:?}"))?;
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), String> {
        let mut named = 0;
        for client in self.clients.iter().filter(|client| !client.name.is_empty()) {
            let owner = self.directory.find(client.attributes.namespace, &client.name);
            let right = owner == Some(client.id) && client.presence == Presence::Present;
            ensure(right, || format!("name of client {}", client.id))?;
            named += 1;
        }
        ensure(named == self.directory.len(), || "names have clients".to_owned())?;
        let (mut local, mut remote, mut queued) = (0, 0, 0);
        for (_, name, known) in self.directory.iter() {
            local += usize::from(known.local.is_some());
            remote += known.remote.len();
            queued += usize::from(known.is_queued);
            let right = (known.local.is_some() || !known.remote.is_empty() || known.is_queued)
                && known.remote_pressed.without(known.remote).is_empty()
                && (known.local.is_some() || !known.is_pressed);
            ensure(right, || format!("name {}", name.escape_ascii()))?;
        }
        let right = (local, remote) == (named, self.directory.remote_count())
            && queued == self.announcements.name_count();
        ensure(right, || "counts of names".to_owned())
    }

    fn check_records(&self) -> Result<(), String> {
        let (mut subscriptions, mut remote, mut counts, mut listed) = (0, 0, 0, 0);
        for (key, record) in self.records.iter() {
            let RecordName { node, group, visibility } = record.name();
            let (mut local, mut pressed) = (0, 0);
            for (_, entry) in self.subscriptions.iter() {
                let is_own =
                    (entry.node, entry.group, entry.visibility) == (node, group, visibility);
                local += usize::from(is_own);
                pressed += usize::from(is_own && entry.is_pressed);
            }
            let right = record.local as usize == local
                && record.local_pressed as usize == pressed
                && usize::from(record.is_queued) == self.announcements.count_record(key)
                && self.records.find(record.name()) == Some(key)
                && !record.is_unused()
                && record.remote_pressed.without(record.remote).is_empty()
                && record.remote.iter().all(|shard| self.records.members(key, shard) > 0);
            ensure(right, || format!("record {record:?}"))?;
            subscriptions += local;
            remote += record.remote.len();
            counts += if group == Key::NONE { 0 } else { record.remote.len() };
        }
        for (_, node) in self.trie.iter() {
            listed += self.records.list(node.records).count();
        }
        let expected = if self.is_meshed { self.subscriptions.len() } else { 0 };
        let right = subscriptions == expected
            && listed == self.records.len()
            && remote == self.records.remote_count()
            && counts == self.records.count_len();
        ensure(right, || "counts of records".to_owned())
    }

    fn check_pressure(&self) -> Result<(), String> {
        let mut by_client = 0;
        for client in self.clients.iter() {
            let is_own = |key: &Key<Entry>| {
                let entry = self.subscriptions.get(*key);
                entry.is_some_and(|entry| entry.is_pressed && entry.client == client.id.slot)
            };
            let presses = &client.presses;
            let queued = self.unpressing.iter().filter(|other| **other == client.id).count();
            let right = presses.keys().iter().all(is_own)
                && presses.is_right(&self.press_places)
                && queued == usize::from(presses.is_queued);
            ensure(right, || format!("presses of client {}", client.id))?;
            by_client += presses.keys().len();
        }
        let pressed = self.subscriptions.iter().filter(|(_, entry)| entry.is_pressed).count();
        ensure(pressed == by_client, || "presses have clients".to_owned())
    }

    fn check_cache(&self) -> Result<(), String> {
        let mut target_count = 0;
        for slot in self.cache.slots() {
            let route = self.cache.route(slot);
            target_count += route.target_count();
            let found = self.cache.find(route.namespace, &route.subject) == Some(slot);
            let subject = route.subject.escape_ascii();
            ensure(found, || format!("the route of {subject} is found"))?;
            if self.cache.is_current(slot, route.namespace, &route.subject) {
                self.check_route(route)?;
            }
        }
        ensure(target_count == self.cache.target_count(), || "count of targets".to_owned())?;
        ensure(target_count <= self.limits.targets_cached, || "too many targets".to_owned())?;
        let count = self.cache.len();
        ensure(count <= self.limits.routes_cached.max(1), || "too many routes".to_owned())
    }

    fn check_route(&self, route: &Route) -> Result<(), String> {
        let subject = route.subject.escape_ascii();
        for target in route.plain.iter().chain(&route.members) {
            let Some(key) = target.entry.some() else { continue };
            let is_live = self.subscriptions.get(key).is_some_and(|entry| {
                let client = self.clients.in_slot(entry.client);
                entry.id == target.subscription
                    && client.id == target.client
                    && client.presence == Presence::Present
            });
            ensure(is_live, || format!("the route of {subject} leads to the living"))?;
        }
        for group in &route.groups {
            let (members, shares) = (route.members_of(group), route.shares_of(group));
            let same = members
                .iter()
                .all(|member| self.subscriptions.entry(member.entry).group == group.group);
            let right = same
                && group.turn < group.count.max(1)
                && group.weight == weight_of(group.count, shares)
                && group.shard_turn < group.weight
                && shares.iter().all(|share| share.shard != self.shard && share.weight > 0);
            ensure(right, || format!("a group on {subject}"))?;
        }
        Ok(())
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
