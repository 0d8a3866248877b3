//! What happened in a world, in order.

use std::fmt;

/// The hash of everything that happened, and the lines of it if they are wanted.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new() -> Trace {
        // FNV-1a, see http://www.isthe.com/chongo/tech/comp/fnv/.
        Trace { hash: 0xCBF2_9CE4_8422_2325, lines: None }
    }

    /// Takes a line in.
    pub(super) fn note(&mut self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Keeps the lines from now on.
    pub(super) fn keep(&mut self) {
        self.lines.get_or_insert_default();
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_counts() {
        let hash = |lines: [&str; 2]| {
            let mut trace = Trace::new();
            lines.iter().for_each(|line| trace.note(format_args!("{line}")));
            trace.hash()
        };
        assert_eq!(hash(["a", "b"]), hash(["a", "b"]));
        assert_ne!(hash(["a", "b"]), hash(["b", "a"]));
        assert_ne!(hash(["ab", ""]), hash(["a", "b"]));
    }

    #[test]
    fn lines_are_kept_when_they_are_wanted() {
        let mut trace = Trace::new();
        trace.note(format_args!("one"));
        assert!(trace.lines().is_empty());
        trace.keep();
        trace.note(format_args!("two"));
        assert_eq!(trace.lines(), ["two"]);
    }
}
