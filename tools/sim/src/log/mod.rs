//! The journal on a simulated disk, against a model of what a log promises.
//!
//! What it does: opens a log, appends to it, makes checkpoints, gives segments back, and ends all of it at
//! any operation of the disk, as if the process had been killed or the power had failed; opens it again,
//! and holds what comes back against the model. What it never does: it touches no real disk and reads no
//! clock; the same seed does the same.
//!
//! ```text
//!  seed -> lives: open --> appends, checkpoints, releases, a full disk --> crash at operation n
//!                   |            |
//!                   v            v
//!            what came back   shadow: what was appended, in order, and what was durable
//! ```

mod batch;
mod life;
mod rot;
mod rot_build;
mod rot_opening;
mod rot_places;
mod rot_tally;
mod run;
mod shadow;
mod state;
mod tally;

pub use rot::run_rot;
pub use rot_tally::RotTally;
pub use run::{LogOptions, LogRun, run_log, run_log_at_every_crash};
pub use tally::LogTally;
