//! What simulations of brokers did, counted, and how much of it there must be.

use coilgun_server::env::sim::{FaultCounts, MeshCounts};
use coilgun_server::shard::ShardCounters;

use crate::tally::tally;

tally! {
    /// What happened.
    Tally;
    /// Seeds that were run.
    seeds, "seeds", 1_000;
    /// Rounds of all of them.
    rounds, "rounds", 100_000;
    /// Clients that connected.
    connections, "connections", 5_000;
    /// Subscriptions that were asked for.
    subscriptions, "subscriptions", 10_000;
    /// Messages published.
    messages, "messages", 50_000;
    /// Deliveries read.
    deliveries, "deliveries", 50_000;
    /// Requests among the messages.
    requests, "requests", 3_000;
    /// Replies among the messages.
    replies, "replies", 2_000;
    /// Requests that nobody could reply to.
    no_responders, "no responders", 500;
    /// Barriers that came back.
    pongs, "barriers", 10_000;
    /// Messages that subscriptions were told they missed.
    missed, "missed", 500;
    /// Times a publisher waited for a reader.
    stalls, "publishers that waited", 500;
    /// Readers that were cut off.
    slow_consumers, "readers cut off", 20;
    /// Messages dropped for slow readers.
    dropped, "messages dropped", 200;
    /// Messages handed to other shards.
    hops, "hops", 20_000;
    /// Messages that came back because nobody of a queue group was left.
    bounces, "bounces", 500;
    /// Times a message found no room on its way to another shard.
    ring_full, "full rings", 500;
    /// Times publishers on other shards had to wait.
    pressures, "pressure", 200;
    /// Parcels and loans that were seen late.
    mesh_delays, "late parcels", 5_000;
    /// Brokers that drained while clients were busy.
    drains, "drains under load", 100;
    /// Connections that were reset by the network.
    resets, "resets", 50;
    /// Receives that found no block.
    starvations, "receives without a block", 1_000;
    /// Operations that were late.
    delays, "late operations", 50_000;
    /// Sends that were taken in part.
    short_sends, "short sends", 5_000;
    /// Cancellations that came too late.
    late_cancels, "late cancellations", 20;
}

impl Tally {
    /// Adds what shards counted.
    pub fn add_shards(&mut self, shards: &ShardCounters) {
        self.stalls += shards.stalls;
        self.slow_consumers += shards.slow_consumers;
        self.dropped += shards.dropped_newest + shards.dropped_oldest;
        self.hops += shards.hops;
        self.bounces += shards.bounces;
        self.ring_full += shards.ring_full;
        self.pressures += shards.pressures;
    }

    /// Adds what the world did.
    pub fn add_faults(&mut self, faults: &FaultCounts, mesh: &MeshCounts) {
        self.mesh_delays += mesh.delayed;
        self.resets += faults.resets;
        self.starvations += faults.starvations;
        self.delays += faults.delays;
        self.short_sends += faults.short_sends;
        self.late_cancels += faults.late_cancels;
    }
}
