//! Clients of Coilgun for Rust programs.
//!
//! What it does: speaks the native protocol for a program ([`blocking`]), with types that say what is
//! published, subscribed to and received. What it never does: it knows no broker but through the
//! protocol, and it installs no signal handler.

mod address;
#[cfg(feature = "blocking")]
pub mod blocking;
pub mod engine;
mod error;
mod message;
mod options;
mod publication;
mod reconnect;
mod server_info;
mod subscription;

#[cfg(feature = "in-process")]
pub use address::InProcess;
pub use address::{Address, InvalidAddress};
pub use coilgun_protocol::model::{SlowConsumerPolicy, SlowConsumerWish};
pub use coilgun_protocol::native::NoticeFrame;
pub use error::{BrokerError, ClientError};
pub use message::Message;
pub use options::{Credentials, Options};
pub use publication::Publication;
pub use reconnect::Reconnect;
pub use server_info::ServerInfo;
pub use subscription::{SubscribeOptions, Subscription, WhenFull};
