//! What several shards cost and give.
//!
//! What it does: plays scenarios against brokers of one shard and of two ([`run`]), measures the hop
//! between two threads without a broker around it ([`hop`]), and writes both down ([`report`]). What it
//! never does: it hides no round, and compares nothing that was not measured in the same round.

pub mod hop;
pub mod link;
pub mod report;
pub mod run;
