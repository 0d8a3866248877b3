//! What happened in a simulation, line by line: the same for the same seed, byte for byte.

use std::fmt::{Arguments, Write as _};

/// The running hash of all lines, and the lines themselves if they are wanted.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    line: String,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// An empty trace, which keeps its lines or only their hash.
    #[must_use]
    pub fn new(keeps_lines: bool) -> Trace {
        let lines = keeps_lines.then(Vec::new);
        // FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv).
        Trace { hash: 0xCBF2_9CE4_8422_2325, line: String::new(), lines }
    }

    /// Adds a line.
    ///
    /// # Panics
    /// Never: a string takes every line.
    pub fn line(&mut self, text: Arguments<'_>) {
        self.line.clear();
        self.line.write_fmt(text).expect("a string takes every line");
        for byte in self.line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(self.line.clone());
        }
    }

    /// The hash of everything so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines, if they were kept.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
