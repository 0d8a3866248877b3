//! A message for very many queue groups (law S14): what it costs grows with their number, not with its
//! square (law S23).

use std::collections::BTreeSet;

use coilgun_core::router::{Arrival, GroupNames, Plan, RouteHint, Subscription};
use coilgun_protocol::model::{NamespaceId, ShardSet};

use crate::mesh::{Mesh, shard};
use crate::world::{client, wants};

/// As many as a shard may have.
const GROUPS: u64 = coilgun_protocol::model::limits::QUEUE_GROUPS_PER_SHARD_MAX as u64;

/// The name of the queue group number `number`; the order of the names is not that of the numbers.
fn name(number: u64) -> String {
    format!("g{}", number * 7_919 % GROUPS)
}

/// Two shards with a member of each queue group on the second, and of every fourth on the first.
fn mesh() -> Mesh {
    let mut mesh = Mesh::new(2, 1);
    for number in 0..GROUPS {
        let (filter, group) = (if number % 3 == 0 { "a" } else { "*" }, name(number));
        let wanted = Subscription { group: group.as_bytes(), ..wants(number + 1, filter) };
        assert_eq!(mesh.routers[1].subscribe(client(0), wanted), Ok(()));
        if number % 4 == 0 {
            assert_eq!(mesh.routers[0].subscribe(client(0), wanted), Ok(()));
        }
    }
    mesh
}

#[test]
fn s14_s23_each_of_very_many_groups_is_found() {
    let mut mesh = mesh();
    let mut names = Vec::new();
    let named: Vec<u64> = (0..GROUPS).rev().filter(|number| number % 5 != 0).collect();
    let mut missing = Vec::new();
    for (place, number) in named.iter().enumerate() {
        if place % 100 == 0 {
            missing.push((place + missing.len()) as u16);
            GroupNames::push(&mut names, format!("h{place}").as_bytes());
        }
        GroupNames::push(&mut names, name(*number).as_bytes());
    }
    let groups = GroupNames::new(&names);
    let namespace = NamespaceId::DEFAULT;
    let arrival = Arrival {
        namespace,
        subject: b"a",
        is_plain: false,
        plain_went: false,
        only_to: None,
        groups,
    };
    let (hint, plan) = (&mut RouteHint::default(), &mut Plan::default());
    for _ in 0..3 {
        let planned = mesh.routers[1].plan_arrival(&arrival, hint, |_| true, plan);
        assert_eq!(planned, Ok(()));
        let found = plan.targets().iter().map(|target| target.subscription.0 - 1);
        assert!(found.eq(named.iter().copied()), "the member of each group that was named");
        assert_eq!(plan.bounced(), missing);
        assert!(missing.iter().all(|place| !plan.is_bounced_starved(*place)));
        mesh.routers[1].commit(plan);
    }
}

#[test]
fn s15_s23_each_of_very_many_groups_can_bounce() {
    let mut mesh = mesh();
    mesh.settle();
    let Mesh { routers, plan, .. } = &mut mesh;
    let hint = &mut RouteHint::default();
    assert_eq!(routers[0].plan(client(0), b"a", hint, |_| true, plan), Ok(()));
    let picked: BTreeSet<&[u8]> =
        plan.group_picks().iter().map(|pick| routers[0].group_name(pick)).collect();
    let all = plan.targets().len() + picked.len();
    assert_eq!((all as u64, picked.len() as u64 >= GROUPS * 3 / 4), (GROUPS, true));
    let (namespace, tried) = (NamespaceId::DEFAULT, ShardSet::of(shard(1)));
    for number in 0..GROUPS {
        let group = name(number);
        let planned = routers[0].plan_bounced(
            client(0),
            namespace,
            b"a",
            group.as_bytes(),
            tried,
            |_| true,
            plan,
        );
        assert_eq!(planned, Ok(()));
        let found: Vec<u64> = plan.targets().iter().map(|one| one.subscription.0 - 1).collect();
        assert_eq!(found, if number % 4 == 0 { vec![number] } else { vec![] });
        routers[0].commit(plan);
    }
}
