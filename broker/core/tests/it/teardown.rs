//! Clients with very many subscriptions leave in slices (law S23).

use coilgun_core::router::{Removal, Subscription};
use coilgun_protocol::model::ErrorCode;

use crate::world::{World, client, wants};

#[test]
fn s23_a_hundred_thousand_subscriptions_die_in_slices() {
    let mut world = World::new(3);
    let nodes = world.router.counts().trie_nodes;
    for id in 1..=100_000u64 {
        let filter = match id % 4 {
            0 => format!("a.{id}"),
            1 => format!("a.{id}.*"),
            2 => format!("b.{}.>", id / 100),
            _ => format!("*.{id}"),
        };
        let group: &[u8] = if id % 5 == 0 { b"g" } else { b"" };
        world.subscribe(0, Subscription { group, ..wants(id, &filter) });
    }
    let more = world.router.subscribe(client(0), wants(100_001, "a"));
    assert_eq!(more, Err(ErrorCode::TooManySubscriptions));
    world.subscribe(1, wants(1, "a.4"));
    assert_eq!(world.router.register_name(client(0), b"big"), Ok(()));
    let all = [(0, 4, 0), (1, 1, 0)];
    assert_eq!(world.plan(2, "a.4"), all);

    let mut slices = 1;
    assert_eq!(world.router.remove_client(client(0), 1000), Removal::More);
    assert_eq!(world.router.counts().subscriptions, 99_001, "a slice is what was asked for");
    assert_eq!(world.plan(2, "a.4"), [(1, 1, 0)], "gone from the first slice on");
    assert_eq!(world.plan(2, "$NAME.big"), []);
    assert_eq!(world.router.register_name(client(1), b"big"), Ok(()), "the name is free");
    // Ends because every slice takes a thousand.
    while world.router.remove_client(client(0), 1000) == Removal::More {
        slices += 1;
        assert_eq!(world.plan(2, &format!("a.{}", slices * 4)).len(), 0);
    }
    assert_eq!(slices, 99, "and the last one says that it is done");
    let counts = world.router.counts();
    assert_eq!((counts.subscriptions, counts.clients), (1, 2));
    assert_eq!(counts.trie_nodes, nodes + 2, "a and a.4 are left");
    assert_eq!(world.router.invariants(), Ok(()));
}

#[test]
fn s23_a_client_with_few_subscriptions_takes_only_its_own_routes_with_it() {
    let mut world = World::new(3);
    world.subscribe(0, wants(1, "a"));
    world.subscribe(0, wants(2, "_INBOX.0.*"));
    world.subscribe(1, wants(1, "b"));
    assert_eq!(world.publish(2, "a"), [(0, 1, 0)]);
    assert_eq!(world.publish(2, "b"), [(1, 1, 0)]);
    let misses = world.router.counts().cache_misses;
    assert_eq!(world.router.remove_client(client(0), 2), Removal::Done);
    assert_eq!(world.publish(2, "b"), [(1, 1, 0)]);
    assert_eq!(world.router.counts().cache_misses, misses);
    assert_eq!(world.publish(2, "a"), []);
    assert_eq!(world.router.counts().clients, 2);
}

#[test]
#[should_panic(expected = "used again after its removal is done")]
fn s23_a_slot_is_used_again_only_after_the_removal() {
    let mut world = World::new(1);
    for id in 1..4 {
        world.subscribe(0, wants(id, "a"));
    }
    assert_eq!(world.router.remove_client(client(0), 1), Removal::More);
    let second = coilgun_protocol::model::ClientId { slot: 0, generation: 1 };
    world.router.add_client(second, coilgun_core::router::ClientAttributes::default());
}
