//! The checks of this crate find each deliberate fault: a test that cannot fail proves nothing.

use coilgun_core::mutant::{self, Mutant};
use coilgun_core::router::Subscription;

use crate::property::run_histories;
use crate::world::{World, wants};

#[test]
fn every_mutant_is_found_by_the_comparison_with_the_model() {
    for one in Mutant::ALL {
        let found = mutant::with(one, || run_histories(600, false));
        assert!(found.is_err(), "{one:?} went unnoticed: {found:?}");
    }
}

#[test]
fn double_delivery_is_found_by_one_message() {
    let delivered = || {
        let mut world = World::new(2);
        for slot in [0, 1] {
            world.subscribe(slot, Subscription { group: b"g", ..wants(1, "a") });
        }
        world.plan(0, "a").len()
    };
    assert_eq!(delivered(), 1);
    assert_eq!(mutant::with(Mutant::DoubleDelivery, delivered), 2);
}

#[test]
fn a_stale_route_is_found_by_one_message() {
    let delivered = || {
        let mut world = World::new(1);
        assert_eq!(world.plan(0, "a"), []);
        world.subscribe(0, wants(1, "a"));
        world.plan(0, "a").len()
    };
    assert_eq!(delivered(), 1);
    assert_eq!(mutant::with(Mutant::StaleRoute, delivered), 0);
}

#[test]
fn a_mutant_ends_with_its_test() {
    let crashed = std::panic::catch_unwind(|| {
        mutant::with(Mutant::StuckTurn, || panic!("as some tests do"));
    });
    assert!(crashed.is_err());
    let mut world = World::new(2);
    for slot in [0, 1] {
        world.subscribe(slot, Subscription { group: b"g", ..wants(1, "a") });
    }
    assert_eq!(world.publish(0, "a"), [(0, 1, 0)]);
    assert_eq!(world.publish(0, "a"), [(1, 1, 0)]);
}
