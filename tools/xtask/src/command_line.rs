//! What can be typed behind `cargo xtask`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Coilgun's developer tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
#[command(after_help = "Before a commit:  cargo xtask test\nOnly the rules:   cargo xtask tidy")]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// One task.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Run everything a change must pass, stage by stage
    Test(TestOptions),
    /// Check the house rules: lengths, edges between crates, banned calls, documents
    Tidy,
    /// Regenerate the schema code and the golden files, for review with git diff
    Golden(GoldenOptions),
    /// Grow the corpus: keep inputs that reach new places in the decoders
    Fuzz(GrowOptions),
    /// Throw mutated bytes at every decoder, the same bytes for the same seed
    FuzzSmoke(FuzzOptions),
}

/// How to run the stages.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TestOptions {
    /// Fail where a stage would be skipped because a program it needs is not installed
    #[arg(long)]
    pub(crate) require_peers: bool,
    /// Run the stages behind a failed one, too
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Larger inputs and more repetitions: sets COILGUN_TEST_FULL=1 for the tests
    #[arg(long)]
    pub(crate) full: bool,
    /// Run this stage and no other
    #[arg(long, value_name = "STAGE", value_parser = crate::test::stage_named)]
    pub(crate) only: Option<&'static str>,
}

/// What to do with generated files.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct GoldenOptions {
    /// Change nothing; fail if a file is not what would be generated
    #[arg(long)]
    pub(crate) check: bool,
}

/// Which corpus to grow, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct GrowOptions {
    /// Only this target; all of them otherwise
    #[arg(long, value_name = "NAME|all")]
    pub(crate) target: Option<String>,
    /// Mutated inputs for each target
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    pub(crate) executions: u64,
    /// Stop a target after this time
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,
    /// The number the mutations follow from; another one finds other inputs
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the corpus lies; tests/corpus of the crate otherwise
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,
}

/// What to throw at which decoder.
#[derive(Clone, Debug, Args)]
pub(crate) struct FuzzOptions {
    /// Only this target; all of them otherwise
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Mutated inputs for each target, after its seeds and the corpus
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub(crate) executions: u64,
    /// The number all inputs follow from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run the target on this one file instead
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) replay: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_and_option_is_consistent() {
        use clap::CommandFactory as _;
        CommandLine::command().debug_assert();
    }
}
