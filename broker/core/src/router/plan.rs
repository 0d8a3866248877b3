//! What dispatch is told about one message.

use coilgun_protocol::model::{ClientId, SubscriptionId};

use super::queue_group::QueueGroup;
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
    /// Whether anybody wants the message and has no credit or no room.
    pub(super) any_starved: bool,
    /// What [`Router::commit`](super::Router::commit) has to do.
    pub(super) settlement: Settlement,
    /// Which state of the router it was made from.
    pub(super) revision: u64,
}

/// The member a queue group picked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    /// The route it was picked from.
    pub(super) route: RouteSlot,
    /// Which build of the route that was.
    pub(super) build: u64,
    /// Which of the route's groups.
    pub(super) group: usize,
    /// Which of its members.
    pub(super) member: usize,
    /// The same as a subscription.
    pub(super) entry: Key<Entry>,
}

/// What a plan changes when it is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Settlement {
    /// Nothing.
    #[default]
    Nothing,
    /// Deliveries are counted.
    Deliveries,
    /// Deliveries are counted, credit is taken, turns move on, subscriptions may end.
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

    /// Whether nobody gets the message, but somebody would, had it credit or room.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.any_starved && self.targets.is_empty()
    }

    #[inline]
    pub(super) fn clear(&mut self, revision: u64) {
        self.targets.clear();
        self.missed.clear();
        self.picks.clear();
        self.any_starved = false;
        self.settlement = Settlement::Nothing;
        self.revision = revision;
    }
}

/// Where a publisher's previous message found its route: a cache of one entry, good for publishers
/// that repeat themselves. It may be wrong; it is only a place to look first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouteHint {
    pub(super) slot: RouteSlot,
}

/// A queue group among the members that a route found for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RouteGroup {
    /// Which group.
    pub(super) group: Key<QueueGroup>,
    /// Its first member in the route's list of members.
    pub(super) first: usize,
    /// How many members there are; at least 1.
    pub(super) count: usize,
    /// Which member is asked first, below `count`.
    pub(super) turn: usize,
}
