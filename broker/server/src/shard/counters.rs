//! What a shard counts; plain numbers of one thread (law S27).

use serde::{Deserialize, Serialize};

use super::turn::Shard;
use crate::env::Env;

/// What a counter of two shards is together: the sum, or the larger one.
macro_rules! together {
    ($one:expr, $other:expr) => {
        $one + $other
    };
    ($one:expr, $other:expr, max) => {
        $one.max($other)
    };
}

/// Declares the counters, so that none can be forgotten where those of shards are put together.
macro_rules! shard_counters {
    ($($(#[$meaning:meta])* pub $name:ident: u64 $(, $together:ident)?;)+) => {
        /// What happened on a shard since its start.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        pub struct ShardCounters {
            $($(#[$meaning])* pub $name: u64,)+
        }

        impl std::iter::Sum for ShardCounters {
            fn sum<I: Iterator<Item = ShardCounters>>(shards: I) -> ShardCounters {
                shards.fold(ShardCounters::default(), |sum, one| ShardCounters {
                    $($name: together!(sum.$name, one.$name $(, $together)?),)+
                })
            }
        }
    };
}

shard_counters! {
    /// Connections there are.
    pub connections: u64;
    /// Subscriptions there are.
    pub subscriptions: u64;
    /// Turns taken.
    pub turns: u64;
    /// Messages published.
    pub messages: u64;
    /// Deliveries put into outboxes.
    pub deliveries: u64;
    /// Messages nobody wanted.
    pub unwanted: u64;
    /// Requests that were told at once that nobody serves them.
    pub no_responders: u64;
    /// Requests that were not delivered because their time was over while they waited.
    pub deadlines_exceeded: u64;
    /// Times a publisher had to wait for a reader.
    pub stalls: u64;
    /// Readers that were cut off because they did not read fast enough.
    pub slow_consumers: u64;
    /// Bytes that waited for them and were lost.
    pub discarded_bytes: u64;
    /// Messages dropped when they were published, because a reader had no room.
    pub dropped_newest: u64;
    /// Messages dropped while they waited for a reader, to make room for newer ones.
    pub dropped_oldest: u64;
    /// Messages that plain subscriptions missed because they had no credit.
    pub missed_for_credit: u64;
    /// Times a connection was not read for a while because it sent faster than it may.
    pub throttles: u64;
    /// Connections that were ended because a frame did not arrive in time.
    pub frame_timeouts: u64;
    /// Connections that were ended because no memory was left for them.
    pub exhausted: u64;
    /// Connections that were ended because they broke their protocol.
    pub protocol_errors: u64;
    /// Connections that were refused.
    pub refused: u64;
    /// Times somebody wanted to do what they may not.
    pub denied: u64;
    /// Payloads copied into outboxes (law S10).
    pub payload_copies: u64;
    /// Bytes copied to assemble frames or to free receive blocks (law S10).
    pub moved_bytes: u64;
    /// Connections accepted.
    pub accepted: u64;
    /// Pieces received.
    pub receives: u64;
    /// Bytes received.
    pub received_bytes: u64;
    /// Sends begun.
    pub sends: u64;
    /// Bytes sent.
    pub sent_bytes: u64;
    /// Times the ring was entered: system calls for the network.
    pub enters: u64;
    /// Times a connection found no receive block.
    pub starvations: u64;
    /// Messages published here that also went to other shards.
    pub crossed: u64;
    /// Messages handed to other shards, once for each.
    pub hops: u64;
    /// Payloads copied on their way from shard to shard, beside those into outboxes (law S10).
    pub hop_copies: u64;
    /// Messages sent back to their home because nobody of a queue group was left here.
    pub bounces: u64;
    /// Times publishers on other shards had to wait for a reader of this one.
    pub pressures: u64;
    /// Times a message found no room on its way to another shard.
    pub ring_full: u64;
    /// Messages that were not handed over because memory was out.
    pub unsent: u64;
    /// Logs that were opened.
    pub logs_opened: u64;
    /// Commit groups that were replayed when they were.
    pub groups_replayed: u64;
    /// Commit groups that hold batches and became durable.
    pub groups_durable: u64;
    /// Streams whose namespace is not configured any more.
    pub streams_hidden: u64;
    /// Checkpoints of logs that were written.
    pub checkpoints: u64;
    /// Segments of logs that nobody needed any more, and that were given back.
    pub segments_released: u64;
    /// Batches appended.
    pub batches_appended: u64;
    /// Times a batch had to wait until its log had room.
    pub appends_parked: u64;
    /// Records in them.
    pub records_appended: u64;
    /// Reads for followers that found what they wanted in memory.
    pub reads_cached: u64;
    /// Reads for followers that went to the disk.
    pub reads_from_disk: u64;
    /// Reads for followers that brought nothing.
    pub reads_failed: u64;
    /// Records handed to followers.
    pub records_read: u64;
    /// Parcels handed to other shards.
    pub parcels: u64;
    /// Doorbells of other shards that were rung.
    pub doorbells: u64;
    /// Most parcels that were under way to one shard at the same time.
    pub parcels_lent_max: u64, max;
}

impl<E: Env> Shard<E> {
    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> ShardCounters {
        let net = self.net.counters();
        let copies = self.net.copies();
        let mesh = self.mesh.counters();
        ShardCounters {
            connections: self.clients.len() as u64,
            subscriptions: self.router.counts().subscriptions as u64,
            payload_copies: copies.payloads,
            moved_bytes: self.counters.moved_bytes + copies.moved_bytes,
            accepted: net.accepted,
            receives: net.receives,
            received_bytes: net.received_bytes,
            sends: net.sends,
            sent_bytes: net.sent_bytes,
            enters: net.enters,
            starvations: net.starvations,
            hops: mesh.hops,
            hop_copies: self.counters.hop_copies + mesh.payload_copies,
            parcels: mesh.parcels,
            doorbells: mesh.doorbells,
            parcels_lent_max: mesh.parcels_lent_max,
            ring_full: mesh.ring_full,
            unsent: mesh.unsent,
            ..self.counters
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_shards_are_added_and_high_marks_are_not() {
        let one = ShardCounters { messages: 2, parcels_lent_max: 7, ..ShardCounters::default() };
        let other = ShardCounters { messages: 3, parcels_lent_max: 5, ..ShardCounters::default() };
        let together: ShardCounters = [one, other].into_iter().sum();
        assert_eq!((together.messages, together.parcels_lent_max), (5, 7));
    }
}
