//! Clients by name, by example (law S16).

use coilgun_core::router::{Removal, RouteHint, Subscription};
use coilgun_protocol::model::{ErrorCode, NamespaceId, OpenFlags, ShardSet, Visibility};

use crate::mesh::{Mesh, shard};
use crate::world::{World, client, wants};

impl World {
    fn broadcast(&mut self, slot: u32, filter: &str) -> Vec<u32> {
        let planned = self.router.plan_broadcast(client(slot), filter.as_bytes(), &mut self.plan);
        assert_eq!(planned, Ok(()));
        self.router.commit(&self.plan);
        self.targets().into_iter().map(|(slot, _, _)| slot).collect()
    }
}

#[test]
fn s16_a_name_has_one_owner_per_namespace() {
    let mut world = World::new(2);
    world.add(2, 1, OpenFlags::default());
    assert_eq!(world.router.register_name(client(0), b"app.one"), Ok(()));
    assert_eq!(world.router.register_name(client(0), b"app.one"), Ok(()), "it has it already");
    assert_eq!(world.router.register_name(client(1), b"app.one"), Err(ErrorCode::NameTaken));
    assert_eq!(world.router.register_name(client(2), b"app.one"), Ok(()), "elsewhere");
    for bad in [b"".as_slice(), b"a.*", b"a b", &[b'n'; 513]] {
        assert_eq!(world.router.register_name(client(1), bad), Err(ErrorCode::InvalidName));
    }
    assert_eq!(world.router.name_of(client(0)), b"app.one");
    assert_eq!(world.router.name_of(client(1)), b"");
    assert_eq!(world.router.register_name(client(0), b"app.two"), Ok(()));
    assert_eq!(world.router.register_name(client(1), b"app.one"), Ok(()), "it is free again");
    assert_eq!(world.router.counts().names, 3);
    assert_eq!(world.router.invariants(), Ok(()));
}

#[test]
fn s16_a_name_is_reached_through_its_subject() {
    let mut world = World::new(3);
    assert_eq!(world.publish(0, "$NAME.app.one"), []);
    assert_eq!(world.router.register_name(client(1), b"app.one"), Ok(()));
    assert_eq!(world.publish(0, "$NAME.app.one"), [(1, 0, 0)]);
    assert_eq!(world.publish(0, "$NAME.app"), []);
    assert_eq!(world.router.remove_client(client(1), 1), Removal::Done);
    assert_eq!(world.publish(0, "$NAME.app.one"), []);
    assert_eq!(world.router.register_name(client(2), b"app.one"), Ok(()));
    assert_eq!(world.publish(0, "$NAME.app.one"), [(2, 0, 0)]);
}

#[test]
fn s16_nobody_subscribes_to_names_and_no_wildcard_sees_them() {
    let mut world = World::new(2);
    for filter in ["$NAME", "$NAME.a", "$NAME.>"] {
        let refused = world.router.subscribe(client(0), wants(1, filter));
        assert_eq!(refused, Err(ErrorCode::ReservedSubject), "{filter}");
    }
    world.subscribe(0, wants(1, "$NAMES.a"));
    world.subscribe(0, Subscription { visibility: Visibility::PLAIN, ..wants(2, ">") });
    world.subscribe(0, Subscription { visibility: Visibility::SYSTEM, ..wants(3, ">") });
    assert_eq!(world.router.register_name(client(1), b"a"), Ok(()));
    assert_eq!(world.publish(1, "$NAME.a"), [(1, 0, 0)]);
    assert_eq!(world.publish(1, "$NAME.b"), [], "a watcher is no receiver");
    assert_eq!(world.publish(1, "$NAMES.b"), [(0, 3, 0)]);
}

#[test]
fn s16_a_broadcast_reaches_matching_names_in_their_order() {
    let mut world = World::new(4);
    world.add(4, 0, OpenFlags::NO_ECHO);
    world.add(5, 1, OpenFlags::default());
    for (slot, name) in [(0, "b.x"), (1, "a.y"), (3, "a"), (4, "a.x"), (5, "a.z")] {
        assert_eq!(world.router.register_name(client(slot), name.as_bytes()), Ok(()));
    }
    assert_eq!(world.broadcast(0, "a.*"), [4, 1]);
    assert_eq!(world.broadcast(0, ">"), [3, 4, 1, 0], "whoever sends hears it too");
    assert_eq!(world.broadcast(4, ">"), [3, 1, 0], "unless it does not want to");
    assert_eq!(world.broadcast(0, "b.x"), [0]);
    assert_eq!(world.broadcast(5, ">"), [5]);
    let refused = world.router.plan_broadcast(client(0), b"a.>.b", &mut world.plan);
    assert_eq!(refused, Err(ErrorCode::InvalidFilter));
    assert!(world.plan.targets().is_empty());
}

#[test]
fn s16_a_name_is_reached_on_whatever_shard_its_owner_is() {
    let mut mesh = Mesh::new(3, 3);
    assert_eq!(mesh.routers[1].register_name(client(0), b"app.one"), Ok(()));
    assert_eq!(mesh.routers[2].register_name(client(1), b"app.two"), Ok(()));
    assert_eq!(mesh.publish_settled(0, 0, "$NAME.app.one"), [(1, 0, 0)]);
    assert_eq!(mesh.publish_settled(1, 1, "$NAME.app.one"), [(1, 0, 0)]);
    let namespace = NamespaceId::DEFAULT;
    mesh.broadcast(0, client(0), namespace, "app.*");
    mesh.settle();
    assert_eq!(mesh.taken(), [(1, 0, 0), (2, 1, 0)]);

    // The owner is pressed, and everybody who means it waits.
    let Mesh { routers, plan, .. } = &mut mesh;
    assert_eq!(routers[1].plan_broadcast(client(1), b"app.one", plan), Ok(()));
    let target = plan.targets()[0];
    routers[1].press(&target);
    mesh.settle();
    assert_eq!(mesh.routers[0].plan_broadcast(client(0), b">", &mut mesh.plan), Ok(()));
    assert_eq!(mesh.plan.pressed(), Some(shard(1)));
    mesh.routers[1].unpress(client(0));
    mesh.settle();
    assert_eq!(mesh.routers[0].plan_broadcast(client(0), b">", &mut mesh.plan), Ok(()));
    assert_eq!(mesh.plan.pressed(), None);
}

#[test]
fn s16_a_name_that_is_given_up_is_told_to_its_arbiter_and_to_all() {
    let mut mesh = Mesh::new(2, 2);
    let namespace = NamespaceId::DEFAULT;
    assert_eq!(mesh.routers[1].register_name(client(0), b"a"), Ok(()));
    mesh.settle();
    assert_eq!(mesh.routers[1].register_name(client(0), b"b"), Ok(()));
    let freed = mesh.routers[1].next_freed_name();
    assert_eq!(freed, Some((namespace, Box::from(b"a".as_slice()))));
    // The next owner is known before it is known everywhere that the first one is none any more.
    assert_eq!(mesh.routers[0].register_name(client(1), b"a"), Ok(()));
    let hint = &mut RouteHint::default();
    mesh.publish(0, client(0), namespace, "$NAME.a", hint);
    assert_eq!(mesh.plan.plain_shards(), ShardSet::of(shard(1)), "both hear of it");
    mesh.settle();
    assert_eq!(mesh.taken(), [(0, 1, 0)], "and one delivers");
    assert_eq!(mesh.routers[1].remove_client(client(0), 1), Removal::Done);
    let freed = mesh.routers[1].next_freed_name();
    assert_eq!(freed, Some((namespace, Box::from(b"b".as_slice()))));
    assert_eq!(mesh.routers[1].next_freed_name(), None);
    mesh.settle();
    assert_eq!(mesh.routers[0].counts().remote_interest, 0);
    assert_eq!((mesh.routers[1].counts().names, mesh.routers[1].counts().remote_interest), (0, 1));
}
