//! The places up to which a partition has come.

use coilgun_protocol::model::Offset;

/// Largest offset and sequence that is believed when it comes from a disk: what 63 bits can say. No
/// partition ever gets there, and what is counted from there does not overflow.
pub(super) const OFFSET_MAX: u64 = i64::MAX as u64;

/// How far a partition is. Each place is the offset behind the last record that has come so far.
///
/// `visible <= durable <= written <= assigned` (law L12), and `log_start <= assigned`. After a purge
/// the beginning lies ahead of what is visible, until all that was purged is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// The first record that is kept.
    pub log_start: Offset,
    /// What may be read.
    pub visible: Offset,
    /// What is on the disk, for sure.
    pub durable: Offset,
    /// What was handed to the disk, and is there or not.
    pub written: Offset,
    /// What has its offsets.
    pub assigned: Offset,
}

/// Why places change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Records got their offsets, were written, became durable or visible.
    Advance,
    /// Records that nobody could see are taken back.
    Truncate,
    /// Records at the beginning are given up.
    Trim,
}

impl Places {
    /// Everything up to `end` is durable and visible, and kept from `log_start` on: what is true
    /// after a restart.
    pub(super) fn all_durable(log_start: Offset, end: Offset) -> Places {
        let places = Places { log_start, visible: end, durable: end, written: end, assigned: end };
        places.check();
        places
    }

    /// Goes on to `next`. No place changes in any other way.
    ///
    /// # Panics
    /// If the places are out of order, or one moves that this step leaves alone or moves the other
    /// way: that would lose records or show some that are not there.
    pub(super) fn advance(&mut self, step: Step, next: Places) {
        next.check();
        assert!(next.visible >= self.visible, "what was visible stays so: {self:?} {next:?}");
        assert!(next.log_start >= self.log_start, "the beginning never moves back");
        match step {
            Step::Advance => {
                let is_forward = next.durable >= self.durable
                    && next.written >= self.written
                    && next.assigned >= self.assigned
                    && next.log_start == self.log_start;
                assert!(is_forward, "an advance goes forward: {self:?} {next:?}");
            }
            Step::Truncate => {
                let is_back = next.assigned <= self.assigned
                    && next.visible == self.visible
                    && next.log_start == self.log_start;
                assert!(is_back, "a truncation takes the end back: {self:?} {next:?}");
            }
            Step::Trim => {
                let is_trimmed = Places { log_start: self.log_start, ..next } == *self;
                assert!(is_trimmed, "trimming moves the beginning: {self:?} {next:?}");
            }
        }
        *self = next;
    }

    /// What a reader may ask for: from here to there, both included; at the end it waits.
    ///
    /// While the beginning lies ahead of what is visible, there is nothing to read, and nobody is sent
    /// beyond what is visible: a restart may undo the purge and take back what was purged, and whoever
    /// had gone on there would miss what then gets the same offsets.
    #[must_use]
    pub fn readable(&self) -> ReadableRange {
        ReadableRange { start: self.log_start.min(self.visible), end: self.visible }
    }

    fn check(&self) {
        let is_ordered = self.visible <= self.durable
            && self.durable <= self.written
            && self.written <= self.assigned
            && self.log_start <= self.assigned;
        assert!(is_ordered, "a partition's places are in order (law L12): {self:?}");
    }
}

/// What readers of a partition may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadableRange {
    /// The first record that is kept and visible.
    pub start: Offset,
    /// Behind the last visible one; who asks for it waits for what comes next.
    pub end: Offset,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(places: [u64; 5]) -> Places {
        let [log_start, visible, durable, written, assigned] = places.map(Offset);
        Places { log_start, visible, durable, written, assigned }
    }

    fn is_legal(step: Step, from: [u64; 5], to: [u64; 5]) -> bool {
        std::panic::catch_unwind(|| places(from).advance(step, places(to))).is_ok()
    }

    #[test]
    fn l12_places_stay_in_order() {
        let from = [0, 1, 2, 3, 4];
        assert!(is_legal(Step::Advance, from, [0, 2, 3, 4, 5]));
        for to in [[0, 3, 2, 3, 4], [0, 1, 4, 3, 4], [0, 1, 2, 5, 4], [5, 1, 2, 3, 4]] {
            assert!(!is_legal(Step::Advance, from, to), "{to:?}");
        }
    }

    #[test]
    fn l12_nobody_is_sent_beyond_what_is_visible() {
        for (places, start, end) in [([1, 4, 4, 5, 6], 1, 4), ([6, 2, 4, 5, 6], 2, 2)] {
            let readable = self::places(places).readable();
            assert_eq!((readable.start, readable.end), (Offset(start), Offset(end)));
        }
    }

    #[test]
    fn l12_each_step_moves_its_own_places_only() {
        let from = [1, 2, 4, 5, 6];
        for to in [[1, 1, 4, 5, 6], [1, 2, 3, 5, 6], [1, 2, 4, 4, 6], [1, 2, 4, 5, 5]] {
            assert!(!is_legal(Step::Advance, from, to), "{to:?}");
        }
        assert!(is_legal(Step::Truncate, from, [1, 2, 3, 3, 3]));
        for to in [[1, 1, 1, 1, 1], [1, 2, 4, 5, 7], [2, 2, 3, 3, 3], [1, 3, 3, 3, 3]] {
            assert!(!is_legal(Step::Truncate, from, to), "{to:?}");
        }
        assert!(is_legal(Step::Trim, from, [6, 2, 4, 5, 6]), "as a purge does");
        for to in [[0, 2, 4, 5, 6], [2, 3, 4, 5, 6], [2, 2, 4, 5, 7]] {
            assert!(!is_legal(Step::Trim, from, to), "{to:?}");
        }
    }
}
