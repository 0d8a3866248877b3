//! The journal's state, without any IO: what is appended, what is on its way, what is durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use coilgun_protocol::model::Timestamp;

use super::checkpoints::Checkpoints;
use super::durable_group::{BatchPlace, DurableGroup, GroupNumber, Refused};
use super::filling::{Filling, FillingQueue};
use super::geometry::Geometry;
use super::group_cache::GroupCache;
use super::group_commit::{GroupCommit, Step};
use super::open_group::Place;
use super::segments::{Job as FileJob, Purpose, Segments};
use crate::disk::Disk;
use crate::format::{
    Append, CheckpointChunk, Epoch, Footer, Head, LogPosition, Row, SegmentSequence, Superblock,
    Watermark, entry_bytes,
};
use crate::index::LogIndex;

/// Commit groups that are durable and that the owner has not taken: beyond that nothing is written.
const DURABLE_GROUPS_MAX: usize = 64;

/// What goes to the disk.
pub(super) struct Write<B> {
    pub(super) position: LogPosition,
    pub(super) bytes: Rc<B>,
}

/// What the task that keeps the files has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    File(FileJob),
    Checkpoint(Superblock),
    /// Write the footer of a sealed segment that has none.
    Footer(SegmentSequence),
}

/// How a log begins that was opened.
pub(crate) struct Beginning {
    pub(crate) log_id: u128,
    pub(crate) epoch: Epoch,
    pub(crate) geometry: Geometry,
    pub(crate) segments: Segments,
    pub(crate) checkpoints: Checkpoints,
    /// The checksum, the number and the directory of the last commit group that counts.
    pub(crate) last_crc: u32,
    pub(crate) last_number: u64,
    pub(crate) last_rows: Vec<Row>,
    /// Where the batches of the sealed segments stand.
    pub(crate) index: LogIndex,
    /// How much memory the commit groups that were written last may hold, in bytes.
    pub(crate) cache_bytes: usize,
    /// The footers of sealed segments that have none on the disk.
    pub(crate) rebuilt_footers: BTreeMap<SegmentSequence, Rc<Footer>>,
    /// Where the log ended before.
    pub(crate) durable: LogPosition,
}

/// The journal of one log.
pub(super) struct Core<D: Disk> {
    log_id: u128,
    epoch: Epoch,
    pub(super) segments: Segments,
    pub(super) checkpoints: Checkpoints,
    group_commit: GroupCommit,
    filling: FillingQueue<D>,
    in_flight: Option<DurableGroup<D::Buffer>>,
    durable_groups: VecDeque<DurableGroup<D::Buffer>>,
    pub(super) index: LogIndex,
    pub(super) cache: GroupCache<D::Buffer>,
    /// The footers of sealed segments that have none on the disk yet.
    pub(super) rebuilt_footers: BTreeMap<SegmentSequence, Rc<Footer>>,
    /// Of these, the ones for which there is no room on the disk either.
    pub(super) without_room: BTreeSet<SegmentSequence>,
    /// The checksum of the last group that was closed.
    previous_crc: u32,
    durable: LogPosition,
    durable_number: GroupNumber,
    now: Timestamp,
    /// Whether the disk had no room when it was asked last.
    pub(super) is_full: bool,
    closing: bool,
}

impl<D: Disk> Core<D> {
    pub(super) fn new(disk: D, beginning: Beginning) -> Core<D> {
        let Beginning { log_id, epoch, geometry, segments, checkpoints, .. } = beginning;
        let last = GroupNumber(beginning.last_number);
        Core {
            log_id,
            epoch,
            segments,
            checkpoints,
            group_commit: GroupCommit::new(),
            filling: FillingQueue::new(disk, geometry, last, beginning.last_rows),
            in_flight: None,
            durable_groups: VecDeque::new(),
            index: beginning.index,
            cache: GroupCache::new(beginning.cache_bytes),
            rebuilt_footers: beginning.rebuilt_footers,
            without_room: BTreeSet::new(),
            previous_crc: beginning.last_crc,
            durable: beginning.durable,
            durable_number: last,
            now: Timestamp::default(),
            is_full: false,
            closing: false,
        }
    }

    /// Adds a batch to the commit group that fills.
    pub(super) fn append_batch(
        &mut self,
        head: &Append,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<GroupNumber, Refused> {
        let body_bytes = self.make_room::<Append>(body, purpose)?;
        let (byte, filling) = self.filling.add(head, body)?;
        filling.note_batch(head, body_bytes, byte);
        Ok(filling.number)
    }

    /// Adds an entry that is no batch.
    pub(super) fn append_other<H: Head>(
        &mut self,
        head: &H,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<GroupNumber, Refused> {
        self.make_room::<H>(body, purpose)?;
        let (_, filling) = self.filling.add(head, body)?;
        filling.others += 1;
        Ok(filling.number)
    }

    /// Adds a part of a checkpoint.
    pub(super) fn append_chunk(
        &mut self,
        chunk: &CheckpointChunk,
        body: &[&[u8]],
    ) -> Result<GroupNumber, Refused> {
        self.make_room::<CheckpointChunk>(body, Purpose::Control)?;
        let (_, filling) = self.filling.add(chunk, body)?;
        filling.others += 1;
        filling.chunk_count += 1;
        self.checkpoints.on_chunk(chunk);
        Ok(filling.number)
    }

    /// Makes room for an entry, and says how long its body is.
    fn make_room<H: Head>(&mut self, body: &[&[u8]], purpose: Purpose) -> Result<usize, Refused> {
        let body_bytes: usize = body.iter().map(|part| part.len()).sum();
        if body_bytes > self.filling.body_bytes_max(H::BYTES) {
            return Err(Refused::TooLarge);
        }
        self.has_room(entry_bytes(H::BYTES, body_bytes), 1, purpose)?;
        Ok(body_bytes)
    }

    /// Whether so many entries that take up so many bytes together have room in one commit group, and
    /// that has a place: whoever appends them at once is not refused.
    pub(super) fn has_room(
        &mut self,
        entry_bytes: usize,
        entry_count: usize,
        purpose: Purpose,
    ) -> Result<(), Refused> {
        if self.is_closed() {
            return Err(Refused::Closed);
        }
        if !self.filling.can_hold(entry_bytes, entry_count) {
            return Err(Refused::TooLarge);
        }
        let total = self.filling.make_room(entry_bytes, entry_count)?;
        if self.segments.has_place(total.bytes, total.batch_count, purpose) {
            Ok(())
        } else if self.is_full {
            Err(Refused::Full)
        } else {
            Err(Refused::NoRoom)
        }
    }

    /// What to hand to the disk now, if anything. It is in flight then.
    pub(super) fn next_write(&mut self) -> Option<Write<D::Buffer>> {
        if self.durable_groups.len() >= DURABLE_GROUPS_MAX {
            return None;
        }
        let is_watermark = match self.group_commit.plan(self.now, !self.filling.is_empty()) {
            Step::Nothing => return None,
            Step::Group => false,
            Step::Watermark => {
                let LogPosition { segment, byte } = self.durable;
                let head =
                    Watermark { durable_segment: segment.0, durable_byte: byte, reserved: 0 };
                // Without a place it can wait: the next group says the same.
                self.append_other(&head, &[], Purpose::Control).ok()?;
                true
            }
        };
        Some(self.close_group(is_watermark))
    }

    fn close_group(&mut self, is_watermark: bool) -> Write<D::Buffer> {
        let Filling { group, number, batches, others, chunk_count } = self.filling.take_first();
        let crc = self.previous_crc;
        let position = self.segments.take_place(group.bytes(), batches.len(), crc);
        let place = Place {
            log_id: self.log_id,
            epoch: self.epoch,
            position,
            previous_crc: crc,
            durable: self.durable,
            number: number.0,
        };
        let held_bytes = group.capacity();
        let (closed, rows) = group.close(&place);
        self.filling.on_closed(rows);
        self.previous_crc = closed.crc;
        self.note(position, &batches, others);
        let end = LogPosition { byte: position.byte + closed.header.bytes, ..position };
        self.checkpoints.on_closed(position, end, chunk_count);
        let bytes = Rc::new(closed.buffer);
        assert!(self.in_flight.is_none());
        self.in_flight =
            Some(DurableGroup { number, position, bytes: Rc::clone(&bytes), batches, held_bytes });
        self.group_commit.on_handed_over(is_watermark);
        Write { position, bytes }
    }

    /// Notes where the batches of a closed group stand.
    fn note(&mut self, position: LogPosition, batches: &[BatchPlace], others: u32) {
        for batch in batches {
            let place = LogPosition { byte: position.byte + batch.byte, ..position };
            self.index.note_batch(&batch.head, batch.body_bytes, place, batch.entry_bytes);
        }
        self.index.note_others(position.segment, others);
    }

    /// The disk says that what is in flight is durable.
    pub(super) fn on_durable(&mut self) {
        let group = self.in_flight.take().expect("something is in flight");
        let end = group.position.byte + group.bytes.as_ref().as_ref().len() as u32;
        let durable = LogPosition { byte: end, ..group.position };
        assert!(durable > self.durable && group.number > self.durable_number);
        self.durable = durable;
        self.durable_number = group.number;
        self.cache.keep(group.position, Rc::clone(&group.bytes), group.held_bytes);
        self.durable_groups.push_back(group);
        self.group_commit.on_durable(self.now);
    }

    /// Something failed: nothing becomes durable any more, and nothing is taken (law L14).
    pub(super) fn on_failed(&mut self) {
        self.group_commit.on_failed();
        self.in_flight = None;
    }

    /// What has to be done about the files, the most urgent first.
    pub(super) fn next_job(&self) -> Option<Job> {
        if self.group_commit.is_poisoned() {
            return None;
        }
        if let Some(superblock) = self.checkpoints.ready(self.durable) {
            return Some(Job::Checkpoint(superblock));
        }
        let job = self.segments.next_job(self.durable, !self.is_full, self.closing);
        let mut rebuilt = self.rebuilt_footers.keys();
        let footer = rebuilt.find(|segment| !self.without_room.contains(segment));
        job.map(Job::File).or_else(|| footer.map(|segment| Job::Footer(*segment)))
    }

    /// Nothing more will be written. Says whether the current segment has to be sealed now.
    pub(super) fn finish(&mut self) -> bool {
        self.segments.finish(self.previous_crc)
    }

    /// Takes nothing any more; what was taken still goes to the disk.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    /// Whether everything that was taken is durable and nothing more will come.
    pub(super) fn is_done(&self) -> bool {
        self.closing && self.filling.is_empty() && !self.group_commit.is_in_flight()
    }

    /// The last group that was handed to the disk.
    pub(super) fn handed_over(&self) -> GroupNumber {
        self.filling.last_taken()
    }

    /// Whether something is on its way to the disk, or waits for that.
    pub(super) fn is_busy(&self) -> bool {
        self.group_commit.is_in_flight() || (!self.filling.is_empty() && !self.is_poisoned())
    }

    /// Whether the owner has something to take.
    pub(super) fn has_news(&self) -> bool {
        !self.durable_groups.is_empty() || self.is_poisoned()
    }

    fn is_closed(&self) -> bool {
        self.closing || self.group_commit.is_poisoned()
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.group_commit.is_poisoned()
    }

    /// Moves the clock, which never goes back.
    pub(super) fn set_now(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.group_commit.deadline()
    }

    pub(super) fn durable(&self) -> (LogPosition, GroupNumber) {
        (self.durable, self.durable_number)
    }

    pub(super) fn next_durable(&mut self) -> Option<DurableGroup<D::Buffer>> {
        self.durable_groups.pop_front()
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn log_id(&self) -> u128 {
        self.log_id
    }
}
