//! A message costs no allocation (law S10), and a subscription not much memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use coilgun_core::router::{
    Arrival, GroupNames, Interest, RouteHint, RouterLimits, Subscription, Wanted,
};
use coilgun_protocol::model::{ClientId, NamespaceId, OpenFlags, Visibility};

use crate::mesh::{Mesh, shard};
use crate::world::{World, client, wants};

/// The system's allocator, counting per thread what goes through it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES_HELD: Cell<i64> = const { Cell::new(0) };
}

fn count(allocations: u64, bytes: i64) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    BYTES_HELD.set(BYTES_HELD.get() + bytes);
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only thread-local
// cells that need no destructor and no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the memory came from `alloc` or `realloc` of this allocator, that is, the system.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often `body` allocates.
pub(crate) fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    body();
    ALLOCATIONS.get() - before
}

/// How many bytes this thread holds, counted from any zero.
pub(crate) fn bytes_held() -> i64 {
    BYTES_HELD.get()
}

/// Plain targets, groups, credit and names, and a client that wants no echo; and the subjects in use.
fn busy_world(routes_cached: usize) -> (World, Vec<String>) {
    let limits = RouterLimits { routes_cached, ..RouterLimits::default() };
    let mut world = World::with_limits(8, limits);
    world.add(8, 0, OpenFlags::NO_ECHO.with(OpenFlags::ONCE_PER_MESSAGE));
    let credit = 1_000_000_000;
    for slot in 0..9 {
        world.subscribe(slot, wants(1, "plain.*"));
        world.subscribe(slot, wants(2, "plain.0"));
        world.subscribe(slot, Subscription { group: b"g", ..wants(3, "group.>") });
        world.subscribe(slot, Subscription { credit, ..wants(4, "credit.*") });
        let starving = Subscription { credit: 0, ..wants(5, "credit.1") };
        world.subscribe(slot, starving);
    }
    assert_eq!(world.router.register_name(client(3), b"three"), Ok(()));
    let mut subjects = vec!["$NAME.three".to_owned(), "nobody".to_owned()];
    for number in 0..100 {
        subjects.push(format!("plain.{}", number % 10));
        subjects.push(format!("group.{number}"));
        subjects.push(format!("credit.{}", number % 5));
    }
    (world, subjects)
}

fn publish(world: &mut World, hint: &mut RouteHint, slot: u32, subject: &str) -> usize {
    let (router, plan) = (&mut world.router, &mut world.plan);
    let has_room = |client: ClientId| client.slot != 2;
    assert_eq!(router.plan(client(slot), subject.as_bytes(), hint, has_room, plan), Ok(()));
    router.commit(plan);
    plan.targets().len()
}

/// Publishes `count` messages, every publisher to every subject in turn. Returns how many
/// deliveries that made.
fn publish_many(
    world: &mut World,
    hints: &mut [RouteHint; 9],
    subjects: &[String],
    count: usize,
) -> usize {
    let mut targets = 0;
    for number in 0..count {
        let slot = number % 9;
        // A stride without a common factor: subjects and publishers meet in every combination.
        let subject = &subjects[number * 7 % subjects.len()];
        targets += publish(world, &mut hints[slot], slot as u32, subject);
    }
    targets
}

#[test]
fn s10_messages_cost_no_allocation_once_warm() {
    let (mut world, subjects) = busy_world(256);
    let mut hints = [RouteHint::default(); 9];
    publish_many(&mut world, &mut hints, &subjects, 10_000);
    let mut targets = 0;
    let found = allocations(|| targets = publish_many(&mut world, &mut hints, &subjects, 100_000));
    assert_eq!(found, 0, "over 100,000 messages");
    assert!(targets > 400_000, "{targets} deliveries");
}

#[test]
fn s10_routes_that_displace_each_other_cost_no_allocation_once_warm() {
    let (mut world, subjects) = busy_world(64);
    let mut hints = [RouteHint::default(); 9];
    // Warm means here that every place has held a route of each size.
    publish_many(&mut world, &mut hints, &subjects, 100_000);
    let before = world.router.counts();
    let found = allocations(|| {
        publish_many(&mut world, &mut hints, &subjects, 100_000);
    });
    assert_eq!(found, 0, "over 100,000 messages");
    let after = world.router.counts();
    assert!(after.cache_hits - before.cache_hits > 5_000, "{after:?}");
    assert!(after.cache_misses - before.cache_misses > 5_000, "{after:?}");
    assert!(after.cache_evictions - before.cache_evictions > 5_000, "{after:?}");
}

#[test]
fn s10_the_counter_sees_a_planted_allocation() {
    let mut world = World::new(1);
    world.subscribe(0, wants(1, "a"));
    let mut hint = RouteHint::default();
    let mut round = |plant: bool| {
        allocations(|| {
            assert_eq!(publish(&mut world, &mut hint, 0, "a"), 1);
            if plant {
                std::hint::black_box(vec![0u8; 1]);
            }
        })
    };
    assert!(round(false) > 0, "the first message warms up");
    assert_eq!(round(false), 0);
    assert_eq!(round(true), 1);
}

#[test]
fn a_subscription_with_a_wildcard_takes_about_two_hundred_bytes() {
    let count = 100_000u64;
    let mut world = World::new(10);
    let before = BYTES_HELD.get();
    for id in 0..count {
        world.subscribe((id % 10) as u32, wants(1 + id, &format!("orders.{id}.*")));
    }
    let each = (BYTES_HELD.get() - before) as u64 / count;
    assert!((100..=280).contains(&each), "{each} bytes");
}

/// What the other shard of two announces about the filter number `number`.
fn hear(mesh: &mut Mesh, number: u64, group: &[u8]) {
    let filter = format!("a.{number}.*");
    let (filter, visibility) = (filter.as_bytes(), Visibility::PLAIN);
    let wanted = Wanted::Filter { filter, visibility, group };
    let interest =
        Interest { namespace: NamespaceId::DEFAULT, wanted, count: 1, is_pressed: false };
    assert_eq!(mesh.routers[0].apply_interest(shard(1), &interest), Ok(()));
}

#[test]
fn a_filter_of_another_shard_takes_less_than_two_hundred_bytes() {
    for (group, most) in [(b"".as_slice(), 200), (b"g", 220)] {
        let mut mesh = Mesh::new(2, 1);
        let before = BYTES_HELD.get();
        for number in 0..100_000 {
            hear(&mut mesh, number, group);
        }
        let each = (BYTES_HELD.get() - before) as u64 / 100_000;
        println!("{each} bytes");
        assert!((100..most).contains(&each), "{each} bytes");
        // Tables that have just grown are the emptiest; they must not take much more.
        for number in 100_000..115_000 {
            hear(&mut mesh, number, group);
        }
        let each = (BYTES_HELD.get() - before) as u64 / 115_000;
        println!("{each} bytes");
        assert!((100..most).contains(&each), "{each} bytes");
    }
}

/// Two shards with plain targets, groups on both, names and credit; the first publishes.
fn busy_mesh() -> Mesh {
    let mut mesh = Mesh::new(2, 6);
    for number in 0..2 {
        for slot in 0..4 {
            for wanted in [
                wants(1, "plain.*"),
                Subscription { group: b"g", ..wants(2, "group.>") },
                Subscription { group: b"h", ..wants(3, "group.*") },
                Subscription { credit: 1_000_000, group: b"i", ..wants(4, "credit.*") },
            ] {
                assert_eq!(mesh.routers[number].subscribe(client(slot), wanted), Ok(()));
            }
        }
    }
    assert_eq!(mesh.routers[1].register_name(client(0), b"one"), Ok(()));
    let starving = Subscription { credit: 0, group: b"j", ..wants(5, "group.1") };
    assert_eq!(mesh.routers[1].subscribe(client(4), starving), Ok(()));
    mesh.settle();
    mesh
}

#[test]
fn s10_messages_across_shards_cost_no_allocation_once_warm() {
    let mut mesh = busy_mesh();
    let mut subjects = vec!["$NAME.one".to_owned(), "nobody".to_owned()];
    for number in 0..20 {
        subjects.extend(["plain", "group", "credit"].map(|first| format!("{first}.{number}")));
    }
    let mut hints = [RouteHint::default(); 2];
    let mut groups = Vec::with_capacity(1024);
    let Mesh { routers, plan, .. } = &mut mesh;
    let (mut deliveries, mut bounces, mut picks) = (0, 0, 0);
    let mut publish = |number: usize| {
        let subject = subjects[number * 7 % subjects.len()].as_bytes();
        let has_room = |client: ClientId| client.slot != 2;
        let planned = routers[0].plan(client(0), subject, &mut hints[0], has_room, plan);
        assert_eq!(planned, Ok(()));
        routers[0].commit(plan);
        deliveries += plan.targets().len();
        picks += plan.group_picks().len();
        groups.clear();
        for pick in plan.group_picks() {
            GroupNames::push(&mut groups, routers[0].group_name(pick));
        }
        let is_plain = plan.plain_shards().contains(shard(1));
        let groups = GroupNames::new(&groups);
        let (namespace, plain_went) = (NamespaceId::DEFAULT, !is_plain);
        let arrival = Arrival { namespace, subject, is_plain, plain_went, only_to: None, groups };
        let planned = routers[1].plan_arrival(&arrival, &mut hints[1], has_room, plan);
        assert_eq!(planned, Ok(()));
        routers[1].commit(plan);
        deliveries += plan.targets().len();
        bounces += plan.bounced().len();
    };
    (0..10_000).for_each(&mut publish);
    let found = allocations(|| (10_000..110_000).for_each(&mut publish));
    assert_eq!(found, 0, "over 100,000 messages");
    assert!(deliveries > 300_000 && picks > 20_000, "{deliveries} deliveries, {picks} picks");
    assert!(bounces > 1_000, "{bounces} bounces");
}
