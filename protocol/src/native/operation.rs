//! What a frame is for.

use super::schema_generated::{
    AppendHead, AppendedHead, CreditHead, DeliverHead, FollowCreditHead, FollowEndedHead,
    NoticeHead, OutcomeHead, PublishHead, RecordsHead, TokenHead, UnfollowHead, UnsubscribeHead,
};
use crate::model::PublishFlags;

/// One of the two sides of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// Who connected.
    Client,
    /// The broker.
    Server,
}

/// The operation of a frame: its number on the wire, which never gets another meaning.
///
/// Numbers with the top bit are sent by the server only. Those from 0x20 and 0x90 on, sixteen each,
/// are kept for streams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Operation {
    /// The client says who it is; its first frame.
    Hello = 0x01,
    /// The client sends a message.
    Publish = 0x02,
    /// The client begins to receive.
    Subscribe = 0x03,
    /// The client stops receiving.
    Unsubscribe = 0x04,
    /// The client lets a subscription receive more.
    Credit = 0x05,
    /// The client wants to be sent what is waiting for it, and the end of the connection.
    Goodbye = 0x06,
    /// Either side asks for a sign of life; the server's answer is also a barrier.
    Ping = 0x10,
    /// The answer to [`Operation::Ping`].
    Pong = 0x11,
    /// The client makes a stream.
    StreamCreate = 0x20,
    /// The client deletes a stream.
    StreamDelete = 0x21,
    /// The client asks which streams there are.
    StreamList = 0x22,
    /// The client asks what a stream is like.
    StreamDescribe = 0x23,
    /// The client appends a batch to a partition.
    Append = 0x24,
    /// The client begins to read a partition as it grows.
    Follow = 0x25,
    /// The client lets a follower read more.
    FollowCredit = 0x26,
    /// The client stops reading a partition.
    Unfollow = 0x27,
    /// The server lets the client in; its first frame.
    Welcome = 0x81,
    /// A message for the client.
    Deliver = 0x82,
    /// What became of a frame of the client.
    Outcome = 0x83,
    /// The server ends the connection because of an error; its last frame.
    Error = 0x84,
    /// The server is about to end the connection although nothing is wrong with it.
    GoAway = 0x85,
    /// The server says what happened to the connection, which goes on.
    Notice = 0x86,
    /// What a stream is like.
    StreamDescribed = 0x90,
    /// Which streams there are.
    StreamListed = 0x91,
    /// What became of a batch of the client.
    Appended = 0x92,
    /// A batch for a follower.
    Records = 0x93,
    /// A follower has ended by itself.
    FollowEnded = 0x94,
}

/// What the head of an operation's frames is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeadKind {
    /// A struct of exactly this many bytes, and a body behind it.
    Message(u16),
    /// A struct of exactly this many bytes, and a batch of records behind it.
    Batch(u16),
    /// A struct of exactly this many bytes, and nothing behind it.
    Struct(u16),
    /// A table that fills the frame.
    Table,
    /// The frame ends with its header.
    Nothing,
}

/// Length of a fixed head, as a frame's header says it.
const fn head_len<T>() -> u16 {
    assert!(size_of::<T>() <= u16::MAX as usize, "a head's length has 16 bits");
    size_of::<T>() as u16
}

impl Operation {
    /// Every operation there is, by number.
    pub const ALL: &'static [Operation] = &[
        Operation::Hello,
        Operation::Publish,
        Operation::Subscribe,
        Operation::Unsubscribe,
        Operation::Credit,
        Operation::Goodbye,
        Operation::Ping,
        Operation::Pong,
        Operation::StreamCreate,
        Operation::StreamDelete,
        Operation::StreamList,
        Operation::StreamDescribe,
        Operation::Append,
        Operation::Follow,
        Operation::FollowCredit,
        Operation::Unfollow,
        Operation::Welcome,
        Operation::Deliver,
        Operation::Outcome,
        Operation::Error,
        Operation::GoAway,
        Operation::Notice,
        Operation::StreamDescribed,
        Operation::StreamListed,
        Operation::Appended,
        Operation::Records,
        Operation::FollowEnded,
    ];

    /// The operation with this number, if this version knows it.
    #[inline]
    #[must_use]
    pub fn from_number(number: u8) -> Option<Operation> {
        Some(match number {
            0x01 => Operation::Hello,
            0x02 => Operation::Publish,
            0x03 => Operation::Subscribe,
            0x04 => Operation::Unsubscribe,
            0x05 => Operation::Credit,
            0x06 => Operation::Goodbye,
            0x10 => Operation::Ping,
            0x11 => Operation::Pong,
            0x20 => Operation::StreamCreate,
            0x21 => Operation::StreamDelete,
            0x22 => Operation::StreamList,
            0x23 => Operation::StreamDescribe,
            0x24 => Operation::Append,
            0x25 => Operation::Follow,
            0x26 => Operation::FollowCredit,
            0x27 => Operation::Unfollow,
            0x81 => Operation::Welcome,
            0x82 => Operation::Deliver,
            0x83 => Operation::Outcome,
            0x84 => Operation::Error,
            0x85 => Operation::GoAway,
            0x86 => Operation::Notice,
            0x90 => Operation::StreamDescribed,
            0x91 => Operation::StreamListed,
            0x92 => Operation::Appended,
            0x93 => Operation::Records,
            0x94 => Operation::FollowEnded,
            _ => return None,
        })
    }

    /// Its name as docs/WIRE.md writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Operation::Hello => "HELLO",
            Operation::Publish => "PUBLISH",
            Operation::Subscribe => "SUBSCRIBE",
            Operation::Unsubscribe => "UNSUBSCRIBE",
            Operation::Credit => "CREDIT",
            Operation::Goodbye => "GOODBYE",
            Operation::Ping => "PING",
            Operation::Pong => "PONG",
            Operation::StreamCreate => "STREAM_CREATE",
            Operation::StreamDelete => "STREAM_DELETE",
            Operation::StreamList => "STREAM_LIST",
            Operation::StreamDescribe => "STREAM_DESCRIBE",
            Operation::Append => "APPEND",
            Operation::Follow => "FOLLOW",
            Operation::FollowCredit => "FOLLOW_CREDIT",
            Operation::Unfollow => "UNFOLLOW",
            Operation::Welcome => "WELCOME",
            Operation::Deliver => "DELIVER",
            Operation::Outcome => "OUTCOME",
            Operation::Error => "ERROR",
            Operation::GoAway => "GOAWAY",
            Operation::Notice => "NOTICE",
            Operation::StreamDescribed => "STREAM_DESCRIBED",
            Operation::StreamListed => "STREAM_LISTED",
            Operation::Appended => "APPENDED",
            Operation::Records => "RECORDS",
            Operation::FollowEnded => "FOLLOW_ENDED",
        }
    }

    /// Whether this side may send it.
    #[inline]
    #[must_use]
    pub fn is_sent_by(self, peer: Peer) -> bool {
        match self {
            Operation::Ping | Operation::Pong => true,
            Operation::Hello
            | Operation::Publish
            | Operation::Subscribe
            | Operation::Unsubscribe
            | Operation::Credit
            | Operation::Goodbye
            | Operation::StreamCreate
            | Operation::StreamDelete
            | Operation::StreamList
            | Operation::StreamDescribe
            | Operation::Append
            | Operation::Follow
            | Operation::FollowCredit
            | Operation::Unfollow => peer == Peer::Client,
            Operation::Welcome
            | Operation::Deliver
            | Operation::Outcome
            | Operation::Error
            | Operation::GoAway
            | Operation::Notice
            | Operation::StreamDescribed
            | Operation::StreamListed
            | Operation::Appended
            | Operation::Records
            | Operation::FollowEnded => peer == Peer::Server,
        }
    }

    /// Whether it is used only where [`Features::STREAMS`](super::Features::STREAMS) is in force.
    #[inline]
    #[must_use]
    pub fn needs_streams(self) -> bool {
        matches!(self as u8, 0x20..=0x2f | 0x90..=0x9f)
    }

    /// The bits that may be set in the header's flags.
    #[inline]
    #[must_use]
    pub fn flags_allowed(self) -> u8 {
        match self {
            Operation::Publish => PUBLISH_FLAGS.0,
            Operation::Deliver => DELIVER_FLAGS.0,
            Operation::Appended => APPENDED_IS_DUPLICATE,
            Operation::Hello
            | Operation::Subscribe
            | Operation::Unsubscribe
            | Operation::Credit
            | Operation::Goodbye
            | Operation::Ping
            | Operation::Pong
            | Operation::Welcome
            | Operation::Outcome
            | Operation::Error
            | Operation::GoAway
            | Operation::Notice
            | Operation::StreamCreate
            | Operation::StreamDelete
            | Operation::StreamList
            | Operation::StreamDescribe
            | Operation::Append
            | Operation::Follow
            | Operation::FollowCredit
            | Operation::Unfollow
            | Operation::StreamDescribed
            | Operation::StreamListed
            | Operation::Records
            | Operation::FollowEnded => 0,
        }
    }

    /// What its head is.
    #[inline]
    #[must_use]
    pub fn head(self) -> HeadKind {
        match self {
            Operation::Publish => HeadKind::Message(head_len::<PublishHead>()),
            Operation::Deliver => HeadKind::Message(head_len::<DeliverHead>()),
            Operation::Unsubscribe => HeadKind::Struct(head_len::<UnsubscribeHead>()),
            Operation::Credit => HeadKind::Struct(head_len::<CreditHead>()),
            Operation::Ping | Operation::Pong => HeadKind::Struct(head_len::<TokenHead>()),
            Operation::Outcome => HeadKind::Struct(head_len::<OutcomeHead>()),
            Operation::Notice => HeadKind::Struct(head_len::<NoticeHead>()),
            Operation::Append => HeadKind::Batch(head_len::<AppendHead>()),
            Operation::FollowCredit => HeadKind::Struct(head_len::<FollowCreditHead>()),
            Operation::Unfollow => HeadKind::Struct(head_len::<UnfollowHead>()),
            Operation::Appended => HeadKind::Struct(head_len::<AppendedHead>()),
            Operation::Records => HeadKind::Batch(head_len::<RecordsHead>()),
            Operation::FollowEnded => HeadKind::Struct(head_len::<FollowEndedHead>()),
            Operation::Goodbye => HeadKind::Nothing,
            Operation::Hello
            | Operation::Subscribe
            | Operation::Welcome
            | Operation::Error
            | Operation::GoAway
            | Operation::StreamCreate
            | Operation::StreamDelete
            | Operation::StreamList
            | Operation::StreamDescribe
            | Operation::Follow
            | Operation::StreamDescribed
            | Operation::StreamListed => HeadKind::Table,
        }
    }
}

/// What a publisher may ask for.
const PUBLISH_FLAGS: PublishFlags = PublishFlags(
    PublishFlags::ACK.0
        | PublishFlags::REQUEST.0
        | PublishFlags::MORE.0
        | PublishFlags::BROADCAST.0,
);

/// What of it travels on to the receivers.
pub(super) const DELIVER_FLAGS: PublishFlags =
    PublishFlags(PublishFlags::REQUEST.0 | PublishFlags::MORE.0);

/// The flag of APPENDED: an earlier APPEND stored the batch.
pub(super) const APPENDED_IS_DUPLICATE: u8 = 1;

impl core::fmt::Display for Operation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl core::fmt::Display for Peer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Peer::Client => "client",
            Peer::Server => "broker",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_the_top_bit_is_the_servers() {
        let known: Vec<_> = (0..=u8::MAX).filter_map(Operation::from_number).collect();
        assert_eq!(known, Operation::ALL);
        for &operation in Operation::ALL {
            assert_eq!(Operation::from_number(operation as u8), Some(operation));
            let both = operation.is_sent_by(Peer::Client) && operation.is_sent_by(Peer::Server);
            assert_eq!(both, matches!(operation, Operation::Ping | Operation::Pong));
            assert_eq!(!operation.is_sent_by(Peer::Client), operation as u8 >= 0x80);
        }
    }
}
