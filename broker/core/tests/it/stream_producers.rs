//! Producers that number their batches: what is sent again is stored once (law L22).

use coilgun_core::stream::{Ack, AppendAnswer, AppendRefusal, AppendRequest, PartitionLimits};
use coilgun_protocol::model::{AckLevel, Offset, ProducerEpoch, ProducerSequence, UnixMs};

use crate::stream_world::{StreamWorld, produced};

fn duplicate(base_offset: u64, level: AckLevel) -> AppendAnswer {
    AppendAnswer::Duplicate(Ack { base_offset: Offset(base_offset), level, is_duplicate: true })
}

#[test]
fn l22_what_is_durable_and_sent_again_is_acked_and_not_stored_again() {
    let mut world = StreamWorld::new();
    world.append(&produced(1, 3, (9, 0, 0)));
    world.append(&produced(2, 2, (9, 0, 3)));
    world.store(5);
    for level in [AckLevel::Leader, AckLevel::Durable] {
        for (count, sequence, base_offset) in [(3, 0, 0), (2, 3, 3)] {
            let again = AppendRequest { level, ..produced(3, count, (9, 0, sequence)) };
            assert_eq!(world.answer(&again), duplicate(base_offset, AckLevel::Durable));
        }
    }
    assert_eq!(world.places(), [5; 4]);
}

#[test]
fn l13_a_duplicate_of_a_pending_batch_waits_for_the_original() {
    let mut world = StreamWorld::new();
    let request = produced(1, 2, (9, 0, 0));
    world.append(&request);
    world.append(&produced(2, 1, (9, 0, 2)));
    for ticket in [3, 4] {
        world.wait(&produced(ticket, 2, (9, 0, 0)));
    }
    world.wait(&produced(5, 1, (9, 0, 2)));
    world.write(3);
    assert_eq!(world.told(), [""; 0]);
    assert_eq!(world.partition.counts().duplicates_waiting, 3);
    world.store(2);
    let acks = ["acked 1 Durable 0", "duplicate 3 Durable 0", "duplicate 4 Durable 0"];
    assert_eq!(world.told(), acks);
    world.store(3);
    assert_eq!(world.told(), ["acked 2 Durable 2", "duplicate 5 Durable 2"]);
    assert_eq!(world.partition.counts().duplicates_waiting, 0);
}

#[test]
fn l16_a_duplicate_that_need_not_wait_is_told_what_is_true() {
    let mut world = StreamWorld::new();
    world.append(&produced(1, 2, (9, 0, 0)));
    let again = AppendRequest { level: AckLevel::Leader, ..produced(2, 2, (9, 0, 0)) };
    assert_eq!(world.answer(&again), duplicate(0, AckLevel::Leader));
    world.store(2);
    assert_eq!(world.answer(&again), duplicate(0, AckLevel::Durable));
}

#[test]
fn l13_duplicates_that_wait_are_bounded() {
    let limits =
        PartitionLimits { duplicates_per_append: 2, duplicates: 3, ..PartitionLimits::default() };
    let mut world = StreamWorld::with_limits(limits);
    let again = |sequence| produced(5, 1, (9, 0, sequence));
    for sequence in 0..2 {
        world.append(&again(sequence));
    }
    world.wait(&again(0));
    world.wait(&again(0));
    assert_eq!(world.refusal(&again(0)), AppendRefusal::DuplicatesFull);
    world.wait(&again(1));
    assert_eq!(world.refusal(&again(1)), AppendRefusal::DuplicatesFull);
    world.store(1);
    world.wait(&again(1));
}

#[test]
fn l22_gaps_overlaps_and_forgotten_batches_are_told_apart() {
    let mut world = StreamWorld::new();
    for number in 0..7 {
        world.append(&produced(1, 10, (9, 0, 10 * number)));
    }
    let expected = ProducerSequence(70);
    let refusal = |count, sequence| world.refusal(&produced(2, count, (9, 0, sequence)));
    assert_eq!(refusal(1, 71), AppendRefusal::SequenceGap { expected });
    assert_eq!(refusal(1, u64::MAX), AppendRefusal::SequenceGap { expected });
    let oldest = ProducerSequence(20);
    assert_eq!(refusal(10, 10), AppendRefusal::SequenceTooOld { oldest });
    for (count, sequence) in [(9, 60), (11, 60), (5, 65), (10, 25), (20, 20)] {
        assert_eq!(refusal(count, sequence), AppendRefusal::SequenceOverlaps { expected });
    }
    assert_eq!(world.refusal(&produced(2, 1, (8, 0, 1))), AppendRefusal::UnknownProducer);
}

#[test]
fn l22_a_later_epoch_begins_at_zero_and_fences_off_earlier_ones_while_it_is_pending() {
    let mut world = StreamWorld::new();
    world.append(&produced(1, 1, (9, 3, 0)));
    let gap = AppendRefusal::SequenceGap { expected: ProducerSequence(0) };
    assert_eq!(world.refusal(&produced(2, 1, (9, 4, 1))), gap);
    world.append(&produced(2, 2, (9, 4, 0)));
    let fenced = AppendRefusal::Fenced { epoch: ProducerEpoch(4) };
    for (count, sequence) in [(1, 0), (1, 1), (1, 7)] {
        assert_eq!(world.refusal(&produced(3, count, (9, 3, sequence))), fenced);
    }
    world.wait(&produced(3, 2, (9, 4, 0)));
    world.append(&produced(4, 1, (9, 4, 2)));
}

#[test]
fn nobody_is_no_producer() {
    let mut world = StreamWorld::new();
    for _ in 0..2 {
        world.append(&produced(1, 1, (0, 7, 9)));
    }
    assert_eq!(world.partition.counts().producers, 0);
}

#[test]
fn l22_producers_are_bounded_and_forgotten_after_a_time() {
    let limits =
        PartitionLimits { producers: 3, producer_expiry_ms: 100, ..PartitionLimits::default() };
    let mut world = StreamWorld::with_limits(limits);
    for (producer, now) in [(5, 1_000), (3, 1_040), (4, 1_080)] {
        world.now = UnixMs(now);
        world.append(&produced(1, 1, (producer, 0, 0)));
    }
    world.store(3);
    let new = produced(2, 1, (1, 0, 0));
    assert!(world.partition.tick(UnixMs(1_100), 10));
    assert_eq!(world.partition.counts().producers, 3, "100 ms are not over");
    // In slices of one: who is to be forgotten is the last of them by number.
    let ticks = [1, 1, 1].map(|budget| world.partition.tick(UnixMs(1_101), budget));
    assert_eq!(ticks, [false, false, true]);
    assert_eq!(world.partition.counts().producers, 2);
    assert_eq!(world.refusal(&produced(2, 1, (5, 0, 1))), AppendRefusal::UnknownProducer);
    world.append(&new);
    assert!(world.partition.tick(UnixMs(5_000), 10));
    assert_eq!(world.partition.counts().producers, 1, "who has something pending stays");
    world.wait(&new);
    world.store(4);
    assert!(world.partition.tick(UnixMs(5_000), 10));
    assert_eq!(world.partition.counts().producers, 0);
}

#[test]
fn l22_who_was_idle_longest_makes_room_for_a_new_producer() {
    let limits = PartitionLimits { producers: 3, ..PartitionLimits::default() };
    let mut world = StreamWorld::with_limits(limits);
    for producer in [(5, 0, 0), (9, 0, 0), (7, 0, 0), (5, 0, 1)] {
        world.append(&produced(1, 1, producer));
    }
    let new = produced(2, 1, (1, 0, 0));
    assert_eq!(world.refusal(&new), AppendRefusal::ProducersFull, "all have something pending");
    world.store(2);
    world.append(&new);
    assert_eq!(world.refusal(&produced(3, 1, (9, 0, 1))), AppendRefusal::UnknownProducer);
    let another = produced(4, 1, (2, 0, 0));
    assert_eq!(world.refusal(&another), AppendRefusal::ProducersFull, "7 is next, and pending");
    for round in 0..5_000 {
        world.store(5 + 3 * round);
        world.append(&produced(5, 1, (10 + 2 * round, 0, 0)));
        // It goes on, and is never the one that was idle longest.
        world.append(&produced(6, 1, (5, 0, 2 + round)));
        world.store(7 + 3 * round);
        world.append(&produced(7, 1, (20_011 - 2 * round, 1, 0)));
    }
    assert_eq!(world.partition.counts().producers, 3);
}

#[test]
fn l22_batches_that_were_taken_back_may_be_sent_again() {
    let mut world = StreamWorld::new();
    world.append(&produced(1, 2, (9, 0, 0)));
    world.store(2);
    world.append(&produced(2, 3, (9, 0, 2)));
    world.append(&produced(3, 1, (9, 1, 0)));
    world.told();
    world.partition.truncate(Offset(5), &mut world.out);
    assert_eq!(world.told(), ["unknown 3"]);
    let fenced = AppendRefusal::Fenced { epoch: ProducerEpoch(1) };
    assert_eq!(world.refusal(&produced(4, 1, (9, 0, 5))), fenced, "an epoch stays");
    world.append(&produced(4, 1, (9, 1, 0)));
}

#[test]
fn l22_who_had_more_taken_back_than_is_remembered_begins_a_new_epoch() {
    let mut world = StreamWorld::new();
    for number in 0..7 {
        world.append(&produced(number, 1, (9, 0, number)));
    }
    world.partition.truncate(Offset(1), &mut world.out);
    for sequence in 0..3 {
        let refusal = world.refusal(&produced(8, 1, (9, 0, sequence)));
        assert_eq!(refusal, AppendRefusal::UnknownProducer, "0 is stored, and 1 is not");
    }
    world.append(&produced(8, 1, (9, 1, 0)));
    let mut all = StreamWorld::new();
    for number in 0..3 {
        all.append(&produced(number, 1, (9, 0, number)));
    }
    all.partition.truncate(Offset(0), &mut all.out);
    all.append(&produced(8, 1, (9, 0, 0)));
}
