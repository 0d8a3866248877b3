//! Regenerates what is generated: the code of the native protocol's schema, and the golden files.
//!
//! What it does: runs the schema compiler of `tools/flatc` and the tests that write golden files.
//! What it never does: with `--check` it changes no file outside `target/`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command_line::GoldenOptions;
use crate::failure::Failure;
use crate::process;

/// The schema of the native protocol; it includes the files beside it.
const SCHEMA_PATH: &str = "protocol/schema/schema.fbs";
/// The code that is committed.
const GENERATED_PATH: &str = "protocol/src/native/schema_generated.rs";
/// The compiler, in a workspace of its own.
const COMPILER_MANIFEST: &str = "tools/flatc/Cargo.toml";
/// What the compiler calls its output for [`SCHEMA_PATH`].
const OUTPUT_NAME: &str = "schema_generated.rs";
/// Where it writes, below the root.
const OUTPUT_FOLDER: &str = "target/golden";

/// Packages whose integration tests hold golden files and write them when
/// `COILGUN_UPDATE_GOLDEN` is set.
const GOLDEN_PACKAGES: [&str; 5] =
    ["coilgun-protocol", "coilgun-storage", "coilgun-client", "coilgun", "coilgun-client-ffi"];

/// Regenerates or checks everything.
///
/// # Errors
/// If the compiler or a test fails, or with `--check` if a file would change.
pub(crate) fn run(root: &Path, options: GoldenOptions) -> Result<(), Failure> {
    if options.check {
        check_schema(root)?;
    } else {
        let generated = generate(root)?;
        let committed = root.join(GENERATED_PATH);
        fs::copy(&generated, committed).map_err(Failure::while_doing(GENERATED_PATH))?;
    }
    for package in GOLDEN_PACKAGES {
        let arguments = ["test", "--quiet", "--package", package, "--test", "it", "golden"];
        let mut command = process::cargo(root, &arguments);
        if options.check {
            command.env_remove("COILGUN_UPDATE_GOLDEN");
        } else {
            command.env("COILGUN_UPDATE_GOLDEN", "1");
        }
        process::run(&mut command)?;
    }
    Ok(())
}

/// Compares the committed code with what the schema gives.
///
/// # Errors
/// If they differ, or the compiler fails.
pub(crate) fn check_schema(root: &Path) -> Result<(), Failure> {
    let expected = read(&generate(root)?)?;
    let committed = read(&root.join(GENERATED_PATH))?;
    match first_difference(&expected, &committed) {
        None => Ok(()),
        Some(line) => Err(Failure::new(format!(
            "{GENERATED_PATH} is not what {SCHEMA_PATH} gives, from line {line} on; \
             run `cargo xtask golden` and review the difference"
        ))),
    }
}

/// Compiles the schema and returns the path of the code.
fn generate(root: &Path) -> Result<PathBuf, Failure> {
    let folder = root.join(OUTPUT_FOLDER);
    let output = folder.join(OUTPUT_NAME);
    fs::create_dir_all(&folder).map_err(Failure::while_doing(OUTPUT_FOLDER))?;
    // Otherwise an old one could stand in for one the compiler does not write.
    match fs::remove_file(&output) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::while_doing(OUTPUT_NAME)(error));
        }
        Ok(()) | Err(_) => {}
    }
    process::run(&mut process::cargo(root, &compiler_arguments(&folder)))?;
    Ok(output)
}

fn compiler_arguments(folder: &Path) -> Vec<OsString> {
    let words = ["run", "--quiet", "--locked", "--manifest-path", COMPILER_MANIFEST, "--"];
    let flags = ["--rust", "--gen-all", "-o"];
    let mut arguments: Vec<OsString> = words.iter().chain(&flags).map(OsString::from).collect();
    arguments.push(folder.into());
    arguments.push(SCHEMA_PATH.into());
    arguments
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::while_doing(&path.display().to_string()))
}

/// The first line, from 1, in which two texts differ.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    let same = one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\nb\n", "a\n"), Some(2));
        assert_eq!(first_difference("a\n", "a"), Some(2), "the last line is not closed");
        assert_eq!(first_difference("", "a"), Some(1));
    }

    #[test]
    fn the_compiler_is_told_where_to_write() {
        let arguments = compiler_arguments(Path::new("/folder"));
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
        assert!(words.windows(2).any(|pair| pair == ["-o", "/folder"]), "{words:?}");
        assert_eq!(words.last().map(AsRef::as_ref), Some(SCHEMA_PATH));
    }
}
