//! Everything a change must pass, stage by stage.
//!
//! What it does: runs the stages in order, says what each took, and ends with a table. A stage that
//! needs a program which is not installed is skipped by name; `--require-peers` makes that a
//! failure, so that a machine that should have everything cannot pass with less.
//!
//! What it never does: it repeats no stage that failed, and it hides nothing a stage prints.

mod clients;
mod deny;
mod peer;
mod runner;
mod stages;

pub(crate) use runner::run;
pub(crate) use stages::stage_named;
