//! Clients of Coilgun for Rust programs.
//!
//! What it does: speaks the native protocol for a program, with types that say what is published,
//! subscribed to and received. `Client` is for programs on tokio, `blocking::Client` for all others;
//! [`engine`] is what a client is without any IO, for who has a runtime of their own. What it never
//! does: it knows no broker but through the protocol, and it installs no signal handler.
//!
//! Features, all of them on by default:
//! - `async`: `Client`, on tokio;
//! - `blocking`: `blocking::Client`, on poll(2) and nothing else;
//! - `elbus`: a client for programs that were written for elbus or busrt ([`mod@elbus`]), with `async`;
//! - `in-process`: connections to a broker in the same program, without sockets;
//! - `service`: services and their discovery (`service`), and with `async` what runs them
//!   (`ServiceRunner`).
//!
//! Invariant: without any feature there are the engine and the types, and no dependency on a system.

mod address;
#[cfg(feature = "async")]
mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(doctest)]
mod book;
mod broker_error;
#[cfg(feature = "elbus")]
pub mod elbus;
pub mod engine;
mod error;
mod message;
mod options;
mod publication;
mod reconnect;
mod server_info;
#[cfg(feature = "service")]
pub mod service;
mod serving;
mod stream;
mod subscription;

#[cfg(feature = "in-process")]
pub use address::InProcess;
pub use address::{Address, InvalidAddress};
#[cfg(feature = "async")]
pub use asynchronous::{
    Client, Events, Follower, PendingAppend, Producer, Replies, Request, Responder,
    ResponderStatistics, Subscriber,
};
#[cfg(all(feature = "async", feature = "service"))]
pub use asynchronous::{RunningService, ServiceFault, ServiceRunner};
pub use broker_error::BrokerError;
pub use coilgun_protocol::model::{
    AckLevel, FollowId, Offset, PartitionHealth, ProducerEpoch, ProducerId, ProducerSequence,
    SlowConsumerPolicy, SlowConsumerWish, UnixMs,
};
pub use coilgun_protocol::native::NoticeFrame;
pub use engine::{ConnectionState, Event, Statistics};
pub use error::ClientError;
pub use message::{HANDLER_ERROR, HANDLER_ERROR_CODE, Message};
pub use options::{Credentials, Options};
pub use publication::Publication;
pub use reconnect::Reconnect;
pub use server_info::ServerInfo;
pub use serving::{HandlerError, Reply, ServeOptions};
pub use stream::{
    AppendOptions, Appended, Batch, FollowOptions, PartitionInfo, ProducerOptions, Record, StartAt,
    StoredRecord, StreamInfo, StreamOptions, StreamSummary,
};
pub use subscription::{SubscribeOptions, Subscription, WhenFull};
