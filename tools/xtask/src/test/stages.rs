//! The stages, in the order in which they tell the most for the least time.

use std::path::Path;

use crate::command_line::TestOptions;
use crate::failure::Failure;
use crate::test::peer::{CMAKE, CXX, PYTHON, Peer};
use crate::test::{clients, deny};
use crate::{golden, process, tidy};

/// What a stage may need to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The repository's root.
    pub(crate) root: &'a Path,
    /// Larger inputs and more repetitions.
    pub(crate) full: bool,
    /// What a test needs of the machine has to be there.
    pub(crate) require_peers: bool,
}

impl<'a> Context<'a> {
    /// The context of a run with these options.
    pub(crate) fn new(root: &'a Path, options: TestOptions) -> Context<'a> {
        Context { root, full: options.full, require_peers: options.require_peers }
    }
}

/// One stage.
#[derive(Clone, Copy)]
pub(crate) struct Stage {
    /// What it is called in headings and in the table.
    pub(crate) name: &'static str,
    /// Without these it is skipped.
    pub(crate) peers: &'static [Peer],
    /// Does the work.
    pub(crate) run: fn(Context<'_>) -> Result<(), Failure>,
}

/// All stages.
pub(crate) const STAGES: &[Stage] = &[
    Stage { name: "format", peers: &[], run: format },
    Stage { name: "clippy", peers: &[], run: clippy },
    Stage { name: "tidy", peers: &[], run: |context| tidy::run(context.root) },
    Stage { name: "deny", peers: &[], run: |context| deny::run(context.root) },
    Stage {
        name: "schema",
        peers: &[CMAKE, CXX],
        run: |context| golden::check_schema(context.root),
    },
    Stage { name: "doc", peers: &[], run: doc },
    Stage { name: "tests", peers: &[], run: tests },
    Stage { name: "clients", peers: &[PYTHON], run: |context| clients::run(context.root) },
    Stage { name: "fuzz-smoke", peers: &[], run: fuzz_smoke },
];

/// The name of a stage, as the command line gives it.
///
/// # Errors
/// Names all stages, if there is no such one.
pub(crate) fn stage_named(text: &str) -> Result<&'static str, String> {
    let names = || STAGES.iter().map(|stage| stage.name);
    names()
        .find(|name| *name == text)
        .ok_or_else(|| format!("the stages are {}", names().collect::<Vec<_>>().join(", ")))
}

fn format(context: Context<'_>) -> Result<(), Failure> {
    process::run(&mut process::cargo(context.root, &["fmt", "--all", "--check"]))
}

fn clippy(context: Context<'_>) -> Result<(), Failure> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(&mut process::cargo(context.root, &arguments))
}

fn doc(context: Context<'_>) -> Result<(), Failure> {
    let arguments = ["doc", "--workspace", "--no-deps"];
    process::run(process::cargo(context.root, &arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests(context: Context<'_>) -> Result<(), Failure> {
    let mut command = process::cargo(context.root, &["test", "--workspace"]);
    // A golden file that is rewritten proves nothing.
    command.env_remove("COILGUN_UPDATE_GOLDEN").env_remove("COILGUN_TEST_FULL");
    command.env_remove("COILGUN_REQUIRE_PEERS");
    if context.require_peers {
        command.env("COILGUN_REQUIRE_PEERS", "1");
    }
    if context.full {
        command.env("COILGUN_TEST_FULL", "1");
    }
    process::run(&mut command)
}

fn fuzz_smoke(context: Context<'_>) -> Result<(), Failure> {
    let executions = if context.full { "2000000" } else { "100000" };
    let task = ["run", "--quiet", "--profile", "fuzz", "--package", "xtask", "--", "fuzz-smoke"];
    let arguments = [&task[..], &["--executions", executions]].concat();
    process::run(&mut process::cargo(context.root, &arguments))
}
