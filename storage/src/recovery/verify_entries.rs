//! Looks at every whole commit group of a log while it is scanned.

use std::collections::{BTreeMap, HashMap};

use super::found::Hole;
use super::scan::Visitor;
use super::verify_report::{Counts, Problem, Progress};
use crate::format::{
    Append, CheckpointChunk, EndOfEpoch, Entry, Epoch, Expected, Footer, Group, Head, Holds,
    LogPosition, Manifest, SegmentSequence, Superblock, Truncate, Truncation, entry_bytes,
};
use crate::index::LogIndex;

/// How many bytes are checked between two reports of progress.
const PROGRESS_BYTES: u64 = 1024 * 1024;

/// What the manifest says of a sealed segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct SealedEnd {
    pub(super) place: Expected,
    pub(super) crc: u32,
    /// The checksum of the footer that stands there, if it is whole.
    pub(super) footer_crc: Option<u32>,
}

/// Looks at every whole commit group.
pub(super) struct EntryCheck<'a> {
    log_id: u128,
    sealed: &'a BTreeMap<SegmentSequence, SealedEnd>,
    released: SegmentSequence,
    on_progress: &'a mut dyn FnMut(Progress),
    pub(super) progress: Progress,
    told_bytes: u64,
    pub(super) counts: Counts,
    pub(super) problems: Vec<Problem>,
    /// Segments whose footer says something else than what was read of them.
    pub(super) differing: Vec<SegmentSequence>,
    /// Parts of checkpoints that stand behind each other.
    pub(super) checkpoints: Vec<ChunkRun>,
    /// The segment that is read, and where its batches stand.
    current: SegmentSequence,
    index: LogIndex,
    has_hole: bool,
    /// Where each incarnation of a partition ends.
    ends: HashMap<(u64, u32), u64>,
}

/// The parts of one checkpoint that were found behind each other, from the first one on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ChunkRun {
    /// What a slot would say of it.
    pub(super) superblock: Superblock,
    /// Whether its last part is there.
    pub(super) is_complete: bool,
}

impl<'a> EntryCheck<'a> {
    pub(super) fn new(
        manifest: &Manifest,
        sealed: &'a BTreeMap<SegmentSequence, SealedEnd>,
        total_bytes: u64,
        on_progress: &'a mut dyn FnMut(Progress),
    ) -> EntryCheck<'a> {
        EntryCheck {
            log_id: manifest.log_id,
            sealed,
            released: manifest.released,
            on_progress,
            progress: Progress { done_bytes: 0, total_bytes },
            told_bytes: 0,
            counts: Counts::default(),
            problems: Vec::new(),
            differing: Vec::new(),
            checkpoints: Vec::new(),
            current: SegmentSequence(0),
            index: LogIndex::new(),
            has_hole: false,
            ends: HashMap::new(),
        }
    }

    /// The footer of what was read of the current segment.
    pub(super) fn current_footer(&self) -> Footer {
        self.index.footer(self.current)
    }

    /// Everything was read: the last segment is complete.
    pub(super) fn finish(&mut self) {
        self.begin_segment(SegmentSequence(0));
        self.counts.partitions = self.counts.partitions.max(self.ends.len() as u64);
        self.counts.checkpoints =
            self.checkpoints.iter().filter(|run| run.is_complete).count() as u64;
        self.progress.done_bytes = self.progress.total_bytes;
        (self.on_progress)(self.progress);
    }

    /// Another segment than the current one begins.
    fn begin_segment(&mut self, segment: SegmentSequence) {
        let promised = self.sealed.get(&self.current).filter(|_| !self.has_hole);
        if let Some((sealed, footer_crc)) =
            promised.and_then(|sealed| sealed.footer_crc.map(|crc| (sealed, crc)))
        {
            let rebuilt = self.index.footer(self.current).to_bytes(&sealed.place, sealed.crc);
            if crc32c::crc32c(&rebuilt) == footer_crc {
                self.counts.footers += 1;
            } else {
                self.differing.push(self.current);
            }
        }
        self.current = segment;
        self.index = LogIndex::new();
        self.has_hole = false;
    }

    fn tell(&mut self, bytes: u64) {
        self.progress.done_bytes += bytes;
        if self.progress.done_bytes >= self.told_bytes + PROGRESS_BYTES {
            self.told_bytes = self.progress.done_bytes;
            (self.on_progress)(self.progress);
        }
    }

    fn batch(&mut self, place: LogPosition, head: &Append, body: &[u8]) {
        self.counts.batches += 1;
        self.counts.records += u64::from(head.count);
        self.counts.body_bytes += body.len() as u64;
        let bytes = entry_bytes(Append::BYTES, body.len()) as u32;
        self.index.note_batch(head, body.len() as u32, place, bytes);
        let end = head.base_offset + u64::from(head.count);
        let before = self.ends.insert((head.partition, head.incarnation), end);
        if let Some(expected) = before.filter(|before| *before != head.base_offset) {
            self.problems.push(Problem::OffsetGap {
                position: place,
                partition: head.partition,
                incarnation: head.incarnation,
                expected,
                found: head.base_offset,
            });
        }
    }

    fn truncate(&mut self, head: &Truncate) {
        let key = (head.partition, head.incarnation);
        match Truncation::from_number(head.truncation) {
            Some(Truncation::End) => {
                self.ends.insert(key, head.offset);
            }
            // What is not kept from the beginning on may reach beyond the end.
            Some(Truncation::Beginning) => {
                if self.ends.get(&key).is_some_and(|end| *end < head.offset) {
                    self.ends.remove(&key);
                }
            }
            // The partition goes on in another incarnation, or not at all.
            Some(Truncation::Purge | Truncation::Delete) | None => {
                self.ends.remove(&key);
            }
        }
    }

    fn end_of_epoch(&mut self, position: LogPosition, epoch: Epoch, head: &EndOfEpoch) {
        let ended = LogPosition { segment: SegmentSequence(head.segment), byte: head.byte };
        // What ended with nothing, or was given back, nobody can look up.
        if head.byte == 0 || ended.segment <= self.released {
            return;
        }
        let known = self.sealed.get(&ended.segment);
        let is_same = known.is_some_and(|sealed| {
            sealed.place.position == ended && (head.crc == 0 || sealed.crc == head.crc)
        });
        if !is_same {
            self.problems.push(Problem::OtherEpochEnd { position, epoch, ended });
        }
    }
}

/// The part of a checkpoint in a commit group, which is added to the parts before it.
fn add_chunk(runs: &mut Vec<ChunkRun>, log_id: u128, group: &Group<'_>, chunk: &CheckpointChunk) {
    let epoch = group.header.epoch;
    if chunk.chunk == 0 {
        let superblock = Superblock {
            log_id,
            checkpoint: chunk.checkpoint,
            epoch,
            first: group.header.position,
            end: group.end(),
            chunk_count: 0,
        };
        runs.push(ChunkRun { superblock, is_complete: false });
    }
    let goes_on = |run: &&mut ChunkRun| {
        let Superblock { checkpoint, epoch: begun, chunk_count, .. } = run.superblock;
        !run.is_complete
            && (checkpoint, begun, chunk_count) == (chunk.checkpoint, epoch, chunk.chunk)
    };
    if let Some(run) = runs.last_mut().filter(goes_on) {
        run.superblock.chunk_count += 1;
        run.superblock.end = group.end();
        run.is_complete = chunk.last == 1;
    }
}

impl Visitor for EntryCheck<'_> {
    fn on_group(&mut self, group: &Group<'_>) {
        let position = group.header.position;
        if position.segment != self.current {
            self.begin_segment(position.segment);
        }
        for (place, entry) in group.entries() {
            match &entry {
                Entry::Append(head, body) => {
                    self.batch(place, head, body);
                    continue;
                }
                Entry::Truncate(head) => self.truncate(head),
                Entry::CheckpointChunk(chunk, _) => {
                    add_chunk(&mut self.checkpoints, self.log_id, group, chunk);
                }
                Entry::EndOfEpoch(head) => self.end_of_epoch(place, group.header.epoch, head),
                Entry::Cursor(_)
                | Entry::Producer(..)
                | Entry::Metadata(..)
                | Entry::Watermark(_)
                | Entry::SegmentReplace(..)
                | Entry::RaftHardState(_)
                | Entry::Extension(..) => {}
            }
            self.index.note_others(position.segment, 1);
        }
        self.counts.groups += 1;
        self.counts.entries += u64::from(group.header.entry_count);
        self.counts.group_bytes += u64::from(group.header.bytes);
        self.tell(u64::from(group.header.bytes));
    }

    fn on_hole(&mut self, hole: &Hole) {
        if hole.from.segment != self.current {
            self.begin_segment(hole.from.segment);
        }
        self.has_hole = true;
        match &hole.held {
            Some(rows) => {
                self.ends.retain(|(partition, _), _| {
                    !rows.iter().any(|row| row.partition == *partition)
                });
            }
            None => self.ends.clear(),
        }
        // What a checkpoint had in there is missing.
        if let Some(run) = self.checkpoints.last_mut().filter(|run| !run.is_complete) {
            run.superblock.chunk_count = u32::MAX;
        }
        self.tell(u64::from(hole.to - hole.from.byte));
        self.problems.push(Problem::Hole(hole.clone()));
    }
}

/// What the manifest says of its sealed segments.
pub(super) fn sealed_ends(manifest: &Manifest) -> BTreeMap<SegmentSequence, SealedEnd> {
    let sealed = manifest.segments().filter_map(|(segment, row)| match row.holds {
        Holds::Sealed { epoch, end, crc, .. } => {
            let position = LogPosition { segment, byte: end };
            let place = Expected { log_id: manifest.log_id, epoch, position };
            Some((segment, SealedEnd { place, crc, footer_crc: None }))
        }
        Holds::Spare | Holds::Open { .. } => None,
    });
    sealed.collect()
}
