//! What a client tells about itself.

use std::time::Duration;

use coilgun_protocol::model::SubscriptionId;
use coilgun_protocol::native::NoticeFrame;

use crate::address::Address;
use crate::broker_error::BrokerError;
use crate::error::ClientError;

/// Something that happened to a client, or to its connection.
#[derive(Clone, Debug)]
pub enum Event {
    /// The broker let the client in.
    Connected {
        /// Where.
        address: Address,
        /// How often it came back before; 0: this is the first time.
        reconnects: u64,
    },
    /// There is no connection any more, or an attempt to make one failed.
    Lost {
        /// Why.
        error: ClientError,
        /// When the next attempt begins, from now on.
        next_attempt: Duration,
    },
    /// The queue of a subscription is full, and messages are dropped until there is room.
    SlowConsumer {
        /// Which one.
        subscription: SubscriptionId,
        /// How many messages the client has dropped in all.
        dropped: u64,
    },
    /// The broker did not accept a subscription again that it had accepted before; nothing more
    /// comes for it.
    SubscriptionLost {
        /// Which one.
        subscription: SubscriptionId,
        /// Why.
        error: ClientError,
    },
    /// The broker says something about the connection, which goes on.
    Notice(NoticeFrame),
    /// The broker is about to end the connection, although nothing is wrong with it. A client that
    /// comes back finishes what is in hand, says goodbye, and connects anew.
    GoingAway(BrokerError),
    /// The client has ended for good.
    Closed(ClientError),
}

/// Where a client stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// The broker has not let it in yet for the first time.
    Connecting,
    /// It is connected.
    Connected,
    /// It was connected, and comes back.
    Away,
    /// It has ended for good.
    Closed,
}

/// What a client has counted since it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Messages that arrived.
    pub messages_in: u64,
    /// Bytes that arrived, of whatever kind.
    pub bytes_in: u64,
    /// Messages that were published.
    pub messages_out: u64,
    /// Bytes that were handed to the system, of whatever kind.
    pub bytes_out: u64,
    /// Messages that arrived and for which no queue had room.
    pub dropped: u64,
    /// Messages that waited for a connection and were too large for the broker that came, or batches for
    /// one that has no streams.
    pub unsendable: u64,
    /// How often the client came back.
    pub reconnects: u64,
    /// Calls that wait for an answer just now.
    pub calls_pending: usize,
    /// Messages that wait in queues just now.
    pub queued: usize,
    /// Bytes that wait to be sent just now, on this connection or the next.
    pub output_bytes: usize,
}
