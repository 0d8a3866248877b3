//! What a peer cannot have.

use coilgun_core::router::{RouterLimits, Subscription};
use coilgun_protocol::model::{ErrorCode, SubscriptionId};

use crate::world::{World, client, wants};

#[test]
fn subscriptions_are_limited_per_client_and_per_shard() {
    let limits = RouterLimits {
        subscriptions_per_client: 3,
        subscriptions_per_shard: 5,
        ..RouterLimits::default()
    };
    let mut world = World::with_limits(2, limits);
    for id in 1..=3 {
        world.subscribe(0, wants(id, "a"));
    }
    let refused = world.router.subscribe(client(0), wants(4, "a"));
    assert_eq!(refused, Err(ErrorCode::TooManySubscriptions));
    for id in 1..=2 {
        world.subscribe(1, wants(id, "a"));
    }
    let refused = world.router.subscribe(client(1), wants(3, "a"));
    assert_eq!(refused, Err(ErrorCode::SubscriptionsExhausted));
    assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(1), 0), Ok(()));
    world.subscribe(1, wants(3, "a"));
    assert_eq!(world.router.counts().subscriptions, 5);
    assert_eq!(world.router.invariants(), Ok(()));
}

#[test]
fn long_filters_and_group_names_are_limited_by_their_memory() {
    let limits = RouterLimits { filter_bytes_per_shard: 40_000, ..RouterLimits::default() };
    let mut world = World::with_limits(1, limits);
    let mut accepted = 0;
    for id in 1..100u64 {
        let filter = vec![format!("t{id}"); 100].join(".");
        let group = [b'g'; 200];
        let wanted = Subscription { group: &group, ..wants(id, &filter) };
        match world.router.subscribe(client(0), wanted) {
            Ok(()) => accepted = id,
            Err(code) => {
                assert_eq!(code, ErrorCode::SubscriptionsExhausted);
                break;
            }
        }
        assert_eq!(world.router.invariants(), Ok(()));
    }
    assert_eq!(accepted, 5, "each takes about 6,600 bytes, the group 264 once");
    assert!(world.router.counts().trie_nodes == 501, "a refusal leaves nothing behind");
    for id in 1..=accepted {
        assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(id), 0), Ok(()));
    }
    assert_eq!(world.router.counts().trie_nodes, 1);
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let mut world = World::new(1);
    world.subscribe(0, wants(1, "a"));
    let before = world.router.counts();
    for (wanted, code) in [
        (wants(0, "a"), ErrorCode::SubscriptionTaken),
        (wants(1, "b"), ErrorCode::SubscriptionTaken),
        (wants(2, "a..b"), ErrorCode::InvalidFilter),
        (wants(2, ""), ErrorCode::InvalidFilter),
        (wants(2, "$NAME.x"), ErrorCode::ReservedSubject),
        (Subscription { group: b"g h", ..wants(2, "a") }, ErrorCode::InvalidQueueGroup),
        (Subscription { group: &[b'g'; 257], ..wants(2, "a") }, ErrorCode::InvalidQueueGroup),
    ] {
        assert_eq!(world.router.subscribe(client(0), wanted), Err(code), "{wanted:?}");
    }
    assert_eq!(world.router.counts(), before);
    assert_eq!(world.router.invariants(), Ok(()));
}

/// Members of a group that is there, and groups of other shards, need no room of their own.
#[test]
fn queue_groups_of_a_shard_are_bounded() {
    let limits = RouterLimits { queue_groups_per_shard: 2, ..RouterLimits::default() };
    let mut world = World::with_limits(1, limits);
    let mut subscribe = |id, group: &'static [u8]| {
        world.router.subscribe(client(0), Subscription { group, ..wants(id, "a") })
    };
    assert_eq!(subscribe(1, b"first"), Ok(()));
    assert_eq!(subscribe(2, b"second"), Ok(()));
    assert_eq!(subscribe(3, b"third"), Err(ErrorCode::SubscriptionsExhausted));
    assert_eq!(subscribe(4, b"first"), Ok(()));
    assert_eq!(subscribe(5, b""), Ok(()));
    assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(2), 0), Ok(()));
    let third = Subscription { group: b"third", ..wants(3, "a") };
    assert_eq!(world.router.subscribe(client(0), third), Ok(()));
    assert_eq!(world.router.invariants(), Ok(()));
}
