//! Programs of others that a stage needs.

use crate::process;

/// A program that may be missing on a developer's machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Any of these on the path will do.
    pub(crate) programs: &'static [&'static str],
}

/// Builds the schema compiler.
pub(crate) const CMAKE: Peer = Peer { name: "cmake", programs: &["cmake"] };
/// Builds the schema compiler, too.
pub(crate) const CXX: Peer = Peer { name: "a C++ compiler", programs: &["g++", "clang++", "c++"] };
/// Runs clients in Python.
pub(crate) const PYTHON: Peer = Peer { name: "python3", programs: &["python3"] };

impl Peer {
    /// Whether it is installed.
    pub(crate) fn is_there(&self) -> bool {
        self.programs.iter().any(|program| process::is_installed(program))
    }
}
