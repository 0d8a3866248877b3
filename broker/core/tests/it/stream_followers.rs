//! Followers: when they are read for.

use coilgun_core::stream::{
    Effect, FollowRefusal, FollowerCredit, FollowerId, FollowerRead, FollowerState,
    PartitionLimits, ReadDone, ReadableRange,
};
use coilgun_protocol::model::Offset;

use crate::stream_world::{StreamWorld, batch};

const PLENTY: FollowerCredit = FollowerCredit { records: u64::MAX, bytes: u64::MAX };

fn follow(world: &mut StreamWorld, from: u64, credit: FollowerCredit) -> FollowerId {
    let id = world.partition.follow(Offset(from), credit, &mut world.out);
    id.expect("the offset is in range")
}

/// Appends `count` records and has them durable.
fn grow(world: &mut StreamWorld, count: u32) {
    let end = world.append(&batch(0, count)).end;
    world.store(end.0);
}

fn done(world: &mut StreamWorld, id: FollowerId, next: u64, records: u32) {
    let done = ReadDone { next: Offset(next), records, bytes: 10 * records as usize };
    world.partition.on_read(id, done, &mut world.out);
}

/// The effects that are not acks.
fn told(world: &mut StreamWorld) -> Vec<String> {
    world.told().into_iter().filter(|it| !it.starts_with("acked")).collect()
}

#[test]
fn a_follower_is_read_for_once_at_a_time_and_woken_by_what_is_visible() {
    let mut world = StreamWorld::new();
    grow(&mut world, 2);
    let id = follow(&mut world, 0, PLENTY);
    assert_eq!(told(&mut world), ["read 0 0..2"]);
    grow(&mut world, 3);
    assert_eq!(told(&mut world), [""; 0], "there is a read already");
    done(&mut world, id, 2, 2);
    assert_eq!(told(&mut world), ["read 0 2..5"]);
    done(&mut world, id, 5, 3);
    assert_eq!(world.partition.follower_state(id), Some(FollowerState::Parked));
    world.append(&batch(0, 1));
    world.append(&batch(0, 1));
    world.write(7);
    assert_eq!(told(&mut world), [""; 0], "it is not visible");
    world.store(6);
    assert_eq!(told(&mut world), ["read 0 5..6"]);
    world.store(7);
    assert_eq!(told(&mut world), [""; 0]);
}

#[test]
fn followers_wake_in_the_order_in_which_they_came() {
    let mut world = StreamWorld::new();
    let ids = [0, 1, 2, 3].map(|_| follow(&mut world, 0, PLENTY));
    world.partition.unfollow(ids[1]);
    grow(&mut world, 1);
    assert_eq!(told(&mut world), ["read 0 0..1", "read 2 0..1", "read 3 0..1"]);
    for id in [ids[2], ids[0], ids[3]] {
        done(&mut world, id, 1, 1);
    }
    let reused = follow(&mut world, 1, PLENTY);
    assert_eq!(reused.slot, ids[1].slot);
    grow(&mut world, 1);
    let order = ["read 2 1..2", "read 0 1..2", "read 3 1..2", "read 1 1..2"];
    assert_eq!(told(&mut world), order);
    // Whatever still names the old one finds nothing.
    done(&mut world, ids[1], 2, 1);
    world.partition.on_credit(ids[1], PLENTY, &mut world.out);
    assert_eq!((told(&mut world), world.partition.follower_state(ids[1])), (vec![], None));
}

#[test]
fn credit_in_records_and_in_bytes_bounds_what_is_read() {
    let limits = PartitionLimits { follower_read_bytes: 50, ..PartitionLimits::default() };
    let mut world = StreamWorld::with_limits(limits);
    grow(&mut world, 20);
    world.told();
    let id = follow(&mut world, 0, FollowerCredit { records: 3, bytes: 80 });
    let partition = world.partition.id();
    let (from, up_to) = (Offset(0), Offset(20));
    let read = |from: u64, records_max, bytes_max| {
        let from = Offset(from);
        Effect::Read(FollowerRead { from, records_max, bytes_max, partition, follower: id, up_to })
    };
    assert_eq!(world.effects(), [read(from.0, 3, 50)]);
    done(&mut world, id, 2, 2);
    assert_eq!(world.effects(), [read(2, 1, 50)]);
    // A batch is given whole.
    done(&mut world, id, 6, 4);
    assert_eq!(world.effects(), []);
    assert_eq!(world.partition.follower_state(id), Some(FollowerState::OutOfCredit));
    grow(&mut world, 1);
    world.told();
    let more = |records, bytes| FollowerCredit { records, bytes };
    world.partition.on_credit(id, more(5, 0), &mut world.out);
    assert_eq!(told(&mut world), ["read 0 6..21"], "20 bytes are left");
    world.partition.on_credit(id, more(5, 0), &mut world.out);
    done(&mut world, id, 9, 3);
    assert_eq!(told(&mut world), [""; 0], "no bytes are left");
    world.partition.on_credit(id, more(0, 7), &mut world.out);
    assert_eq!(told(&mut world), ["read 0 9..21"]);
    done(&mut world, id, 21, 12);
    assert_eq!(world.partition.follower_state(id), Some(FollowerState::OutOfCredit));
    world.partition.on_credit(id, more(1, 1), &mut world.out);
    assert_eq!(world.partition.follower_state(id), Some(FollowerState::Parked));
}

#[test]
fn who_stands_where_nothing_is_kept_is_told_the_range() {
    let mut world = StreamWorld::new();
    grow(&mut world, 2);
    grow(&mut world, 2);
    let readable = ReadableRange { start: Offset(0), end: Offset(4) };
    let beyond = world.partition.follow(Offset(5), PLENTY, &mut world.out);
    assert_eq!(beyond, Err(FollowRefusal::OutOfRange(readable)));
    let reading = follow(&mut world, 0, PLENTY);
    let poor = follow(&mut world, 1, FollowerCredit::default());
    world.told();
    world.partition.trim(Offset(2), &mut world.out);
    assert_eq!(told(&mut world), ["out of range 1 2..4"]);
    done(&mut world, reading, 0, 0);
    assert_eq!(told(&mut world), ["out of range 0 2..4"], "its read found nothing");
    let below = world.partition.follow(Offset(1), PLENTY, &mut world.out);
    let readable = ReadableRange { start: Offset(2), end: Offset(4) };
    assert_eq!(below, Err(FollowRefusal::OutOfRange(readable)));
    world.partition.on_credit(poor, PLENTY, &mut world.out);
    assert_eq!(told(&mut world), [""; 0], "it is told once");
    assert!(world.partition.seek(poor, Offset(3), &mut world.out));
    assert!(world.partition.seek(reading, Offset(9), &mut world.out));
    assert_eq!(told(&mut world), ["read 1 3..4", "out of range 0 2..4"]);
    assert!(!world.partition.seek(poor, Offset(2), &mut world.out), "it is read for");
}

#[test]
fn a_purge_and_a_deletion_are_told_to_those_who_wait() {
    let mut world = StreamWorld::new();
    grow(&mut world, 2);
    let id = follow(&mut world, 2, PLENTY);
    world.append(&batch(0, 2));
    world.told();
    world.partition.purge(&mut world.out);
    assert_eq!(told(&mut world), [""; 0], "nobody is sent beyond what is visible");
    world.store(4);
    assert_eq!(told(&mut world), ["out of range 0 4..4"], "what was purged is not read");
    assert!(world.partition.seek(id, Offset(4), &mut world.out));
    grow(&mut world, 1);
    assert_eq!(told(&mut world), ["read 0 4..5"]);
    world.partition.delete(&mut world.out);
    assert_eq!(told(&mut world), ["ended 0"]);
    done(&mut world, id, 5, 1);
    assert_eq!(told(&mut world), [""; 0]);
}

#[test]
fn followers_are_bounded() {
    let mut world =
        StreamWorld::with_limits(PartitionLimits { followers: 2, ..PartitionLimits::default() });
    let first = follow(&mut world, 0, PLENTY);
    follow(&mut world, 0, PLENTY);
    let third = world.partition.follow(Offset(0), PLENTY, &mut world.out);
    assert_eq!(third, Err(FollowRefusal::TooMany));
    world.partition.unfollow(first);
    follow(&mut world, 0, PLENTY);
    assert_eq!(world.partition.counts().followers, 2);
}
