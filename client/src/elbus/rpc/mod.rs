//! Calls that travel in messages between clients.
//!
//! What it does: [`RpcClient`] calls, [`RpcHandlers`] answer, with the numbers and codes that busrt gives
//! them. What it never does: it runs no more handlers at a time than its options say, and keeps no call
//! whose caller has gone.

mod calls;
mod client;
mod error;
mod event;
mod processor;

pub use client::{RpcClient, RpcOptions};
pub use error::{RpcError, RpcResult};
pub use event::{RpcEvent, RpcEventKind};
pub use processor::{NoHandlers, RpcHandlers};
