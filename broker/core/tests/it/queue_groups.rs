//! Queue groups, by example (law S14).

use std::collections::BTreeMap;

use coilgun_core::router::Subscription;
use coilgun_protocol::model::{ClientId, OpenFlags, SubscriptionId};

use crate::world::{World, client, wants};

fn member<'a>(id: u64, filter: &'a str, group: &'a str) -> Subscription<'a> {
    Subscription { group: group.as_bytes(), ..wants(id, filter) }
}

#[test]
fn s14_one_delivery_per_group_name_over_all_filters() {
    let mut world = World::new(4);
    world.subscribe(0, member(1, "a.b", "g"));
    world.subscribe(1, member(1, "a.*", "g"));
    world.subscribe(2, member(1, ">", "g"));
    world.subscribe(2, member(2, "a.>", "h"));
    world.subscribe(3, wants(1, "*.b"));
    let mut first = Vec::new();
    for _ in 0..6 {
        let targets = world.publish(3, "a.b");
        assert_eq!(targets.len(), 3, "plain, g and h");
        assert_eq!((targets[0].0, targets[2]), (3, (2, 2, 0)));
        first.push(targets[1].0);
    }
    assert_eq!(first, [0, 1, 2, 0, 1, 2], "round robin, the oldest first");
    assert_eq!(world.publish(3, "a.c")[0].0, 1, "in the same order on another subject");
}

#[test]
fn s14_a_dropped_plan_does_not_move_the_turn() {
    let mut world = World::new(2);
    world.subscribe(0, member(1, "a", "g"));
    world.subscribe(1, member(1, "a", "g"));
    for _ in 0..3 {
        assert_eq!(world.plan(0, "a"), [(0, 1, 0)]);
    }
    assert_eq!(world.publish(0, "a"), [(0, 1, 0)]);
    assert_eq!(world.publish(0, "a"), [(1, 1, 0)]);
}

#[test]
fn s14_the_turn_survives_a_change_of_members() {
    let mut world = World::new(4);
    for slot in 0..3 {
        world.subscribe(slot, member(1, "a", "g"));
    }
    assert_eq!(world.publish(0, "a"), [(0, 1, 0)]);
    world.subscribe(3, member(1, "a", "g"));
    let picked: Vec<u32> = (0..5).map(|_| world.publish(0, "a")[0].0).collect();
    assert_eq!(picked, [1, 2, 3, 0, 1]);
}

#[test]
fn s14_subjects_used_once_share_the_work_too() {
    let mut world = World::new(4);
    for slot in 0..3 {
        world.subscribe(slot, member(1, "jobs.*", "g"));
    }
    world.subscribe(3, member(1, "rest.*", "g"));
    let mut load = BTreeMap::new();
    for number in 0..30 {
        *load.entry(world.publish(0, &format!("jobs.{number}"))[0].0).or_insert(0) += 1;
        assert_eq!(world.publish(0, &format!("rest.{number}"))[0].0, 3);
    }
    assert_eq!(load, BTreeMap::from([(0, 10), (1, 10), (2, 10)]));
}

#[test]
fn s14_members_with_credit_and_room_come_first() {
    let mut world = World::new(4);
    for slot in 0..3 {
        world.subscribe(slot, Subscription { credit: 4, ..member(1, "a", "g") });
    }
    let mut pick = |full: &[u32]| -> Option<u32> {
        let World { router, plan, hint } = &mut world;
        let has_room = |client: ClientId| !full.contains(&client.slot);
        assert_eq!(router.plan(client(3), b"a", hint, has_room, plan), Ok(()));
        router.commit(plan);
        plan.targets().first().map(|target| target.client.slot)
    };
    assert_eq!(pick(&[0]), Some(1), "the next one with room");
    assert_eq!(pick(&[0, 1, 2]), Some(2), "nobody has room: whose turn it is");
    assert_eq!(pick(&[1]), Some(0));
    let rest: Vec<_> = (0..9).map(|_| pick(&[]).expect("there is credit for nine more")).collect();
    assert_eq!(rest, [1, 2, 0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(pick(&[]), None);
    assert!(world.plan.is_starved());
    assert_eq!(world.router.add_credit(client(2), SubscriptionId(1), 1), Ok(()));
    assert_eq!(world.publish(3, "a"), [(2, 1, 0)], "groups have nothing missed");
    assert_eq!(world.publish(3, "a"), []);
}

#[test]
fn s14_a_client_that_wants_a_message_once_can_be_a_member() {
    let mut world = World::new(2);
    world.add(2, 0, OpenFlags::ONCE_PER_MESSAGE);
    world.subscribe(2, wants(1, "a"));
    world.subscribe(2, member(2, "a", "g"));
    world.subscribe(1, member(1, "a", "g"));
    assert_eq!(world.publish(0, "a"), [(2, 1, 0)], "as a plain one it has it already");
    assert_eq!(world.publish(0, "a"), [(2, 1, 0), (1, 1, 0)], "the turn moved on");
}
