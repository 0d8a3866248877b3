//! `coilgun stream`: makes streams, appends to them, and prints their records.
//!
//! What it does: one file per kind of verb, from its arguments to its last output. What it never does: it
//! keeps more in memory than a batch, or what the broker was let send ahead.
//!
//! Invariants:
//! - what `append` reports at level `durable` is on the disk, and is stored once, however often it had
//!   to be sent;
//! - what `read` and `tail` print of a partition is in order and without a gap.

mod append;
mod read;
mod record;
mod show;
mod verbs;

pub(super) use verbs::stream;
