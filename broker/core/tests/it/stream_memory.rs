//! An idle partition is small (law L20), and an append costs no allocation (law S10).

use coilgun_core::stream::{
    AppendAnswer, AppendRequest, AtomicAppend, AtomicReady, Effect, Effects, FollowerCredit,
    Partition, PartitionLimits, ReadDone,
};
use coilgun_protocol::model::{AckLevel, Offset, PartitionId, UnixMs};

use crate::allocation::{allocations, bytes_held};
use crate::stream_world::{StreamWorld, batch, new_partition, produced};

/// What a partition holds on the heap and in itself, after `body`.
fn bytes_after(body: impl FnOnce(&mut StreamWorld)) -> i64 {
    let limits = PartitionLimits::default();
    let mut world = StreamWorld::with_limits(limits);
    let shared = bytes_held();
    body(&mut world);
    world.out = Effects::new();
    bytes_held() - shared + size_of::<Partition>() as i64
}

#[test]
fn l20_an_idle_partition_with_a_producer_takes_less_than_a_kibibyte() {
    let new = bytes_after(|_| {});
    let used = bytes_after(|world| {
        world.append(&produced(1, 1, (9, 0, 0)));
        world.store(1);
    });
    println!("{new} bytes when new, {used} bytes with one producer");
    assert!(new < 512, "{new} bytes");
    assert!(used < 1024, "{used} bytes");
}

#[test]
fn l20_a_partition_gives_back_what_a_burst_needed() {
    let burst = |world: &mut StreamWorld| {
        for number in 0..1_000 {
            world.append(&produced(1, 1, (9, 0, number)));
        }
        world.wait(&produced(2, 1, (9, 0, 999)));
        let credit = FollowerCredit { records: 1, bytes: 1 };
        let followers = [0; 100].map(|_| {
            world.partition.follow(Offset(0), credit, &mut world.out).expect("there is room")
        });
        world.store(1_000);
        for follower in followers {
            world.partition.unfollow(follower);
        }
    };
    let busy = bytes_after(burst);
    assert!(busy > 32 * 1024, "{busy} bytes");
    let idle = bytes_after(|world| {
        burst(world);
        // The first one finds that there was something since the last.
        for _ in 0..2 {
            world.partition.tick(world.now, 10);
        }
    });
    assert!(idle < 1024, "{idle} bytes");
}

/// Appends of three producers, now and then sent again, written, synced and followed.
fn round(world: &mut StreamWorld, sequence: u64) -> usize {
    for producer in [1, 2, 3] {
        let level = [AckLevel::None, AckLevel::Leader, AckLevel::Durable][producer as usize - 1];
        let request = AppendRequest { level, ..produced(1, 2, (producer, 0, 2 * sequence)) };
        world.append(&request);
        let again = AppendRequest { level: AckLevel::Durable, ..request };
        match world.partition.plan_append(world.now, &again) {
            Err(AppendAnswer::Wait(plan)) => world.partition.commit_wait(plan),
            answer => panic!("{answer:?}"),
        }
    }
    let end = world.partition.places().assigned;
    world.store(end.0);
    world.partition.trim(Offset(end.0.saturating_sub(100)), &mut world.out);
    let (mut effects, mut read) = (0, None);
    for effect in world.out.drain() {
        effects += 1;
        if let Effect::Read(one) = effect {
            read = Some(one);
        }
    }
    let read = read.expect("there is a follower at the end");
    let done = ReadDone { next: read.up_to, records: 6, bytes: 600 };
    world.partition.on_read(read.follower, done, &mut world.out);
    effects
}

#[test]
fn s10_appends_acks_and_followers_cost_no_allocation_once_warm() {
    let mut world = StreamWorld::new();
    let credit = FollowerCredit { records: u64::MAX, bytes: u64::MAX };
    world.partition.follow(Offset(0), credit, &mut world.out).expect("it is empty");
    (0..100).for_each(|number| {
        round(&mut world, number);
    });
    let mut effects = 0;
    let found = allocations(|| {
        for number in 100..10_100 {
            effects += round(&mut world, number);
        }
    });
    assert_eq!(found, 0, "over 30,000 appends");
    assert_eq!(effects, 6 * 10_000, "two acks, three duplicates and a read each");
}

#[test]
fn s10_atomic_appends_cost_no_allocation_once_warm() {
    let mut partitions = [1, 2, 3].map(|it| new_partition(it, PartitionLimits::default()));
    let (mut append, mut out) = (AtomicAppend::new(), Effects::new());
    let mut round = || {
        for partition in &partitions {
            append.plan(partition, UnixMs(1), &batch(1, 1));
        }
        let AtomicReady::Commit(commit) = append.ready() else { panic!("there is room") };
        commit.commit_each(|plan| {
            let PartitionId(number) = plan.partition();
            let partition = &mut partitions[number as usize - 1];
            let end = partition.commit_append(plan, &mut out).end;
            partition.on_written(end, &mut out);
            partition.on_durable(end, &mut out);
        });
        out.drain().count()
    };
    round();
    let found = allocations(|| (0..1_000).for_each(|_| assert_eq!(round(), 3)));
    assert_eq!(found, 0, "over 3,000 appends");
}
