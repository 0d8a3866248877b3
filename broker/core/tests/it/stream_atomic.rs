//! Appends to several partitions: all or nothing (law L6).

use std::sync::Arc;

use coilgun_core::stream::{
    AppendRefusal, AppendRequest, AtomicAppend, AtomicReady, AtomicRefusal, DuplicatePart, Effect,
    Effects, Partition, PartitionLimits,
};
use coilgun_protocol::model::{AckLevel, CoLocationGroupId, Offset, PartitionId, UnixMs};

use crate::stream_world::{batch, new_partition, produced};

/// Three partitions that are placed together.
fn partitions() -> [Partition; 3] {
    [1, 2, 3].map(|number| new_partition(number, PartitionLimits::default()))
}

/// The part of a request.
fn part(part: u16, request: AppendRequest) -> AppendRequest {
    let mut request = request;
    request.requester.part = part;
    request
}

/// What became of a request.
#[derive(PartialEq, Eq, Debug)]
enum Became {
    Appended(usize),
    Duplicate(usize, usize),
    Refused(AtomicRefusal),
}

/// Sends a request; each part says for which partition it is.
fn send(
    partitions: &mut [Partition],
    parts: &[(usize, AppendRequest)],
    out: &mut Effects,
) -> Became {
    let mut append = AtomicAppend::new();
    for (partition, request) in parts {
        append.plan(&partitions[*partition], UnixMs(1), request);
    }
    match append.ready() {
        AtomicReady::Refused(refusal) => Became::Refused(refusal),
        AtomicReady::Commit(commit) => {
            let count = commit.part_count();
            commit.commit_each(|plan| {
                let PartitionId(number) = plan.partition();
                partitions[number as usize - 1].commit_append(plan, out);
            });
            Became::Appended(count)
        }
        AtomicReady::Duplicate(duplicates) => {
            let (mut answered, mut waiting) = (0, 0);
            for duplicate in duplicates.drain(..) {
                match duplicate {
                    DuplicatePart::Answered { .. } => answered += 1,
                    DuplicatePart::Waits { plan, .. } => {
                        let PartitionId(number) = plan.partition();
                        partitions[number as usize - 1].commit_wait(plan);
                        waiting += 1;
                    }
                }
            }
            Became::Duplicate(answered, waiting)
        }
    }
}

fn ends(partitions: &[Partition]) -> Vec<u64> {
    partitions.iter().map(|it| it.places().assigned.0).collect()
}

#[test]
fn l6_all_parts_are_appended_and_acks_name_them() {
    let (mut partitions, mut out) = (partitions(), Effects::new());
    let parts = [(2, part(0, batch(1, 1))), (0, part(1, batch(1, 2)))];
    assert_eq!(send(&mut partitions, &parts, &mut out), Became::Appended(2));
    assert_eq!(ends(&partitions), [2, 0, 1]);
    for (partition, end) in [(0, 2), (2, 1)] {
        partitions[partition].on_written(Offset(end), &mut out);
        partitions[partition].on_durable(Offset(end), &mut out);
    }
    let acked = out.drain().map(|effect| {
        let Effect::Acked { partition, to, ack } = effect else { panic!("{effect:?}") };
        (partition.0, to.part, ack.level)
    });
    let acked: Vec<_> = acked.collect();
    assert_eq!(acked, [(1, 1, AckLevel::Durable), (3, 0, AckLevel::Durable)]);
}

#[test]
fn l6_one_part_that_is_refused_refuses_all() {
    let (mut partitions, mut out) = (partitions(), Effects::new());
    let unexpected = AppendRequest { expected: Some(Offset(9)), ..batch(1, 1) };
    let why = AppendRefusal::UnexpectedOffset { next: Offset(0) };
    for place in 0..3 {
        let mut parts = [0, 1, 2].map(|partition| (partition, batch(1, 1)));
        parts[place].1 = unexpected;
        let refused = Became::Refused(AtomicRefusal::Part { part: place, why });
        assert_eq!(send(&mut partitions, &parts, &mut out), refused);
    }
    assert_eq!(ends(&partitions), [0, 0, 0]);
    assert!(out.as_slice().is_empty());
}

#[test]
fn l6_a_plan_that_is_dropped_has_appended_nothing() {
    let (mut partitions, mut append) = (partitions(), AtomicAppend::new());
    append.plan(&partitions[0], UnixMs(1), &batch(1, 1));
    assert!(matches!(append.ready(), AtomicReady::Commit(_)));
    assert!(matches!(append.ready(), AtomicReady::Refused(AtomicRefusal::WrongPartCount)));
    append.plan(&partitions[0], UnixMs(1), &batch(1, 1));
    append.clear();
    append.plan(&partitions[0], UnixMs(1), &batch(1, 1));
    append.plan(&partitions[1], UnixMs(1), &batch(1, 1));
    match append.ready() {
        AtomicReady::Commit(commit) => assert_eq!(commit.part_count(), 2),
        AtomicReady::Duplicate(_) | AtomicReady::Refused(_) => panic!("it may be appended"),
    }
    assert_eq!(ends(&partitions), [0, 0, 0]);
    let refused = Became::Refused(AtomicRefusal::WrongPartCount);
    assert_eq!(send(&mut partitions, &[], &mut Effects::new()), refused);
}

#[test]
fn l6_parts_are_for_different_partitions_of_one_co_location_group() {
    let mut out = Effects::new();
    let mut all = Vec::from(partitions());
    all.push(Partition::new(PartitionId(4), CoLocationGroupId(2), Arc::default()));
    let twice = [(0, batch(1, 1)), (1, batch(1, 1)), (0, batch(1, 1))];
    let refused = Became::Refused(AtomicRefusal::SamePartition { part: 2 });
    assert_eq!(send(&mut all, &twice, &mut out), refused);
    let foreign = [(0, batch(1, 1)), (3, batch(1, 1))];
    let refused = Became::Refused(AtomicRefusal::OtherGroup { part: 1 });
    assert_eq!(send(&mut all, &foreign, &mut out), refused);
    assert_eq!(ends(&all), [0; 4]);
}

#[test]
fn l13_an_atomic_append_that_is_sent_again_is_answered_part_by_part() {
    let (mut partitions, mut out) = (partitions(), Effects::new());
    let parts = [0, 1].map(|place| (place, part(place as u16, produced(1, 1, (9, 0, 0)))));
    assert_eq!(send(&mut partitions, &parts, &mut out), Became::Appended(2));
    assert_eq!(send(&mut partitions, &parts, &mut out), Became::Duplicate(0, 2));
    for partition in &mut partitions[..2] {
        partition.on_written(Offset(1), &mut out);
        partition.on_durable(Offset(1), &mut out);
    }
    assert_eq!(out.drain().count(), 4);
    assert_eq!(send(&mut partitions, &parts, &mut out), Became::Duplicate(2, 0));
    let more = [parts[0], parts[1], (2, part(2, produced(1, 1, (9, 0, 0))))];
    let refused = Became::Refused(AtomicRefusal::StoredInPart);
    assert_eq!(send(&mut partitions, &more, &mut out), refused);
    partitions[1].on_poison(&mut out);
    let refused = Became::Refused(AtomicRefusal::OutcomeUnknown { part: 1 });
    assert_eq!(send(&mut partitions, &parts, &mut out), refused);
    assert_eq!(ends(&partitions), [1, 1, 0]);
}
