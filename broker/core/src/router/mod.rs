//! Who gets a message: the routes of one shard.
//!
//! What it does: keeps the subscriptions of a shard's clients in a trie over the tokens of their
//! filters, and beside them what other shards want; remembers for recent subjects which of them
//! match, picks one member of each queue group, here or on another shard (law S14), knows clients by
//! name (law S16), and counts credit and deliveries.
//!
//! What it never does: it knows no payload and no outbox, and nothing of another shard but what that
//! announces; it does no IO, reads no clock and draws no random number. Dispatch asks it for a [`Plan`], reserves room for every target,
//! and only then says [`Router::commit`]; a plan that is dropped has changed nothing.
//!
//! ```text
//!  publisher --hint--> route cache --miss--> trie (level by level) --> route
//!                         |  one table: (namespace, subject) -> route, CLOCK, at most N
//!                         v
//!  route: plain targets, ready to copy  |  queue groups: members, whose turn
//!                         v
//!  plan --> dispatch reserves room --> commit: deliveries, credit, turns, ended subscriptions
//! ```
//!
//! ```text
//!  subscribe --> record --> next_interest ==ring==> apply_interest --> record --> routes forgotten
//!  plan --> targets | plain_shards | group_picks ==ring==> plan_arrival --> targets | bounced
//!                          plan_bounced <==ring======================================'
//! ```
//!
//! What a message costs: with a good hint, one comparison of the subject, one of the stamp, a copy
//! of 24 bytes per target, and one counter per target at commit; no hash and no allocation. A hit
//! without a hint adds one hash of the subject. A miss walks the trie, one hash per token and
//! matching node. A queue group asks its members in turn until one has credit and room.
//!
//! What a subscription costs: 72 bytes, 8 of counting, a few of hash table, and for every token that
//! no other filter shares 48 bytes and the token. What other shards want with the same filter costs
//! 48 bytes once, and for queue groups 12 for each shard. One of several shards keeps that record for
//! its own subscriptions as well, and 8 bytes while publishers of others wait for one.
//!
//! What a change invalidates (law S33): a filter without wildcards, its one subject; a filter with
//! wildcards behind a literal first token, the subjects whose first token falls into the same of 256
//! buckets; a filter that begins with a wildcard, its namespace. So clients that come and go with
//! inboxes leave all other routes alone.
//!
//! Invariants ([`Router::invariants`] checks them):
//! - every subscription hangs in the list of its trie node and in the list of its client, exactly
//!   once, and is found under its client and number;
//! - every trie node but a root has a subscription, a record or a child;
//! - a record counts the subscriptions with its filter, and is there while any shard wants something
//!   or a change waits to be announced;
//! - a route whose stamp is current holds live subscriptions of live clients only;
//! - what the limits bound stays inside them;
//! - a hint says that something is permitted only for the build of the route it was looked up for.
//!
//! The order of targets is: the client that is meant by name, then plain subscriptions, oldest first,
//! then one member per queue group, the group with the oldest matching subscription first, and those
//! that only other shards have last. It does not depend on hashes, and neither do the picks (law S22).

mod arrival;
mod bounce;
mod claims;
mod client;
mod commit;
mod directory;
mod epochs;
mod exclusions;
mod interest;
mod invariants;
mod limits;
mod matcher;
mod membership;
mod names;
mod permission;
mod plan;
mod planner;
mod planning;
mod presses;
mod pressure;
mod queue_group;
mod records;
mod removal;
mod route;
mod route_build;
mod route_cache;
mod secondaries;
mod shares;
mod slab;
mod state;
mod subscriptions;
mod trie;

pub use arrival::{Arrival, GroupNames};
pub use claims::arbiter_of;
pub use client::ClientAttributes;
pub use interest::{Interest, Wanted};
pub use limits::RouterLimits;
pub use membership::Subscription;
pub use plan::{GroupPick, Plan, RouteHint, Target};
pub use removal::Removal;
pub use state::{Router, RouterCounts};
