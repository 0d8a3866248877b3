//! Messages from shard to shard, by example (laws S14, S15, S19, S33).

use std::collections::BTreeMap;

use coilgun_core::router::{Interest, Plan, Removal, RouteHint, Subscription, Wanted};
use coilgun_protocol::model::{
    ErrorCode, NamespaceId, OpenFlags, ShardSet, SubscriptionId, Visibility,
};

use crate::mesh::{Mesh, shard};
use crate::world::{client, wants};

fn member<'a>(id: u64, filter: &'a str, group: &'a str) -> Subscription<'a> {
    Subscription { group: group.as_bytes(), ..wants(id, filter) }
}

impl Mesh {
    fn subscribe(&mut self, number: usize, slot: u32, wanted: Subscription<'_>) {
        assert_eq!(self.routers[number].subscribe(client(slot), wanted), Ok(()));
    }

    fn unsubscribe(&mut self, number: usize, slot: u32, id: u64) {
        let ended = self.routers[number].unsubscribe(client(slot), SubscriptionId(id), 0);
        assert_eq!(ended, Ok(()));
    }

    /// Plans a message of a client with a plan that is dropped.
    fn plan(&mut self, number: usize, slot: u32, subject: &str) -> &Plan {
        let Mesh { routers, plan, .. } = self;
        let hint = &mut RouteHint::default();
        let planned = routers[number].plan(client(slot), subject.as_bytes(), hint, |_| true, plan);
        assert_eq!(planned, Ok(()));
        plan
    }
}

#[test]
fn every_plain_subscription_gets_it_once_wherever_it_is() {
    let mut mesh = Mesh::new(3, 2);
    mesh.subscribe(0, 0, wants(1, "a.*"));
    mesh.subscribe(1, 0, wants(1, "a.*"));
    mesh.subscribe(1, 1, wants(1, "a.b"));
    mesh.subscribe(1, 1, wants(2, ">"));
    mesh.subscribe(2, 0, wants(1, "b"));
    assert_eq!(mesh.publish_settled(0, 1, "a.b"), [(0, 0, 1), (1, 0, 1), (1, 1, 1), (1, 1, 2)]);
    assert_eq!(mesh.publish_settled(2, 0, "a.b"), [(0, 0, 1), (1, 0, 1), (1, 1, 1), (1, 1, 2)]);
    assert_eq!(mesh.publish_settled(1, 0, "b"), [(1, 1, 2), (2, 0, 1)]);
    assert_eq!(mesh.plan(0, 0, "b").plain_shards(), ShardSet::first(3).without(ShardSet::first(1)));
    mesh.unsubscribe(1, 1, 2);
    assert_eq!(mesh.publish_settled(0, 0, "b"), [(2, 0, 1)]);
    assert_eq!(mesh.plan(0, 0, "c").shards(), ShardSet::EMPTY);
    for number in 0..3 {
        for slot in 0..2 {
            let removed = mesh.routers[number].remove_client(client(slot), 10);
            assert_eq!(removed, Removal::Done);
        }
    }
    mesh.settle();
    for router in &mesh.routers {
        let counts = router.counts();
        assert_eq!((counts.records, counts.remote_interest, counts.trie_nodes), (0, 0, 1));
    }
}

#[test]
fn s14_one_delivery_per_group_name_on_all_shards_together() {
    let mut mesh = Mesh::new(3, 2);
    mesh.subscribe(0, 0, member(1, "a.b", "g"));
    mesh.subscribe(1, 0, member(1, "a.*", "g"));
    mesh.subscribe(1, 1, member(1, ">", "g"));
    mesh.subscribe(2, 0, member(1, "a.>", "g"));
    mesh.subscribe(2, 0, member(2, "a.>", "h"));
    mesh.subscribe(2, 1, wants(1, "a.b"));
    let mut of_g = BTreeMap::new();
    for home in 0..3 {
        for _ in 0..8 {
            let all = mesh.publish_settled(home, 0, "a.b");
            assert!(all.contains(&(2, 0, 2)) && all.contains(&(2, 1, 1)), "{all:?}");
            let rest: Vec<_> = all.into_iter().filter(|one| *one != (2, 0, 2)).collect();
            let rest: Vec<_> = rest.into_iter().filter(|one| *one != (2, 1, 1)).collect();
            assert_eq!(rest.len(), 1, "{rest:?}");
            *of_g.entry(rest[0]).or_insert(0) += 1;
        }
    }
    let all = [(0, 0, 1), (1, 0, 1), (1, 1, 1), (2, 0, 1)].map(|one| (one, 6));
    assert_eq!(of_g, BTreeMap::from(all), "each member its share");
}

#[test]
fn s14_members_share_the_work_by_weight() {
    for subjects in [1, 1_000_000] {
        let mut mesh = Mesh::new(4, 4);
        for (number, members) in [(0, 2), (1, 1), (2, 3), (3, 4)] {
            for slot in 0..members {
                mesh.subscribe(number, slot, member(1, "jobs.*", "g"));
            }
        }
        mesh.settle();
        let mut load = BTreeMap::new();
        for number in 0..4_000 {
            let home = number % 4;
            let subject = format!("jobs.{}", number % subjects);
            let hint = &mut RouteHint::default();
            mesh.publish(home, client(3), NamespaceId::DEFAULT, &subject, hint);
            mesh.settle();
        }
        for one in mesh.taken() {
            *load.entry(one).or_insert(0) += 1;
        }
        assert_eq!(load.len(), 10);
        let right = |count: &usize| (360..=440).contains(count);
        assert!(load.values().all(right), "400 of 4,000 each: {load:?}");
    }
}

#[test]
fn s14_a_shard_picks_no_queue_group_of_its_own() {
    let mut mesh = Mesh::new(2, 2);
    mesh.subscribe(1, 0, wants(1, "a"));
    mesh.subscribe(1, 0, member(2, "a", "g"));
    mesh.settle();
    // Home hears of a member of its own, and takes it.
    mesh.subscribe(0, 0, member(1, "a", "g"));
    mesh.settle();
    for _ in 0..4 {
        let all = mesh.publish_settled(0, 1, "a");
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all.contains(&(1, 0, 1)));
    }
}

#[test]
fn s14_who_is_pressed_is_passed_over_while_others_are_ready() {
    let mut mesh = Mesh::new(3, 1);
    for number in [1, 2] {
        mesh.subscribe(number, 0, member(1, "a", "g"));
    }
    mesh.settle();
    let press = |mesh: &mut Mesh, number: usize| {
        let mut plan = Plan::default();
        let hint = &mut RouteHint::default();
        // Own members only, as long as its turn falls on them.
        for _ in 0..4 {
            let planned = mesh.routers[number].plan(client(0), b"a", hint, |_| true, &mut plan);
            assert_eq!(planned, Ok(()));
            mesh.routers[number].commit(&plan);
            if let Some(target) = plan.targets().first() {
                mesh.routers[number].press(target);
                break;
            }
        }
        mesh.settle();
    };
    press(&mut mesh, 1);
    for _ in 0..4 {
        let plan = mesh.plan(0, 0, "a");
        assert_eq!((plan.shards(), plan.pressed()), (ShardSet::of(shard(2)), None));
        mesh.publish_settled(0, 0, "a");
    }
    press(&mut mesh, 2);
    assert!(mesh.plan(0, 0, "a").pressed().is_some(), "nobody is ready");
    mesh.subscribe(0, 0, member(1, "a", "g"));
    let plan = mesh.plan(0, 0, "a");
    assert_eq!((plan.targets().len(), plan.pressed()), (1, None), "but for who is here");
    mesh.routers[1].unpress(client(0));
    mesh.unsubscribe(0, 0, 1);
    mesh.settle();
    let plan = mesh.plan(0, 0, "a");
    assert_eq!((plan.shards(), plan.pressed()), (ShardSet::of(shard(1)), None));
}

#[test]
fn s15_what_finds_no_member_bounces_to_another_shard() {
    let mut mesh = Mesh::new(3, 2);
    mesh.subscribe(1, 0, member(1, "a", "g"));
    mesh.settle();
    mesh.delivered.clear();
    mesh.unsubscribe(1, 0, 1);
    mesh.subscribe(2, 0, member(1, "a", "g"));
    // Home has heard of the new member only.
    assert!(mesh.announce(2));
    assert!(mesh.carry(2, 0));
    let hint = &mut RouteHint::default();
    for _ in 0..6 {
        mesh.publish(0, client(0), NamespaceId::DEFAULT, "a", hint);
    }
    mesh.settle();
    assert_eq!(mesh.taken(), [(2, 0, 1); 6]);
    assert!(mesh.bounces > 0, "some went to the wrong shard first");
}

#[test]
fn s15_what_bounces_may_stay_at_home_or_find_nobody() {
    let mut mesh = Mesh::new(2, 2);
    mesh.subscribe(1, 0, member(1, "a", "g"));
    mesh.settle();
    let hint = &mut RouteHint::default();
    mesh.publish(0, client(0), NamespaceId::DEFAULT, "a", hint);
    mesh.publish(0, client(0), NamespaceId::DEFAULT, "a", hint);
    mesh.unsubscribe(1, 0, 1);
    assert!(mesh.carry(0, 1));
    assert!(mesh.carry(1, 0), "the bounce comes before the change is announced");
    assert_eq!(mesh.bounces, 1);
    mesh.subscribe(0, 1, member(1, "a", "g"));
    mesh.settle();
    assert_eq!((mesh.taken(), mesh.bounces), (vec![(0, 1, 1)], 2), "the second one stays at home");
}

#[test]
fn s15_what_bounces_is_not_for_the_publisher_nor_for_who_has_it() {
    let mut mesh = Mesh::new(2, 0);
    mesh.add(0, 0, OpenFlags::NO_ECHO);
    mesh.add(0, 1, OpenFlags::ONCE_PER_MESSAGE);
    mesh.add(0, 2, OpenFlags::default());
    let tried = ShardSet::of(shard(1));
    let bounced = |mesh: &mut Mesh, publisher: u32, tried| {
        let Mesh { routers, plan, .. } = mesh;
        let (from, namespace) = (client(publisher), NamespaceId::DEFAULT);
        let (router, has_room) = (&mut routers[0], |_| true);
        let planned = router.plan_bounced(from, namespace, b"a", b"g", tried, has_room, plan);
        assert_eq!(planned, Ok(()));
        let slots: Vec<u32> = plan.targets().iter().map(|target| target.client.slot).collect();
        (slots, plan.is_starved())
    };
    assert_eq!(bounced(&mut mesh, 0, tried), (vec![], false));
    mesh.subscribe(0, 0, member(1, "a", "g"));
    assert_eq!(bounced(&mut mesh, 0, tried), (vec![], false), "it hears itself");
    assert_eq!(bounced(&mut mesh, 9, tried), (vec![0], false), "who published it is gone");
    assert_eq!(bounced(&mut mesh, 9, ShardSet::first(2)), (vec![], false));
    mesh.unsubscribe(0, 0, 1);
    mesh.subscribe(0, 1, wants(1, "a"));
    mesh.subscribe(0, 1, member(2, "a", "g"));
    assert_eq!(bounced(&mut mesh, 2, tried), (vec![], false), "it has it already");
    mesh.unsubscribe(0, 1, 2);
    mesh.subscribe(0, 2, Subscription { credit: 0, ..member(1, "a", "g") });
    assert_eq!(bounced(&mut mesh, 2, tried), (vec![], true));
}

#[test]
fn s15_members_without_credit_bounce_and_say_so() {
    let mut mesh = Mesh::new(2, 2);
    mesh.subscribe(1, 0, Subscription { credit: 0, ..member(1, "a", "g") });
    mesh.settle();
    let hint = &mut RouteHint::default();
    mesh.publish(0, client(0), NamespaceId::DEFAULT, "a", hint);
    assert!(mesh.carry(0, 1));
    assert_eq!((mesh.plan.bounced(), mesh.plan.is_bounced_starved(0)), ([0].as_slice(), true));
    mesh.unsubscribe(1, 0, 1);
    mesh.publish(0, client(0), NamespaceId::DEFAULT, "a", hint);
    assert!(mesh.carry(0, 1));
    assert_eq!((mesh.plan.bounced(), mesh.plan.is_bounced_starved(0)), ([0].as_slice(), false));
    assert!(!mesh.plan.is_starved());
}

#[test]
fn s19_pressure_is_told_and_taken_back() {
    let mut mesh = Mesh::new(2, 2);
    mesh.subscribe(1, 0, wants(1, "a.*"));
    mesh.subscribe(1, 1, wants(1, "a.*"));
    mesh.settle();
    let press = |mesh: &mut Mesh| {
        assert_eq!(mesh.plan(1, 0, "a.b").targets().len(), 2);
        let targets = mesh.plan.targets().to_vec();
        for target in targets.iter().chain(&targets) {
            mesh.routers[1].press(target);
        }
        mesh.settle();
        assert_eq!(mesh.plan(0, 0, "a.b").pressed(), Some(shard(1)));
        assert_eq!(mesh.plan(1, 0, "a.b").pressed(), None, "at home outboxes are looked at");
    };
    press(&mut mesh);
    mesh.routers[1].unpress(client(0));
    mesh.settle();
    assert!(mesh.plan(0, 0, "a.b").pressed().is_some(), "the other one has no room yet");
    mesh.routers[1].unpress(client(1));
    mesh.settle();
    assert_eq!(mesh.plan(0, 0, "a.b").pressed(), None);
    press(&mut mesh);
    mesh.unsubscribe(1, 0, 1);
    assert_eq!(mesh.routers[1].remove_client(client(1), 1), Removal::Done);
    assert_eq!(mesh.routers[1].invariants(), Ok(()));
    mesh.subscribe(1, 0, wants(1, "a.*"));
    mesh.settle();
    assert_eq!(mesh.plan(0, 0, "a.b").pressed(), None, "who is gone presses nobody");
}

#[test]
fn s33_what_is_no_news_leaves_routes_alone() {
    let mut mesh = Mesh::new(2, 4);
    mesh.subscribe(1, 0, wants(1, "a.*"));
    mesh.subscribe(1, 1, wants(1, "b"));
    for subject in ["a.b", "b"] {
        mesh.publish_settled(0, 0, subject);
    }
    let misses = mesh.routers[0].counts().cache_misses;
    mesh.subscribe(1, 2, wants(1, "a.*"));
    assert!(!mesh.routers[1].has_interest_to_announce(), "one is as good as two");
    mesh.unsubscribe(1, 0, 1);
    mesh.subscribe(1, 3, wants(1, "c.*"));
    mesh.unsubscribe(1, 3, 1);
    mesh.unsubscribe(1, 1, 1);
    mesh.subscribe(1, 1, wants(1, "b"));
    assert_eq!(mesh.routers[1].interest_sequence(), 4, "a.*, b, c.* and b again");
    for subject in ["a.b", "b"] {
        mesh.publish_settled(0, 0, subject);
    }
    assert_eq!(mesh.routers[0].counts().cache_misses, misses);
    mesh.unsubscribe(1, 2, 1);
    assert_eq!(mesh.publish_settled(0, 0, "a.b"), []);
    assert_eq!(mesh.routers[0].counts().cache_misses, misses + 1);
}

#[test]
fn what_others_want_takes_nothing_of_this_shards_limits() {
    let limits =
        coilgun_core::router::RouterLimits { filter_bytes_per_shard: 1_000, ..Default::default() };
    let mut mesh = Mesh::empty(2, limits);
    mesh.add(0, 0, OpenFlags::default());
    for number in 0..1_000 {
        let filter = format!("a.b.{number}.*");
        let group: &[u8] = if number % 2 == 0 { b"g" } else { b"" };
        let (filter, visibility) = (filter.as_bytes(), Visibility::PLAIN);
        let wanted = Wanted::Filter { filter, visibility, group };
        let interest =
            Interest { namespace: NamespaceId::DEFAULT, wanted, count: 1, is_pressed: false };
        assert_eq!(mesh.routers[0].apply_interest(shard(1), &interest), Ok(()));
    }
    assert_eq!(mesh.routers[0].counts().remote_interest, 1_000);
    for id in 1..=3 {
        mesh.subscribe(0, 0, wants(id, &format!("a.b.{id}.*")));
    }
    let more = mesh.routers[0].subscribe(client(0), wants(9, "x.y.z.a.b.c.d.e.f.g.h.i"));
    assert_eq!(more, Err(ErrorCode::SubscriptionsExhausted));
    for id in 1..=3 {
        mesh.unsubscribe(0, 0, id);
    }
    mesh.subscribe(0, 0, wants(1, "x.y.z.a.b.c.d.e.f.g.h.i"));
    assert_eq!(mesh.routers[0].invariants(), Ok(()));
}

#[test]
fn what_no_router_announces_is_refused() {
    let mut mesh = Mesh::new(2, 0);
    let visibility = Visibility::ALL;
    let filter = |filter, group| Wanted::Filter { filter, visibility, group };
    for (wanted, code) in [
        (filter(b"a..b".as_slice(), b"".as_slice()), ErrorCode::InvalidFilter),
        (filter(b"a", b"g h"), ErrorCode::InvalidQueueGroup),
        (Wanted::Name(b"a.*"), ErrorCode::InvalidName),
    ] {
        let interest = Interest { namespace: NamespaceId(7), wanted, count: 1, is_pressed: false };
        assert_eq!(mesh.routers[0].apply_interest(shard(1), &interest), Err(code));
    }
    assert_eq!(mesh.routers[0].counts().trie_nodes, 0, "not even the namespace is known");
    let interest = Interest {
        namespace: NamespaceId(7),
        wanted: filter(b"a", b""),
        count: 1,
        is_pressed: true,
    };
    assert_eq!(mesh.routers[0].apply_interest(shard(1), &interest), Ok(()));
    assert_eq!(mesh.routers[0].counts().remote_interest, 1);
    assert_eq!(mesh.routers[0].invariants(), Ok(()));
}

#[test]
fn s31_a_leading_wildcard_of_another_shard_sees_what_it_may() {
    let mut mesh = Mesh::new(3, 1);
    for (number, visibility) in [(1, Visibility::PLAIN), (2, Visibility::INBOX)] {
        mesh.subscribe(number, 0, Subscription { visibility, ..wants(1, ">") });
        mesh.subscribe(number, 0, Subscription { visibility, ..member(2, "*.>", "g") });
    }
    mesh.settle();
    assert_eq!(mesh.plan(0, 0, "_INBOX.a").shards(), ShardSet::of(shard(2)));
    assert_eq!(mesh.publish_settled(0, 0, "_INBOX.a"), [(2, 0, 1), (2, 0, 2)]);
    assert_eq!(mesh.plan(0, 0, "$SRV.a").shards(), ShardSet::EMPTY);
    assert_eq!(mesh.publish_settled(0, 0, "a.b").len(), 3);
}
