//! Appends without producers: offsets, places, acks, times and bounds.

use coilgun_core::stream::{
    Ack, AppendAnswer, AppendPlan, AppendRefusal, AppendRequest, Effects, PartitionLimits,
};
use coilgun_protocol::model::{AckLevel, Offset, UnixMs};

use crate::stream_world::{StreamWorld, batch, new_partition, produced};

fn dies(body: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_err()
}

#[test]
fn l12_an_append_goes_from_assigned_over_written_to_durable_and_visible() {
    let mut world = StreamWorld::new();
    let placed = world.append(&batch(1, 3));
    assert_eq!((placed.base_offset, placed.end), (Offset(0), Offset(3)));
    assert_eq!(world.append(&batch(2, 2)).base_offset, Offset(3));
    assert_eq!(world.places(), [0, 0, 0, 5]);
    world.write(3);
    assert_eq!(world.places(), [0, 0, 3, 5]);
    world.write(5);
    assert_eq!(world.told(), [""; 0], "nothing is acked before it is durable");
    world.partition.on_durable(Offset(3), &mut world.out);
    assert_eq!(world.places(), [3, 3, 5, 5]);
    assert_eq!(world.told(), ["acked 1 Durable 0"]);
    world.store(5);
    assert_eq!(world.told(), ["acked 2 Durable 3"]);
    assert_eq!(world.partition.counts().pending_appends, 0);
}

#[test]
fn l12_batches_are_written_and_durable_as_a_whole() {
    let mut out = Effects::new();
    let world = || {
        let mut world = StreamWorld::new();
        world.append_each(&[3, 3]);
        world
    };
    assert!(dies(|| world().partition.on_written(Offset(2), &mut out)));
    assert!(dies(|| world().partition.on_written(Offset(7), &mut out)), "more than was assigned");
    assert!(dies(|| world().partition.on_durable(Offset(3), &mut out)), "more than was written");
    let mut written = world();
    written.write(6);
    assert!(dies(|| written.partition.on_durable(Offset(4), &mut out)));
    let mut stored = world();
    stored.store(6);
    assert!(dies(|| stored.partition.on_durable(Offset(3), &mut out)), "backwards");
    assert!(dies(|| stored.partition.on_written(Offset(3), &mut out)), "backwards");
}

#[test]
fn l16_an_ack_that_does_not_wait_says_so_and_gives_no_read_your_write() {
    let mut world = StreamWorld::new();
    world.append(&AppendRequest { level: AckLevel::Leader, ..batch(1, 1) });
    assert_eq!(world.told(), ["acked 1 Leader 0"]);
    assert_eq!(world.places(), [0, 0, 0, 1], "it cannot be read yet");
    world.append(&AppendRequest { level: AckLevel::None, ..batch(2, 1) });
    world.store(2);
    assert_eq!(world.told(), [""; 0], "nobody is answered twice, or without having asked");
}

#[test]
fn l18_append_times_never_go_back() {
    let mut world = StreamWorld::new();
    let mut append_at = |now| {
        world.now = UnixMs(now);
        world.append(&batch(1, 1)).append_time.0
    };
    assert_eq!([10, 20, 5, 15, 21].map(&mut append_at), [10, 20, 20, 20, 21]);
}

#[test]
fn l13_an_expected_offset_is_compared_with_what_is_assigned() {
    let mut world = StreamWorld::new();
    let expecting = |expected| AppendRequest { expected: Some(Offset(expected)), ..batch(1, 2) };
    world.append(&expecting(0));
    world.append(&expecting(2));
    assert_eq!(world.places(), [0, 0, 0, 4]);
    for expected in [0, 2, 3, 5] {
        let refusal = world.refusal(&expecting(expected));
        assert_eq!(refusal, AppendRefusal::UnexpectedOffset { next: Offset(4) });
    }
}

#[test]
fn a_batch_that_is_sent_again_is_not_refused_for_the_offset_that_it_took() {
    let mut world = StreamWorld::new();
    let request = AppendRequest { expected: Some(Offset(0)), ..produced(1, 2, (9, 0, 0)) };
    world.append(&request);
    world.store(2);
    let ack = Ack { base_offset: Offset(0), level: AckLevel::Durable, is_duplicate: true };
    assert_eq!(world.answer(&request), AppendAnswer::Duplicate(ack));
}

#[test]
fn sizes_and_what_is_pending_are_bounded() {
    let limits = PartitionLimits {
        records_per_batch: 10,
        batch_bytes: 1_000,
        pending_bytes: 1_500,
        pending_appends: 3,
        ..PartitionLimits::default()
    };
    let mut world = StreamWorld::with_limits(limits);
    assert_eq!(world.refusal(&batch(1, 0)), AppendRefusal::Empty);
    assert_eq!(world.refusal(&batch(1, 11)), AppendRefusal::TooLarge);
    let large = AppendRequest { bytes: 1_001, ..batch(1, 1) };
    assert_eq!(world.refusal(&large), AppendRefusal::TooLarge);
    world.append(&batch(1, 10));
    assert_eq!(world.refusal(&batch(2, 6)), AppendRefusal::PendingBytesFull);
    world.append(&batch(2, 1));
    world.append(&batch(3, 1));
    assert_eq!(world.refusal(&batch(4, 1)), AppendRefusal::PendingAppendsFull);
    assert_eq!(world.places(), [0, 0, 0, 12], "what is refused changes nothing");
    world.store(10);
    world.append(&batch(4, 10));
    let counts = world.partition.counts();
    assert_eq!((counts.pending_appends, counts.pending_bytes), (3, 1_200));
}

#[test]
fn a_plan_is_good_for_its_partition_as_it_was_only() {
    let plan = |world: &StreamWorld| -> AppendPlan {
        world.partition.plan_append(world.now, &batch(1, 1)).expect("there is room")
    };
    let mut world = StreamWorld::new();
    let other = StreamWorld::of(new_partition(2, PartitionLimits::default()));
    let foreign = plan(&other);
    assert!(dies(|| {
        world.partition.commit_append(foreign, &mut Effects::new());
    }));
    let (first, second) = (plan(&world), plan(&world));
    assert_eq!(first.base_offset(), Offset(0));
    world.partition.commit_append(first, &mut world.out);
    assert!(dies(|| {
        world.partition.commit_append(second, &mut Effects::new());
    }));
    let plan = plan(&world);
    world.partition.truncate(Offset(0), &mut world.out);
    assert!(dies(|| {
        world.partition.commit_append(plan, &mut Effects::new());
    }));
}
