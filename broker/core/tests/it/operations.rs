//! What can happen to a router, drawn at random from small alphabets so that things meet.

use coilgun_protocol::model::Visibility;
use proptest::prelude::*;
use proptest::sample::select;

/// One thing that happens.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Operation {
    Subscribe {
        slot: usize,
        id: u64,
        filter: &'static str,
        group: &'static str,
        credit: u32,
        deliveries_max: u32,
        visibility: Visibility,
    },
    Unsubscribe {
        slot: usize,
        id: u64,
        deliveries_max: u32,
    },
    AddCredit {
        slot: usize,
        id: u64,
        messages: u32,
    },
    Name {
        slot: usize,
        name: &'static str,
    },
    Publish {
        slot: usize,
        subject: &'static str,
        full: u8,
        commit: bool,
    },
    Broadcast {
        slot: usize,
        filter: &'static str,
    },
    /// Removes a client, goes on removing it, or brings it back.
    Churn {
        slot: usize,
        budget: usize,
    },
}

/// How many clients there are.
pub(crate) const CLIENT_COUNT: usize = 7;

const FILTERS: [&str; 21] = [
    "a",
    "b",
    "a.b",
    "a.b",
    "b.a",
    "a.*",
    "*.b",
    "*",
    "a.>",
    ">",
    "*.*",
    "*.>",
    "a.b.a",
    "a.*.a",
    "_INBOX.*",
    "_INBOX.a",
    "$S.>",
    "%2Ebroker.>",
    "$NAME.a",
    "a..b",
    "a.>.b",
];
pub(crate) const SUBJECTS: [&str; 14] = [
    "a",
    "b",
    "a.b",
    "a.b",
    "b.a",
    "a.a",
    "b.b",
    "a.b.a",
    "a.b.a.b",
    "_INBOX.a",
    "$S.a",
    "$NAME.a",
    "$NAME.a.b",
    "%2Ebroker.a",
];
const BROKEN_SUBJECTS: [&str; 3] = ["", "a.*", "a..b"];
const GROUPS: [&str; 6] = ["", "", "", "g", "h", "g h"];
const NAMES: [&str; 4] = ["a", "a.b", "b", "a.*"];

fn slot() -> impl Strategy<Value = usize> {
    0..CLIENT_COUNT
}

fn subscribe() -> impl Strategy<Value = Operation> {
    let credit = select(vec![0, 1, 2, 3, u32::MAX, u32::MAX, u32::MAX, u32::MAX]);
    let deliveries_max = select(vec![0, 0, 0, 0, 0, 1, 2]);
    let visibility = (0..=7u8).prop_map(Visibility);
    (slot(), 0..8u64, select(&FILTERS), select(&GROUPS), credit, deliveries_max, visibility)
        .prop_map(|(slot, id, filter, group, credit, deliveries_max, visibility)| {
            Operation::Subscribe { slot, id, filter, group, credit, deliveries_max, visibility }
        })
}

fn publish() -> impl Strategy<Value = Operation> {
    let subject = prop_oneof![40 => select(&SUBJECTS), 1 => select(&BROKEN_SUBJECTS)];
    // Most outboxes have room most of the time.
    let full = prop_oneof![2 => Just(0u8), 1 => any::<u8>()];
    (slot(), subject, full, prop::bool::weighted(0.8)).prop_map(|(slot, subject, full, commit)| {
        Operation::Publish { slot, subject, full, commit }
    })
}

/// Any one thing.
pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let unsubscribe = (slot(), 0..8u64, 0..4u32)
        .prop_map(|(slot, id, deliveries_max)| Operation::Unsubscribe { slot, id, deliveries_max });
    let add_credit = (slot(), 1..8u64, 1..3u32)
        .prop_map(|(slot, id, messages)| Operation::AddCredit { slot, id, messages });
    let name = (slot(), select(&NAMES)).prop_map(|(slot, name)| Operation::Name { slot, name });
    let broadcast =
        (slot(), select(&FILTERS)).prop_map(|(slot, filter)| Operation::Broadcast { slot, filter });
    let churn = (slot(), 0..4usize).prop_map(|(slot, budget)| Operation::Churn { slot, budget });
    prop_oneof![
        24 => subscribe(),
        5 => unsubscribe,
        8 => add_credit,
        3 => name,
        50 => publish(),
        2 => broadcast,
        2 => churn,
    ]
}
