//! What happens in random histories of partitions.

use proptest::prelude::*;

/// Partitions of a history, all in one co-location group.
pub(crate) const PARTITION_COUNT: usize = 3;

/// One step; places and choices are taken modulo what there is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum StreamOperation {
    /// A batch is sent to one partition.
    Append(Sent),
    /// Batches of one producer are sent to several partitions at once.
    Atomic { partitions: u8, sent: [Sent; PARTITION_COUNT] },
    /// The log writes up to so many entries.
    Write { entries: usize },
    /// The log syncs up to so many entries.
    Sync { entries: usize },
    /// A checkpoint of a partition is put into the log.
    Checkpoint { partition: usize },
    /// The latest batches of a partition that are not visible are taken back.
    Truncate { partition: usize, batches: usize },
    /// The first batches of a partition are given up.
    Trim { partition: usize, batches: usize },
    /// All of them are.
    Purge { partition: usize },
    /// The clock goes on, or back, and producers are forgotten.
    Tick { forward: u64, back: u64 },
    /// A follower gets credit.
    Credit { follower: usize, records: u64 },
    /// A read for a follower is done.
    Read { follower: usize, batches: usize },
    /// A write fails.
    Poison,
    /// The broker ends; so many entries that were not durable for sure are there all the same.
    Crash { lucky: usize },
}

/// A batch, as far as it does not depend on what was before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Sent {
    pub(crate) partition: usize,
    /// 0: nobody says who produced it.
    pub(crate) producer: u64,
    pub(crate) manner: Manner,
    pub(crate) count: u32,
    pub(crate) level: u8,
    pub(crate) expected: Expected,
}

/// How a producer numbers a batch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Manner {
    Next,
    Again(usize),
    AgainWithOtherCount(usize),
    Gap(u64),
    EarlierEpoch,
    LaterEpoch(u64),
}

/// Which offset a producer expects.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Expected {
    Any,
    Right,
    Wrong(u64),
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        14 => Just(Manner::Next),
        6 => (0..3usize).prop_map(Manner::Again),
        2 => (0..8usize).prop_map(Manner::Again),
        1 => (0..7usize).prop_map(Manner::AgainWithOtherCount),
        1 => (1..4u64).prop_map(Manner::Gap),
        1 => Just(Manner::EarlierEpoch),
        1 => prop_oneof![4 => Just(0), 1 => Just(1u64)].prop_map(Manner::LaterEpoch),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let expected = prop_oneof![
        10 => Just(Expected::Any),
        2 => Just(Expected::Right),
        1 => (1..9u64).prop_map(Expected::Wrong),
    ];
    let count = prop_oneof![30 => 1..=6u32, 1 => Just(0), 1 => Just(7)];
    let producer = prop_oneof![12 => 0..4u64, 1 => Just(4)];
    (0..PARTITION_COUNT, producer, manner(), count, 0..8u8, expected).prop_map(
        |(partition, producer, manner, count, level, expected)| Sent {
            partition,
            producer,
            manner,
            count,
            level,
            expected,
        },
    )
}

/// Any step.
pub(crate) fn stream_operation() -> impl Strategy<Value = StreamOperation> {
    let place = 0..PARTITION_COUNT;
    prop_oneof![
        30 => sent().prop_map(StreamOperation::Append),
        6 => (1..8u8, [sent(), sent(), sent()])
            .prop_map(|(partitions, sent)| StreamOperation::Atomic { partitions, sent }),
        10 => (1..6usize).prop_map(|entries| StreamOperation::Write { entries }),
        8 => (1..6usize).prop_map(|entries| StreamOperation::Sync { entries }),
        2 => place.clone().prop_map(|partition| StreamOperation::Checkpoint { partition }),
        1 => (place.clone(), 1..8usize)
            .prop_map(|(partition, batches)| StreamOperation::Truncate { partition, batches }),
        1 => (place.clone(), 1..4usize)
            .prop_map(|(partition, batches)| StreamOperation::Trim { partition, batches }),
        1 => place.prop_map(|partition| StreamOperation::Purge { partition }),
        3 => (0..200u64, 0..50u64)
            .prop_map(|(forward, back)| StreamOperation::Tick { forward, back }),
        3 => (0..6usize, 1..20u64)
            .prop_map(|(follower, records)| StreamOperation::Credit { follower, records }),
        12 => (0..6usize, 1..4usize)
            .prop_map(|(follower, batches)| StreamOperation::Read { follower, batches }),
        1 => Just(StreamOperation::Poison),
        3 => (0..6usize).prop_map(|lucky| StreamOperation::Crash { lucky }),
    ]
}
