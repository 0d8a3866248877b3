//! A message costs no allocation (law S10), and a subscription not much memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use coilgun_core::router::{RouteHint, RouterLimits, Subscription};
use coilgun_protocol::model::{ClientId, OpenFlags};

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
fn allocations(body: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    body();
    ALLOCATIONS.get() - before
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
