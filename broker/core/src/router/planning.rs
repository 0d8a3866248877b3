//! Deciding who gets a message, without changing anything that matters.

use coilgun_protocol::model::{ClientId, ErrorCode, Filter, NamespaceId, ShardSet, SubscriptionId};

use super::plan::{GroupPick, Plan, RouteHint, Settlement, Target};
use super::planner::Planner;
use super::route::Route;
use super::route_build::Sources;
use super::route_cache::RouteSlot;
use super::slab::Key;
use super::state::Router;
use crate::mutant::{self, Mutant};

/// Where a message comes from.
struct Origin {
    namespace: NamespaceId,
    /// A client that shall not get it.
    excluded: Option<ClientId>,
}

impl Router {
    /// Writes into `plan` who gets a message that `publisher` publishes to `subject`.
    ///
    /// Nothing that matters changes: the plan takes effect with [`Router::commit`], or never. `hint`
    /// belongs to the publisher and is kept from one message to the next. `has_room` says whether
    /// the message fits into a client's outbox; it decides between members of a queue group only,
    /// so room must be reserved for every target all the same.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]; the plan is empty then.
    ///
    /// # Panics
    /// If the publisher was not added or is being removed.
    #[inline]
    pub fn plan(
        &mut self,
        publisher: ClientId,
        subject: &[u8],
        hint: &mut RouteHint,
        has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        let from = self.clients.present(publisher);
        let origin = Origin {
            namespace: from.attributes.namespace,
            excluded: from.wants_no_echo().then_some(publisher),
        };
        self.plan_from(origin, subject, hint, has_room, plan)
    }

    /// Writes into `plan` who gets a message that is only for the client of one name and its secondaries,
    /// of those who subscribe to `subject`; no queue group does. Other shards that want the subject
    /// look for themselves.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]; the plan is empty then.
    ///
    /// # Panics
    /// If the publisher was not added or is being removed.
    pub fn plan_only_to(
        &mut self,
        publisher: ClientId,
        subject: &[u8],
        receiver: &[u8],
        hint: &mut RouteHint,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        let from = self.clients.present(publisher);
        let namespace = from.attributes.namespace;
        let excluded = from.wants_no_echo().then_some(publisher);
        plan.clear(self.revision);
        self.locate(namespace, subject, hint)?;
        let mut planner = self.planner(hint.slot, excluded, plan);
        planner.plan.elsewhere = planner.route.elsewhere;
        planner.plain_of(Some(receiver));
        planner.plan.settlement = Settlement::Everything;
        Ok(())
    }

    /// Writes into `plan` who gets a message of the broker itself to `subject`, in a namespace.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]; the plan is empty then.
    pub fn plan_of_broker(
        &mut self,
        namespace: NamespaceId,
        subject: &[u8],
        has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        if !self.trie.is_open(namespace) {
            plan.clear(self.revision);
            return Ok(());
        }
        let origin = Origin { namespace, excluded: None };
        self.plan_from(origin, subject, &mut RouteHint::default(), has_room, plan)
    }

    #[inline]
    fn plan_from(
        &mut self,
        Origin { namespace, excluded }: Origin,
        subject: &[u8],
        hint: &mut RouteHint,
        has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        plan.clear(self.revision);
        match self.cache.hit(hint.slot, namespace, subject) {
            Some(route) if route.prepared && excluded.is_none() => {
                plan.take_prepared(route);
                return Ok(());
            }
            Some(_) => {}
            None => hint.slot = self.find_route(namespace, subject)?,
        }
        let route = self.route_in(hint.slot);
        if route.prepared && excluded.is_none() {
            plan.take_prepared(route);
        } else {
            self.plan_each(hint.slot, excluded, has_room, plan);
        }
        Ok(())
    }

    /// Makes `hint` the place of the subject's route.
    #[inline]
    pub(super) fn locate(
        &mut self,
        namespace: NamespaceId,
        subject: &[u8],
        hint: &mut RouteHint,
    ) -> Result<(), ErrorCode> {
        if self.cache.hit(hint.slot, namespace, subject).is_none() {
            hint.slot = self.find_route(namespace, subject)?;
        }
        Ok(())
    }

    /// The route in this slot, or the one that was built last if it is not remembered.
    #[inline]
    pub(super) fn route_in(&self, slot: RouteSlot) -> &Route {
        match slot {
            RouteSlot::NONE => &self.builder.route,
            slot => self.cache.route(slot),
        }
    }

    /// The name of the queue group that a plan picked another shard for; good as long as the router
    /// has not [heard](Router::apply_interest) of anything new.
    #[must_use]
    pub fn group_name(&self, pick: &GroupPick) -> &[u8] {
        self.groups.name(pick.group)
    }

    /// Writes into `plan` who gets a broadcast that `publisher` sends to the clients of its
    /// namespace whose name matches `name_filter`: each of them, in the order of their names, and
    /// the shards that have others. Wildcards match every name.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFilter`]; the plan is empty then.
    ///
    /// # Panics
    /// If the publisher was not added or is being removed.
    pub fn plan_broadcast(
        &mut self,
        publisher: ClientId,
        name_filter: &[u8],
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        let from = self.clients.present(publisher);
        let excluded = from.wants_no_echo().then_some(publisher);
        let namespace = from.attributes.namespace;
        self.plan_names(Origin { namespace, excluded }, name_filter, plan)
    }

    /// Writes into `plan` who gets a broadcast of the broker itself in a namespace.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFilter`]; the plan is empty then.
    pub fn plan_broadcast_of_broker(
        &mut self,
        namespace: NamespaceId,
        name_filter: &[u8],
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        if !self.trie.is_open(namespace) {
            plan.clear(self.revision);
            return Ok(());
        }
        self.plan_names(Origin { namespace, excluded: None }, name_filter, plan)
    }

    fn plan_names(
        &mut self,
        Origin { namespace, excluded }: Origin,
        name_filter: &[u8],
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        plan.clear(self.revision);
        let filter = Filter::parse(name_filter).map_err(|_| ErrorCode::InvalidFilter)?;
        for known in self.directory.matching(namespace, filter) {
            plan.elsewhere.add(known.remote, known.remote_pressed);
            let heard = known.local.filter(|client| Some(*client) != excluded);
            plan.targets.extend(heard.map(named));
        }
        Ok(())
    }

    /// Finds the route where the hint did not help, or builds it. Returns its slot, or none if it
    /// is not remembered and only the builder has it.
    fn find_route(
        &mut self,
        namespace: NamespaceId,
        subject: &[u8],
    ) -> Result<RouteSlot, ErrorCode> {
        if let Some(slot) = self.cache.find(namespace, subject)
            && self.cache.hit(slot, namespace, subject).is_some()
        {
            return Ok(slot);
        }
        let sources = Sources {
            identities: &self.identities,
            trie: &self.trie,
            subscriptions: &self.subscriptions,
            clients: &mut self.clients,
            directory: &self.directory,
            records: &self.records,
            queue_groups: &self.groups,
            epochs: &self.cache.epochs,
            any_exclusions: self.exclusion_bytes > 0,
        };
        self.builder.build(namespace, subject, sources)?;
        self.cache.counts.misses += 1;
        Ok(self.cache.store(&self.builder.route).unwrap_or_default())
    }

    /// Plans a message whose targets must be looked at one by one.
    fn plan_each(
        &mut self,
        slot: RouteSlot,
        excluded: Option<ClientId>,
        mut has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) {
        let own = self.shard;
        let mut planner = self.planner(slot, excluded, plan);
        planner.plan.elsewhere = planner.route.elsewhere;
        planner.plain();
        for place in 0..planner.route.groups.len() {
            planner.group(place, own, ShardSet::EMPTY, &mut has_room);
        }
        planner.plan.settlement = Settlement::Everything;
    }

    /// What a plan is made with whose targets must be looked at one by one.
    pub(super) fn planner<'a>(
        &'a mut self,
        slot: RouteSlot,
        excluded: Option<ClientId>,
        plan: &'a mut Plan,
    ) -> Planner<'a> {
        self.plan_count += 1;
        let route = match slot {
            RouteSlot::NONE => &self.builder.route,
            slot => self.cache.route(slot),
        };
        Planner {
            subscriptions: &self.subscriptions,
            clients: &mut self.clients,
            groups: &self.groups,
            slot,
            route,
            excluded: excluded.filter(|_| !mutant::is_active(Mutant::Echo)),
            number: self.plan_count,
            passes_over_marked: false,
            plan,
        }
    }
}

/// The delivery to a client that is meant by name.
pub(super) fn named(client: ClientId) -> Target {
    Target { client, subscription: SubscriptionId::NAME, missed: 0, entry: Key::NONE }
}
