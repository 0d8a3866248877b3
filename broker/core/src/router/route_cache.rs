//! The routes a shard remembers (law S33).
//!
//! ```text
//!   table   (namespace, subject) -> slot
//!   routes  [ route | route | empty | route | ... ]      as many as the limit says, never more
//!   used    [   1   |   0   |   0   |   1   | ... ]      found again since the hand came by
//!                       ^ hand
//! ```
//!
//! When a route is needed and no slot is empty, the hand goes round (the CLOCK algorithm of Corbató):
//! a route that was found again since is spared once, the first that was not is forgotten. A new
//! route begins as one that was not found again: the subject of a single reply never displaces a
//! subject in daily use.

use ahash::RandomState;
use coilgun_protocol::model::NamespaceId;
use hashbrown::HashTable;

use super::epochs::{Epochs, NEVER};
use super::limits::RouterLimits;
use super::route::Route;

/// The slot of a route, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RouteSlot(u32);

impl RouteSlot {
    /// No slot.
    pub(super) const NONE: RouteSlot = RouteSlot(u32::MAX);

    #[inline]
    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Default for RouteSlot {
    fn default() -> Self {
        RouteSlot::NONE
    }
}

/// How often what happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct CacheCounts {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) evictions: u64,
    pub(super) invalidations: u64,
}

/// The routes of recent subjects, and what makes them worthless.
#[derive(Debug)]
pub(super) struct RouteCache {
    pub(super) epochs: Epochs,
    pub(super) counts: CacheCounts,
    routes: Vec<Route>,
    used: Vec<bool>,
    empty: Vec<RouteSlot>,
    table: HashTable<RouteSlot>,
    hasher: RandomState,
    hand: usize,
    target_count: usize,
    routes_max: usize,
    route_targets_max: usize,
    targets_max: usize,
}

impl RouteCache {
    /// No routes, the bounds, and the keys of the table.
    pub(super) fn new(hasher: RandomState, limits: &RouterLimits) -> RouteCache {
        let routes_max = limits.routes_cached.clamp(1, (u32::MAX - 1) as usize);
        RouteCache {
            epochs: Epochs::new(),
            counts: CacheCounts::default(),
            routes: Vec::with_capacity(routes_max),
            used: Vec::with_capacity(routes_max),
            empty: Vec::with_capacity(routes_max),
            // Twice the room: a table that is at most half full clears out what was removed in
            // place, where a fuller one would allocate a larger one.
            table: HashTable::with_capacity(2 * routes_max + 2),
            hasher,
            hand: 0,
            target_count: 0,
            routes_max,
            route_targets_max: limits.route_targets_cached.min(limits.targets_cached),
            targets_max: limits.targets_cached,
        }
    }

    /// Whether the slot holds a current route of this subject.
    #[inline]
    pub(super) fn is_current(&self, at: RouteSlot, namespace: NamespaceId, subject: &[u8]) -> bool {
        match self.routes.get(at.index()) {
            Some(route) => {
                route.is_of(namespace, subject)
                    && route.stamp == self.epochs.stamp(namespace, route.bucket)
            }
            None => false,
        }
    }

    /// The route in the slot, if it is a current one of this subject; notes that it was found again.
    #[inline]
    pub(super) fn hit(
        &mut self,
        at: RouteSlot,
        namespace: NamespaceId,
        subject: &[u8],
    ) -> Option<&Route> {
        if !self.is_current(at, namespace, subject) {
            return None;
        }
        self.counts.hits += 1;
        self.used[at.index()] = true;
        Some(&self.routes[at.index()])
    }

    /// The slot of this subject's route, which may not be current.
    pub(super) fn find(&self, namespace: NamespaceId, subject: &[u8]) -> Option<RouteSlot> {
        let is_it = |at: &RouteSlot| self.routes[at.index()].is_of(namespace, subject);
        self.table.find(hash(&self.hasher, namespace, subject), is_it).copied()
    }

    /// The route in this slot.
    #[inline]
    pub(super) fn route(&self, at: RouteSlot) -> &Route {
        &self.routes[at.index()]
    }

    /// The route in this slot, if there is one.
    pub(super) fn route_mut(&mut self, at: RouteSlot) -> Option<&mut Route> {
        self.routes.get_mut(at.index()).filter(|route| route.stamp != NEVER)
    }

    /// The route in this slot, if that build of it is still there.
    pub(super) fn route_of_build(&mut self, at: RouteSlot, build: u64) -> Option<&mut Route> {
        self.routes.get_mut(at.index()).filter(|route| route.build == build)
    }

    /// Remembers a route, in place of an older one of the same subject. Returns where it is, or
    /// nothing if it has too many targets to be remembered.
    pub(super) fn store(&mut self, route: &Route) -> Option<RouteSlot> {
        let old = self.find(route.namespace, &route.subject);
        let count = route.target_count();
        if count > self.route_targets_max {
            if let Some(at) = old {
                self.forget(at);
            }
            return None;
        }
        let at = match old {
            Some(at) => at,
            None => self.enter(route),
        };
        self.target_count -= self.routes[at.index()].target_count();
        // Ends because every round forgets a route, and without any other there is room.
        while self.target_count + count > self.targets_max {
            self.evict(Some(at));
        }
        self.target_count += count;
        self.routes[at.index()].copy_from(route);
        Some(at)
    }

    /// Forgets the route of this subject.
    pub(super) fn invalidate(&mut self, namespace: NamespaceId, subject: &[u8]) {
        if let Some(at) = self.find(namespace, subject) {
            self.forget(at);
            self.counts.invalidations += 1;
        }
    }

    /// Forgets every route.
    pub(super) fn forget_all(&mut self) {
        let all: Vec<_> = self.slots().collect();
        self.counts.invalidations += all.len() as u64;
        all.into_iter().for_each(|at| self.forget(at));
    }

    /// How many routes are remembered, current or not.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many targets they hold.
    pub(super) fn target_count(&self) -> usize {
        self.target_count
    }

    /// All slots that hold a route.
    pub(super) fn slots(&self) -> impl Iterator<Item = RouteSlot> {
        self.table.iter().copied()
    }

    /// Gives the subject of a route a slot, whose route has no targets yet.
    fn enter(&mut self, route: &Route) -> RouteSlot {
        if self.empty.is_empty() && self.routes.len() == self.routes_max {
            self.evict(None);
        }
        let at = match self.empty.pop() {
            Some(at) => at,
            None => {
                self.routes.push(Route::new());
                self.used.push(false);
                RouteSlot((self.routes.len() - 1) as u32)
            }
        };
        let entered = &mut self.routes[at.index()];
        entered.stamp = route.stamp;
        entered.namespace = route.namespace;
        entered.subject.clone_from(&route.subject);
        self.used[at.index()] = false;
        let RouteCache { routes, table, hasher, .. } = self;
        let hash = hash(hasher, route.namespace, &route.subject);
        table.insert_unique(hash, at, |other| rehash(hasher, routes, *other));
        at
    }

    /// Forgets the first route, from the hand on, that was not found again since the hand came by;
    /// never the one in `spared`.
    fn evict(&mut self, spared: Option<RouteSlot>) {
        // Two rounds suffice: the first takes every mark away.
        for _ in 0..2 * self.routes.len() + 1 {
            let at = RouteSlot(self.hand as u32);
            self.hand = (self.hand + 1) % self.routes.len();
            if self.routes[at.index()].subject.is_empty() || spared == Some(at) {
                continue;
            }
            if core::mem::take(&mut self.used[at.index()]) {
                continue;
            }
            self.forget(at);
            self.counts.evictions += 1;
            return;
        }
        unreachable!("there is a route that can be forgotten");
    }

    fn forget(&mut self, at: RouteSlot) {
        let hash = rehash(&self.hasher, &self.routes, at);
        let found = self.table.find_entry(hash, |other| *other == at);
        found.expect("a route is found under its subject").remove();
        let route = &mut self.routes[at.index()];
        self.target_count -= route.target_count();
        route.clear();
        self.used[at.index()] = false;
        self.empty.push(at);
    }
}

fn hash(hasher: &RandomState, namespace: NamespaceId, subject: &[u8]) -> u64 {
    hasher.hash_one((namespace.0, subject))
}

fn rehash(hasher: &RandomState, routes: &[Route], at: RouteSlot) -> u64 {
    let route = &routes[at.index()];
    hash(hasher, route.namespace, &route.subject)
}
