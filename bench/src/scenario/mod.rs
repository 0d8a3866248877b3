//! What is measured: the scenarios of a suite, and the figures that are made from them.
//!
//! What it does: describes each scenario as data ([`Scenario`]), opens the connections it needs
//! ([`open`]), lists the scenarios of a suite in the order in which a round plays them
//! ([`first_suite`]), and names the figures that compare them ([`first_comparisons`]). What it
//! never does: it measures nothing itself.

mod comparisons;
mod matrix;
mod matrix_figures;
mod open;
mod plan;
mod shape;
mod shards;

pub use comparisons::{Against, Comparison, Goal, Metric, Relation, first_comparisons};
pub use matrix::{MATRIX_RATES, matrix};
pub use matrix_figures::matrix_comparisons;
pub use open::{native_frame_bytes, open};
pub use plan::{PlanSettings, first_suite};
pub use shape::{Beside, Cores, Group, Peer, Scenario, Shape, Way};
pub use shards::{shards, shards_comparisons};
