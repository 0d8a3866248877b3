//! The journal's state, without any IO: what is appended, what is on its way, what is durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use coilgun_protocol::model::Timestamp;

use super::checkpoints::Checkpoints;
use super::durable_group::{BatchPlace, DurableGroup, GroupNumber, Refused};
use super::geometry::Geometry;
use super::group_cache::GroupCache;
use super::group_commit::{GroupCommit, Step};
use super::open_group::{OpenGroup, Place};
use super::segments::{Job as FileJob, Purpose, Segments};
use crate::disk::{BLOCK_BYTES, Disk};
use crate::format::{
    Append, CheckpointChunk, Epoch, Footer, GROUP_HEADER_BYTES, Head, LogPosition, ROW_BYTES, Row,
    SegmentSequence, Superblock, Watermark, entry_bytes,
};
use crate::index::LogIndex;

/// Least memory of a commit group, in bytes.
const CAPACITY_BYTES_MIN: usize = 16 * 1024;

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
    disk: D,
    log_id: u128,
    epoch: Epoch,
    geometry: Geometry,
    pub(super) segments: Segments,
    pub(super) checkpoints: Checkpoints,
    group_commit: GroupCommit,
    open: Option<OpenGroup<D::Buffer>>,
    open_batches: Vec<BatchPlace>,
    open_others: u32,
    open_has_chunks: bool,
    in_flight: Option<DurableGroup<D::Buffer>>,
    durable_groups: VecDeque<DurableGroup<D::Buffer>>,
    pub(super) index: LogIndex,
    pub(super) cache: GroupCache<D::Buffer>,
    /// The footers of sealed segments that have none on the disk yet.
    pub(super) rebuilt_footers: BTreeMap<SegmentSequence, Rc<Footer>>,
    /// Of these, the ones for which there is no room on the disk either.
    pub(super) without_room: BTreeSet<SegmentSequence>,
    /// How much memory the next group gets, in bytes: about twice what the latest ones needed.
    capacity: usize,
    /// The number that the open group will have.
    number: GroupNumber,
    previous_crc: u32,
    /// The directory of the group before the open one, until that is opened.
    previous_rows: Vec<Row>,
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
        Core {
            disk,
            log_id,
            epoch,
            geometry,
            segments,
            checkpoints,
            group_commit: GroupCommit::new(),
            open: None,
            open_batches: Vec::new(),
            open_others: 0,
            open_has_chunks: false,
            in_flight: None,
            durable_groups: VecDeque::new(),
            index: beginning.index,
            cache: GroupCache::new(beginning.cache_bytes),
            rebuilt_footers: beginning.rebuilt_footers,
            without_room: BTreeSet::new(),
            capacity: CAPACITY_BYTES_MIN,
            number: GroupNumber(beginning.last_number + 1),
            previous_crc: beginning.last_crc,
            previous_rows: beginning.last_rows,
            durable: beginning.durable,
            durable_number: GroupNumber(beginning.last_number),
            now: Timestamp::default(),
            is_full: false,
            closing: false,
        }
    }

    /// Adds a batch to the open group.
    pub(super) fn append_batch(
        &mut self,
        head: &Append,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<GroupNumber, Refused> {
        let (byte, body_bytes) = self.add(head, body, purpose)?;
        let entry_bytes = entry_bytes(Append::BYTES, body_bytes) as u32;
        let body_bytes = body_bytes as u32;
        self.open_batches.push(BatchPlace { head: *head, body_bytes, byte, entry_bytes });
        Ok(self.number)
    }

    /// Adds an entry that is no batch.
    pub(super) fn append_other<H: Head>(
        &mut self,
        head: &H,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<GroupNumber, Refused> {
        self.add(head, body, purpose)?;
        self.open_others += 1;
        Ok(self.number)
    }

    /// Adds a part of a checkpoint.
    pub(super) fn append_chunk(
        &mut self,
        chunk: &CheckpointChunk,
        body: &[&[u8]],
    ) -> Result<GroupNumber, Refused> {
        let number = self.append_other(chunk, body, Purpose::Control)?;
        self.checkpoints.on_chunk(chunk);
        self.open_has_chunks = true;
        Ok(number)
    }

    fn add<H: Head>(
        &mut self,
        head: &H,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<(u32, usize), Refused> {
        if self.is_closed() {
            return Err(Refused::Closed);
        }
        let body_bytes: usize = body.iter().map(|part| part.len()).sum();
        if body_bytes > self.geometry.body_bytes_max(H::BYTES) {
            return Err(Refused::TooLarge);
        }
        self.has_room(entry_bytes(H::BYTES, body_bytes), 1, purpose)?;
        let open = self.open.as_mut().expect("it was opened when room was looked for");
        let byte = open.append(head, body).map_err(|_| Refused::NoRoom)?;
        Ok((byte, body_bytes))
    }

    /// Whether so many entries that take up so many bytes together have room in the open group, and
    /// the group has a place: whoever appends them at once is not refused.
    pub(super) fn has_room(
        &mut self,
        entry_bytes: usize,
        entry_count: usize,
        purpose: Purpose,
    ) -> Result<(), Refused> {
        let rows = self.previous_rows.len() + entry_count;
        let needed = GROUP_HEADER_BYTES + entry_bytes + rows * ROW_BYTES;
        let open = match &mut self.open {
            Some(open) => open,
            empty => {
                let bytes = self.capacity.max(needed).next_multiple_of(BLOCK_BYTES);
                let bytes = bytes.min(self.geometry.group_bytes_max as usize);
                let previous = core::mem::take(&mut self.previous_rows);
                empty.insert(OpenGroup::new(self.disk.buffer(bytes), &self.geometry, previous))
            }
        };
        if !open.has_room(entry_bytes, entry_count) {
            // The next one will have room for it beside as much as there is now.
            self.capacity = self.capacity.max(open.bytes_with(entry_bytes, entry_count));
            return Err(Refused::NoRoom);
        }
        let bytes = open.bytes_with(entry_bytes, entry_count);
        let batches = self.open_batches.len() + entry_count;
        if self.segments.has_place(bytes, batches, purpose) {
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
        let has_entries = self.open.as_ref().is_some_and(|open| !open.is_empty());
        let is_watermark = match self.group_commit.plan(self.now, has_entries) {
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
        let open = self.open.take().expect("a group with entries is open");
        let crc = self.previous_crc;
        let position = self.segments.take_place(open.bytes(), self.open_batches.len(), crc);
        let place = Place {
            log_id: self.log_id,
            epoch: self.epoch,
            position,
            previous_crc: crc,
            durable: self.durable,
            number: self.number.0,
        };
        self.adapt_capacity(open.bytes());
        let held_bytes = open.capacity();
        let (closed, rows) = open.close(&place);
        self.previous_rows = rows;
        self.previous_crc = closed.crc;
        self.note(position);
        let end = LogPosition { byte: position.byte + closed.header.bytes, ..position };
        self.checkpoints.on_closed(position, end, core::mem::take(&mut self.open_has_chunks));
        let bytes = Rc::new(closed.buffer);
        let batches = core::mem::take(&mut self.open_batches);
        let group = DurableGroup {
            number: self.number,
            position,
            bytes: bytes.clone(),
            batches,
            held_bytes,
        };
        assert!(self.in_flight.is_none());
        self.in_flight = Some(group);
        self.number.0 += 1;
        self.group_commit.on_handed_over(is_watermark);
        Write { position, bytes }
    }

    /// Grows at once and shrinks slowly.
    fn adapt_capacity(&mut self, used: usize) {
        let most = self.geometry.group_bytes_max as usize;
        let shrunk = (self.capacity - self.capacity / 16).max(CAPACITY_BYTES_MIN);
        self.capacity = (2 * used).max(shrunk).min(most);
    }

    /// Notes what the closed group holds.
    fn note(&mut self, position: LogPosition) {
        for batch in &self.open_batches {
            let place = LogPosition { byte: position.byte + batch.byte, ..position };
            self.index.note_batch(&batch.head, batch.body_bytes, place, batch.entry_bytes);
        }
        let others = core::mem::take(&mut self.open_others);
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
        let is_empty = self.open.as_ref().is_none_or(OpenGroup::is_empty);
        self.closing && is_empty && !self.group_commit.is_in_flight()
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
