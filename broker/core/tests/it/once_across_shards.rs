//! Clients that want each message once, where it comes in several arrivals (laws S14, S15).

use coilgun_core::router::{Arrival, GroupNames, Plan, RouteHint, Subscription};
use coilgun_protocol::model::{NamespaceId, OpenFlags, ShardSet};

use crate::mesh::{Mesh, shard};
use crate::world::{client, wants};

/// Shards of which each has a client that wants each message once, and one that does not care.
fn mesh(count: usize) -> Mesh {
    let mut mesh = Mesh::new(count, 0);
    for number in 0..count {
        mesh.add(number, 0, OpenFlags::ONCE_PER_MESSAGE);
        mesh.add(number, 1, OpenFlags::default());
    }
    mesh
}

fn subscribe(mesh: &mut Mesh, number: usize, slot: u32, wanted: Subscription<'_>) {
    assert_eq!(mesh.routers[number].subscribe(client(slot), wanted), Ok(()));
}

fn of_group<'a>(id: u64, filter: &'a str, group: &'a [u8]) -> Subscription<'a> {
    Subscription { group, ..wants(id, filter) }
}

/// Lets a message for the queue group `g` arrive at the second shard. Returns the slots and
/// subscriptions that get it, and whether it goes back.
fn arrive(mesh: &mut Mesh, is_plain: bool, plain_went: bool) -> (Vec<(u32, u64)>, bool) {
    let mut names = Vec::new();
    GroupNames::push(&mut names, b"g");
    let (namespace, groups) = (NamespaceId::DEFAULT, GroupNames::new(&names));
    let arrival = Arrival { namespace, subject: b"a", is_plain, plain_went, only_to: None, groups };
    let (hint, plan) = (&mut RouteHint::default(), &mut Plan::default());
    assert_eq!(mesh.routers[1].plan_arrival(&arrival, hint, |_| true, plan), Ok(()));
    mesh.routers[1].commit(plan);
    let targets = plan.targets().iter();
    let targets = targets.map(|target| (target.client.slot, target.subscription.0)).collect();
    (targets, !plan.bounced().is_empty())
}

#[test]
fn s14_who_has_a_message_plainly_gets_it_for_no_group_in_another_arrival() {
    let mut mesh = mesh(2);
    subscribe(&mut mesh, 1, 0, of_group(2, "a", b"g"));
    assert_eq!(
        arrive(&mut mesh, false, true),
        (vec![(0, 2)], false),
        "it wants it in a group only"
    );
    subscribe(&mut mesh, 1, 0, wants(1, "*"));
    subscribe(&mut mesh, 1, 1, wants(1, "*"));
    assert_eq!(arrive(&mut mesh, true, true), (vec![(0, 1), (1, 1)], false));
    assert_eq!(arrive(&mut mesh, false, true), (vec![], false), "it was picked, and has it");
    assert_eq!(arrive(&mut mesh, false, false), (vec![(0, 2)], false), "nobody else has it either");
    subscribe(&mut mesh, 1, 1, of_group(2, "a", b"g"));
    let mut found: Vec<_> = (0..2).map(|_| arrive(&mut mesh, false, true).0).collect();
    found.sort();
    assert_eq!(found, [vec![], vec![(1, 2)]], "who does not mind gets it as often as it wants it");
}

#[test]
fn s14_who_took_its_last_credit_for_a_message_has_it_and_who_had_none_does_not() {
    let mut mesh = mesh(2);
    subscribe(&mut mesh, 1, 0, Subscription { credit: 1, ..wants(1, "a") });
    subscribe(&mut mesh, 1, 0, of_group(2, "*", b"g"));
    let plain = |mesh: &mut Mesh| {
        let (namespace, groups) = (NamespaceId::DEFAULT, GroupNames::default());
        let (subject, plain_went) = (b"a".as_slice(), false);
        let arrival =
            Arrival { namespace, subject, is_plain: true, plain_went, only_to: None, groups };
        let (hint, plan) = (&mut RouteHint::default(), &mut Plan::default());
        assert_eq!(mesh.routers[1].plan_arrival(&arrival, hint, |_| true, plan), Ok(()));
        mesh.routers[1].commit(plan);
        plan.targets().len()
    };
    assert_eq!(plain(&mut mesh), 1);
    assert_eq!(arrive(&mut mesh, false, true), (vec![], false), "it has it");
    assert_eq!(plain(&mut mesh), 0);
    assert_eq!(arrive(&mut mesh, false, true), (vec![(0, 2)], false), "it missed it");
}

#[test]
fn s15_what_bounces_says_who_has_it_plainly() {
    let mut mesh = mesh(3);
    subscribe(&mut mesh, 2, 0, wants(1, "a"));
    for number in [1, 2] {
        subscribe(&mut mesh, number, 0, of_group(2, "a", b"g"));
    }
    mesh.settle();
    let bounced = |mesh: &mut Mesh, tried: ShardSet| {
        let Mesh { routers, plan, .. } = mesh;
        let (namespace, has_room) = (NamespaceId::DEFAULT, |_| true);
        let planned =
            routers[0].plan_bounced(client(1), namespace, b"a", b"g", tried, has_room, plan);
        assert_eq!(planned, Ok(()));
        let picked: Vec<_> = plan.group_picks().iter().map(|pick| pick.shard.index()).collect();
        (picked, [0, 1, 2].map(|number| plan.went_plainly(shard(number))))
    };
    let only_the_third = [false, false, true];
    assert_eq!(bounced(&mut mesh, ShardSet::of(shard(1))), (vec![2], only_the_third));
    assert_eq!(bounced(&mut mesh, ShardSet::of(shard(2))), (vec![1], only_the_third));
    let hint = &mut RouteHint::default();
    let Mesh { routers, plan, .. } = &mut mesh;
    assert_eq!(routers[0].plan(client(1), b"a", hint, |_| true, plan), Ok(()));
    let third = shard(2);
    assert_eq!((plan.plain_shards().contains(third), plan.went_plainly(third)), (true, false));
}

#[test]
fn s15_who_has_a_message_plainly_gets_no_second_one_when_it_bounces_on() {
    let mut mesh = mesh(3);
    subscribe(&mut mesh, 1, 0, of_group(2, "a", b"g"));
    subscribe(&mut mesh, 2, 0, wants(1, "a"));
    subscribe(&mut mesh, 2, 0, of_group(2, "a", b"g"));
    mesh.settle();
    let unsubscribed =
        mesh.routers[1].unsubscribe(client(0), coilgun_protocol::model::SubscriptionId(2), 0);
    assert_eq!(unsubscribed, Ok(()));
    let hint = &mut RouteHint::default();
    for _ in 0..2 {
        mesh.publish(0, client(1), NamespaceId::DEFAULT, "a", hint);
    }
    mesh.settle();
    assert_eq!(mesh.bounces, 1, "one of two went to the second shard first");
    assert_eq!(mesh.taken(), [(2, 0, 1); 2]);
}
