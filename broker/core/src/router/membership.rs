//! Subscriptions that come, change and go.

use coilgun_protocol::model::{
    ClientId, ErrorCode, Filter, FilterToken, SlowConsumer, SubscriptionId, Visibility,
};

use super::plan::Target;
use super::queue_group::{self, QueueGroups};
use super::records::RecordName;
use super::slab::Key;
use super::state::Router;
use super::subscriptions::{Entry, NewEntry};
use super::trie::Trie;

/// What a client wants to receive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscription<'a> {
    /// The client's number for it; not [`SubscriptionId::NAME`].
    pub id: SubscriptionId,
    /// Native text of the filter, not checked.
    pub filter: &'a [u8],
    /// Name of the queue group, not checked; empty: none.
    pub group: &'a [u8],
    /// How many messages may be delivered before more credit is needed; `u32::MAX`: no limit.
    pub credit: u32,
    /// It ends after this many deliveries; 0: it does not.
    pub deliveries_max: u32,
    /// What a leading wildcard of the filter may see.
    pub visibility: Visibility,
    /// What happens to its messages while its client does not read fast enough.
    pub slow_consumer: SlowConsumer,
}

impl Router {
    /// Begins a subscription: the next plan knows it.
    ///
    /// # Errors
    /// [`ErrorCode::SubscriptionTaken`] if the number is 0 or in use, [`ErrorCode::InvalidFilter`],
    /// [`ErrorCode::InvalidQueueGroup`], [`ErrorCode::ReservedSubject`] if the filter's first token
    /// is `$NAME` or `$SYS`, [`ErrorCode::PermissionDenied`], [`ErrorCode::TooManySubscriptions`] beyond the limit of the client, and
    /// [`ErrorCode::SubscriptionsExhausted`] beyond those of the shard.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn subscribe(
        &mut self,
        client: ClientId,
        wanted: Subscription<'_>,
    ) -> Result<(), ErrorCode> {
        let taken = wanted.id == SubscriptionId::NAME
            || self.find_subscription(client, wanted.id).is_some();
        if taken {
            return Err(ErrorCode::SubscriptionTaken);
        }
        let filter = Filter::parse(wanted.filter).map_err(|_| ErrorCode::InvalidFilter)?;
        if let Some(FilterToken::Literal(b"$NAME" | b"$SYS")) = filter.tokens().next() {
            return Err(ErrorCode::ReservedSubject);
        }
        let identity = self.clients.present(client).attributes.identity;
        if !self.identities.may_subscribe(identity, filter) {
            return Err(ErrorCode::PermissionDenied);
        }
        if !wanted.group.is_empty() && !queue_group::is_valid_name(wanted.group) {
            return Err(ErrorCode::InvalidQueueGroup);
        }
        let count = self.clients.present(client).subscription_count;
        if count >= self.limits.subscriptions_per_client {
            return Err(ErrorCode::TooManySubscriptions);
        }
        if !self.has_room(client, filter, wanted.group) {
            return Err(ErrorCode::SubscriptionsExhausted);
        }
        self.begin(client, filter, &wanted);
        Ok(())
    }

    /// Ends a subscription at once if `deliveries_max` is 0, otherwise as soon as it has had this
    /// many deliveries since it began, which may be at once as well.
    ///
    /// # Errors
    /// [`ErrorCode::UnknownSubscription`] if the client has none of this number.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn unsubscribe(
        &mut self,
        client: ClientId,
        id: SubscriptionId,
        deliveries_max: u32,
    ) -> Result<(), ErrorCode> {
        let key = self.find_subscription(client, id).ok_or(ErrorCode::UnknownSubscription)?;
        self.revision += 1;
        if self.subscriptions.delivered(key) >= u64::from(deliveries_max) {
            self.end(key);
            return Ok(());
        }
        self.subscriptions.entry_mut(key).deliveries_max = deliveries_max;
        // From now on its deliveries matter, which routes that were prepared do not look at.
        let node = self.subscriptions.entry(key).node;
        self.invalidate(self.clients.present(client).attributes.namespace, node);
        Ok(())
    }

    /// Lets a subscription receive more. Credit that reaches `u32::MAX` has no limit from then on.
    ///
    /// # Errors
    /// [`ErrorCode::UnknownSubscription`] if the client has none of this number.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn add_credit(
        &mut self,
        client: ClientId,
        id: SubscriptionId,
        messages: u32,
    ) -> Result<(), ErrorCode> {
        let key = self.find_subscription(client, id).ok_or(ErrorCode::UnknownSubscription)?;
        self.revision += 1;
        let entry = self.subscriptions.entry_mut(key);
        entry.credit = entry.credit.saturating_add(messages);
        Ok(())
    }

    /// What happens to a message for a target while its client does not read fast enough; none for a
    /// client that is meant by name.
    #[must_use]
    pub fn slow_consumer_of(&self, target: &Target) -> Option<SlowConsumer> {
        self.subscriptions.get(target.entry).map(|entry| entry.slow_consumer)
    }

    /// Takes a subscription out of everything.
    pub(super) fn end(&mut self, key: Key<Entry>) {
        let entry = self.subscriptions.entry(key);
        let namespace = self.clients.in_slot(entry.client).attributes.namespace;
        self.invalidate(namespace, entry.node);
        self.detach(key);
    }

    /// Takes a subscription out of everything but remembered routes.
    pub(super) fn detach(&mut self, key: Key<Entry>) {
        self.unpress_ended(key);
        let entry = self.subscriptions.entry(key);
        let (slot, node) = (entry.client, entry.node);
        let client = self.clients.in_slot_mut(slot);
        client.subscription_count -= 1;
        let node_list = &mut self.trie.node_mut(node).first;
        let ended = self.subscriptions.remove(key, node_list, &mut client.first);
        self.trie.uncount_own(node);
        self.count_out(RecordName { node, group: ended.group, visibility: ended.visibility });
        self.trie.prune(node);
        if let Some(group) = ended.group.some() {
            self.groups.leave(group);
        }
    }

    /// The subscription of this number of a client that is present: numbers are found by slot, so a
    /// stale client must not get that far.
    fn find_subscription(&self, client: ClientId, id: SubscriptionId) -> Option<Key<Entry>> {
        self.subscriptions.find(self.clients.present(client).id, id)
    }

    fn has_room(&self, client: ClientId, filter: Filter<'_>, group: &[u8]) -> bool {
        let limits = &self.limits;
        let namespace = self.clients.present(client).attributes.namespace;
        let has_group = group.is_empty()
            || self.groups.has_room(namespace, group, limits.queue_groups_per_shard);
        let bytes = self.filter_bytes();
        let more_bytes = Trie::cost(filter) + QueueGroups::cost(group);
        has_group
            && self.subscriptions.len() < limits.subscriptions_per_shard
            && bytes + more_bytes <= limits.filter_bytes_per_shard
    }

    /// Begins a subscription that was checked.
    fn begin(&mut self, client: ClientId, filter: Filter<'_>, wanted: &Subscription<'_>) {
        self.revision += 1;
        let subscriber = self.clients.present_mut(client);
        let namespace = subscriber.attributes.namespace;
        let node = self.trie.insert(namespace, filter);
        let group = match wanted.group {
            [] => Key::NONE,
            name => self.groups.join(namespace, name),
        };
        let new = NewEntry {
            id: wanted.id,
            client: client.slot,
            node,
            group,
            credit: wanted.credit,
            deliveries_max: wanted.deliveries_max,
            visibility: wanted.visibility,
            once: subscriber.wants_once(),
            is_cut: self.identities.hides_part_of(subscriber.attributes.identity, filter),
            slow_consumer: wanted.slow_consumer,
        };
        subscriber.subscription_count += 1;
        self.trie.count_own(node);
        let node_list = &mut self.trie.node_mut(node).first;
        self.subscriptions.insert(new, node_list, &mut subscriber.first);
        self.count_in(namespace, node, group, wanted.visibility);
        self.invalidate(namespace, node);
    }
}
