//! Who gets a message outside of queue groups, by example.

use coilgun_core::router::{ClientAttributes, Removal, Subscription};
use coilgun_protocol::model::{ErrorCode, NamespaceId, OpenFlags, SubscriptionId, Visibility};

use crate::world::{World, client, wants};

#[test]
fn each_matching_subscription_gets_it_in_the_order_they_came() {
    let mut world = World::new(3);
    world.subscribe(2, wants(7, "a.>"));
    world.subscribe(0, wants(1, "a.b"));
    world.subscribe(0, wants(2, "a.*"));
    world.subscribe(1, wants(1, "b.*"));
    world.subscribe(1, wants(2, "*.b"));
    assert_eq!(world.publish(1, "a.b"), [(2, 7, 0), (0, 1, 0), (0, 2, 0), (1, 2, 0)]);
    assert_eq!(world.publish(1, "a.c"), [(2, 7, 0), (0, 2, 0)]);
    assert_eq!(world.publish(1, "c"), []);
    assert!(!world.plan.is_starved());
}

#[test]
fn namespaces_never_meet() {
    let mut world = World::new(1);
    world.add(1, 5, OpenFlags::default());
    world.subscribe(0, wants(1, ">"));
    world.subscribe(1, wants(1, "a"));
    world.subscribe(1, Subscription { group: b"g", ..wants(2, "a") });
    world.subscribe(0, Subscription { group: b"g", ..wants(2, "a") });
    for _ in 0..3 {
        assert_eq!(world.publish(0, "a"), [(0, 1, 0), (0, 2, 0)]);
        assert_eq!(world.publish(1, "a"), [(1, 1, 0), (1, 2, 0)]);
    }
}

#[test]
fn nobody_hears_itself_who_does_not_want_to() {
    let mut world = World::new(1);
    world.add(1, 0, OpenFlags::NO_ECHO);
    for slot in [0, 1] {
        world.subscribe(slot, wants(1, "a"));
        world.subscribe(slot, Subscription { group: b"g", ..wants(2, "a") });
    }
    for _ in 0..4 {
        assert_eq!(world.publish(1, "a"), [(0, 1, 0), (0, 2, 0)], "the group picks another member");
    }
    assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(2), 0), Ok(()));
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)], "or nobody");
    assert_eq!(world.publish(0, "a"), [(0, 1, 0), (1, 1, 0), (1, 2, 0)]);
}

#[test]
fn who_wants_a_message_once_gets_it_for_the_oldest_subscription() {
    let mut world = World::new(1);
    world.add(1, 0, OpenFlags::ONCE_PER_MESSAGE);
    for (id, filter) in [(3, "a.>"), (1, "a.b"), (2, "*.b")] {
        world.subscribe(0, wants(id, filter));
        world.subscribe(1, wants(id, filter));
    }
    let all = [(0, 3, 0), (1, 3, 0), (0, 1, 0), (0, 2, 0)];
    assert_eq!(world.publish(0, "a.b"), all, "with a route that is copied");
    world.subscribe(0, Subscription { credit: 1, ..wants(9, "a.b") });
    let more = [all.as_slice(), &[(0, 9, 0)]].concat();
    assert_eq!(world.publish(0, "a.b"), more, "with targets that are looked at one by one");
    assert_eq!(world.publish(0, "a.b"), all);
}

#[test]
fn credit_runs_out_and_what_was_missed_is_told() {
    let mut world = World::new(2);
    world.subscribe(0, Subscription { credit: 2, ..wants(1, "a") });
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    assert_eq!(world.plan(1, "a"), [(0, 1, 0)], "a plan that is dropped takes no credit");
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    for _ in 0..3 {
        assert_eq!(world.publish(1, "a"), []);
        assert!(world.plan.is_starved());
    }
    assert_eq!(world.plan(1, "a"), [], "a plan that is dropped misses nothing");
    assert_eq!(world.router.add_credit(client(0), SubscriptionId(1), 2), Ok(()));
    assert_eq!(world.plan(1, "a"), [(0, 1, 3)]);
    assert_eq!(world.publish(1, "a"), [(0, 1, 3)]);
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    world.subscribe(0, wants(2, "a"));
    assert_eq!(world.publish(1, "a"), [(0, 2, 0)]);
    assert!(!world.plan.is_starved(), "somebody got it");
    let unknown = world.router.add_credit(client(0), SubscriptionId(3), 2);
    assert_eq!(unknown, Err(ErrorCode::UnknownSubscription));
}

#[test]
fn credit_that_reaches_the_top_has_no_limit_any_more() {
    let mut world = World::new(2);
    world.subscribe(0, Subscription { credit: 0, ..wants(1, "a") });
    assert_eq!(world.publish(1, "a"), []);
    assert_eq!(world.router.add_credit(client(0), SubscriptionId(1), u32::MAX), Ok(()));
    assert_eq!(world.publish(1, "a"), [(0, 1, 1)]);
    for _ in 0..3 {
        assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    }
}

#[test]
fn deliveries_are_counted_from_the_beginning() {
    let mut world = World::new(2);
    world.subscribe(0, Subscription { deliveries_max: 2, ..wants(1, "a") });
    world.subscribe(0, wants(2, "a"));
    for _ in 0..2 {
        assert_eq!(world.publish(1, "a"), [(0, 1, 0), (0, 2, 0)]);
    }
    assert_eq!(world.publish(1, "a"), [(0, 2, 0)]);
    assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(2), 5), Ok(()));
    for _ in 0..2 {
        assert_eq!(world.publish(1, "a"), [(0, 2, 0)]);
    }
    assert_eq!(world.publish(1, "a"), []);
    assert_eq!(world.router.counts().subscriptions, 0);
    world.subscribe(0, wants(1, "a"));
    for _ in 0..3 {
        assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    }
    assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(1), 3), Ok(()));
    assert_eq!(world.publish(1, "a"), [], "it has had its three already");
    let unknown = world.router.unsubscribe(client(0), SubscriptionId(1), 0);
    assert_eq!(unknown, Err(ErrorCode::UnknownSubscription));
}

#[test]
fn s31_a_leading_wildcard_sees_what_its_subscription_may() {
    let mut world = World::new(2);
    let visible = [Visibility::PLAIN, Visibility::SYSTEM, Visibility::INBOX, Visibility::BROKER];
    for (id, visibility) in (1..).zip(visible) {
        world.subscribe(0, Subscription { visibility, ..wants(id, ">") });
        world.subscribe(0, Subscription { visibility, ..wants(10 + id, "_INBOX.>") });
    }
    let ids = |targets: Vec<(u32, u64, u32)>| -> Vec<u64> {
        targets.into_iter().map(|(_, id, _)| id).collect()
    };
    assert_eq!(ids(world.publish(1, "a")), [1, 2, 3, 4]);
    assert_eq!(ids(world.publish(1, "$SRV.a")), [2]);
    assert_eq!(ids(world.publish(1, "_INBOX.a")), [11, 12, 3, 13, 14]);
    assert_eq!(ids(world.publish(1, "%2Ebroker.a")), [4]);
}

#[test]
fn subjects_are_checked_where_they_are_not_known() {
    let mut world = World::new(1);
    for bad in [b"".as_slice(), b"a.*", b"a..b", b">", b"a b", b"a.", &[b'a'; 4097]] {
        for _ in 0..2 {
            let refused = world.refusal(0, bad);
            assert_eq!(refused, Err(ErrorCode::InvalidSubject), "{}", bad.escape_ascii());
            assert!(world.plan.targets().is_empty());
        }
    }
    assert_eq!(world.publish(0, "a"), []);
    assert_eq!(world.refusal(0, b""), Err(ErrorCode::InvalidSubject), "also with a hint");
}

#[test]
fn a_slot_that_is_used_again_knows_nothing_of_its_past() {
    let mut world = World::new(2);
    world.subscribe(0, wants(1, "a"));
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    assert_eq!(world.router.remove_client(client(0), 10), Removal::Done);
    let second = coilgun_protocol::model::ClientId { slot: 0, generation: 1 };
    let namespace = NamespaceId::DEFAULT;
    let attributes =
        ClientAttributes { namespace, flags: OpenFlags::default(), ..ClientAttributes::default() };
    world.router.add_client(second, attributes);
    assert_eq!(world.publish(1, "a"), []);
    assert_eq!(world.router.subscribe(second, wants(1, "a")), Ok(()));
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
    assert_eq!(world.plan.targets()[0].client, second);
    assert_eq!(world.router.remove_client(client(0), 10), Removal::Done, "the first is long gone");
    assert_eq!(world.publish(1, "a"), [(0, 1, 0)]);
}

#[test]
#[should_panic(expected = "before anything changes")]
fn a_plan_is_good_only_until_the_router_changes() {
    let mut world = World::new(1);
    world.subscribe(0, wants(1, "a"));
    assert_eq!(world.plan(0, "a"), [(0, 1, 0)]);
    assert_eq!(world.router.unsubscribe(client(0), SubscriptionId(1), 0), Ok(()));
    world.router.commit(&world.plan);
}

#[test]
#[should_panic(expected = "was not added, or is being removed")]
fn a_stale_client_does_not_reach_its_successor() {
    let mut world = World::new(1);
    world.subscribe(0, wants(1, "a"));
    let stale = coilgun_protocol::model::ClientId { slot: 0, generation: 9 };
    let _ = world.router.unsubscribe(stale, SubscriptionId(1), 0);
}
