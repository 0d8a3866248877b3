//! Clients of Coilgun for Rust programs.
//!
//! What it does: speaks the native protocol for a program ([`blocking`]), with types that say what is
//! published, subscribed to and received; with the feature `service`, which is on by default, it
//! defines, runs and finds services ([`service`]). What it never does: it knows no broker but through the
//! protocol, and it installs no signal handler.

mod address;
pub mod blocking;
mod error;
mod message;
mod options;
mod publication;
mod server_info;
#[cfg(feature = "service")]
pub mod service;
mod subscription;

pub use address::{Address, InvalidAddress};
pub use coilgun_protocol::model::{SlowConsumerPolicy, SlowConsumerWish};
pub use coilgun_protocol::native::NoticeFrame;
pub use error::{BrokerError, ClientError};
pub use message::Message;
pub use options::{Credentials, Options};
pub use publication::Publication;
pub use server_info::ServerInfo;
pub use subscription::{SubscribeOptions, Subscription};
