//! What becomes of appends: written, durable, or lost.

use coilgun_protocol::model::{AckLevel, Offset, PartitionId};

use super::append::{Ack, Requester};
use super::effects::{Effect, Effects};
use super::followers::View;
use super::partition::{Partition, PartitionState};
use super::pending::PendingAppend;
use super::places::{Places, ReadableRange, Step};
use crate::mutant::{self, Mutant};

impl Partition {
    /// Everything before `up_to` was handed to the disk.
    ///
    /// # Panics
    /// If `up_to` lies inside of a batch, or before what was written already, or behind what was
    /// assigned; or if the partition is poisoned.
    pub fn on_written(&mut self, up_to: Offset, out: &mut Effects) {
        assert_ne!(self.state, PartitionState::Poisoned, "a poisoned log writes nothing");
        self.advance(Step::Advance, Places { written: up_to, ..self.places });
        self.pending.write_up_to(up_to);
        if mutant::is_active(Mutant::VisibleEarly) {
            let readable = ReadableRange { end: up_to, ..self.places.readable() };
            let view = View { partition: self.id, readable, limits: &self.limits };
            self.followers.on_visible(view, out);
        }
    }

    /// Everything before `up_to` is on the disk, for sure: acks what waited for that, in order, and
    /// wakes the followers that wait for more.
    ///
    /// # Panics
    /// If `up_to` lies inside of a batch, or before what was durable already, or behind what was
    /// written; or if the partition is poisoned.
    pub fn on_durable(&mut self, up_to: Offset, out: &mut Effects) {
        assert_ne!(self.state, PartitionState::Poisoned, "nothing is acked after poison (law L14)");
        // One copy of a partition is all there is: what is durable may be seen.
        self.advance(Step::Advance, Places { durable: up_to, visible: up_to, ..self.places });
        // Ends because each turn takes one out.
        while let Some(append) = self.pending.pop_durable(up_to) {
            self.ack_durable(&append, out);
        }
        let (followers, view) = self.followers();
        followers.on_visible(view, out);
    }

    fn ack_durable(&mut self, append: &PendingAppend, out: &mut Effects) {
        let &PendingAppend { base_offset, requester, .. } = append;
        let partition = self.id;
        let level = AckLevel::Durable;
        if append.level == level && !mutant::is_active(Mutant::EarlyAck) {
            out.ack(partition, requester, Ack { base_offset, level, is_duplicate: false });
        }
        self.pending.take_duplicates(append, |duplicate| {
            out.ack(partition, duplicate, Ack { base_offset, level, is_duplicate: true });
        });
    }

    /// A write or sync of the log failed: nothing becomes durable any more, and what is not durable
    /// may be there after a restart or not. Whoever still waits is told so. What is visible stays so.
    ///
    /// # Panics
    /// If the partition is poisoned already.
    pub fn on_poison(&mut self, out: &mut Effects) {
        match self.state {
            PartitionState::Deleted => {}
            PartitionState::Open | PartitionState::ReadOnly | PartitionState::Poisoned => {
                self.set_state(PartitionState::Poisoned);
            }
        }
        let partition = self.id;
        self.pending.give_up(|append, duplicate| unknown(partition, append, duplicate, out));
    }
}

/// Tells who waits for an append, or for a duplicate of it, that nobody knows what becomes of it.
pub(super) fn unknown(
    partition: PartitionId,
    append: &PendingAppend,
    duplicate: Option<Requester>,
    out: &mut Effects,
) {
    let to = match (duplicate, append.level) {
        (Some(duplicate), _) => duplicate,
        (None, AckLevel::Durable) => append.requester,
        // The one was not to be answered, the other is.
        (None, AckLevel::None | AckLevel::Leader) => return,
    };
    out.push(Effect::OutcomeUnknown { partition, to });
}
