//! A client whose calls wait.
//!
//! What it does: connects ([`Client::connect`]), publishes, subscribes, asks, serves and hands out what
//! arrives as owned [`Message`](crate::Message)s; where its connection breaks it comes back while a call
//! waits. What it never does: it starts no thread, reads nothing behind the caller's back, installs no
//! signal handler and draws on no runtime; a call that waits has a time limit.
//!
//! ```text
//!  caller --publish------> engine ----output----> socket --> broker
//!  caller <--next_message-- queue <-- engine <--frame by frame-- input <-- socket <-- broker
//!                          bounded                               one read at most
//! ```
//!
//! Invariants:
//! - bytes are read only while a call waits, and a call that has to wait for room to write reads
//!   meanwhile, so that two sides that both want to write never wait for each other;
//! - what was read is kept in order, over all subscriptions; the queue of messages is bounded, and where
//!   it is full the call that would have to read more says so and loses nothing;
//! - each of the broker's PINGs is answered by the call that reads it;
//! - what is due is given up only after one more look at what has arrived, so that a caller who comes
//!   back late finds the answer that was there.
//!
//! ```no_run
//! use coilgun_client::blocking::Client;
//! use coilgun_client::{Options, Publication, SubscribeOptions};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), coilgun_client::ClientError> {
//! let mut client = Client::connect(Options::new("127.0.0.1:7700".parse()?))?;
//! let orders = client.subscribe("orders.>", &SubscribeOptions::default())?;
//! client.publish(&Publication::to("orders.new").with_payload(b"one table"))?;
//! if let Some(message) = client.next_message(Duration::from_secs(1))? {
//!     assert_eq!(message.subscription(), orders.id());
//!     assert_eq!(message.payload(), b"one table");
//! }
//! client.close()
//! # }
//! ```

mod client;
mod clock;
mod driver;
mod frames;
mod gather;
mod handling;
#[cfg(feature = "in-process")]
mod in_process;
mod queue;
mod request;
mod serving;
mod socket;
mod streams;
mod subscribing;

pub use client::Client;
pub use gather::Answers;
pub use handling::{Request, ServeStatistics};
pub use request::Replies;
pub use serving::Responder;
pub use streams::{Followed, PendingAppend, Producer};

pub use crate::serving::{HandlerError, Reply, ServeOptions};
