//! Where something stands in a log.

/// The number of a segment in its log: the first is 1, each one behind it is one more. A file that is
/// recycled becomes another segment with another number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SegmentSequence(pub u64);

impl SegmentSequence {
    /// The segment behind this one.
    #[must_use]
    pub fn next(self) -> SegmentSequence {
        SegmentSequence(self.0 + 1)
    }
}

impl core::fmt::Display for SegmentSequence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a log was opened: the first time is 1. What an earlier epoch left unfinished is void.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

impl core::fmt::Display for Epoch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// A place between two commit groups, or that of a byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LogPosition {
    /// In which segment.
    pub segment: SegmentSequence,
    /// At which byte of it.
    pub byte: u32,
}

impl core::fmt::Display for LogPosition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}", self.segment, self.byte)
    }
}
