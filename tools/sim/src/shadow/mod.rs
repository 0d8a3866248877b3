//! The shadow model: what clients said and were told, and what that allows and demands.
//!
//! What it does: keeps an interval for everything, from the moment a client wrote it to the moment its
//! answer was read, and compares every frame with it.
//!
//! ```text
//! SUBSCRIBE ----- OUTCOME                 in force for sure from here on
//!                          PUBLISH ----- PONG
//!                          must be received: written after the one was known to be in force
//!           PUBLISH ----------- PONG      may be received, at most once
//! PUBLISH - PONG                          must not, if SUBSCRIBE was written behind the PONG
//! ```
//!
//! What it never does: it looks into no shard, and shares no code with the router.
//!
//! Invariants:
//! - a moment is given once, so that two events are never at the same one;
//! - who went, or was cut off, is owed nothing that was not proven to be read by a PONG before.

mod answers;
mod deliveries;
mod facts;
mod model;
mod subjects;
mod verdict;

pub use facts::{
    Asked, Candidate, ClientFacts, ClientNumber, Manners, MessageFacts, MessageNumber, Moment,
    Published, Question, Reach, SubscriptionFacts, SubscriptionNumber, Wanted, payload,
};
pub use model::Shadow;
pub use subjects::{matches, sees};
