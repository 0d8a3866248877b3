//! A client whose calls are futures, for programs on tokio.
//!
//! What it does: [`Client`] publishes, subscribes, asks and serves from any number of tasks; one task
//! of its own, the driver, moves the bytes, connects, and connects again. What it never does: it
//! blocks no thread, keeps nothing alive that nobody holds, and runs no code of the program while it
//! holds its lock.
//!
//! ```text
//!  task: publish --encode--+                        +--> socket --> broker
//!  task: request ----------+--> engine --swap--> driver
//!  task: next <-- batch <-- queue <--- on_bytes --+ <--- socket <-- broker
//!                     (under one short lock)
//! ```
//!
//! Invariants:
//! - the lock is held for one operation of the [engine](crate::engine) and never across an await;
//!   wakers are called after it is given back;
//! - the driver is woken only if it sleeps, and looks again under the lock before it does;
//! - a future that is dropped half way leaves no call behind: a request is forgotten, a subscription
//!   ended;
//! - when the driver ends, however that comes, every call and every stream ends too.

mod client;
mod driver;
mod events;
mod follower;
mod handler;
mod producer;
mod replies;
mod responder;
#[cfg(feature = "service")]
mod service;
mod shared;
mod streams;
mod subscriber;
mod transport;
mod waiting;

pub use client::Client;
pub use events::Events;
pub use follower::Follower;
pub use handler::Request;
pub use producer::Producer;
pub use replies::Replies;
pub use responder::{Responder, ResponderStatistics};
#[cfg(feature = "service")]
pub use service::{RunningService, ServiceFault, ServiceRunner};
pub use streams::PendingAppend;
pub use subscriber::Subscriber;
#[cfg(feature = "elbus")]
pub(crate) use transport::Stream;
