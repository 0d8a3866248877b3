//! What dispatch is told about one message.

use coilgun_protocol::model::{ClientId, ShardId, ShardSet, SubscriptionId};

use super::queue_group::QueueGroup;
use super::route::Route;
use super::route_cache::RouteSlot;
use super::slab::Key;
use super::subscriptions::Entry;

/// One delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Who gets it.
    pub client: ClientId,
    /// For which of its subscriptions; [`SubscriptionId::NAME`]: it is meant by name.
    pub subscription: SubscriptionId,
    /// Messages this subscription missed since its previous delivery for lack of credit.
    pub missed: u32,
    /// The subscription's place; none for a client that is meant by name.
    pub(super) entry: Key<Entry>,
}

/// Who gets one message. A publisher's plan is used again for its next message, so that planning
/// allocates nothing once the list has grown to its working size (law S10).
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) targets: Vec<Target>,
    /// Plain subscriptions that want the message and have no credit.
    pub(super) missed: Vec<Key<Entry>>,
    pub(super) picks: Vec<Pick>,
    /// The other shards that deliver to whom they have outside of queue groups.
    pub(super) elsewhere: Elsewhere,
    /// The queue groups whose member another shard picks.
    pub(super) group_picks: Vec<GroupPick>,
    /// The shard of a pick that has to be waited for.
    pub(super) pressed_pick: Option<ShardId>,
    /// The queue groups of an arrival for which nobody is left here, by their place in it.
    pub(super) bounced: Vec<u16>,
    /// Those of them whose members have no credit, in the same order, which is that of the places.
    pub(super) bounced_starved: Vec<u16>,
    /// The other shards that the message, of which this plan is for one queue group, went to plainly.
    pub(super) went_plainly: ShardSet,
    /// Whether anybody wants the message and has no credit or no room.
    pub(super) any_starved: bool,
    /// What [`Router::commit`](super::Router::commit) has to do.
    pub(super) settlement: Settlement,
    /// Which state of the router it was made from.
    pub(super) revision: u64,
}

/// The other shards that want a message plainly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Elsewhere {
    /// All of them.
    pub(super) shards: ShardSet,
    /// Those that publishers have to wait for.
    pub(super) pressed: ShardSet,
}

impl Elsewhere {
    /// Adds shards, and which of them publishers have to wait for.
    pub(super) fn add(&mut self, shards: ShardSet, pressed: ShardSet) {
        self.shards = self.shards.union(shards);
        self.pressed = self.pressed.union(pressed);
    }
}

/// A queue group one of whose members on another shard gets a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupPick {
    /// The shard that picks the member.
    pub shard: ShardId,
    /// Which group.
    pub(super) group: Key<QueueGroup>,
}

/// What a queue group picked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    /// The route it was picked from.
    pub(super) route: RouteSlot,
    /// Which build of the route that was.
    pub(super) build: u64,
    /// Which of the route's groups.
    pub(super) group: usize,
    /// The same as a queue group.
    pub(super) key: Key<QueueGroup>,
    /// Which of its members on this shard, and its subscription; none: another shard has it.
    pub(super) member: Option<(usize, Key<Entry>)>,
    /// Whether this shard picked among several, so that the turn among shards moves on.
    pub(super) among_shards: bool,
}

/// What a plan changes when it is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Settlement {
    /// Nothing.
    #[default]
    Nothing,
    /// Deliveries are counted.
    Deliveries,
    /// Deliveries are counted, credit is taken, turns move on, subscriptions may end. Only such a plan
    /// says more than its targets and who has more of the same.
    Everything,
}

impl Plan {
    /// The deliveries, in the order in which they are to be made.
    #[inline]
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Takes out the targets that shall not get the message although they want it: nothing is
    /// counted for them, and no credit taken. Says how many those were.
    pub fn shed(&mut self, mut keep: impl FnMut(&Target) -> bool) -> usize {
        let before = self.targets.len();
        self.targets.retain(|target| keep(target));
        let shed = before - self.targets.len();
        self.any_starved |= shed > 0;
        shed
    }

    /// How many plain subscriptions miss the message because they have no credit.
    #[inline]
    #[must_use]
    pub fn missed_count(&self) -> usize {
        self.missed.len()
    }

    /// Whether nobody gets the message, on no shard, but somebody would, had it credit or room. What
    /// [bounces](Plan::bounced) says so for itself.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.any_starved && self.targets.is_empty() && self.shards().is_empty()
    }

    /// Whether somebody on this shard would get the message, had it credit or room, whoever else gets
    /// it: other shards may turn out to have nobody.
    #[must_use]
    pub fn has_starved(&self) -> bool {
        self.any_starved
    }

    /// The other shards that deliver to whom they have outside of queue groups, and to the clients
    /// that are meant by name.
    #[inline]
    #[must_use]
    pub fn plain_shards(&self) -> ShardSet {
        self.elsewhere.shards
    }

    /// The queue groups that other shards pick a member of; each group once at most (law S14).
    #[inline]
    #[must_use]
    pub fn group_picks(&self) -> &[GroupPick] {
        &self.group_picks
    }

    /// All other shards that have to hear of the message.
    #[inline]
    #[must_use]
    pub fn shards(&self) -> ShardSet {
        let mut all = self.elsewhere.shards;
        for pick in &self.group_picks {
            all.insert(pick.shard);
        }
        all
    }

    /// A shard among [`Plan::shards`] that the publisher has to wait for (law S19), because one of
    /// its clients does not read fast enough; none: it need not wait for any.
    #[inline]
    #[must_use]
    pub fn pressed(&self) -> Option<ShardId> {
        self.elsewhere.pressed.iter().next().or(self.pressed_pick)
    }

    /// The queue groups of an arrival for which no member is left here that has credit, by their
    /// place among the names: they go back to the home shard (law S15).
    #[must_use]
    pub fn bounced(&self) -> &[u16] {
        &self.bounced
    }

    /// Whether the queue group at this place, which bounces, has members here that lack credit only.
    #[must_use]
    pub fn is_bounced_starved(&self, place: u16) -> bool {
        self.bounced_starved.binary_search(&place).is_ok()
    }

    /// After [`Router::plan_bounced`](super::Router::plan_bounced): whether the shard is among those
    /// that get the message plainly, by what is known now. So a shard that the message goes on to can
    /// be told ([`Arrival::plain_went`](super::Arrival::plain_went)).
    #[must_use]
    pub fn went_plainly(&self, shard: ShardId) -> bool {
        self.went_plainly.contains(shard)
    }

    /// Becomes what a prepared route says, after it was emptied.
    #[inline]
    pub(super) fn take_prepared(&mut self, route: &Route) {
        self.elsewhere = route.elsewhere;
        self.targets.extend_from_slice(&route.plain);
        self.settlement = Settlement::Deliveries;
    }

    #[inline]
    pub(super) fn clear(&mut self, revision: u64) {
        self.targets.clear();
        self.elsewhere = Elsewhere::default();
        self.any_starved = false;
        if self.settlement == Settlement::Everything {
            self.clear_rest();
        }
        self.settlement = Settlement::Nothing;
        self.revision = revision;
    }

    /// Empties what only plans have that settle everything.
    fn clear_rest(&mut self) {
        self.missed.clear();
        self.picks.clear();
        self.group_picks.clear();
        self.pressed_pick = None;
        self.bounced.clear();
        self.bounced_starved.clear();
        self.went_plainly = ShardSet::EMPTY;
    }
}

/// Where a publisher's previous message found its route: a cache of one entry, good for publishers
/// that repeat themselves. It may be wrong; it is only a place to look first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouteHint {
    pub(super) slot: RouteSlot,
    /// The build of the route for which the publisher's permission was looked up; 0: none.
    pub(super) build: u64,
    /// What it may do there, by [`Usage::bit`](crate::security::Usage::bit).
    pub(super) permitted: u8,
}

/// A queue group among the members that a route found for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RouteGroup {
    /// Which group.
    pub(super) group: Key<QueueGroup>,
    /// Its first member in the route's list of members.
    pub(super) first: usize,
    /// How many members this shard has; 0 if only others have any.
    pub(super) count: usize,
    /// Which of them is asked first; below `count`, or 0.
    pub(super) turn: usize,
    /// Its first share in the route's list of shares.
    pub(super) first_share: usize,
    /// How many other shards have members.
    pub(super) share_count: usize,
    /// How many members all shards have together; at least 1.
    pub(super) weight: u64,
    /// Whose turn it is among them, below `weight`: those of this shard come first.
    pub(super) shard_turn: u64,
    /// Where in the list of groups the one stands that would be here, were they in the order of their
    /// keys. Of use to [`Route::place_of`](super::route::Route::place_of) only.
    pub(super) in_order: u32,
}

impl RouteGroup {
    /// A group that has nobody yet.
    pub(super) fn of(group: Key<QueueGroup>) -> RouteGroup {
        RouteGroup {
            group,
            first: 0,
            count: 0,
            turn: 0,
            first_share: 0,
            share_count: 0,
            weight: 0,
            shard_turn: 0,
            in_order: 0,
        }
    }
}
