//! What follows from a log: where each partition ends, and what was ever in it.

use coilgun_storage::format::{CheckpointChunk, Entry, Group, LogPosition, Superblock};
use coilgun_storage::recovery::{Hole, Replay, Visitor};

use super::batch::{Batch, hash};

/// Partitions of a simulation.
pub(super) const PARTITION_COUNT: u64 = 4;
/// Parts of a checkpoint; each holds some of the partitions.
pub(super) const CHUNK_COUNT: u32 = 2;

/// Everything that follows from a row of batches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct LogState {
    /// By number of the partition, which begins at 1.
    pub(super) partitions: [PartitionState; PARTITION_COUNT as usize],
}

/// What is known of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PartitionState {
    /// Where it ends.
    pub(super) end: u64,
    /// How many batches there ever were.
    pub(super) batch_count: u64,
    /// A hash over all of them, in order.
    pub(super) chain: u64,
}

impl LogState {
    /// Adds a batch. `false`: it does not begin where its partition ends.
    pub(super) fn add(&mut self, batch: &Batch) -> bool {
        let partition = &mut self.partitions[(batch.partition - 1) as usize];
        let fits = partition.end == batch.base_offset;
        partition.end = batch.base_offset + u64::from(batch.count);
        partition.batch_count += 1;
        let words = [partition.chain, batch.base_offset, u64::from(batch.count), batch.body_hash];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        partition.chain = hash(&bytes);
        fits
    }

    /// How many batches there ever were.
    pub(super) fn batch_count(&self) -> usize {
        self.partitions.iter().map(|partition| partition.batch_count as usize).sum()
    }

    /// The part of a checkpoint that holds every second partition.
    pub(super) fn chunk(&self, chunk: u32) -> Vec<u8> {
        let part = self.partitions.iter().skip(chunk as usize).step_by(CHUNK_COUNT as usize);
        let words =
            part.flat_map(|partition| [partition.end, partition.batch_count, partition.chain]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    fn load(&mut self, chunk: u32, bytes: &[u8]) {
        let part = self.partitions.iter_mut().skip(chunk as usize).step_by(CHUNK_COUNT as usize);
        let mut words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("a word has eight bytes")));
        for partition in part {
            let mut word = || words.next().expect("a chunk holds what was put into it");
            *partition = PartitionState { end: word(), batch_count: word(), chain: word() };
        }
    }
}

/// Rebuilds the state from what a log hands out.
#[derive(Debug, Default)]
pub(super) struct Rebuilt {
    pub(super) state: LogState,
    checkpoint: Option<Superblock>,
    /// The batches that were handed out, with the places of their entries.
    pub(super) batches: Vec<(LogPosition, Batch)>,
    /// How often replay began; more than once means that a checkpoint could not be read.
    pub(super) starts: u32,
    /// A batch that did not fit.
    pub(super) misfit: Option<Batch>,
}

impl Rebuilt {
    fn on_chunk(&mut self, at: LogPosition, chunk: &CheckpointChunk, body: &[u8]) {
        let is_ours = self.checkpoint.is_some_and(|checkpoint| {
            checkpoint.checkpoint == chunk.checkpoint && at < checkpoint.end
        });
        if is_ours {
            self.state.load(chunk.chunk, body);
        }
    }
}

impl Visitor for Rebuilt {
    fn on_group(&mut self, group: &Group<'_>) {
        let at = group.header.position;
        for (place, entry) in group.entries() {
            match entry {
                Entry::Append(head, body) => {
                    let batch = Batch::of(&head, body);
                    let fits = self.state.add(&batch);
                    // Before its chunk a partition has no state that it could fit.
                    let is_settled = self.checkpoint.is_none_or(|checkpoint| at >= checkpoint.end);
                    if is_settled && !fits {
                        self.misfit.get_or_insert(batch);
                    }
                    self.batches.push((place, batch));
                }
                Entry::CheckpointChunk(chunk, body) => self.on_chunk(at, &chunk, body),
                Entry::Truncate(_)
                | Entry::Cursor(_)
                | Entry::Producer(..)
                | Entry::Metadata(..)
                | Entry::Watermark(_)
                | Entry::SegmentReplace(..)
                | Entry::EndOfEpoch(_)
                | Entry::RaftHardState(_)
                | Entry::Extension(..) => {}
            }
        }
    }

    fn on_hole(&mut self, _hole: &Hole) {}
}

impl Replay for Rebuilt {
    fn on_start(&mut self, checkpoint: Option<&Superblock>) {
        self.starts += 1;
        self.state = LogState::default();
        self.batches.clear();
        self.misfit = None;
        self.checkpoint = checkpoint.copied();
    }
}
