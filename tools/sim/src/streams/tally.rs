//! What simulations of streams did, counted, and how much of it there must be.

use coilgun_core::stream::{AppendRefusal, PartitionState};
use coilgun_server::streams::StreamHost;
use coilgun_storage::disk::sim::{DiskCounts, SimDisk};
use coilgun_storage::recovery::Report;

use crate::tally::tally;

tally! {
    /// What happened in simulations of streams.
    StreamTally;
    /// Seeds that were run.
    seeds, "seeds", 1_000;
    /// Times a journal was opened.
    opens, "opens", 2_000;
    /// Of these, in which everything stopped.
    crashed_opens, "crashes while opening", 200;
    /// Times the partitions were made again from a checkpoint.
    from_checkpoint, "starts from a checkpoint", 200;
    /// Appends that were sent, atomic ones counted once.
    appends, "appends sent", 20_000;
    /// Of these, those that had been sent before.
    retries, "sent again", 2_000;
    /// Appends that expected an offset.
    expecting, "expecting an offset", 1_000;
    /// Appends that left out a sequence.
    gaps, "leaving a gap", 200;
    /// Batches that got their offsets.
    batches, "batches appended", 10_000;
    /// Appends that were acked.
    acks, "acks", 10_000;
    /// Of these, duplicates.
    duplicates, "duplicates acked", 500;
    /// Acks that did not arrive.
    lost_acks, "acks lost", 500;
    /// Connections that broke.
    disconnects, "connections that broke", 500;
    /// Duplicates that waited for a pending original.
    waits, "waits behind pending", 100;
    /// Appends of an epoch that was over.
    fenced, "fenced", 100;
    /// Appends refused for a sequence.
    out_of_sequence, "out of sequence", 200;
    /// Appends refused for an offset.
    unexpected, "unexpected offsets", 200;
    /// Appends refused because too much was pending.
    pending_full, "too much pending", 20;
    /// Producers that were forgotten because others came.
    displaced, "producers forgotten", 1_000;
    /// Appends refused because nobody could be forgotten.
    crowded, "no place for a producer", 20;
    /// Appends to several partitions that got their offsets.
    atomics, "atomic appends", 1_000;
    /// Of these, those that were there already.
    atomic_duplicates, "atomic duplicates", 50;
    /// Appends to several partitions that were refused.
    atomics_refused, "atomic appends refused", 200;
    /// Reads for followers.
    reads, "follower reads", 2_000;
    /// Reads that the disk refused.
    failed_reads, "reads that failed", 10;
    /// Batches that followers saw.
    seen, "batches followed", 4_000;
    /// Followers whose next record was given up.
    out_of_range, "followers out of range", 50;
    /// Commit groups that became durable.
    groups, "commit groups", 10_000;
    /// Batches read back from the disk when a process began.
    checked, "batches found on disk", 10_000;
    /// Checkpoints that were appended completely.
    checkpoints, "checkpoints", 1_000;
    /// Partitions that were trimmed.
    trims, "trims", 500;
    /// Partitions that were emptied.
    purges, "purges", 500;
    /// Partitions that were deleted.
    deletions, "deletions", 50;
    /// Segments that were given back.
    released, "segments released", 20;
    /// Times the wall clock was set back.
    clock_set_back, "clocks set back", 100;
    /// Appends for which the journal had no room.
    no_room, "no room", 100;
    /// Appends that a full disk refused.
    full, "refused by a full disk", 50;
    /// Journals that failed.
    poisoned, "poisoned journals", 100;
    /// Appends that were told that nobody knows.
    unknown, "outcomes unknown", 100;
    /// Appends to a poisoned partition that were refused.
    refused_poisoned, "refused after poison", 200;
    /// Batches in which a bit turned over.
    rotten, "bits turned over", 20;
    /// Partitions that began as read-only.
    read_only, "read-only partitions", 20;
    /// Operations of the disks.
    operations, "operations of the disks", 50_000;
    /// Processes that were killed, counted for each disk.
    kills, "kills", 500;
    /// Power failures, counted for each disk.
    power_failures, "power failures", 500;
    /// Writes of which a crash left a part.
    torn, "torn writes", 100;
    /// Sectors that a power failure lost.
    lost_sectors, "sectors lost", 100;
    /// Writes that a crash carried out and of which nobody heard.
    unheard, "writes nobody heard of", 50;
    /// Operations that were completed out of order.
    reordered, "operations out of order", 500;
}

impl StreamTally {
    /// Adds what opening a journal found.
    pub(super) fn add_report(&mut self, report: &Report, host: &StreamHost<SimDisk>) {
        self.from_checkpoint += u64::from(report.checkpoint.is_some());
        let states = host.partitions().map(|partition| partition.state());
        self.read_only += states.filter(|state| *state == PartitionState::ReadOnly).count() as u64;
    }

    /// Adds a refusal.
    pub(super) fn count_refusal(&mut self, why: &AppendRefusal) {
        match why {
            AppendRefusal::UnexpectedOffset { .. } => self.unexpected += 1,
            AppendRefusal::Fenced { .. } => self.fenced += 1,
            AppendRefusal::SequenceGap { .. }
            | AppendRefusal::SequenceTooOld { .. }
            | AppendRefusal::SequenceOverlaps { .. }
            | AppendRefusal::UnknownProducer => self.out_of_sequence += 1,
            AppendRefusal::PendingBytesFull
            | AppendRefusal::PendingAppendsFull
            | AppendRefusal::DuplicatesFull => self.pending_full += 1,
            AppendRefusal::Poisoned => self.refused_poisoned += 1,
            AppendRefusal::ProducersFull => self.crowded += 1,
            AppendRefusal::TooLarge
            | AppendRefusal::Empty
            | AppendRefusal::ReadOnly
            | AppendRefusal::Deleted => {}
        }
    }

    /// Adds what a disk did.
    pub(super) fn add_disk(&mut self, counts: &DiskCounts) {
        self.operations += counts.operations;
        self.kills += counts.kills;
        self.power_failures += counts.power_failures;
        self.torn += counts.torn;
        self.lost_sectors += counts.lost_sectors;
        self.unheard += counts.unheard;
        self.reordered += counts.reordered;
    }
}
