//! Builds this program once more, with counters in the decoders and nowhere else.
//!
//! Cargo calls a wrapper in place of the compiler for the crates of the workspace. The wrapper is
//! this program again: it adds the flags for the crates that are measured.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// Tells this program that Cargo calls it in place of the compiler.
const WRAPPER_VARIABLE: &str = "COILGUN_FUZZ_WRAPPER";
/// Below the root. Flags are no part of what Cargo compares, so what is built is kept apart.
const TARGET_FOLDER: &str = "target/fuzz-coverage";
/// The crates that get counters.
const MEASURED_CRATES: [&str; 2] = ["coilgun_protocol", "coilgun_storage"];
/// A stable compiler takes these; only the sanitizers need another.
const FLAGS: [&str; 3] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
];

/// Whether Cargo called this program as a compiler.
pub(crate) fn is_wrapper() -> bool {
    std::env::var_os(WRAPPER_VARIABLE).is_some()
}

/// Compiles what Cargo asks for.
///
/// # Errors
/// If the compiler fails.
pub(crate) fn run_wrapper() -> Result<(), Failure> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some((compiler, arguments)) = words.split_first() else {
        return Err(Failure::new("a wrapper is told which compiler to call"));
    };
    let mut command = Command::new(compiler);
    command.args(arguments);
    if is_measured(arguments) {
        command.args(FLAGS);
    }
    process::run(&mut command)
}

fn is_measured(arguments: &[OsString]) -> bool {
    let is_one = |name: &OsString| MEASURED_CRATES.iter().any(|measured| name == measured);
    let named = |pair: &[OsString]| pair[0] == "--crate-name" && is_one(&pair[1]);
    arguments.windows(2).any(named)
}

/// Builds the program with counters.
///
/// # Errors
/// If it cannot be built.
pub(crate) fn build(root: &Path) -> Result<PathBuf, Failure> {
    let wrapper = std::env::current_exe().map_err(Failure::while_doing("where am I?"))?;
    let arguments = ["build", "--quiet", "--profile", "fuzz", "--package", "xtask"];
    let mut command = process::cargo(root, &arguments);
    command.arg("--target-dir").arg(root.join(TARGET_FOLDER));
    command.env("RUSTC_WORKSPACE_WRAPPER", wrapper).env(WRAPPER_VARIABLE, "1");
    process::run(&mut command)?;
    Ok(root.join(TARGET_FOLDER).join("fuzz/xtask"))
}

/// Runs the program with counters on the same words that this one was called with.
///
/// # Errors
/// If it fails.
pub(crate) fn run_again(root: &Path, program: impl AsRef<OsStr>) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.current_dir(root).args(std::env::args_os().skip(1));
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_decoders_get_counters() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(is_measured(&words("--crate-name coilgun_protocol --edition=2024")));
        assert!(is_measured(&words("--crate-name coilgun_storage --edition=2024")));
        assert!(!is_measured(&words("--crate-name xtask --extern coilgun_protocol=x")));
        assert!(!is_measured(&words("-vV")));
    }
}
