//! One shard: its connections, their sessions, its router, and the turn that moves them.
//!
//! What it does: takes bytes from the network to sessions, commands from sessions to the router, and
//! messages to the outboxes of those who want them; holds publishers back or drops messages while a reader is behind;
//! lets connections come and go. What it never does: it parses no protocol, decides no route, makes
//! no system call and reads no clock; all of that is behind doors.
//!
//! ```text
//!  network --bytes--> session --commands--> dispatch --plan--> router
//!     ^                  ^                     |
//!     |                  +-------events--------+        for every target: one session, one outbox
//!     +------ outbox <--- bytes ---------------+
//! ```
//!
//! Sketch of one 64-byte message on one core, to be compared with docs/PERFORMANCE.md: no allocation,
//! one copy (receive block to output block), one look into the route cache, and a share of one
//! receive and one send that carry many messages each.
//!
//! Invariants:
//! - commands of one connection take effect in the order of its bytes, each once;
//! - a message is put into all outboxes of its plan or into none (law S18);
//! - a connection that waits for an outbox is in exactly one list of waiters, and is not read;
//! - the router knows exactly the connections that were let in and have not ended.

mod answers;
mod arriving;
mod asking;
mod authenticating;
mod bouncing;
mod broker_client;
mod busy;
mod client;
mod control;
mod counters;
mod credit;
mod crossing;
mod deadlines;
mod denials;
mod dispatch;
#[cfg(test)]
mod doors;
mod draft;
mod draining;
mod endings;
mod entering;
mod expiring;
mod held;
mod interest;
mod listed;
mod loads;
mod naming;
mod placement;
mod placing;
mod protocols;
mod publish;
mod rate;
mod settings;
mod shedding;
mod slice;
mod slow;
mod streaming;
mod system;
mod totals;
mod turn;
mod waits;

pub use broker_client::{Speaker, SpeakerQueue, SpeakerRefused, Word, speaker_queue};
pub use control::{Control, ControlQueue, ControlSender, control_queue};
pub use counters::ShardCounters;
pub use loads::{Load, LoadTable};
pub use placement::PlacementPolicy;
pub use placing::{Arrival, ShardPlace};
pub use protocols::{AnySession, ListenerProtocol};
pub use rate::RateLimits;
pub use settings::{GuestRule, ListenerSettings, ShardSettings};
pub use streaming::{LogFault, StreamSetup};
pub use system::COUNTERS_SUBJECT;
pub use turn::Shard;
