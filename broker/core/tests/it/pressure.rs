//! Clients with very many subscriptions that publishers of other shards wait for (laws S19, S23).

use coilgun_core::router::{Plan, Removal, RouteHint, Subscription};
use coilgun_protocol::model::{ClientId, NamespaceId, SubscriptionId};

use crate::mesh::{Mesh, shard};
use crate::world::{client, wants};

/// Two shards; the client of the second has so many subscriptions, and publishers wait for all.
fn pressed_mesh(count: u64) -> Mesh {
    let mut mesh = Mesh::new(2, 2);
    for id in 1..=count {
        let group: &[u8] = if id % 3 == 0 { b"g" } else { b"" };
        let filter = format!("a.{id}");
        let wanted = Subscription { group, ..wants(id, &filter) };
        assert_eq!(mesh.routers[1].subscribe(client(0), wanted), Ok(()));
    }
    press(&mut mesh, 1, count);
    mesh
}

/// Lets publishers wait for the subscriptions of these numbers.
fn press(mesh: &mut Mesh, first: u64, last: u64) {
    let (hint, plan) = (&mut RouteHint::default(), &mut Plan::default());
    for id in first..=last {
        let subject = format!("a.{id}");
        let planned = mesh.routers[1].plan(client(1), subject.as_bytes(), hint, |_| true, plan);
        assert_eq!((planned, plan.targets().len()), (Ok(()), 1));
        mesh.routers[1].press(&plan.targets()[0]);
    }
    tell(mesh);
}

/// Lets the other shard hear everything. Returns of how many filters it heard.
fn tell(mesh: &mut Mesh) -> usize {
    let mut count = 0;
    // Ends because nothing else is announced meanwhile.
    while mesh.announce(1) {
        assert!(mesh.carry(1, 0));
        count += 1;
    }
    count
}

/// For how many of the subscriptions up to this number publishers of the first shard wait.
fn pressed_count(mesh: &mut Mesh, last: u64) -> usize {
    let Mesh { routers, plan, .. } = mesh;
    let mut count = 0;
    for id in 1..=last {
        let (hint, subject) = (&mut RouteHint::default(), format!("a.{id}"));
        let planned = routers[0].plan(client(1), subject.as_bytes(), hint, |_| true, plan);
        assert_eq!(planned, Ok(()));
        count += usize::from(plan.pressed() == Some(shard(1)));
    }
    count
}

#[test]
fn s23_pressure_of_very_many_subscriptions_is_taken_back_in_slices() {
    let mut mesh = pressed_mesh(500);
    assert_eq!(pressed_count(&mut mesh, 500), 500);
    mesh.routers[1].unpress(client(0));
    let at_once = tell(&mut mesh);
    assert!((1..=64).contains(&at_once), "{at_once} at once");
    let mut left = 500 - at_once;
    assert_eq!(pressed_count(&mut mesh, 500), left);
    assert_eq!(mesh.routers[1].invariants(), Ok(()));
    // Ends because every slice takes some.
    while left > 0 {
        assert_eq!(mesh.routers[1].unpress_more(100), 100.min(left + 1));
        left -= tell(&mut mesh);
        assert_eq!(pressed_count(&mut mesh, 500), left);
        assert_eq!(mesh.routers[1].invariants(), Ok(()));
    }
    assert_eq!(mesh.routers[1].unpress_more(100), 0);
}

#[test]
fn s19_who_is_full_again_while_its_pressure_is_taken_back_stays_waited_for() {
    let mut mesh = pressed_mesh(200);
    mesh.routers[1].unpress(client(0));
    press(&mut mesh, 1, 100);
    mesh.routers[1].unpress_more(1_000);
    tell(&mut mesh);
    assert_eq!(pressed_count(&mut mesh, 200), 100);
    assert_eq!(pressed_count(&mut mesh, 100), 100);
    assert_eq!(mesh.routers[1].invariants(), Ok(()));
    mesh.routers[1].unpress(client(0));
    mesh.routers[1].unpress(client(0));
    assert_eq!(
        mesh.routers[1].unpress_more(1_000),
        100 - 2 * 32 + 1,
        "it stands in the queue once"
    );
    tell(&mut mesh);
    assert_eq!(pressed_count(&mut mesh, 200), 0);
}

#[test]
fn s23_subscriptions_that_end_take_their_pressure_with_them_in_any_order() {
    let count = 50_000;
    let mut mesh = pressed_mesh(count);
    mesh.routers[1].unpress(client(0));
    for number in 0..count - 100 {
        let id = SubscriptionId(1 + number * 7_919 % count);
        assert_eq!(mesh.routers[1].unsubscribe(client(0), id, 0), Ok(()));
    }
    tell(&mut mesh);
    assert_eq!(mesh.routers[1].invariants(), Ok(()));
    assert!(mesh.routers[1].unpress_more(1_000) <= 101);
    tell(&mut mesh);
    assert_eq!(pressed_count(&mut mesh, count), 0);
}

#[test]
fn s23_who_leaves_takes_the_rest_of_its_pressure_along() {
    let mut mesh = pressed_mesh(300);
    mesh.routers[1].unpress(client(0));
    assert_eq!(mesh.routers[1].remove_client(client(0), 50), Removal::More);
    assert_eq!(mesh.routers[1].invariants(), Ok(()));
    assert_eq!(mesh.routers[1].unpress_more(20), 20);
    // Ends because every slice takes some.
    while mesh.routers[1].remove_client(client(0), 50) == Removal::More {
        assert_eq!(mesh.routers[1].invariants(), Ok(()));
    }
    let second = ClientId { slot: 0, generation: 1 };
    mesh.routers[1].add_client(second, coilgun_core::router::ClientAttributes::default());
    assert_eq!(mesh.routers[1].invariants(), Ok(()));
    assert_eq!(mesh.routers[1].unpress_more(20), 1, "nobody is left");
    assert_eq!(mesh.routers[1].unpress_more(20), 0);
    tell(&mut mesh);
    let counts = mesh.routers[0].counts();
    assert_eq!((counts.remote_interest, counts.records), (0, 0));
    let hint = &mut RouteHint::default();
    mesh.publish(0, client(1), NamespaceId::DEFAULT, "a.1", hint);
    mesh.settle();
    assert_eq!(mesh.taken(), []);
}
