//! What is remembered, for how long, and what is forgotten when (law S33).

use coilgun_core::router::{RouteHint, RouterLimits};
use coilgun_protocol::model::SubscriptionId;

use crate::world::{World, client, wants};

/// Subjects that are in use all the time.
const HOT: [&str; 4] = ["orders.new", "orders.paid", "prices.eur", "status"];

impl World {
    /// Publishes to every hot subject and returns how many of the routes had to be built.
    fn misses_of_hot(&mut self) -> u64 {
        let before = self.router.counts();
        for subject in HOT {
            assert_eq!(self.publish(0, subject).len(), 1, "{subject}");
        }
        let after = self.router.counts();
        let looked_up = after.cache_hits + after.cache_misses;
        assert_eq!(looked_up - before.cache_hits - before.cache_misses, HOT.len() as u64);
        after.cache_misses - before.cache_misses
    }

    fn with_hot_routes(limits: RouterLimits) -> World {
        let mut world = World::with_limits(3, limits);
        for (id, subject) in (1..).zip(HOT) {
            world.subscribe(0, wants(id, subject));
        }
        assert_eq!(world.misses_of_hot(), 4);
        assert_eq!(world.misses_of_hot(), 0);
        world
    }
}

#[test]
fn s33_a_literal_filter_forgets_its_subject_only() {
    let mut world = World::with_hot_routes(RouterLimits::default());
    world.subscribe(1, wants(1, "prices.usd"));
    assert_eq!(world.router.counts().cache_invalidations, 0, "nobody has used that subject yet");
    assert_eq!(world.misses_of_hot(), 0);
    world.subscribe(1, wants(2, "prices.eur"));
    assert_eq!(world.router.counts().cache_invalidations, 1);
    assert_eq!(world.plan(0, "prices.eur"), [(0, 3, 0), (1, 2, 0)]);
    assert_eq!(world.router.unsubscribe(client(1), SubscriptionId(2), 0), Ok(()));
    assert_eq!(world.misses_of_hot(), 1);
}

#[test]
fn s33_a_wildcard_behind_a_literal_token_hits_its_bucket_only() {
    let mut world = World::with_hot_routes(RouterLimits::default());
    world.subscribe(1, wants(1, "orders.*"));
    assert_eq!(world.plan(0, "orders.new"), [(0, 1, 0), (1, 1, 0)]);
    assert_eq!(world.router.unsubscribe(client(1), SubscriptionId(1), 0), Ok(()));
    assert_eq!(world.misses_of_hot(), 2, "the two that begin with orders");
    world.subscribe(1, wants(1, "*.nothing"));
    assert_eq!(world.misses_of_hot(), 4, "any subject could be meant");
}

#[test]
fn s33_inbox_churn_leaves_hot_routes_alone() {
    let limits = RouterLimits { routes_cached: 64, ..RouterLimits::default() };
    let mut world = World::with_hot_routes(limits);
    for number in 0..1000 {
        let (wildcard, reply) = (format!("_INBOX.{number}.*"), format!("_INBOX.{number}.1"));
        world.subscribe(1, wants(1, &wildcard));
        world.subscribe(2, wants(1, &reply));
        assert_eq!(world.publish(0, &reply), [(1, 1, 0), (2, 1, 0)]);
        for slot in [1, 2] {
            assert_eq!(world.router.unsubscribe(client(slot), SubscriptionId(1), 0), Ok(()));
        }
        if number % 10 == 0 {
            assert_eq!(world.misses_of_hot(), 0, "after {number} inboxes");
        }
    }
    let counts = world.router.counts();
    assert_eq!(counts.cache_misses, 4 + 1000);
    assert!(counts.routes_cached <= 64);
}

#[test]
fn s33_subjects_used_once_displace_each_other_but_no_hot_one() {
    let limits = RouterLimits { routes_cached: 64, ..RouterLimits::default() };
    let mut world = World::with_hot_routes(limits);
    for number in 0..2000 {
        assert_eq!(world.publish(0, &format!("once.{number}")), []);
        if number % 20 == 0 {
            assert_eq!(world.misses_of_hot(), 0, "after {number} others");
        }
    }
    let counts = world.router.counts();
    assert_eq!(counts.routes_cached, 64);
    assert_eq!(counts.cache_evictions, 2000 + 4 - 64);
}

#[test]
fn s33_a_hint_of_somebody_else_is_only_a_hint() {
    let mut world = World::with_hot_routes(RouterLimits::default());
    for _ in 0..2 {
        for (id, subject) in (1..).zip(HOT) {
            for other in HOT {
                let mut hint = RouteHint::default();
                let (router, plan) = (&mut world.router, &mut world.plan);
                assert_eq!(
                    router.plan(client(0), other.as_bytes(), &mut hint, |_| true, plan),
                    Ok(())
                );
                world.hint = hint;
                assert_eq!(world.publish(0, subject), [(0, id, 0)]);
            }
        }
        assert_eq!(world.router.counts().cache_misses, 4);
    }
}

#[test]
fn s33_what_is_remembered_is_bounded() {
    let limits = RouterLimits {
        routes_cached: 8,
        route_targets_cached: 10,
        targets_cached: 25,
        ..RouterLimits::default()
    };
    let mut world = World::with_limits(1, limits);
    for id in 1..=10 {
        world.subscribe(0, wants(id, "a.*"));
    }
    world.subscribe(0, wants(11, "a.big"));
    for number in 0..20 {
        assert_eq!(world.publish(0, &format!("a.{number}")).len(), 10);
        assert_eq!(world.publish(0, &format!("b.{number}")).len(), 0);
        let misses = world.router.counts().cache_misses;
        assert_eq!(world.publish(0, "a.big").len(), 11);
        assert_eq!(world.publish(0, "a.big").len(), 11);
        assert_eq!(world.router.counts().cache_misses, misses + 2, "too large to be remembered");
    }
    assert!(world.router.counts().routes_cached <= 8);
}
