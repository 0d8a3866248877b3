//! Looking at the targets of a route one by one.

use coilgun_protocol::model::{ClientId, NamespaceId, ShardId, ShardSet};

use super::arrival::GroupNames;
use super::client::Clients;
use super::plan::{GroupPick, Pick, Plan, Target};
use super::queue_group::{Choice, QueueGroups, Standing, choose};
use super::route::Route;
use super::route_cache::RouteSlot;
use super::shares::{Picked, choose_shard};
use super::subscriptions::Subscriptions;
use crate::mutant::{self, Mutant};

/// What a plan is made with.
pub(super) struct Planner<'a> {
    pub(super) subscriptions: &'a Subscriptions,
    pub(super) clients: &'a mut Clients,
    pub(super) groups: &'a QueueGroups,
    /// Where the route is remembered, if it is.
    pub(super) slot: RouteSlot,
    pub(super) route: &'a Route,
    /// The publisher, if it does not want to hear itself.
    pub(super) excluded: Option<ClientId>,
    /// The number of this plan, which marks clients that want the message once.
    pub(super) number: u64,
    /// Passes over members whose client wants the message once and is marked as having it.
    pub(super) passes_over_marked: bool,
    pub(super) plan: &'a mut Plan,
}

impl Planner<'_> {
    /// Plans the deliveries of this shard outside of queue groups.
    pub(super) fn plain(&mut self) {
        self.plain_of(None);
    }

    /// The same, if a name is given only to its client and the secondaries of that.
    pub(super) fn plain_of(&mut self, receiver: Option<&[u8]>) {
        for target in &self.route.plain {
            if self.excluded == Some(target.client) {
                continue;
            }
            let slot = target.client.slot;
            if receiver.is_some_and(|name| !self.clients.in_slot(slot).belongs_to(name)) {
                continue;
            }
            if self.has_credit(target) {
                self.deliver(*target);
            } else {
                self.plan.missed.push(target.entry);
                self.plan.any_starved = true;
            }
        }
    }

    /// Marks the clients that have the message outside of queue groups, as far as they want it once.
    pub(super) fn mark_plain(&mut self) {
        for target in &self.route.plain {
            if self.excluded != Some(target.client) && self.had_credit(target) {
                self.is_first(target);
            }
        }
    }

    /// Plans the delivery of one of the route's queue groups, on whatever shard, but for those that
    /// were tried, of which this one, `own`, may be one.
    pub(super) fn group(
        &mut self,
        place: usize,
        own: ShardId,
        tried: ShardSet,
        has_room: &mut impl FnMut(ClientId) -> bool,
    ) {
        let group = &self.route.groups[place];
        let shares = self.route.shares_of(group);
        let picked = choose_shard(group.count, shares, group.shard_turn, tried, || {
            if tried.contains(own) { Choice::Nobody } else { self.choose(place, has_room) }
        });
        match picked {
            Picked::Member(member) => self.deliver_to(place, member, true),
            Picked::Share(share) => {
                self.pick(place, None, true);
                let (shard, group) = (share.shard, group.group);
                self.plan.group_picks.push(GroupPick { shard, group });
                if share.is_pressed {
                    self.plan.pressed_pick = Some(shard);
                }
            }
            Picked::Starved => self.plan.any_starved = true,
            Picked::Nobody => {}
        }
    }

    /// Plans the delivery of one of the route's queue groups to a member of this shard, which was
    /// picked by another. Says what was found.
    pub(super) fn arrived(
        &mut self,
        place: usize,
        has_room: &mut impl FnMut(ClientId) -> bool,
    ) -> Choice {
        let choice = self.choose(place, has_room);
        if let Choice::Member(member) | Choice::Full(member) = choice {
            self.deliver_to(place, member, false);
        }
        choice
    }

    /// The place of a queue group in the route, if it matches.
    pub(super) fn place_of(&self, namespace: NamespaceId, name: &[u8]) -> Option<usize> {
        let key = self.groups.find(namespace, name)?;
        self.route.place_of(key)
    }

    /// What a shard must not do, for the mutant of this name: plans a delivery of every queue group
    /// that matches and was not named.
    pub(super) fn arrived_everywhere(
        &mut self,
        named: &GroupNames<'_>,
        has_room: &mut impl FnMut(ClientId) -> bool,
    ) {
        for place in 0..self.route.groups.len() {
            let name = self.groups.name(self.route.groups[place].group);
            if !named.clone().any(|other| other == name) {
                self.arrived(place, has_room);
            }
        }
    }

    /// Looks for the member of this shard.
    fn choose(&self, place: usize, has_room: &mut impl FnMut(ClientId) -> bool) -> Choice {
        let group = &self.route.groups[place];
        let members = self.route.members_of(group);
        choose(members.len(), group.turn, |member| {
            let member = &members[member];
            if self.excluded == Some(member.client) || self.is_passed_over(member) {
                Standing::Excluded
            } else if !self.has_credit(member) && !mutant::is_active(Mutant::IgnoredCredit) {
                Standing::NoCredit
            } else if has_room(member.client) {
                Standing::Ready
            } else {
                Standing::NoRoom
            }
        })
    }

    fn is_passed_over(&self, member: &Target) -> bool {
        self.passes_over_marked
            && self.subscriptions.get(member.entry).is_some_and(|entry| entry.once)
            && self.clients.in_slot(member.client.slot).planned == self.number
    }

    fn deliver_to(&mut self, place: usize, member: usize, is_home: bool) {
        let members = self.route.members_of(&self.route.groups[place]);
        self.pick(place, Some(member), is_home);
        self.deliver(members[member]);
        if mutant::is_active(Mutant::DoubleDelivery) && members.len() > 1 {
            self.deliver(members[(member + 1) % members.len()]);
        }
    }

    /// Notes whose turn it will no longer be. `is_home`: it was picked here, not by another shard.
    fn pick(&mut self, place: usize, member: Option<usize>, is_home: bool) {
        let group = &self.route.groups[place];
        let members = self.route.members_of(group);
        self.plan.picks.push(Pick {
            route: self.slot,
            build: self.route.build,
            group: place,
            key: group.group,
            member: member.map(|member| (member, members[member].entry)),
            among_shards: is_home && group.share_count > 0,
        });
    }

    /// Adds a target, unless its client wants the message once and gets it already.
    fn deliver(&mut self, target: Target) {
        if self.is_first(&target) {
            let missed = self.subscriptions.get(target.entry).map_or(0, |entry| entry.missed);
            self.plan.targets.push(Target { missed, ..target });
        }
    }

    /// Whether the target's client may have the message for it; it is marked if that matters.
    fn is_first(&mut self, target: &Target) -> bool {
        let slot = target.client.slot;
        match self.subscriptions.get(target.entry) {
            Some(entry) => !entry.once || self.clients.in_slot_mut(slot).mark(self.number),
            // Meant by name, which comes first.
            None => {
                self.clients.in_slot_mut(slot).mark(self.number);
                true
            }
        }
    }

    /// Whether the target had credit for the message when that came by before: it may have taken the
    /// last of it. What a subscription missed says that it had none.
    fn had_credit(&self, target: &Target) -> bool {
        let entry = self.subscriptions.get(target.entry);
        entry.is_none_or(|entry| entry.credit > 0 || entry.missed == 0)
    }

    fn has_credit(&self, target: &Target) -> bool {
        self.subscriptions.get(target.entry).is_none_or(|entry| entry.credit > 0)
    }
}
