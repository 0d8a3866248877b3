//! What can be done with a log that a start is refused for.
//!
//! What it does: finds out why a start is refused, decides by a table what is safe, says beforehand what
//! changes and which records are gone, and does it when it is told to.
//!
//! What it never does: it shortens no log silently, removes no file, and writes over no byte that it has not
//! set aside; it does nothing that recovery does by itself, and decides no contradiction between whole
//! commit groups.
//!
//! Invariants:
//! - planning changes nothing;
//! - a crash at any step leaves a log that is refused for the same reason, or that is repaired;
//! - what was missing stays a hole, marked as lost, so that what cannot be proven stays read-only (law L8).

mod applying;
mod decide;
mod losses;
mod new_manifest;
mod plan;
mod step;
mod substitute;

pub use applying::apply_repair;
pub use decide::{FoundSegments, NoRemedy, Obstacle, Remedy, decide_repair};
pub use losses::LostRecords;
pub use plan::{Plan, plan_repair};
pub use step::Step;
