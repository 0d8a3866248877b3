//! A client that speaks the protocol of elbus and busrt, for programs that were written for them.
//!
//! What it does: [`Client`] sends, publishes, subscribes and excludes under the names that busrt gives
//! these operations, over TCP, a UNIX socket or memory; [`RpcClient`] calls methods of other clients and
//! answers calls. It sends signs of life by itself, so that no server cuts it off for its silence. What it
//! never does: it does not connect again, as theirs does not, and it loses no message silently: what nobody
//! takes out of an [`EventChannel`] holds back its sender.
//!
//! ```text
//!  send, publish --encode--+                        +--> socket --> broker
//!  call --------> RpcClient+--> engine --> driver --+
//!  recv <-------- frames <----- engine <-- driver <---- socket <-- broker
//!  Confirm <----- answers <----/
//! ```
//!
//! Invariants: the lock around the engine is held for one operation or one read, and never across an
//! await; when the connection is over every answer and every channel ends.

mod client;
mod config;
mod driver;
mod engine;
mod error;
mod frame;
mod qos;
mod rpc;
mod shared;

pub use client::{Client, Confirm, EventChannel};
pub use config::Config;
pub use error::{Error, ErrorKind};
pub use frame::{Frame, FrameKind};
pub use qos::QoS;
pub use rpc::{
    NoHandlers, RpcClient, RpcError, RpcEvent, RpcEventKind, RpcHandlers, RpcOptions, RpcResult,
};
