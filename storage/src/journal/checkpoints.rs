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
    /// How many chunks were appended, and how many of them are in commit groups that are closed.
    chunk_count: u32,
    closed_count: u32,
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
        self.building = Some(Building {
            number,
            chunk_count: 0,
            closed_count: 0,
            first: None,
            end: None,
            is_complete: false,
        });
        number
    }

    /// A chunk was put into the last commit group that waits.
    pub(super) fn on_chunk(&mut self, chunk: &CheckpointChunk) {
        let building =
            self.building.as_mut().expect("chunks belong to a checkpoint that was begun");
        assert!(chunk.checkpoint == building.number && chunk.chunk == building.chunk_count);
        building.chunk_count += 1;
        building.is_complete = chunk.last == 1;
    }

    /// The first commit group that waits was closed: it stands between these two places and holds so many
    /// chunks. Others may wait behind it, with the last chunk in one of them.
    pub(super) fn on_closed(&mut self, from: LogPosition, to: LogPosition, chunk_count: u32) {
        let Some(building) = self.building.as_mut().filter(|_| chunk_count > 0) else { return };
        building.first.get_or_insert(from);
        building.closed_count += chunk_count;
        if building.is_complete && building.closed_count == building.chunk_count {
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

    /// Where the latest complete checkpoint begins and ends.
    pub(super) fn extent(&self) -> Option<(LogPosition, LogPosition)> {
        let latest = self.slots.iter().flatten().max_by_key(|slot| slot.checkpoint)?;
        Some((latest.first, latest.end))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l9_a_checkpoint_is_ready_when_the_group_with_its_last_chunk_is_durable() {
        let mut checkpoints = Checkpoints::new(1, Epoch(1), [None; SLOT_COUNT]);
        let at = |byte| LogPosition { segment: SegmentSequence(1), byte };
        let checkpoint = checkpoints.begin();
        // Three chunks in two groups that wait both; between them one without any.
        for (chunk, last) in [(0, 0), (1, 0), (2, 1)] {
            let chunk = CheckpointChunk { checkpoint, chunk, last, ..CheckpointChunk::default() };
            checkpoints.on_chunk(&chunk);
        }
        for (from, chunk_count) in [(0, 2), (1, 0)] {
            checkpoints.on_closed(at(from), at(from + 1), chunk_count);
            assert_eq!(checkpoints.ready(at(9)), None, "its last chunk waits");
        }
        checkpoints.on_closed(at(2), at(3), 1);
        assert_eq!(checkpoints.ready(at(2)), None, "its last chunk is not durable");
        let ready = checkpoints.ready(at(3)).expect("all of it is durable");
        assert_eq!((ready.first, ready.end, ready.chunk_count), (at(0), at(3), 3));
    }
}
