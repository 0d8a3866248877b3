//! What a shard counts; plain numbers of one thread (law S27).

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// What happened on a shard since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ShardCounters {
    /// Connections there are.
    pub connections: u64,
    /// Subscriptions there are.
    pub subscriptions: u64,
    /// Turns taken.
    pub turns: u64,
    /// Messages published.
    pub messages: u64,
    /// Deliveries put into outboxes.
    pub deliveries: u64,
    /// Messages nobody wanted.
    pub unwanted: u64,
    /// Requests that were told at once that nobody serves them.
    pub no_responders: u64,
    /// Times a publisher had to wait for a reader.
    pub stalls: u64,
    /// Readers that were cut off because they did not read fast enough.
    pub slow_consumers: u64,
    /// Bytes that waited for them and were lost.
    pub discarded_bytes: u64,
    /// Messages dropped when they were published, because a reader had no room.
    pub dropped_newest: u64,
    /// Messages dropped while they waited for a reader, to make room for newer ones.
    pub dropped_oldest: u64,
    /// Messages that plain subscriptions missed because they had no credit.
    pub missed_for_credit: u64,
    /// Times a connection was not read for a while because it sent faster than it may.
    pub throttles: u64,
    /// Connections that were ended because a frame did not arrive in time.
    pub frame_timeouts: u64,
    /// Connections that were ended because no memory was left for them.
    pub exhausted: u64,
    /// Connections that were ended because they broke their protocol.
    pub protocol_errors: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Payloads copied into outboxes (law S10).
    pub payload_copies: u64,
    /// Bytes copied to assemble frames or to free receive blocks (law S10).
    pub moved_bytes: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Pieces received.
    pub receives: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Sends begun.
    pub sends: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Times the ring was entered: system calls for the network.
    pub enters: u64,
    /// Times a connection found no receive block.
    pub starvations: u64,
}

impl Add for ShardCounters {
    type Output = ShardCounters;

    /// What two shards counted together. Every field is named, so none can be forgotten.
    fn add(self, other: ShardCounters) -> ShardCounters {
        ShardCounters {
            connections: self.connections + other.connections,
            subscriptions: self.subscriptions + other.subscriptions,
            turns: self.turns + other.turns,
            messages: self.messages + other.messages,
            deliveries: self.deliveries + other.deliveries,
            unwanted: self.unwanted + other.unwanted,
            no_responders: self.no_responders + other.no_responders,
            stalls: self.stalls + other.stalls,
            slow_consumers: self.slow_consumers + other.slow_consumers,
            discarded_bytes: self.discarded_bytes + other.discarded_bytes,
            dropped_newest: self.dropped_newest + other.dropped_newest,
            dropped_oldest: self.dropped_oldest + other.dropped_oldest,
            missed_for_credit: self.missed_for_credit + other.missed_for_credit,
            throttles: self.throttles + other.throttles,
            frame_timeouts: self.frame_timeouts + other.frame_timeouts,
            exhausted: self.exhausted + other.exhausted,
            protocol_errors: self.protocol_errors + other.protocol_errors,
            refused: self.refused + other.refused,
            payload_copies: self.payload_copies + other.payload_copies,
            moved_bytes: self.moved_bytes + other.moved_bytes,
            accepted: self.accepted + other.accepted,
            receives: self.receives + other.receives,
            received_bytes: self.received_bytes + other.received_bytes,
            sends: self.sends + other.sends,
            sent_bytes: self.sent_bytes + other.sent_bytes,
            enters: self.enters + other.enters,
            starvations: self.starvations + other.starvations,
        }
    }
}

impl Sum for ShardCounters {
    fn sum<I: Iterator<Item = ShardCounters>>(counters: I) -> ShardCounters {
        counters.fold(ShardCounters::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_every_field() {
        let one = serde_json::to_value(ShardCounters::default()).expect("numbers are JSON");
        let numbered = |factor: u64| {
            let fields = one.as_object().expect("it has fields").keys().zip(1..);
            let fields = fields.map(|(name, number)| (name.clone(), (factor * number).into()));
            let value = serde_json::Value::Object(fields.collect());
            serde_json::from_value::<ShardCounters>(value).expect("these are its fields")
        };
        let sum: ShardCounters = [numbered(1), numbered(20), numbered(300)].into_iter().sum();
        assert_eq!(sum, numbered(321));
    }
}
