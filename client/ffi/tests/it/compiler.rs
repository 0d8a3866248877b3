//! The C compiler that every linker of Rust needs, and the libraries beside this test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// What a static library of Rust needs of the system.
const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"];

/// How a program gets the library.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Linking {
    Shared,
    Static,
}

/// The library as it was built for this test: Cargo puts every kind of it beside the executable.
pub(crate) fn shared_library() -> PathBuf {
    library("so")
}

/// The same as an archive.
pub(crate) fn static_library() -> PathBuf {
    library("a")
}

fn library(extension: &str) -> PathBuf {
    let executable = std::env::current_exe().expect("a test knows where it is");
    let folder = executable.parent().expect("it is in a folder");
    let path = folder.join(format!("libcoilgun.{extension}"));
    assert!(path.is_file(), "Cargo builds {}", path.display());
    path
}

/// Checks the header by itself, included twice, as a file of this language.
pub(crate) fn check_header(language: &str, standard: &str) {
    let header = crate::header::path();
    let mut command = Command::new("cc");
    command.args(STRICT).args(["-fsyntax-only", standard, "-x", language]).arg(&header);
    command.arg("-include").arg(&header);
    // Nobody calls the functions that it defines.
    command.arg("-Wno-unused-function");
    succeed(&mut command);
}

/// Whether the compiler has its part for C++.
pub(crate) fn knows_cpp() -> bool {
    let mut command = Command::new("cc");
    command.args(["-fsyntax-only", "-x", "c++", "/dev/null"]);
    command.output().is_ok_and(|output| output.status.success())
}

/// Compiles an example and links it with the library, into this folder.
pub(crate) fn build(example: &str, linking: Linking, folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join(format!("{example}-{linking:?}"));
    let mut command = Command::new("cc");
    command.args(STRICT).args(["-std=c99", "-pthread", "-I"]).arg(root.join("include"));
    command.arg(root.join(format!("examples/{example}.c"))).arg("-o").arg(&program);
    match linking {
        Linking::Shared => {
            let library = shared_library();
            let folder = library.parent().expect("it is in a folder");
            command.arg(&library).arg(format!("-Wl,-rpath,{}", folder.display()));
        }
        Linking::Static => {
            command.arg(static_library()).args(SYSTEM_LIBRARIES);
        }
    }
    succeed(&mut command);
    program
}

/// The names of the symbols of a library.
pub(crate) fn symbols(flags: &[&str], library: &Path) -> BTreeSet<String> {
    let output = succeed(Command::new("nm").args(flags).arg(library));
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().rev();
        let name = words.next()?;
        // Local symbols have a small letter; whatever else a line says is no symbol.
        let kind = words.next()?;
        (kind.len() == 1 && kind.starts_with(char::is_uppercase)).then(|| name.to_owned())
    });
    names.collect()
}

/// Runs a command to its end.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    output
}
