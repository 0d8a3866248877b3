//! Runs other programs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

/// Cargo, the one that runs this task if one does, working in `root`.
pub(crate) fn cargo<S: AsRef<OsStr>>(root: &Path, arguments: &[S]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(arguments);
    command
}

/// Runs a program that writes to this terminal.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = shown(command);
    let status =
        command.status().map_err(Failure::while_doing(&format!("cannot run `{shown}`")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}`: {status}"))) }
}

/// Runs a program and returns what it writes.
///
/// # Errors
/// If it cannot be started, does not succeed, or writes no UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let shown = shown(command);
    let output =
        command.output().map_err(Failure::while_doing(&format!("cannot run `{shown}`")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`{shown}`: {}\n{said}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(Failure::while_doing(&format!("output of `{shown}`")))
}

/// Whether a program of this name can be found.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).expect_err("it exits with 3");
        assert!(failure.to_string().contains("sh -c exit 3"), "{failure}");
        let failure = output(Command::new("sh").args(["-c", "echo why >&2; exit 1"]));
        assert!(failure.expect_err("it exits with 1").to_string().contains("why"));
        assert_eq!(output(Command::new("echo").arg("hello")), Ok("hello\n".to_owned()));
    }

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(is_installed("sh"));
        assert!(!is_installed("a-program-that-nobody-has"));
    }
}
