//! The journal as its owner and its two tasks see it.
//!
//! ```text
//! owner   append... -> open group            next_durable, durable      tick(now)
//!             |                                   ^
//! writer      +--> close --> one synced write ----+        one group at a time
//! keeper      prepare, seal, release segments; write the superblock
//! ```
//!
//! Owner and tasks are on one thread. The owner never waits: it asks, and is refused or answered.

use core::cell::RefCell;
use core::mem;
use std::collections::BTreeMap;
use std::rc::Rc;

use coilgun_protocol::model::Timestamp;

use super::at_hand::AtHand;
use super::core::{Beginning, Core, Write};
use super::durable_group::{DurableGroup, GroupNumber, Refused};
use super::segments::Purpose;
use super::signal::Signal;
use crate::disk::{Disk, DiskError, DiskFile};
use crate::format::{Append, CheckpointChunk, Epoch, Head, LogPosition, SegmentSequence};
use crate::index::Lookup;
use crate::mutant::{self, Mutant};

/// The journal of one log. Cheap to clone; all clones are the same journal.
pub struct Journal<D: Disk> {
    pub(super) shared: Rc<Shared<D>>,
}

impl<D: Disk> Clone for Journal<D> {
    fn clone(&self) -> Journal<D> {
        Journal { shared: Rc::clone(&self.shared) }
    }
}

/// What owner and tasks share. No borrow of it lives across an await.
pub(super) struct Shared<D: Disk> {
    pub(super) disk: D,
    pub(super) core: RefCell<Core<D>>,
    /// The files of the segments that are written to or will be.
    pub(super) files: RefCell<BTreeMap<SegmentSequence, Rc<D::File>>>,
    pub(super) at_hand: RefCell<AtHand<D::File>>,
    pub(super) to_writer: Signal,
    pub(super) to_keeper: Signal,
    to_owner: Signal,
}

impl<D: Disk> Journal<D> {
    /// The journal of a log that begins so, with the files of its segments that are open.
    pub(crate) fn new(
        disk: D,
        beginning: Beginning,
        files: BTreeMap<SegmentSequence, Rc<D::File>>,
    ) -> Journal<D> {
        let core = RefCell::new(Core::new(disk.clone(), beginning));
        let (to_writer, to_keeper) = (Signal::default(), Signal::default());
        let files = RefCell::new(files);
        let (at_hand, to_owner) = (RefCell::default(), Signal::default());
        let shared = Shared { disk, core, files, at_hand, to_writer, to_keeper, to_owner };
        Journal { shared: Rc::new(shared) }
    }

    /// Adds a batch: `body` is copied once, from these parts. It is durable once a commit group with the
    /// number that is given back is.
    ///
    /// # Errors
    /// If it is not taken; then nothing of it is stored.
    pub fn append_batch(
        &self,
        head: &Append,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<GroupNumber, Refused> {
        self.appended(self.shared.core.borrow_mut().append_batch(head, body, purpose))
    }

    /// Adds an entry that is neither a batch nor a part of a checkpoint.
    ///
    /// # Errors
    /// As [`append_batch`](Journal::append_batch).
    pub fn append<H: Head>(
        &self,
        head: &H,
        body: &[&[u8]],
        purpose: Purpose,
    ) -> Result<GroupNumber, Refused> {
        self.appended(self.shared.core.borrow_mut().append_other(head, body, purpose))
    }

    /// Adds the next part of the checkpoint that was begun.
    ///
    /// # Errors
    /// As [`append_batch`](Journal::append_batch).
    pub fn append_chunk(
        &self,
        chunk: &CheckpointChunk,
        body: &[&[u8]],
    ) -> Result<GroupNumber, Refused> {
        self.appended(self.shared.core.borrow_mut().append_chunk(chunk, body))
    }

    /// Whether so many entries that take up so many bytes together would all be taken, into one commit
    /// group, if they were appended now. For what is all or nothing.
    ///
    /// # Errors
    /// If they would not.
    pub fn has_room(
        &self,
        entry_bytes: usize,
        entry_count: usize,
        purpose: Purpose,
    ) -> Result<(), Refused> {
        self.shared.core.borrow_mut().has_room(entry_bytes, entry_count, purpose)
    }

    fn appended(&self, taken: Result<GroupNumber, Refused>) -> Result<GroupNumber, Refused> {
        self.shared.to_writer.give();
        taken
    }

    /// Says what time it is. The owner calls it once in a turn; a watermark may be due.
    pub fn tick(&self, now: Timestamp) {
        let mut core = self.shared.core.borrow_mut();
        core.set_now(now);
        if core.deadline().is_some_and(|at| at <= now) {
            self.shared.to_writer.give();
        }
    }

    /// When [`tick`](Journal::tick) has to be called although nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.shared.core.borrow().deadline()
    }

    /// Up to where the log is durable, and the last commit group that is.
    #[must_use]
    pub fn durable(&self) -> (LogPosition, GroupNumber) {
        self.shared.core.borrow().durable()
    }

    /// The last commit group that was handed to the disk.
    #[must_use]
    pub fn handed_over(&self) -> GroupNumber {
        self.shared.core.borrow().handed_over()
    }

    /// The next commit group that has become durable and was not handed out, in their order. Groups
    /// that are not taken hold the journal up.
    #[must_use]
    pub fn next_durable(&self) -> Option<DurableGroup<D::Buffer>> {
        let taken = self.shared.core.borrow_mut().next_durable();
        if taken.is_some() {
            self.shared.to_writer.give();
        }
        taken
    }

    /// Whether something is on its way to the disk, or waits for that.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.shared.core.borrow().is_busy()
    }

    /// Whether a commit group has become durable that was not handed out, or something failed.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.shared.core.borrow().has_news()
    }

    /// Waits until something has happened that the owner may want to look at: a group has become durable,
    /// there is room again, a checkpoint is complete, or something failed.
    pub async fn news(&self) {
        self.shared.to_owner.wait().await;
    }

    pub(super) fn tell_owner(&self) {
        self.shared.to_owner.give();
    }

    /// Begins a checkpoint, and says its number; its parts are appended by
    /// [`append_chunk`](Journal::append_chunk). It counts once
    /// [`latest_checkpoint`](Journal::latest_checkpoint) says its number. Nothing if one is being made already.
    #[must_use]
    pub fn begin_checkpoint(&self) -> Option<u64> {
        let mut core = self.shared.core.borrow_mut();
        (!core.checkpoints.is_building()).then(|| core.checkpoints.begin())
    }

    /// The number of the latest checkpoint that is complete and durable; 0: none.
    #[must_use]
    pub fn latest_checkpoint(&self) -> u64 {
        self.shared.core.borrow().checkpoints.latest()
    }

    /// Nothing in the sealed segments up to `last` is needed by any stream. Those that no checkpoint
    /// needs either become spare files. Says how many that are.
    pub fn release_up_to(&self, last: SegmentSequence) -> usize {
        let mut core = self.shared.core.borrow_mut();
        let needed_from = core.checkpoints.needed_from();
        let count = core.segments.release_below(needed_from.min(last.next()));
        self.shared.to_keeper.give();
        count
    }

    /// The first segment that holds records of a partition from `offset` on, if there are any; one before
    /// it may be said where a footer has not been looked at.
    #[must_use]
    pub fn first_segment_of(
        &self,
        partition: u64,
        incarnation: u32,
        offset: u64,
    ) -> Option<SegmentSequence> {
        match self.shared.core.borrow().index.find(partition, incarnation, offset) {
            Lookup::Rows(segment, _) | Lookup::Footer(segment) => Some(segment),
            Lookup::Nowhere => None,
        }
    }

    /// The first segment that is there.
    #[must_use]
    pub fn first_segment(&self) -> SegmentSequence {
        self.shared.core.borrow().segments.manifest().released.next()
    }

    /// The first segment that replay may need, whichever of the two latest checkpoints it begins at; the
    /// first of all, as long as there are not two.
    #[must_use]
    pub fn checkpointed_from(&self) -> SegmentSequence {
        self.shared.core.borrow().checkpoints.needed_from()
    }

    /// How much of the log the latest checkpoint takes up, with what stands between its chunks, in bytes;
    /// 0: there is none.
    #[must_use]
    pub fn checkpoint_bytes(&self) -> u64 {
        let core = self.shared.core.borrow();
        let segment_bytes = u64::from(core.segments.manifest().segment_bytes);
        core.checkpoints.extent().map_or(0, |(first, end)| {
            let place = |it: LogPosition| it.segment.0 * segment_bytes + u64::from(it.byte);
            place(end) - place(first)
        })
    }

    /// Length of a segment, in bytes.
    #[must_use]
    pub fn segment_bytes(&self) -> u32 {
        self.shared.core.borrow().segments.manifest().segment_bytes
    }

    /// Whether a write failed: nothing is taken and nothing becomes durable any more.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.shared.core.borrow().is_poisoned()
    }

    /// Whether the disk has no room for another segment.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.core.borrow().is_full
    }

    /// The disk may have room again: asks it.
    pub fn retry_full(&self) {
        self.shared.core.borrow_mut().is_full = false;
        self.shared.to_keeper.give();
    }

    /// Takes nothing any more. Both tasks end when what was taken is durable and the segments are
    /// sealed.
    pub fn close(&self) {
        self.shared.core.borrow_mut().close();
        self.shared.to_writer.give();
        self.shared.to_keeper.give();
    }

    /// Writes the open group now, as the first one of a log that is opened.
    pub(crate) async fn write_one(&self) -> Result<(), DiskError> {
        let write = self.shared.core.borrow_mut().next_write();
        self.write_group(write.expect("an entry waits and nothing is in flight")).await
    }

    /// The epoch that it writes in.
    pub(crate) fn epoch(&self) -> Epoch {
        self.shared.core.borrow().epoch()
    }

    /// The task that writes commit groups, until the journal is closed.
    ///
    /// # Errors
    /// If a write failed. What was not durable by then has an unknown outcome (law L14).
    pub async fn write(&self) -> Result<(), DiskError> {
        // Ends when the journal is closed or poisoned; each round writes a group or waits.
        loop {
            let write = self.shared.core.borrow_mut().next_write();
            match write {
                Some(write) => self.write_group(write).await?,
                None if self.is_ended() => {
                    self.shared.to_keeper.give();
                    return Ok(());
                }
                None => self.shared.to_writer.wait().await,
            }
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        let core = self.shared.core.borrow();
        core.is_done() || core.is_poisoned()
    }

    async fn write_group(&self, write: Write<D::Buffer>) -> Result<(), DiskError> {
        let file = Rc::clone(&self.shared.files.borrow()[&write.position.segment]);
        // A group that begins a segment means that another one has to be prepared, and while that is
        // going on the group is written.
        self.shared.to_keeper.give();
        let early = mutant::is_active(Mutant::EarlyDurable);
        if early {
            self.shared.core.borrow_mut().on_durable();
        }
        let written = file.write(write.bytes, u64::from(write.position.byte)).await;
        let mut core = self.shared.core.borrow_mut();
        match written {
            Ok(()) if !core.is_poisoned() && !early => core.on_durable(),
            Ok(()) => {}
            Err(_) => core.on_failed(),
        }
        drop(core);
        self.shared.to_keeper.give();
        self.tell_owner();
        written
    }

    /// Notes that something failed, and lets the other task see it.
    pub(super) fn poison(&self) {
        self.shared.core.borrow_mut().on_failed();
        self.shared.to_writer.give();
        self.shared.to_keeper.give();
        self.tell_owner();
    }

    /// Closes the files. For after both tasks have ended.
    ///
    /// # Errors
    /// If the disk refuses; all are closed all the same.
    pub async fn close_files(&self) -> Result<(), DiskError> {
        self.shared.at_hand.borrow_mut().clear();
        let files = mem::take(&mut *self.shared.files.borrow_mut());
        let mut closed = Ok(());
        for (_, file) in files {
            if let Ok(file) = Rc::try_unwrap(file) {
                closed = closed.and(file.close().await);
            }
        }
        closed
    }
}
