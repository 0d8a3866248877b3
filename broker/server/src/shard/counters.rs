//! What a shard counts; plain numbers of one thread (law S27).

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
