//! Time as the cores see it: a number somebody else read from a clock.

/// Nanoseconds on a monotonic clock whose zero means nothing; compare and subtract only.
///
/// One clock read per turn of a shard (law S27): everything that happens in a turn happens at the
/// same `Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time `ms` milliseconds later, at the latest the end of time.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(ms.saturating_mul(1_000_000)))
    }

    /// The time `us` microseconds later, at the latest the end of time.
    #[must_use]
    pub fn plus_us(self, us: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(us.saturating_mul(1_000)))
    }

    /// Whole milliseconds since `earlier`; 0 if that lies ahead.
    #[must_use]
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }
}
