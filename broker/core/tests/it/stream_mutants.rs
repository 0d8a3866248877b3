//! The checks of streams find each deliberate fault.

use coilgun_core::mutant::{self, Mutant};
use coilgun_core::stream::{
    AppendAnswer, AppendRequest, AtomicAppend, AtomicReady, FollowerCredit, PartitionLimits,
};
use coilgun_protocol::model::{Offset, UnixMs};

use crate::stream_property::run_stream_histories;
use crate::stream_world::{StreamWorld, batch, new_partition, produced};

/// The faults of streams.
pub(crate) const ALL: [Mutant; 7] = [
    Mutant::EarlyAck,
    Mutant::NoEpochCheck,
    Mutant::NoDedup,
    Mutant::DuplicateAckedEarly,
    Mutant::VisibleEarly,
    Mutant::AtomicInPart,
    Mutant::KnownAfterPoison,
];

#[test]
fn every_mutant_of_streams_is_found_by_the_comparison_with_the_shadows() {
    for one in ALL {
        let found = mutant::with(one, || run_stream_histories(30, false));
        assert!(found.is_err(), "{one:?} went unnoticed: {found:?}");
    }
}

/// What becomes of a batch that is sent, or sent again.
fn became(world: &StreamWorld, request: &AppendRequest) -> &'static str {
    match world.partition.plan_append(world.now, request) {
        Ok(_) => "appended",
        Err(AppendAnswer::Duplicate(_)) => "acked",
        Err(AppendAnswer::Wait(_)) => "waits",
        Err(AppendAnswer::OutcomeUnknown) => "unknown",
        Err(AppendAnswer::Refused(_)) => "refused",
    }
}

#[test]
fn l12_an_ack_at_assignment_is_found_by_one_append() {
    let acks = || {
        let mut world = StreamWorld::new();
        world.append(&batch(1, 1));
        world.told().len()
    };
    assert_eq!(acks(), 0);
    assert_eq!(mutant::with(Mutant::EarlyAck, acks), 1);
}

#[test]
fn l22_producers_of_an_earlier_epoch_are_found_by_one_append() {
    let earlier = || {
        let mut world = StreamWorld::new();
        world.append(&produced(1, 1, (9, 2, 0)));
        became(&world, &produced(2, 1, (9, 1, 0)))
    };
    assert_eq!(earlier(), "refused");
    assert_eq!(mutant::with(Mutant::NoEpochCheck, earlier), "appended");
}

#[test]
fn l22_duplicates_that_are_stored_are_found_by_one_that_is_sent_again() {
    let again = || {
        let mut world = StreamWorld::new();
        let request = produced(1, 1, (9, 2, 0));
        world.append(&request);
        world.store(1);
        became(&world, &request)
    };
    assert_eq!(again(), "acked");
    assert_eq!(mutant::with(Mutant::NoDedup, again), "appended");
}

#[test]
fn l13_a_duplicate_that_is_acked_before_its_original_is_found() {
    let again = || {
        let mut world = StreamWorld::new();
        let request = produced(1, 1, (9, 2, 0));
        world.append(&request);
        became(&world, &request)
    };
    assert_eq!(again(), "waits");
    assert_eq!(mutant::with(Mutant::DuplicateAckedEarly, again), "acked");
}

#[test]
fn l12_what_is_visible_before_it_is_durable_is_found_by_one_follower() {
    let read = || {
        let mut world = StreamWorld::new();
        let credit = FollowerCredit { records: 1, bytes: 1 };
        world.partition.follow(Offset(0), credit, &mut world.out).expect("it is empty");
        world.append(&batch(1, 1));
        world.write(1);
        world.told()
    };
    assert_eq!(read(), [""; 0]);
    assert_eq!(mutant::with(Mutant::VisibleEarly, read), ["read 0 0..1"]);
}

#[test]
fn l6_an_atomic_append_in_part_is_found_by_one_part_that_is_refused() {
    let parts = || {
        let both = [1, 2].map(|number| new_partition(number, PartitionLimits::default()));
        let mut append = AtomicAppend::new();
        append.plan(&both[0], UnixMs(1), &batch(1, 1));
        append.plan(&both[1], UnixMs(1), &batch(1, 0));
        match append.ready() {
            AtomicReady::Commit(commit) => commit.part_count(),
            AtomicReady::Duplicate(_) | AtomicReady::Refused(_) => 0,
        }
    };
    assert_eq!(parts(), 0);
    assert_eq!(mutant::with(Mutant::AtomicInPart, parts), 1);
}

#[test]
fn l14_a_batch_that_may_be_stored_and_is_refused_is_found_after_poison() {
    let again = || {
        let mut world = StreamWorld::new();
        let request = produced(1, 1, (9, 2, 0));
        world.append(&request);
        world.partition.on_poison(&mut world.out);
        became(&world, &request)
    };
    assert_eq!(again(), "unknown");
    assert_eq!(mutant::with(Mutant::KnownAfterPoison, again), "refused");
}
