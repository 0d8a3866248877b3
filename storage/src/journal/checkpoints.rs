//! Which checkpoints a log has, and what they still need (law L9).

use crate::format::{CheckpointChunk, Epoch, LogPosition, SLOT_COUNT, SegmentSequence, Superblock};
use crate::mutant::{self, Mutant};

/// The checkpoints of a log that is open.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    log_id: u128,
    epoch: Epoch,
    /// What the slots of the superblock hold.
    slots: [Option<Superblock>; SLOT_COUNT],
    /// The one that is being written, if one is.
    building: Option<Building>,
}

/// A checkpoint whose chunks are being appended.
#[derive(Clone, Copy, Debug)]
struct Building {
    number: u64,
    chunk_count: u32,
    /// The commit group with its first chunk, once that is closed.
    first: Option<LogPosition>,
    /// The end of the commit group with its last chunk, once that is closed.
    end: Option<LogPosition>,
    /// Whether its last chunk was appended.
    is_complete: bool,
}

impl Checkpoints {
    pub(crate) fn new(
        log_id: u128,
        epoch: Epoch,
        slots: [Option<Superblock>; SLOT_COUNT],
    ) -> Checkpoints {
        Checkpoints { log_id, epoch, slots, building: None }
    }

    /// Begins a checkpoint, and says its number.
    pub(super) fn begin(&mut self) -> u64 {
        assert!(self.building.is_none(), "one checkpoint is made at a time");
        let last = self.slots.iter().flatten().map(|slot| slot.checkpoint).max();
        let number = last.unwrap_or(0) + 1;
        let building =
            Building { number, chunk_count: 0, first: None, end: None, is_complete: false };
        self.building = Some(building);
        number
    }

    /// A chunk was put into the open commit group.
    pub(super) fn on_chunk(&mut self, chunk: &CheckpointChunk) {
        let building =
            self.building.as_mut().expect("chunks belong to a checkpoint that was begun");
        assert!(chunk.checkpoint == building.number && chunk.chunk == building.chunk_count);
        building.chunk_count += 1;
        building.is_complete = chunk.last == 1;
    }

    /// The open commit group was closed: it stands between these two places. `has_chunks`: whether it
    /// holds any.
    pub(super) fn on_closed(&mut self, from: LogPosition, to: LogPosition, has_chunks: bool) {
        let Some(building) = self.building.as_mut().filter(|_| has_chunks) else { return };
        building.first.get_or_insert(from);
        if building.is_complete {
            building.end = Some(to);
        }
    }

    /// The checkpoint that may be written to its slot: all of it is durable.
    pub(super) fn ready(&self, durable: LogPosition) -> Option<Superblock> {
        let building = self.building?;
        let (first, end) = (building.first?, building.end?);
        let is_early = mutant::is_active(Mutant::EarlyCheckpoint);
        (end <= durable || is_early).then_some(Superblock {
            log_id: self.log_id,
            checkpoint: building.number,
            epoch: self.epoch,
            first,
            end,
            chunk_count: building.chunk_count,
        })
    }

    /// Its slot is durable.
    pub(super) fn on_written(&mut self, superblock: Superblock) {
        let number = self.building.take().map(|building| building.number);
        assert!(number == Some(superblock.checkpoint), "only what is being made is written");
        self.slots[superblock.slot()] = Some(superblock);
    }

    /// The number of the latest complete checkpoint; 0: none.
    pub(super) fn latest(&self) -> u64 {
        self.slots.iter().flatten().map(|slot| slot.checkpoint).max().unwrap_or(0)
    }

    /// Whether one is being made.
    pub(super) fn is_building(&self) -> bool {
        self.building.is_some()
    }

    /// The first segment that replay may need, whichever checkpoint it begins at. As long as there are
    /// not two of them, it may have to begin at the first segment of all.
    pub(super) fn needed_from(&self) -> SegmentSequence {
        match self.slots {
            [Some(one), Some(other)] if mutant::is_active(Mutant::EarlyRelease) => {
                one.first.segment.max(other.first.segment)
            }
            [Some(one), Some(other)] => one.first.segment.min(other.first.segment),
            [None, _] | [_, None] => SegmentSequence(0),
        }
    }
}
