//! A place that breaks a rule.

/// Where, and what to do about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    /// Relative to the root.
    pub(crate) path: String,
    /// From 1; 0 stands for the whole file.
    pub(crate) line: usize,
    /// What is wrong, and what to do instead.
    pub(crate) text: String,
}

impl Finding {
    /// A finding in one line of a file.
    pub(crate) fn at(path: &str, line: usize, text: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, text: text.into() }
    }

    /// A finding about a whole file.
    pub(crate) fn in_file(path: &str, text: impl Into<String>) -> Finding {
        Finding::at(path, 0, text)
    }
}

impl core::fmt::Display for Finding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}
