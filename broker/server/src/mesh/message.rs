//! What one message between shards says, and how it lies in a parcel.
//!
//! ```text
//! parcel    | message | message | ... |          each begins on a multiple of 8 bytes
//! message   | length u32 | kind u8 | fields of the kind | texts |
//! ```
//!
//! Both ends are the same program, so nothing here is promised to anybody: the numbers are in the
//! order of this machine, and what cannot be read ends the process rather than being guessed at.

use coilgun_core::router::Interest;
use coilgun_protocol::model::{
    Appended, ClientId, ErrorCode, NamespaceId, PublishFlags, ShardSet, Ticket,
};

use super::stream_message::{StreamAppend, StreamRecords};

/// Messages begin on multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// One message between shards (law S11).
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A published message, with the decision of its home who of this shard gets it (law S14).
    Publication(Publication<'a>),
    /// One group of a published message back at its home: nobody of it was left here (law S15).
    Bounce(Publication<'a>),
    /// What a shard wants, or does not want any more.
    Interest {
        /// Changes of a shard are numbered from 1.
        sequence: u64,
        /// The state as of this change.
        interest: Interest<'a>,
    },
    /// Every change up to this number is in force here.
    InterestApplied {
        /// The number of the last one.
        sequence: u64,
    },
    /// Says [`Message::Settled`] once everything before it has taken effect (law S12).
    Barrier(ReplyTo),
    /// What became of a message, or of a barrier.
    Settled {
        /// Who waits for it.
        to: ReplyTo,
        /// How many deliveries there were.
        receivers: u32,
        /// Somebody wanted it and had no credit or no room.
        is_starved: bool,
    },
    /// A client wants a name; to the shard that decides about it (law S16).
    NameClaim(NameClaim<'a>),
    /// What that shard decided.
    NameVerdict {
        /// Who asked for what.
        claim: NameClaim<'a>,
        /// [`ErrorCode::Ok`], or why not.
        code: ErrorCode,
    },
    /// A name is free again.
    NameFreed {
        /// Where.
        namespace: NamespaceId,
        /// Which.
        name: &'a [u8],
    },
    /// The client that has a name is to be cut off, because another one takes the name.
    NameEvicted {
        /// Where.
        namespace: NamespaceId,
        /// Which.
        name: &'a [u8],
    },
    /// A connection that was accepted and shall live here (law S3).
    Connection(Connection),
    /// Asks a shard something on behalf of a client.
    Asked {
        /// Who asks.
        client: ClientId,
        /// What, as the two shards agree.
        text: &'a [u8],
    },
    /// The answer.
    Told {
        /// Who asked.
        client: ClientId,
        /// What is told, as the two shards agree.
        text: &'a [u8],
    },
    /// Asks for the counters of a shard.
    CountersWanted {
        /// Who asks.
        client: ClientId,
    },
    /// They are.
    Counters {
        /// Who asked.
        client: ClientId,
        /// As JSON.
        text: &'a [u8],
    },
    /// A batch for a partition that the shard owns.
    Append(StreamAppend<'a>),
    /// What became of one.
    Appended {
        /// Whose it was.
        client: ClientId,
        /// What its session is told.
        appended: Appended,
    },
    /// A batch for a follower of a client.
    Records(StreamRecords<'a>),
    /// Something else about streams.
    StreamWord {
        /// What, as the two shards agree.
        text: &'a [u8],
    },
}

/// Where an answer to a message belongs on its home shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyTo {
    /// The client whose command it was.
    pub client: ClientId,
    /// The number of the answer among those it is owed, from 1; 0: none is.
    pub number: u64,
}

impl ReplyTo {
    /// Nobody waits for it.
    pub const NOBODY: ReplyTo =
        ReplyTo { client: ClientId { slot: u32::MAX, generation: u32::MAX }, number: 0 };
}

/// A published message on its way to another shard, or back.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Where it was published.
    pub namespace: NamespaceId,
    /// Whether all plain subscriptions get it, and who is meant by name.
    pub is_plain: bool,
    /// Whether they get it in another message of it: who wants each message once has it then.
    pub plain_went: bool,
    /// Names of the queue groups that get it, as `GroupNames` writes them.
    pub groups: &'a [u8],
    /// Shards that had nobody left for its group.
    pub tried: ShardSet,
    /// Who published it, and where the answer belongs.
    pub from: ReplyTo,
    /// Name of the client that published it; empty: it has none.
    pub sender: &'a [u8],
    /// Native text of the subject.
    pub subject: &'a [u8],
    /// Native text of the subject for replies; empty: none.
    pub reply: &'a [u8],
    /// A checked block of headers; empty: none.
    pub headers: &'a [u8],
    /// The payload.
    pub payload: Payload<'a>,
    /// The publisher's number for a request.
    pub correlation: Ticket,
    /// How many milliseconds a requester waits; 0: it does not say.
    pub deadline_ms: u32,
    /// What the publisher asked for.
    pub flags: PublishFlags,
}

/// Where the payload of a message between shards lies.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// With the message.
    Inline(&'a [u8]),
    /// In a block of the sender that it lends: its address, length and number of the loan.
    Lent(usize, u32, u32),
}

/// A client that wants a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameClaim<'a> {
    /// Who.
    pub client: ClientId,
    /// Where.
    pub namespace: NamespaceId,
    /// Which name.
    pub name: &'a [u8],
    /// Whoever has it loses it.
    pub replaces: bool,
}

/// An accepted connection that changes its shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection {
    /// The descriptor, which belongs to the receiver from now on.
    pub descriptor: i32,
    /// Which listening socket it came through, in the order in which all shards know them.
    pub listener: u32,
    /// Whether it is a UNIX socket.
    pub is_unix: bool,
    /// There is no room for it: it is told so once it says who it is.
    pub is_surplus: bool,
}

/// What kind a message is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Publication,
    Bounce,
    Interest,
    InterestApplied,
    Barrier,
    Settled,
    NameClaim,
    NameVerdict,
    NameFreed,
    NameEvicted,
    Connection,
    Asked,
    Told,
    CountersWanted,
    Counters,
    Append,
    Appended,
    Records,
    StreamWord,
}

impl Kind {
    pub(super) const ALL: [Kind; 19] = [
        Kind::Publication,
        Kind::Bounce,
        Kind::Interest,
        Kind::InterestApplied,
        Kind::Barrier,
        Kind::Settled,
        Kind::NameClaim,
        Kind::NameVerdict,
        Kind::NameFreed,
        Kind::NameEvicted,
        Kind::Connection,
        Kind::Asked,
        Kind::Told,
        Kind::CountersWanted,
        Kind::Counters,
        Kind::Append,
        Kind::Appended,
        Kind::Records,
        Kind::StreamWord,
    ];

    /// The kind with this number.
    #[inline]
    pub(super) fn of(number: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(number)).copied()
    }
}

impl Message<'_> {
    /// What kind it is of.
    #[inline]
    pub(super) fn kind(&self) -> Kind {
        match self {
            Message::Publication(_) => Kind::Publication,
            Message::Bounce(_) => Kind::Bounce,
            Message::Interest { .. } => Kind::Interest,
            Message::InterestApplied { .. } => Kind::InterestApplied,
            Message::Barrier(_) => Kind::Barrier,
            Message::Settled { .. } => Kind::Settled,
            Message::NameClaim(_) => Kind::NameClaim,
            Message::NameVerdict { .. } => Kind::NameVerdict,
            Message::NameFreed { .. } => Kind::NameFreed,
            Message::NameEvicted { .. } => Kind::NameEvicted,
            Message::Connection(_) => Kind::Connection,
            Message::Asked { .. } => Kind::Asked,
            Message::Told { .. } => Kind::Told,
            Message::CountersWanted { .. } => Kind::CountersWanted,
            Message::Counters { .. } => Kind::Counters,
            Message::Append(_) => Kind::Append,
            Message::Appended { .. } => Kind::Appended,
            Message::Records(_) => Kind::Records,
            Message::StreamWord { .. } => Kind::StreamWord,
        }
    }
}
