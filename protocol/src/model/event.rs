//! What happens to a connection: the one door out.
//!
//! A session turns an event into bytes of its protocol. Events borrow; they live only for the call.

use super::error_code::ErrorCode;
use super::flags::PublishFlags;
use super::ids::{ClientId, SubscriptionId, Ticket};
use super::stream_event::StreamEvent;
use crate::buffer::Chunk;

/// Something a session tells its client.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The client is in.
    Opened(Opened),
    /// A message for the client.
    Deliver(Delivery<'a>),
    /// What became of a command with a ticket; a command without one is never answered.
    Outcome(Outcome),
    /// Everything before the barrier has taken effect.
    BarrierDone(BarrierDone),
    /// Something happened to the connection, which goes on.
    Notice(Notice),
    /// Something about a stream.
    Stream(StreamEvent<'a>),
    /// The connection is about to be closed by the broker.
    Closing(Closing<'a>),
}

/// The client is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// What the broker calls this connection.
    pub client: ClientId,
}

/// A message for one subscription of one client.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The client's number for the subscription.
    pub subscription: SubscriptionId,
    /// Native text of the subject it was published to.
    pub subject: &'a [u8],
    /// Native text of the subject for replies; empty: none.
    pub reply: &'a [u8],
    /// A checked block of headers; empty: none.
    pub headers: &'a [u8],
    /// The payload, in the block it arrived in.
    pub payload: Chunk<'a>,
    /// Subject, reply, headers and payload as one run of bytes, where they arrived as one: then a
    /// session of the same protocol copies once.
    pub tail: Option<Chunk<'a>>,
    /// Name of the client that published it; empty: it has none.
    pub sender: &'a [u8],
    /// The publisher's number for a request, or the requester's in a reply; none if the publisher's
    /// protocol has no such number.
    pub correlation: Ticket,
    /// How many milliseconds the requester waits; 0: it does not say.
    pub deadline_ms: u32,
    /// What the publisher asked for.
    pub flags: PublishFlags,
    /// Messages this subscription missed since its previous delivery: it had no credit, or they were
    /// dropped because its client did not read fast enough.
    pub missed: u32,
}

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The command's ticket.
    pub ticket: Ticket,
    /// [`ErrorCode::Ok`], or why not.
    pub code: ErrorCode,
    /// For a publish: how many deliveries were put into outboxes.
    pub receivers: u32,
    /// For a publish: somebody wanted it and did not get it, for lack of credit or room, or was cut off
    /// because of it.
    pub is_starved: bool,
}

/// Everything before the barrier has taken effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarrierDone {
    /// The token of the barrier.
    pub token: u64,
}

/// Something happened to the connection, which goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// What: [`ErrorCode::DroppedNewest`], [`ErrorCode::DroppedOldest`] or
    /// [`ErrorCode::RateExceeded`].
    pub code: ErrorCode,
    /// How many messages since the last notice of this kind, or for how many milliseconds.
    pub count: u64,
}

/// The connection is about to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closing<'a> {
    /// Why.
    pub code: ErrorCode,
    /// Details for a person; may be empty.
    pub detail: &'a str,
}
