//! Checkpoints: a few streams and partitions at a time, between appends (law L9).

use coilgun_protocol::model::PartitionId;
use coilgun_storage::disk::Disk;
use coilgun_storage::format::{
    CatalogState, CheckpointChunk, PartitionStates, STATE_CATALOG, STATE_PARTITIONS, State,
};
use coilgun_storage::journal::{GroupNumber, Refused};

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
    /// Why it was refused, and what was durable then.
    refused: Option<(GroupNumber, Refused)>,
}

/// How much comes into one chunk at most; less, where that does not fit a commit group.
#[derive(Clone, Copy, Debug)]
pub struct ChunkLimits {
    /// Partitions, at least one.
    pub partitions: usize,
    /// Streams, at least one.
    pub streams: usize,
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
            let first =
                |number| Checkpoint { number, chunk: 0, next: Next::Streams(0), refused: None };
            self.checkpoint = number.map(first);
        }
    }

    /// Whether a checkpoint is being made.
    #[must_use]
    pub fn is_checkpointing(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// Appends the next chunk of the checkpoint that was begun, with the state of some partitions, or with
    /// the streams that `catalog` gives, so many of those behind one: nothing, if there is no more to say of
    /// streams in this log. Says whether that was the last one; then recovery can begin there once the
    /// journal has written its superblock. What was refused is tried again once something else became
    /// durable, or if `again`.
    ///
    /// What is made behind the place where the checkpoint has come to is in the log behind its
    /// beginning, and what is deleted needs no state.
    ///
    /// # Errors
    /// If the journal does not take it; then nothing has changed.
    ///
    /// # Panics
    /// If the state of one stream or one partition is larger than a commit group: their limits say
    /// otherwise.
    pub fn advance_checkpoint(
        &mut self,
        limits: ChunkLimits,
        again: bool,
        catalog: impl Fn(u64, usize) -> Option<CatalogState>,
    ) -> Result<bool, Refused> {
        let Some(mut checkpoint) = self.checkpoint else { return Ok(false) };
        let durable = self.journal.durable().1;
        if let Some((behind, refused)) = checkpoint.refused
            && behind == durable
            && !again
        {
            return Err(refused);
        }
        let advanced = self.append_chunk(&mut checkpoint, limits, catalog);
        checkpoint.refused = advanced.err().map(|refused| (durable, refused));
        self.checkpoint = (advanced != Ok(true)).then_some(checkpoint);
        advanced
    }

    /// Appends the next chunk, and says whether it was the last one.
    fn append_chunk(
        &self,
        checkpoint: &mut Checkpoint,
        limits: ChunkLimits,
        catalog: impl Fn(u64, usize) -> Option<CatalogState>,
    ) -> Result<bool, Refused> {
        if let Next::Streams(behind) = checkpoint.next {
            let mut state = None;
            let is_told =
                self.in_pieces(checkpoint, STATE_CATALOG, limits.streams, |count_max| {
                    state = catalog(behind, count_max);
                    state.as_ref().map(|state| (state.to_body(), false))
                })?;
            if is_told {
                let streams = state.map(|state| state.streams).unwrap_or_default();
                checkpoint.next = match streams.last() {
                    Some(last) => Next::Streams(last.id),
                    None => Next::Partitions(PartitionId(0)),
                };
                return Ok(false);
            }
            checkpoint.next = Next::Partitions(PartitionId(0));
        }
        let Next::Partitions(next) = checkpoint.next else { return Ok(false) };
        let (mut last, mut is_last) = (next, false);
        self.in_pieces(checkpoint, STATE_PARTITIONS, limits.partitions, |count_max| {
            let states;
            (states, last, is_last) = self.states_from(next, count_max);
            Some((states.to_body(), is_last))
        })?;
        checkpoint.next = Next::Partitions(PartitionId(last.0 + 1));
        Ok(is_last)
    }

    /// Appends what `body` gives for at most so many of them, or for half as many if that does not fit a
    /// commit group. Says whether there was anything.
    fn in_pieces(
        &self,
        checkpoint: &mut Checkpoint,
        state_kind: u32,
        count_max: usize,
        mut body: impl FnMut(usize) -> Option<(Vec<u8>, bool)>,
    ) -> Result<bool, Refused> {
        let mut count = count_max;
        // Ends because each turn halves the count, and one fits.
        loop {
            let Some((body, is_last)) = body(count) else { return Ok(false) };
            match self.append_state(checkpoint, state_kind, &body, is_last) {
                Err(Refused::TooLarge) if count > 1 => count /= 2,
                Err(Refused::TooLarge) => panic!("the state of one fits a commit group"),
                Err(refused) => return Err(refused),
                Ok(()) => {
                    checkpoint.chunk += 1;
                    return Ok(true);
                }
            }
        }
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
