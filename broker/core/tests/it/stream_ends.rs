//! What ends: a log that fails, records that are taken back or given up, partitions that go; and what
//! is there after a restart.

use std::sync::Arc;

use coilgun_core::stream::{
    Ack, AppendAnswer, AppendRefusal, AppendRequest, EndOfLog, FollowRefusal, FollowerCredit,
    LoggedAppend, PartitionLimits, PartitionState, Placed, Recovery, RecoveryError,
};
use coilgun_protocol::model::{
    AckLevel, CoLocationGroupId, Incarnation, Offset, PartitionId, ProducerSequence, UnixMs,
};

use crate::stream_world::{StreamWorld, batch, position, produced};

fn recovery() -> Recovery {
    let limits = Arc::new(PartitionLimits::default());
    Recovery::of_new(PartitionId(1), CoLocationGroupId(1), limits)
}

fn logged(base_offset: u64, count: u32) -> LoggedAppend {
    LoggedAppend {
        incarnation: Incarnation(0),
        base_offset: Offset(base_offset),
        count,
        append_time: UnixMs(1_000),
        producer: None,
    }
}

/// What the log says of a batch.
fn logged_as(placed: &Placed, request: &AppendRequest) -> LoggedAppend {
    let Placed { incarnation, base_offset, append_time, .. } = *placed;
    let AppendRequest { count, producer, .. } = *request;
    LoggedAppend { incarnation, base_offset, count, append_time, producer }
}

#[test]
fn l14_after_poison_what_is_not_durable_has_an_unknown_outcome() {
    let mut world = StreamWorld::new();
    world.append(&produced(1, 1, (9, 0, 0)));
    world.store(1);
    world.append(&produced(2, 1, (9, 0, 1)));
    world.append(&AppendRequest { level: AckLevel::Leader, ..batch(3, 1) });
    world.append(&AppendRequest { level: AckLevel::None, ..batch(4, 1) });
    world.append(&batch(5, 1));
    world.wait(&produced(6, 1, (9, 0, 1)));
    world.write(3);
    world.told();
    world.partition.on_poison(&mut world.out);
    assert_eq!(world.told(), ["unknown 2", "unknown 6", "unknown 5"], "3 has its answer");
    assert_eq!(world.partition.state(), PartitionState::Poisoned);
    assert_eq!(world.places(), [1, 1, 3, 5]);
    assert_eq!(world.partition.counts().pending_appends, 0);
}

#[test]
fn l13_l14_after_poison_nothing_that_may_be_stored_is_refused_and_nothing_is_acked() {
    let mut world = StreamWorld::new();
    for sequence in 0..7 {
        world.append(&produced(1, 1, (9, 0, sequence)));
    }
    world.store(3);
    world.partition.on_poison(&mut world.out);
    for sequence in 0..7 {
        let answer = world.answer(&produced(2, 1, (9, 0, sequence)));
        assert_eq!(answer, AppendAnswer::OutcomeUnknown, "{sequence}");
    }
    for new in [batch(2, 1), produced(2, 1, (9, 0, 7)), produced(2, 1, (8, 0, 0))] {
        assert_eq!(world.refusal(&new), AppendRefusal::Poisoned);
    }
    // Who was forgotten may have stored it.
    let forgotten = world.refusal(&produced(2, 1, (8, 0, 3)));
    assert_eq!(forgotten, AppendRefusal::UnknownProducer);
    assert_eq!(world.partition.snapshot(), None);
}

#[test]
fn l12_a_truncation_takes_back_what_nobody_could_see() {
    let mut world = StreamWorld::new();
    world.append_each(&[1, 2, 3, 4]);
    world.store(1);
    world.write(6);
    world.told();
    world.partition.truncate(Offset(3), &mut world.out);
    assert_eq!(world.told(), ["unknown 4", "unknown 3"]);
    assert_eq!(world.places(), [1, 1, 3, 3]);
    assert_eq!(world.append(&batch(5, 1)).base_offset, Offset(3));
    world.store(4);
    assert_eq!(world.told(), ["acked 2 Durable 1", "acked 5 Durable 3"]);
    for end in [3, 5] {
        let dies = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            world.partition.truncate(Offset(end), &mut world.out);
        }));
        assert!(dies.is_err(), "{end}");
    }
}

#[test]
fn what_is_given_up_at_the_beginning_is_visible() {
    let mut world = StreamWorld::new();
    world.append_each(&[2, 2]);
    world.store(2);
    assert_eq!(world.partition.trim(Offset(9), &mut world.out), Offset(2));
    assert_eq!(world.partition.trim(Offset(1), &mut world.out), Offset(2), "never back");
    assert_eq!(world.partition.places().readable().start, Offset(2));
}

#[test]
fn l6_a_purge_begins_an_incarnation_at_the_same_offset_and_acks_what_was_stored() {
    let mut world = StreamWorld::new();
    let first = produced(1, 2, (9, 0, 0));
    world.append(&first);
    world.store(2);
    world.append(&batch(2, 3));
    world.told();
    assert_eq!(world.partition.purge(&mut world.out), Incarnation(1));
    let readable = world.partition.places().readable();
    assert_eq!((readable.start, readable.end), (Offset(2), Offset(2)), "a restart may undo it");
    let placed = world.append(&batch(3, 1));
    assert_eq!((placed.base_offset, placed.incarnation), (Offset(5), Incarnation(1)));
    world.store(6);
    assert_eq!(world.told(), ["acked 2 Durable 2", "acked 3 Durable 5"]);
    let readable = world.partition.places().readable();
    assert_eq!((readable.start, readable.end), (Offset(5), Offset(6)));
    assert!(matches!(world.answer(&first), AppendAnswer::Duplicate(_)), "it was stored once");
}

#[test]
fn l6_a_deleted_partition_takes_nothing_and_acks_what_was_stored() {
    let mut world = StreamWorld::new();
    world.append(&batch(1, 2));
    world.partition.delete(&mut world.out);
    assert_eq!(world.refusal(&batch(2, 1)), AppendRefusal::Deleted);
    let credit = FollowerCredit { records: 1, bytes: 1 };
    let follow = world.partition.follow(Offset(0), credit, &mut world.out);
    assert_eq!(follow, Err(FollowRefusal::Deleted));
    world.store(2);
    assert_eq!(world.told(), ["acked 1 Durable 0"]);
    assert_eq!(world.partition.counts().pending_appends, 0);
}

#[test]
fn l8_a_partition_whose_end_is_not_proven_is_read_only_also_after_a_checkpoint() {
    let mut unproven = recovery();
    assert_eq!(unproven.replay_append(&logged(0, 2)), Ok(()));
    let partition = unproven.finish(EndOfLog::Unproven).expect("it was not deleted");
    let world = StreamWorld::of(partition);
    assert_eq!(world.refusal(&batch(1, 1)), AppendRefusal::ReadOnly);
    assert_eq!(world.partition.places().readable().end, Offset(2));
    let snapshot = world.partition.snapshot().expect("it is not poisoned");
    let again = Recovery::restore(&snapshot, Arc::default()).expect("it was just made");
    let again = again.finish(EndOfLog::Proven).expect("it was not deleted");
    assert_eq!(again.state(), PartitionState::ReadOnly);
}

#[test]
fn l8_l22_what_a_read_only_partition_has_is_answered_as_a_duplicate() {
    let first = produced(1, 2, (9, 0, 0));
    let mut unproven = recovery();
    let stored = LoggedAppend { producer: first.producer, ..logged(0, 2) };
    assert_eq!(unproven.replay_append(&stored), Ok(()));
    let partition = unproven.finish(EndOfLog::Unproven).expect("it was not deleted");
    let world = StreamWorld::of(partition);
    let stored = Ack { base_offset: Offset(0), level: AckLevel::Durable, is_duplicate: true };
    assert_eq!(world.answer(&first), AppendAnswer::Duplicate(stored));
    assert_eq!(world.refusal(&produced(2, 1, (9, 0, 2))), AppendRefusal::ReadOnly);
    let overlaps = AppendRefusal::SequenceOverlaps { expected: ProducerSequence(2) };
    assert_eq!(world.refusal(&produced(3, 3, (9, 0, 0))), overlaps);
}

#[test]
fn a_restart_brings_back_what_the_log_says_and_all_of_it_is_durable() {
    let mut world = StreamWorld::new();
    let first = [produced(1, 2, (9, 0, 0)), batch(2, 1)];
    let placed = first.each_ref().map(|request| world.append(request));
    let snapshot = world.partition.snapshot().expect("it is not poisoned");
    world.now = UnixMs(2_000);
    let second = [produced(3, 3, (9, 0, 2)), produced(4, 1, (8, 2, 0))];
    let replaced = second.each_ref().map(|request| world.append(request));
    world.store(7);

    let mut whole = recovery();
    for (placed, request) in placed.iter().zip(&first).chain(replaced.iter().zip(&second)) {
        assert_eq!(whole.replay_append(&logged_as(placed, request)), Ok(()));
    }
    let mut rest = Recovery::restore(&snapshot, Arc::default()).expect("it was just made");
    for (placed, request) in replaced.iter().zip(&second) {
        assert_eq!(rest.replay_append(&logged_as(placed, request)), Ok(()));
    }
    for recovered in [whole, rest] {
        let recovered = recovered.finish(EndOfLog::Proven).expect("it was not deleted");
        assert_eq!(recovered.snapshot(), world.partition.snapshot());
        let mut recovered = StreamWorld::of(recovered);
        assert_eq!(recovered.places(), [7; 4]);
        assert!(matches!(recovered.answer(&second[0]), AppendAnswer::Duplicate(_)));
        assert_eq!(recovered.append(&batch(5, 1)).append_time, UnixMs(2_000), "law L18");
    }
}

#[test]
fn what_does_not_fit_into_the_log_is_an_error_and_changes_nothing() {
    let mut recovery = recovery();
    let end = Offset(2);
    assert_eq!(recovery.replay_append(&logged(0, 2)), Ok(()));
    let gap = RecoveryError::Gap { found: Offset(3), end };
    assert_eq!(recovery.replay_append(&logged(3, 1)), Err(gap));
    let overlap = RecoveryError::Overlap { found: Offset(1), end };
    assert_eq!(recovery.replay_append(&logged(1, 1)), Err(overlap));
    assert_eq!(recovery.replay_append(&logged(2, 0)), Err(RecoveryError::WrongCount));
    let earlier = LoggedAppend { append_time: UnixMs(999), ..logged(2, 1) };
    let back = RecoveryError::TimeWentBack { found: UnixMs(999), last: UnixMs(1_000) };
    assert_eq!(recovery.replay_append(&earlier), Err(back));
    let other = LoggedAppend { incarnation: Incarnation(1), ..logged(2, 1) };
    let wrong =
        RecoveryError::WrongIncarnation { found: Incarnation(1), incarnation: Incarnation(0) };
    assert_eq!(recovery.replay_append(&other), Err(wrong));
    for producer in [(9, 0, 5), (0, 0, 0)] {
        let producer = Some(position(producer));
        let found = recovery.replay_append(&LoggedAppend { producer, ..logged(2, 1) });
        assert_eq!(found, Err(RecoveryError::WrongSequence));
    }
    let found = Offset(3);
    let out_of_range = Err(RecoveryError::OutOfRange { found, start: Offset(0), end });
    assert_eq!(recovery.replay_truncate(Incarnation(0), found), out_of_range);
    assert_eq!(recovery.replay_trim(Incarnation(0), found), out_of_range);
    assert!(recovery.replay_purge(Incarnation(2)).is_err());
    assert_eq!(recovery.replay_append(&logged(2, 1)), Ok(()), "all of that changed nothing");

    assert_eq!(recovery.replay_truncate(Incarnation(0), Offset(2)), Ok(()));
    assert_eq!(recovery.replay_append(&logged(2, 2)), Ok(()));
    assert_eq!(recovery.replay_trim(Incarnation(0), Offset(2)), Ok(()));
    assert_eq!(recovery.replay_purge(Incarnation(1)), Ok(()));
    assert_eq!(recovery.replay_delete(), Ok(()));
    assert_eq!(recovery.replay_append(&logged(4, 1)), Err(RecoveryError::Deleted));
    assert!(recovery.finish(EndOfLog::Proven).is_none());
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_an_error() {
    let mut world = StreamWorld::new();
    world.append(&produced(1, 2, (9, 0, 0)));
    world.append(&produced(1, 2, (8, 0, 0)));
    let good = world.partition.snapshot().expect("it is not poisoned");
    let restore = |change: fn(&mut coilgun_core::stream::PartitionSnapshot)| {
        let mut snapshot = good.clone();
        change(&mut snapshot);
        Recovery::restore(&snapshot, Arc::default()).err()
    };
    assert_eq!(restore(|_| {}), None);
    for change in [
        (|it| it.log_start = Offset(5)) as fn(&mut coilgun_core::stream::PartitionSnapshot),
        |it| it.end = Offset(u64::MAX),
        |it| it.end = Offset(3),
        |it| it.producers.reverse(),
        |it| it.producers[0].next_sequence.0 = 1,
        |it| it.producers[0].next_sequence.0 = u64::MAX,
        |it| it.producers[1].producer = it.producers[0].producer,
    ] {
        assert_eq!(restore(change), Some(RecoveryError::WrongSnapshot));
    }
}

/// A producer that was forgotten and began anew, in whatever epoch, is accepted from the log as it was
/// when it was appended; and one that is forgotten now goes on there if it was not forgotten then.
#[test]
fn l22_the_log_knows_better_which_producers_were_forgotten() {
    let mut recovery = Recovery::of_new(
        PartitionId(1),
        CoLocationGroupId(1),
        Arc::new(PartitionLimits { producers: 2, ..PartitionLimits::default() }),
    );
    let batches = [
        (9, 5, 0),
        (9, 5, 1),
        (9, 3, 0),
        (8, 0, 0),
        (9, 3, 1),
        (7, 0, 0),
        (8, 0, 1),
        (9, 3, 2),
        (9, 3, 3),
    ];
    for (base_offset, producer) in batches.into_iter().enumerate() {
        let append_time = UnixMs(2_000 + base_offset as u64);
        let producer = Some(position(producer));
        let batch = LoggedAppend { append_time, producer, ..logged(base_offset as u64, 1) };
        assert_eq!(recovery.replay_append(&batch), Ok(()));
    }
    let partition = recovery.finish(EndOfLog::Proven).expect("it was not deleted");
    let mut world = StreamWorld::of(partition);
    assert_eq!(world.partition.counts().producers, 2);
    for known in [(9, 3, 2), (9, 3, 3), (8, 0, 1)] {
        assert!(matches!(world.answer(&produced(1, 1, known)), AppendAnswer::Duplicate(_)));
    }
    let oldest = ProducerSequence(1);
    let forgotten = AppendRefusal::SequenceTooOld { oldest };
    assert_eq!(world.refusal(&produced(1, 1, (8, 0, 0))), forgotten, "it is not known any more");
    assert_eq!(world.refusal(&produced(1, 1, (7, 0, 1))), AppendRefusal::UnknownProducer);
    world.append(&produced(1, 1, (7, 0, 0)));
    assert_eq!(world.refusal(&produced(1, 1, (8, 0, 2))), AppendRefusal::UnknownProducer);
}

/// Where nobody had to be forgotten, a batch that is not the next one of its producer is no batch of it.
#[test]
fn l22_a_log_that_leaves_a_sequence_out_is_wrong_unless_somebody_was_forgotten() {
    let limits = Arc::new(PartitionLimits { producers: 2, ..PartitionLimits::default() });
    let mut recovery = Recovery::of_new(PartitionId(1), CoLocationGroupId(1), limits);
    let batch = |base_offset, producer| LoggedAppend {
        append_time: UnixMs(2_000),
        producer: Some(position(producer)),
        ..logged(base_offset, 1)
    };
    let wrong = Err(RecoveryError::WrongSequence);
    assert_eq!(recovery.replay_append(&batch(0, (9, 0, 1))), wrong);
    assert_eq!(recovery.replay_append(&batch(0, (9, 0, 0))), Ok(()));
    assert_eq!(recovery.replay_append(&batch(1, (8, 0, 0))), Ok(()));
    assert_eq!(recovery.replay_append(&batch(2, (9, 0, 2))), wrong);
    assert_eq!(recovery.replay_append(&batch(2, (7, 0, 0))), Ok(()));
    assert_eq!(recovery.replay_append(&batch(3, (9, 0, 1))), Ok(()));
    assert_eq!(recovery.replay_append(&batch(4, (9, 0, u64::MAX))), wrong);
}
