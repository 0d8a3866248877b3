//! What simulations of logs did, counted, and how much of it there must be.

use coilgun_storage::disk::sim::DiskCounts;
use coilgun_storage::recovery::{Report, SegmentEnd};

use super::state::Rebuilt;
use crate::tally::tally;

tally! {
    /// What happened in simulations of logs.
    LogTally;
    /// Seeds that were run.
    seeds, "seeds", 1_000;
    /// Times a log was opened.
    opens, "opens", 2_000;
    /// Of these, in which everything stopped.
    crashed_opens, "crashes while opening", 200;
    /// Times replay began at a checkpoint.
    from_checkpoint, "replays from a checkpoint", 200;
    /// Logs that ended in something that looks like the beginning of a commit group.
    torn_tails, "torn tails", 30;
    /// Batches appended.
    batches, "batches", 20_000;
    /// Batches that came back.
    replayed, "batches replayed", 20_000;
    /// Batches that were looked for where they stood.
    checked, "batches found in place", 20_000;
    /// Batches that were read while the log was used.
    read, "batches read", 10_000;
    /// Reads that the disk refused.
    failed_reads, "reads that failed", 3;
    /// Commit groups that became durable.
    groups, "commit groups", 10_000;
    /// Segments that were read to their end and led to the next one.
    rolled, "segments in a row", 100;
    /// Checkpoints that were appended completely.
    checkpoints, "checkpoints", 500;
    /// Segments that were given back.
    released, "segments released", 50;
    /// Appends that had to wait.
    no_room, "no room", 200;
    /// Appends that a full disk refused.
    full, "refused by a full disk", 100;
    /// Appends that a poisoned log refused.
    closed, "refused by a poisoned log", 50;
    /// Lives that ended with a write that failed.
    poisoned, "poisoned logs", 50;
    /// Operations of the disk.
    operations, "operations of the disk", 50_000;
    /// Processes that were killed.
    kills, "kills", 500;
    /// Power failures.
    power_failures, "power failures", 500;
    /// Writes of which a crash left a part.
    torn, "torn writes", 100;
    /// Sectors that a power failure lost.
    lost_sectors, "sectors lost", 100;
    /// Changes of the directory that a power failure lost.
    lost_names, "names lost", 50;
    /// Writes that a crash carried out and of which nobody heard.
    unheard, "writes nobody heard of", 50;
    /// Operations that were completed out of order.
    reordered, "operations out of order", 500;
}

impl LogTally {
    /// Adds what opening a log found.
    pub(super) fn add_report(&mut self, report: &Report, rebuilt: &Rebuilt) {
        self.from_checkpoint += u64::from(report.checkpoint.is_some());
        self.replayed += rebuilt.batches.len() as u64;
        for segment in &report.log.segments {
            match &segment.ended {
                SegmentEnd::Rolled => self.rolled += 1,
                SegmentEnd::Sealed => {}
                SegmentEnd::Tail { torn } => {
                    let is_torn = *torn != coilgun_storage::format::GroupFault::Absent;
                    self.torn_tails += u64::from(is_torn);
                }
            }
        }
    }

    /// Adds what the disk did.
    pub(super) fn add_disk(&mut self, counts: &DiskCounts) {
        self.operations += counts.operations;
        self.kills += counts.kills;
        self.power_failures += counts.power_failures;
        self.torn += counts.torn;
        self.lost_sectors += counts.lost_sectors;
        self.lost_names += counts.lost_names;
        self.unheard += counts.unheard;
        self.reordered += counts.reordered;
    }
}
