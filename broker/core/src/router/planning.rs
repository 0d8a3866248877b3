//! Deciding who gets a message, without changing anything that matters.

use coilgun_protocol::model::{ClientId, ErrorCode, Filter, NamespaceId, SubscriptionId};

use super::client::Clients;
use super::plan::{Pick, Plan, RouteGroup, RouteHint, Settlement, Target};
use super::queue_group::{Choice, Standing, choose};
use super::route::Route;
use super::route_build::Sources;
use super::route_cache::RouteSlot;
use super::slab::Key;
use super::state::Router;
use super::subscriptions::Subscriptions;
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

    /// Writes into `plan` who gets a message of the broker itself to `subject`, in the namespace of
    /// the client that it answers.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]; the plan is empty then.
    ///
    /// # Panics
    /// If the client was not added or is being removed.
    pub fn plan_answer(
        &mut self,
        asker: ClientId,
        subject: &[u8],
        has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        let namespace = self.clients.present(asker).attributes.namespace;
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
        if self.cache.is_current(hint.slot, namespace, subject) {
            self.cache.count_hit(hint.slot);
        } else {
            hint.slot = self.find_route(namespace, subject)?;
        }
        let route = match hint.slot {
            RouteSlot::NONE => &self.builder.route,
            slot => self.cache.route(slot),
        };
        if route.prepared && excluded.is_none() {
            plan.targets.extend_from_slice(&route.plain);
            plan.settlement = Settlement::Deliveries;
            return Ok(());
        }
        self.plan_each(hint.slot, excluded, has_room, plan);
        Ok(())
    }

    /// Writes into `plan` who gets a broadcast that `publisher` sends to the clients of its
    /// namespace whose name matches `name_filter`: each of them, in the order of their names.
    /// Wildcards match every name.
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
        plan.clear(self.revision);
        let from = self.clients.present(publisher);
        let filter = Filter::parse(name_filter).map_err(|_| ErrorCode::InvalidFilter)?;
        let named = self
            .directory
            .matching(from.attributes.namespace, filter)
            .filter(|client| !(from.wants_no_echo() && *client == publisher))
            .map(|client| Target {
                client,
                subscription: SubscriptionId::NAME,
                missed: 0,
                entry: Key::NONE,
            });
        plan.targets.extend(named);
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
            && self.cache.is_current(slot, namespace, subject)
        {
            self.cache.count_hit(slot);
            return Ok(slot);
        }
        let sources = Sources {
            trie: &self.trie,
            subscriptions: &self.subscriptions,
            clients: &mut self.clients,
            directory: &self.directory,
            epochs: &self.cache.epochs,
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
        self.plan_count += 1;
        let route = match slot {
            RouteSlot::NONE => &self.builder.route,
            slot => self.cache.route(slot),
        };
        let mut planner = Planner {
            subscriptions: &self.subscriptions,
            clients: &mut self.clients,
            excluded: excluded.filter(|_| !mutant::is_active(Mutant::Echo)),
            number: self.plan_count,
            plan,
        };
        planner.plain(route);
        for (number, group) in route.groups.iter().enumerate() {
            let standing_in = Asked { slot, build: route.build, number };
            planner.group(route, group, standing_in, &mut has_room);
        }
        planner.plan.settlement = Settlement::Everything;
    }
}

/// What a plan is made with.
struct Planner<'a> {
    subscriptions: &'a Subscriptions,
    clients: &'a mut Clients,
    /// The publisher, if it does not want to hear itself.
    excluded: Option<ClientId>,
    /// The number of this plan, which marks clients that want the message once.
    number: u64,
    plan: &'a mut Plan,
}

/// The place of a queue group in a route.
#[derive(Clone, Copy)]
struct Asked {
    slot: RouteSlot,
    build: u64,
    number: usize,
}

impl Planner<'_> {
    /// Plans the deliveries outside of queue groups.
    fn plain(&mut self, route: &Route) {
        for target in &route.plain {
            if self.excluded == Some(target.client) {
                continue;
            }
            let has_credit = match self.subscriptions.get(target.entry) {
                Some(entry) => entry.credit > 0,
                None => true,
            };
            if has_credit {
                self.deliver(*target);
            } else {
                self.plan.missed.push(target.entry);
                self.plan.any_starved = true;
            }
        }
    }

    /// Plans the delivery of one queue group.
    fn group(
        &mut self,
        route: &Route,
        group: &RouteGroup,
        asked: Asked,
        has_room: &mut impl FnMut(ClientId) -> bool,
    ) {
        let members = &route.members[group.first..group.first + group.count];
        let choice = choose(members.len(), group.turn, |member| {
            let member = &members[member];
            let has_credit = self.subscriptions.entry(member.entry).credit > 0
                || mutant::is_active(Mutant::IgnoredCredit);
            if self.excluded == Some(member.client) {
                Standing::Excluded
            } else if !has_credit {
                Standing::NoCredit
            } else if has_room(member.client) {
                Standing::Ready
            } else {
                Standing::NoRoom
            }
        });
        match choice {
            Choice::Member(member) => {
                let Asked { slot, build, number } = asked;
                let entry = members[member].entry;
                self.plan.picks.push(Pick { route: slot, build, group: number, member, entry });
                self.deliver(members[member]);
                if mutant::is_active(Mutant::DoubleDelivery) && members.len() > 1 {
                    self.deliver(members[(member + 1) % members.len()]);
                }
            }
            Choice::Starved => self.plan.any_starved = true,
            Choice::Nobody => {}
        }
    }

    /// Adds a target, unless its client wants the message once and gets it already.
    fn deliver(&mut self, target: Target) {
        let Some(entry) = self.subscriptions.get(target.entry) else {
            let client = self.clients.in_slot_mut(target.client.slot);
            client.mark(self.number);
            self.plan.targets.push(target);
            return;
        };
        let first = !entry.once || self.clients.in_slot_mut(target.client.slot).mark(self.number);
        if first {
            self.plan.targets.push(Target { missed: entry.missed, ..target });
        }
    }
}
