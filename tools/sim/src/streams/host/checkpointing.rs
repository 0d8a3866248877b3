//! Checkpoints: a few partitions at a time, between appends (law L9).

use coilgun_protocol::model::PartitionId;
use coilgun_storage::disk::Disk;
use coilgun_storage::format::{CheckpointChunk, PartitionStates, STATE_PARTITIONS, State};
use coilgun_storage::journal::Refused;

use super::snapshots;
use super::stream_host::StreamHost;

/// A checkpoint whose chunks are being appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpoint {
    number: u64,
    /// The next chunk.
    chunk: u32,
    /// The first partition that may come into it.
    next: PartitionId,
}

impl<D: Disk> StreamHost<D> {
    /// Begins a checkpoint, if none is being made and the journal has not failed.
    pub(crate) fn begin_checkpoint(&mut self) {
        if self.checkpoint.is_none() && !self.is_poisoned() {
            let number = self.journal.begin_checkpoint();
            let first = |number| Checkpoint { number, chunk: 0, next: PartitionId(0) };
            self.checkpoint = number.map(first);
        }
    }

    /// Appends the next chunk of the checkpoint that was begun, with the state of so many partitions.
    /// Says whether that was the last one; then recovery can begin there once the journal has written
    /// its superblock.
    ///
    /// A partition that is made behind the place where the checkpoint has come to is in the log behind
    /// its beginning, and one that is deleted needs no state.
    ///
    /// # Errors
    /// If the journal does not take it; then nothing has changed.
    pub(crate) fn advance_checkpoint(&mut self, partitions_max: usize) -> Result<bool, Refused> {
        let Some(Checkpoint { number, chunk, next }) = self.checkpoint else { return Ok(false) };
        let mut rest = self.partitions.range(next..).peekable();
        let mut states = PartitionStates::default();
        let mut last = next;
        while states.partitions.len() < partitions_max {
            let Some((id, partition)) = rest.next() else { break };
            last = *id;
            let snapshot = partition.snapshot();
            states.partitions.extend(snapshot.as_ref().map(snapshots::to_state));
        }
        let is_last = rest.peek().is_none();
        let head = CheckpointChunk {
            checkpoint: number,
            chunk,
            state_kind: STATE_PARTITIONS,
            last: u32::from(is_last),
            count: states.partitions.len() as u32,
            reserved: 0,
        };
        self.journal.append_chunk(&head, &[&states.to_body()])?;
        let next = PartitionId(last.0 + 1);
        self.checkpoint = (!is_last).then_some(Checkpoint { number, chunk: chunk + 1, next });
        Ok(is_last)
    }
}
