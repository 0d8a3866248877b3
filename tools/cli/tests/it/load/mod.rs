//! Producers and followers that go on where they were, whatever became of the broker: for tests that end
//! it again and again.
//!
//! What it does: idempotent producers append real files, each to a partition of its own, and followers read
//! them ([`Crowd`]). They hold each answer against what they were told before: nothing that was acked is
//! lost, nothing is doubled, and nobody sees a gap. What it never does: it starts and ends no broker.

mod crowd;
mod files;
mod follower;
mod producer;

pub(crate) use crowd::{Crowd, Tally, dice};
