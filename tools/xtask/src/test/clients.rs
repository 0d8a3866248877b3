//! Existing clients of other brokers, unmodified, against this one.
//!
//! What they need is made once, below `target`: the command line of busrt, a virtual environment of
//! Python, and the programs of `tools/peers`, which is a workspace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// The version of busrt whose command line is run: the one that `tools/peers` is built with.
const BUSRT_VERSION: &str = "0.5.6";
/// Where programs of others are installed, below the root.
const TOOLS_FOLDER: &str = "target/tools";
/// Where everything in Rust is built that is not ours.
const BUILD_FOLDER: &str = "target/peers";
const MANIFEST: &str = "tools/peers/Cargo.toml";
const SCRIPTS: &str = "tools/peers/python";
const ENVIRONMENT: &str = "target/python";

/// Has every kind of client talk to every kind across the broker.
///
/// # Errors
/// If something cannot be built or installed, or a client does not get what it should.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    install_busrt(root)?;
    let python = make_environment(root)?;
    process::run(&mut process::cargo(root, &["build", "--quiet", "--package", "coilgun"]))?;
    let manifest = ["--manifest-path", MANIFEST];
    process::run(&mut process::cargo(root, &[&["fmt", "--check"], &manifest[..]].concat()))?;
    let build = ["build", "--quiet", "--release", "--locked", "--target-dir", BUILD_FOLDER];
    process::run(&mut process::cargo(root, &[&build, &manifest[..]].concat()))?;
    let mut clients = Command::new(root.join(BUILD_FOLDER).join("release/clients"));
    clients.current_dir(root);
    clients.arg("--broker").arg(built(root)?);
    clients.arg("--python").arg(python);
    clients.arg("--busrt").arg(root.join(TOOLS_FOLDER).join("bin/busrt"));
    clients.arg("--scripts").arg(root.join(SCRIPTS));
    process::run(&mut clients)
}

/// The broker: this task was built into the same folder.
fn built(root: &Path) -> Result<PathBuf, Failure> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let broker = root.join(target).join("debug/coilgun");
    if broker.is_file() {
        Ok(broker)
    } else {
        Err(Failure::new(format!("{} is not there", broker.display())))
    }
}

fn install_busrt(root: &Path) -> Result<(), Failure> {
    let list = ["install", "--list", "--root", TOOLS_FOLDER];
    fs::create_dir_all(root.join(TOOLS_FOLDER)).map_err(Failure::while_doing(TOOLS_FOLDER))?;
    let installed = process::output(&mut process::cargo(root, &list))?;
    if is_installed(&installed) {
        return Ok(());
    }
    println!("installing busrt {BUSRT_VERSION} into {TOOLS_FOLDER}, once; this takes some minutes");
    let words = ["install", "busrt", "--version", BUSRT_VERSION, "--locked", "--force"];
    let places = ["--root", TOOLS_FOLDER, "--target-dir", BUILD_FOLDER];
    let features = ["--quiet", "--features", "cli,server"];
    process::run(&mut process::cargo(root, &[&words[..], &places, &features].concat()))
}

/// Whether a list of what cargo installed names the version of busrt.
fn is_installed(list: &str) -> bool {
    list.lines().any(|line| line.trim_end_matches(':') == format!("busrt v{BUSRT_VERSION}"))
}

/// Makes the virtual environment, if the one that is there holds something else, and returns its
/// interpreter.
fn make_environment(root: &Path) -> Result<PathBuf, Failure> {
    let folder = root.join(ENVIRONMENT);
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let requirements = root.join(SCRIPTS).join("requirements.txt");
    let wanted = fs::read(&requirements)
        .map_err(Failure::while_doing(&requirements.display().to_string()))?;
    if fs::read(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    println!("making a virtual environment of Python in {ENVIRONMENT}, once");
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let mut install = Command::new(&python);
    install.args(pip).args(["--require-hashes", "--requirement"]).arg(&requirements);
    process::run(&mut install)?;
    fs::write(&stamp, wanted).map_err(Failure::while_doing(&stamp.display().to_string()))?;
    Ok(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_itself_counts_as_installed() {
        assert!(is_installed("cargo-deny v0.20.2:\n    cargo-deny\nbusrt v0.5.6:\n    busrt\n"));
        for other in ["", "busrt v0.5.60:\n", "busrt v0.5.5:\n", "a-busrt v0.5.6:\n"] {
            assert!(!is_installed(other), "{other}");
        }
    }
}
