//! When a commit group goes to the disk: a plan without any IO.
//!
//! ```text
//!              entries                     done, entries waiting
//!      Idle --------------> InFlight <---------------------+
//!       ^  \                  |   |                        |
//!       |   \ due: watermark  |   +------------------------+
//!       |    +--------------> |
//!       +---------------------+ done, nothing waiting
//!                             |
//!                             +-- failed --> Poisoned
//! ```
//!
//! One group is in flight while the next one fills, and nobody waits for it to fill: a group is as
//! large as what came while the one before it was written. When nothing follows, a watermark says how
//! far the log was durable (law L2); nothing has to follow a watermark.

use coilgun_protocol::model::Timestamp;

use crate::mutant::{self, Mutant};

/// How long after the last commit group its watermark is written if nothing else is, in microseconds.
pub const WATERMARK_DELAY_US: u64 = 3_000;

/// What the disk is doing, and what it should do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupCommit {
    state: State,
    /// When a watermark is due; nothing if the last group on the disk needs none.
    watermark_at: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    InFlight { is_watermark: bool },
    Poisoned,
}

/// What to hand to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing now.
    Nothing,
    /// The open group.
    Group,
    /// A group with nothing but a watermark.
    Watermark,
}

impl GroupCommit {
    /// Nothing is in flight, and nothing is owed.
    #[must_use]
    pub fn new() -> GroupCommit {
        GroupCommit { state: State::Idle, watermark_at: None }
    }

    /// What to hand to the disk now. `has_entries`: whether the open group has any.
    #[must_use]
    pub fn plan(&self, now: Timestamp, has_entries: bool) -> Step {
        match self.state {
            State::InFlight { .. } | State::Poisoned => Step::Nothing,
            State::Idle if has_entries => Step::Group,
            State::Idle if self.watermark_at.is_some_and(|at| at <= now) => Step::Watermark,
            State::Idle => Step::Nothing,
        }
    }

    /// A group was handed to the disk.
    pub fn on_handed_over(&mut self, is_watermark: bool) {
        assert!(self.state == State::Idle, "one group is in flight at a time: {self:?}");
        self.state = State::InFlight { is_watermark };
        self.watermark_at = None;
    }

    /// The disk says that it is durable.
    pub fn on_durable(&mut self, now: Timestamp) {
        let State::InFlight { is_watermark } = self.state else {
            panic!("only what is in flight becomes durable: {self:?}");
        };
        self.state = State::Idle;
        let is_owed = !is_watermark && !mutant::is_active(Mutant::NoWatermark);
        self.watermark_at = is_owed.then(|| now.plus_us(WATERMARK_DELAY_US));
    }

    /// Something failed: nothing is handed to the disk any more (law L14).
    pub fn on_failed(&mut self) {
        self.state = State::Poisoned;
        self.watermark_at = None;
    }

    /// Whether a group is in flight.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        matches!(self.state, State::InFlight { .. })
    }

    /// Whether something failed.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.state == State::Poisoned
    }

    /// When it wants to be asked again although nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.watermark_at
    }
}

impl Default for GroupCommit {
    fn default() -> GroupCommit {
        GroupCommit::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn nothing_waits_for_a_group_to_fill_and_one_is_in_flight() {
        let mut plan = GroupCommit::new();
        assert_eq!(plan.plan(NOW, false), Step::Nothing);
        assert_eq!(plan.plan(NOW, true), Step::Group);
        plan.on_handed_over(false);
        assert_eq!(plan.plan(NOW, true), Step::Nothing);
        plan.on_durable(NOW);
        assert_eq!(plan.plan(NOW, true), Step::Group);
    }

    #[test]
    fn l2_an_idle_journal_writes_one_watermark() {
        let mut plan = GroupCommit::new();
        plan.on_handed_over(false);
        plan.on_durable(NOW);
        let due = NOW.plus_us(WATERMARK_DELAY_US);
        assert_eq!(plan.deadline(), Some(due));
        assert_eq!(plan.plan(Timestamp(due.0 - 1), false), Step::Nothing);
        assert_eq!(plan.plan(due, true), Step::Group, "a group says it as well");
        assert_eq!(plan.plan(due, false), Step::Watermark);
        plan.on_handed_over(true);
        plan.on_durable(due);
        assert_eq!(plan.deadline(), None);
        assert_eq!(plan.plan(Timestamp(u64::MAX), false), Step::Nothing);
    }

    #[test]
    fn l14_after_a_failure_nothing_is_written() {
        for in_flight in [false, true] {
            let mut plan = GroupCommit::new();
            if in_flight {
                plan.on_handed_over(false);
            }
            plan.on_failed();
            assert!(plan.is_poisoned() && plan.deadline().is_none());
            assert_eq!(plan.plan(Timestamp(u64::MAX), true), Step::Nothing);
        }
    }
}
