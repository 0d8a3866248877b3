//! Taking records back, giving them up, and ending a partition.

use coilgun_protocol::model::{Incarnation, Offset, UnixMs};

use super::advancing::unknown;
use super::effects::Effects;
use super::partition::{Partition, PartitionState};
use super::places::{Places, Step};

impl Partition {
    /// Takes back every record from `end` on, none of which was visible. Who waits for one is told that
    /// nobody knows its outcome. Their producers may send them again.
    ///
    /// The caller logs it, and never reports what was taken back as written or durable.
    ///
    /// # Panics
    /// If a visible or purged record would go, or a part of a batch, or if `end` lies behind the last
    /// record (law L12); or if the partition takes no appends.
    pub fn truncate(&mut self, end: Offset, out: &mut Effects) {
        assert_eq!(self.state, PartitionState::Open, "only an open partition is truncated");
        let Places { durable, written, .. } = self.places;
        let next = Places {
            assigned: end,
            written: written.min(end),
            durable: durable.min(end),
            ..self.places
        };
        self.advance(Step::Truncate, next);
        let partition = self.id;
        // Ends because each turn takes one out.
        while let Some(append) = self.pending.pop_behind(end) {
            unknown(partition, &append, None, out);
            self.pending.take_duplicates(&append, |duplicate| {
                unknown(partition, &append, Some(duplicate), out);
            });
        }
        self.producers.truncate(end);
    }

    /// Gives up the records before `start`, as far as they are visible, and says where the partition
    /// begins now. Producers are remembered all the same.
    ///
    /// The caller logs it before it frees what held them.
    pub fn trim(&mut self, start: Offset, out: &mut Effects) -> Offset {
        let log_start = self.places.log_start.max(start.min(self.places.visible));
        self.move_start(log_start, out);
        log_start
    }

    /// Gives up every record that was appended so far, and says which incarnation begins: the offsets
    /// go on. Appends that are not durable yet are acked when they are, because they were stored
    /// before they were purged.
    ///
    /// The caller logs it behind what was placed so far.
    ///
    /// # Panics
    /// If the partition takes no appends.
    pub fn purge(&mut self, out: &mut Effects) -> Incarnation {
        assert_eq!(self.state, PartitionState::Open, "only an open partition is purged");
        let next = self.incarnation.0.checked_add(1).expect("nobody purges as often");
        self.incarnation = Incarnation(next);
        self.move_start(self.places.assigned, out);
        self.incarnation
    }

    /// Ends the partition: it takes no appends and has no followers any more. It must stay until it has
    /// no [pending appends](super::PartitionCounts::pending_appends): those are acked when they are
    /// durable, because they were stored before it was deleted.
    ///
    /// # Panics
    /// If it is poisoned or deleted already.
    pub fn delete(&mut self, out: &mut Effects) {
        self.set_state(PartitionState::Deleted);
        self.followers.on_deleted(self.id, out);
    }

    /// Forgets those of the next `budget` producers that appended nothing for too long, and gives
    /// memory back if nothing was appended since the last time. Says whether there is nothing left to
    /// look at in this round.
    pub fn tick(&mut self, now: UnixMs, budget: usize) -> bool {
        if self.pending.len() == 0 && self.idle_since == self.places.assigned {
            self.pending.shrink();
        }
        self.idle_since = self.places.assigned;
        if self.producers.len() == 0 {
            return true;
        }
        self.revision += 1;
        let before = UnixMs(now.0.saturating_sub(self.limits.producer_expiry_ms));
        self.producers.expire(before, self.places.durable, budget)
    }

    pub(super) fn move_start(&mut self, log_start: Offset, out: &mut Effects) {
        self.advance(Step::Trim, Places { log_start, ..self.places });
        let (followers, view) = self.followers();
        followers.on_trimmed(view, out);
    }
}
