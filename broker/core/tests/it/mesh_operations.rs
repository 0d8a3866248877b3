//! What can happen to the routers of several shards, drawn at random from small alphabets.

use coilgun_protocol::model::Visibility;
use proptest::prelude::*;
use proptest::sample::select;

/// One thing that happens. Clients are numbered over all shards, and numbers beyond the last begin
/// anew, as those of shards do.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum MeshOperation {
    Subscribe {
        client: usize,
        id: u64,
        filter: &'static str,
        group: &'static str,
        credit: u32,
        deliveries_max: u32,
        visibility: Visibility,
    },
    Unsubscribe {
        client: usize,
        id: u64,
    },
    AddCredit {
        client: usize,
        id: u64,
    },
    Name {
        client: usize,
        name: &'static str,
    },
    /// Removes a client, goes on removing it, or brings it back.
    Churn {
        client: usize,
        budget: usize,
    },
    Press {
        client: usize,
        subject: &'static str,
    },
    Unpress {
        client: usize,
    },
    Publish {
        client: usize,
        subject: &'static str,
    },
    /// One shard announces up to so many changes.
    Announce {
        shard: usize,
        count: usize,
    },
    /// Up to so many parcels arrive.
    Carry {
        from: usize,
        to: usize,
        count: usize,
    },
    /// Everything arrives, and what is then published is delivered exactly.
    Settle {
        client: usize,
        subject: &'static str,
        broadcast: &'static str,
    },
}

/// How many clients each shard has.
pub(crate) const CLIENTS_PER_SHARD: usize = 4;

const FILTERS: [&str; 9] = ["a", "a.b", "a.*", "*.b", "a.>", ">", "*", "_INBOX.*", "%2Ebroker.>"];
/// What is published to.
pub(crate) const MESH_SUBJECTS: [&str; 8] =
    ["a", "a.b", "a.c", "b.b", "a.b.c", "_INBOX.a", "$NAME.n.a", "$NAME.m"];
const GROUPS: [&str; 5] = ["", "", "g", "g", "h"];
const NAMES: [&str; 3] = ["n.a", "n.b", "m"];
const NAME_FILTERS: [&str; 4] = ["n.*", ">", "m", "n.a"];

/// Any one thing.
pub(crate) fn mesh_operation() -> impl Strategy<Value = MeshOperation> {
    let client = || 0..4 * CLIENTS_PER_SHARD;
    let credit = select(vec![0, 1, 3, u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX]);
    let deliveries_max = select(vec![0, 0, 0, 0, 0, 0, 2]);
    let visibility = (0..=7u8).prop_map(Visibility);
    let subject = || select(&MESH_SUBJECTS);
    let subscribe =
        (client(), 1..5u64, select(&FILTERS), select(&GROUPS), credit, deliveries_max, visibility)
            .prop_map(|(client, id, filter, group, credit, deliveries_max, visibility)| {
                let (credit, deliveries_max) = (credit, deliveries_max);
                MeshOperation::Subscribe {
                    client,
                    id,
                    filter,
                    group,
                    credit,
                    deliveries_max,
                    visibility,
                }
            });
    prop_oneof![
        20 => subscribe,
        10 => (client(), 1..5u64)
            .prop_map(|(client, id)| MeshOperation::Unsubscribe { client, id }),
        4 => (client(), 1..5u64).prop_map(|(client, id)| MeshOperation::AddCredit { client, id }),
        4 => (client(), select(&NAMES))
            .prop_map(|(client, name)| MeshOperation::Name { client, name }),
        4 => (client(), 0..4usize)
            .prop_map(|(client, budget)| MeshOperation::Churn { client, budget }),
        3 => (client(), subject())
            .prop_map(|(client, subject)| MeshOperation::Press { client, subject }),
        3 => client().prop_map(|client| MeshOperation::Unpress { client }),
        24 => (client(), subject())
            .prop_map(|(client, subject)| MeshOperation::Publish { client, subject }),
        20 => (0..4usize, 1..4usize)
            .prop_map(|(shard, count)| MeshOperation::Announce { shard, count }),
        30 => (0..4usize, 0..4usize, 1..6usize)
            .prop_map(|(from, to, count)| MeshOperation::Carry { from, to, count }),
        8 => (client(), subject(), select(&NAME_FILTERS)).prop_map(
            |(client, subject, broadcast)| MeshOperation::Settle { client, subject, broadcast }
        ),
    ]
}
