//! What was measured, and how it is written down.
//!
//! What it does: makes samples from windows, spreads from rounds, and tables and JSON from both. What
//! it never does: it measures nothing, and leaves out no round.

pub(crate) mod json;
pub mod machine;
pub mod markdown;
pub mod report;
pub mod summary;
