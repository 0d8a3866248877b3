//! Bans, licences and sources of dependencies, judged by cargo-deny.
//!
//! Advisories are not asked for: their database lies on the network and changes by the day, so that
//! the same commit could pass and fail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// The version the configuration is written for; others of the same minor version will do.
const VERSION: &str = "0.20.2";
/// Where it is installed if the path has none that fits, below the root.
const TOOLS_FOLDER: &str = "target/tools";
const PROGRAM: &str = "cargo-deny";

/// Judges the dependencies as `.cargo/deny.toml` says.
///
/// # Errors
/// If one is not allowed, or cargo-deny cannot be installed.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let program = find_or_install(root)?;
    let mut command = Command::new(program);
    command.current_dir(root).args(["--workspace", "--config", ".cargo/deny.toml", "check"]);
    command.args(["--hide-inclusion-graph", "bans", "licenses", "sources"]);
    process::run(&mut command)
}

fn find_or_install(root: &Path) -> Result<PathBuf, Failure> {
    let ours = root.join(TOOLS_FOLDER).join("bin").join(PROGRAM);
    let found = [PathBuf::from(PROGRAM), ours.clone()].into_iter().find(|program| fits(program));
    match found {
        Some(program) => Ok(program),
        None => install(root).map(|()| ours),
    }
}

fn fits(program: &Path) -> bool {
    let said = process::output(Command::new(program).arg("--version"));
    said.is_ok_and(|said| is_compatible(&said))
}

/// Whether `cargo-deny 1.2.3` names a version with the same numbers but the last.
fn is_compatible(said: &str) -> bool {
    let minor = |version: &str| version.trim().rsplit_once('.').map(|(minor, _)| minor.to_owned());
    let version = said.trim().strip_prefix(PROGRAM).and_then(minor);
    version.is_some() && version == minor(VERSION)
}

fn install(root: &Path) -> Result<(), Failure> {
    println!("installing {PROGRAM} {VERSION} into {TOOLS_FOLDER}, once; this takes some minutes");
    let words = ["install", PROGRAM, "--version", VERSION, "--locked", "--root"];
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    arguments.push(root.join(TOOLS_FOLDER).into());
    process::run(&mut process::cargo(root, &arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_same_minor_version_fit() {
        assert!(is_compatible("cargo-deny 0.20.2\n"));
        assert!(is_compatible("cargo-deny 0.20.9"));
        for other in ["cargo-deny 0.21.2", "cargo-deny 1.20.2", "cargo-deny", "cargo 0.20.2", ""] {
            assert!(!is_compatible(other), "{other}");
        }
    }
}
