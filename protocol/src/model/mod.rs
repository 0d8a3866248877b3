//! The vocabulary: what every crate means when it says subject, filter, message, command or event.
//!
//! What it does: gives each concept one type, one grammar, one table of error codes and one file of
//! limits. What it never does: it knows no wire format and no protocol; a gateway translates into
//! these words and out of them.

mod command;
mod error_code;
mod escape;
mod event;
mod filter;
mod flags;
mod headers;
mod ids;
pub mod limits;
mod shards;
mod slow_consumer;
mod span;
mod stream;
mod stream_command;
mod stream_event;
mod stream_name;
mod subject;
mod time;

pub use command::{
    AddCredit, Barrier, Close, Command, Commands, Exclude, Open, Publish, Subscribe, Unsubscribe,
};
pub use error_code::ErrorCode;
pub(crate) use escape::{Code, escape, unescape};
pub use escape::{decode_token, encode_token, fuzz_escape};
pub use event::{BarrierDone, Closing, Delivery, Event, Notice, Opened, Outcome};
pub use filter::{Filter, FilterToken, InvalidFilter, fuzz_filter};
pub use flags::{OpenFlags, PublishFlags, Visibility};
pub use headers::{Header, Headers, InvalidHeaders, encode_header, fuzz_headers};
pub use ids::{ClientId, NamespaceId, SubscriptionId, Ticket};
pub use shards::{ShardId, ShardSet};
pub use slow_consumer::{Remedy, SlowConsumer, SlowConsumerPolicy, SlowConsumerWish};
pub use span::Span;
pub use stream::{
    AckLevel, BodyKind, CoLocationGroupId, FollowId, Incarnation, Offset, PartitionHealth,
    PartitionId, ProducerEpoch, ProducerId, ProducerSequence, UnixMs,
};
pub use stream_command::{
    AddFollowCredit, Append, AppendConditions, CreateStream, DeleteStream, DescribeStream, Follow,
    FollowFrom, ListStreams, PartitionChoice, RefuseAppend, StreamCommand, Unfollow,
};
pub use stream_event::{
    Appended, FollowEnded, PartitionRow, RecordsRead, StreamDescribed, StreamEvent, StreamRow,
    StreamsListed,
};
pub use stream_name::{InvalidStreamName, StreamName};
pub use subject::{InvalidSubject, Subject, SubjectClass, fuzz_subject};
pub use time::Timestamp;
