//! One client over all its connections, without any IO.
//!
//! What it does: keeps what a program wants (subscriptions, messages to be sent, calls that wait)
//! while connections come and go; writes the bytes of each connection and reads those of the
//! broker; says when and where to connect next. What it never does: it opens no socket, reads no
//! clock, starts no thread and waits for nothing. The time is an argument; what is random comes from
//! a seed. A driver moves the bytes: the async client, or one of your own.
//!
//! ```text
//!   driver                                   Engine
//!   next_connect(now) --> Address            Away -> Connecting
//!   on_connected(now)                        preface, HELLO, every subscription
//!   take_output --> bytes --> socket         then, once WELCOME came, what was kept meanwhile
//!   socket --> on_bytes(now, bytes)          queues of messages, answers to calls
//!   on_lost(now, error, unsent bytes)        what can be kept is kept, calls end
//!   tick(now) at deadline()                  time limits, signs of life
//!   next_woken, next_event                   who has to look again
//! ```
//!
//! Invariants:
//! - a message that was published is sent at most once whole: what a lost connection may have
//!   delivered is not sent again, what it cannot have delivered is;
//! - a barrier says that everything before it took effect only if that is so on whatever connection
//!   it went; where a connection broke in between, the next barrier fails once;
//! - every call ends: with its answer, with its connection if its frame was sent, or at its time
//!   limit;
//! - a broker that says that it is about to end is left in good order: what was sent takes effect,
//!   calls in hand have half of its time to end;
//! - everything that grows has a bound: queues, replies, what waits for a connection, events. What
//!   waits to be sent on a connection is bounded by who asks [`Engine::has_room`] before it publishes;
//! - a subscription keeps its number, its credit and its count of deliveries over all connections;
//! - a follower of a partition goes on behind the last record that came, on whatever connection.

mod answer;
mod away;
mod backoff;
mod calls;
mod ending;
mod event;
mod fixed_state;
mod followers;
mod incoming;
mod machine;
mod moving;
mod operations;
mod outgoing;
mod reading;
mod streams;
mod subscriptions;
#[cfg(test)]
mod tests;

pub use answer::{Answer, StreamAnswer};
pub use calls::{Call, RequestMode};
pub use event::{ConnectionState, Event, Statistics};
#[cfg(feature = "async")]
pub(crate) use fixed_state::FixedState;
pub use followers::TakenRecord;
pub use machine::Engine;
pub use operations::Woken;
pub use subscriptions::Taken;
