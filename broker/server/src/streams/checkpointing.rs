//! Checkpoints: a few streams and partitions at a time, between appends (law L9).

use coilgun_protocol::model::PartitionId;
use coilgun_storage::disk::Disk;
use coilgun_storage::format::{
    CatalogState, CheckpointChunk, PartitionStates, STATE_CATALOG, STATE_PARTITIONS, State,
};
use coilgun_storage::journal::Refused;

use super::host::StreamHost;
use super::states::partition_state;

/// A checkpoint whose chunks are being appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpoint {
    number: u64,
    /// The next chunk.
    chunk: u32,
    /// What comes into it.
    next: Next,
}

/// What comes into the next chunk.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Streams behind this one.
    Streams(u64),
    /// Partitions from this one on.
    Partitions(PartitionId),
}

impl<D: Disk> StreamHost<D> {
    /// Begins a checkpoint, if none is being made and the journal has not failed.
    pub fn begin_checkpoint(&mut self) {
        if self.checkpoint.is_none() && !self.is_poisoned() {
            let number = self.journal.begin_checkpoint();
            let first = |number| Checkpoint { number, chunk: 0, next: Next::Streams(0) };
            self.checkpoint = number.map(first);
        }
    }

    /// Whether a checkpoint is being made.
    #[must_use]
    pub fn is_checkpointing(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// Appends the next chunk of the checkpoint that was begun, with the state of so many partitions, or
    /// with the streams that `catalog` gives, of those behind one: nothing, if there is no more to say
    /// of streams in this log. Says whether that was the last one; then recovery can begin there once
    /// the journal has written its superblock.
    ///
    /// What is made behind the place where the checkpoint has come to is in the log behind its
    /// beginning, and what is deleted needs no state.
    ///
    /// # Errors
    /// If the journal does not take it; then nothing has changed.
    pub fn advance_checkpoint(
        &mut self,
        partitions_max: usize,
        catalog: impl FnOnce(u64) -> Option<CatalogState>,
    ) -> Result<bool, Refused> {
        let Some(mut checkpoint) = self.checkpoint else { return Ok(false) };
        if let Next::Streams(behind) = checkpoint.next {
            match catalog(behind) {
                Some(state) => {
                    let last = state.streams.last().map_or(behind, |stream| stream.id);
                    let is_all = state.streams.is_empty() || last == behind;
                    self.append_state(&checkpoint, STATE_CATALOG, &state.to_body(), false)?;
                    checkpoint.chunk += 1;
                    checkpoint.next =
                        if is_all { Next::Partitions(PartitionId(0)) } else { Next::Streams(last) };
                    self.checkpoint = Some(checkpoint);
                    return Ok(false);
                }
                None => checkpoint.next = Next::Partitions(PartitionId(0)),
            }
        }
        let Next::Partitions(next) = checkpoint.next else { return Ok(false) };
        let (states, last, is_last) = self.states_from(next, partitions_max);
        self.append_state(&checkpoint, STATE_PARTITIONS, &states.to_body(), is_last)?;
        checkpoint.chunk += 1;
        checkpoint.next = Next::Partitions(PartitionId(last.0 + 1));
        self.checkpoint = (!is_last).then_some(checkpoint);
        Ok(is_last)
    }

    /// The states of so many partitions from one on, the last of them, and whether no more follow.
    fn states_from(
        &self,
        next: PartitionId,
        partitions_max: usize,
    ) -> (PartitionStates, PartitionId, bool) {
        let mut rest = self.partitions.range(next..).peekable();
        let mut states = PartitionStates::default();
        let mut last = next;
        while states.partitions.len() < partitions_max {
            let Some((id, partition)) = rest.next() else { break };
            last = *id;
            states.partitions.extend(partition.snapshot().as_ref().map(partition_state));
        }
        (states, last, rest.peek().is_none())
    }

    fn append_state(
        &self,
        checkpoint: &Checkpoint,
        state_kind: u32,
        body: &[u8],
        is_last: bool,
    ) -> Result<(), Refused> {
        let head = CheckpointChunk {
            checkpoint: checkpoint.number,
            chunk: checkpoint.chunk,
            state_kind,
            last: u32::from(is_last),
            count: 0,
            reserved: 0,
        };
        self.journal.append_chunk(&head, &[body]).map(|_| ())
    }
}
