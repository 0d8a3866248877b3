//! The checks of this crate find each deliberate fault: a test that cannot fail proves nothing.

use coilgun_core::mutant::{self, Mutant};
use coilgun_core::router::Subscription;

use crate::mesh::Mesh;
use crate::mesh_property::run_mesh_histories;
use crate::property::run_histories;
use crate::stream_mutants;
use crate::world::{World, client, wants};

#[test]
fn every_mutant_is_found_by_the_comparison_with_the_model() {
    // The clients of the histories may do everything; the tests of permissions find these themselves.
    // They exclude nothing and are nobody's secondaries, either. Nothing here is appended to streams.
    let others = [
        Mutant::IgnoredPermission,
        Mutant::IgnoredDeny,
        Mutant::IgnoredExclusion,
        Mutant::Undying,
        Mutant::StalePermits,
    ];
    let others = others.into_iter().chain(stream_mutants::ALL).collect::<Vec<_>>();
    for one in Mutant::ALL.into_iter().filter(|it| !others.contains(it)) {
        let found = mutant::with(one, || run_histories(600, false));
        if found.is_ok() {
            let found = mutant::with(one, || run_mesh_histories(150, false));
            assert!(found.is_err(), "{one:?} went unnoticed: {found:?}");
        }
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

#[test]
fn a_shard_that_picks_queue_groups_of_its_own_is_found_by_one_message() {
    let delivered = || {
        let mut mesh = Mesh::new(2, 2);
        for (number, wanted) in [(0, wants(1, "a")), (1, wants(1, "a")), (1, wants(2, "a"))] {
            let group: &[u8] = if wanted.id.0 == 1 && number == 1 { b"" } else { b"g" };
            let wanted = Subscription { group, ..wanted };
            assert_eq!(mesh.routers[number].subscribe(client(0), wanted), Ok(()));
        }
        // The group's turns go round: one of two messages stays at home.
        (0..2).map(|_| mesh.publish_settled(0, 1, "a").len()).max()
    };
    assert_eq!(delivered(), Some(2));
    assert_eq!(mutant::with(Mutant::RemoteGroupPick, delivered), Some(3));
}
