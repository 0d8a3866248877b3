//! Who may do what: permissions of identities, without any IO.
//!
//! What it does: says of an identity whether it may publish or send requests to a subject, and whether
//! and how far it may subscribe to a filter (law S32). What it never does: it knows no user, no secret
//! and no connection; it is never asked for a message whose route the publisher's hint found.
//!
//! ```text
//!  configuration --once--> Identities, shared by all shards and never changed
//!                               | 0: may do everything, and is never asked about
//!                               | n: publish, subscribe, request: each allows and denies filters
//!  route built ----------------+--> who may not see this subject is left out of its targets
//!  hint missed ----------------+--> may publish here?  kept in the route, a bit per identity
//!  subscription ---------------+--> refused, or in force except for what is denied
//! ```
//!
//! Invariants:
//! - what is denied is denied, whatever allows it as well;
//! - a filter is allowed only if one single allowed filter covers all of it;
//! - inboxes whose first token behind `_INBOX` is literal need no permission, but can be denied: their
//!   names cannot be guessed, and whoever knows one was told it.

mod coverage;
mod permissions;

pub use coverage::{covers, overlaps};
pub use permissions::{Identities, IdentityId, Permissions, Rules, Usage, WrongRule};
