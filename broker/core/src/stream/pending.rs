//! Appends that have their offsets and are not durable.

use std::collections::VecDeque;

use coilgun_protocol::model::{AckLevel, Offset};

use super::append::Requester;

/// One append on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PendingAppend {
    pub(super) base_offset: Offset,
    /// The offset behind its last record.
    pub(super) end: Offset,
    pub(super) bytes: u32,
    /// Duplicates that wait for it.
    pub(super) duplicate_count: u16,
    pub(super) level: AckLevel,
    pub(super) requester: Requester,
}

/// A duplicate that waits for the append with this base offset.
#[derive(Clone, Copy, Debug)]
struct Duplicate {
    base_offset: Offset,
    requester: Requester,
}

/// All of them, in order of their offsets, without gaps.
#[derive(Debug, Default)]
pub(super) struct Pending {
    appends: VecDeque<PendingAppend>,
    /// How many of them, from the first on, are written.
    written_count: usize,
    /// Their bodies together.
    bytes: usize,
    /// Those that wait for one of them, in the order in which they came.
    duplicates: Vec<Duplicate>,
}

impl Pending {
    /// Adds one behind the others.
    pub(super) fn push(&mut self, append: PendingAppend) {
        assert!(append.base_offset < append.end, "a batch has records");
        let is_next = self.appends.back().is_none_or(|last| last.end == append.base_offset);
        assert!(is_next, "there is no gap between pending appends");
        self.bytes += append.bytes as usize;
        self.appends.push_back(append);
    }

    /// Whether everything up to `end` is written now.
    ///
    /// # Panics
    /// If a batch ends on the other side of `end` than it begins: batches are written whole.
    pub(super) fn write_up_to(&mut self, end: Offset) {
        while let Some(append) =
            self.appends.get(self.written_count).filter(|it| it.base_offset < end)
        {
            assert!(append.end <= end, "a batch is written whole: {append:?}, {end}");
            self.written_count += 1;
        }
    }

    /// Takes out the first one that is durable if everything up to `end` is.
    ///
    /// # Panics
    /// As [`Pending::write_up_to`], and if it was not written.
    pub(super) fn pop_durable(&mut self, end: Offset) -> Option<PendingAppend> {
        let append = *self.appends.front().filter(|it| it.base_offset < end)?;
        assert!(append.end <= end, "a batch is durable as a whole: {append:?}, {end}");
        assert!(self.written_count > 0, "what is durable was written");
        self.written_count -= 1;
        self.pop_front()
    }

    /// Takes out the first one, written or not, durable or not.
    pub(super) fn pop_front(&mut self) -> Option<PendingAppend> {
        let append = self.appends.pop_front()?;
        self.bytes -= append.bytes as usize;
        Some(append)
    }

    /// Gives all of them up, and says which they were and who waits for each, in order.
    pub(super) fn give_up(&mut self, mut each: impl FnMut(&PendingAppend, Option<Requester>)) {
        self.written_count = 0;
        // Ends because nothing is added here.
        while let Some(append) = self.pop_front() {
            each(&append, None);
            self.take_duplicates(&append, |requester| each(&append, Some(requester)));
        }
    }

    /// Takes out the last one, if it lies behind `end` as a whole.
    ///
    /// # Panics
    /// If only a part of it does.
    pub(super) fn pop_behind(&mut self, end: Offset) -> Option<PendingAppend> {
        let append = *self.appends.back().filter(|it| it.end > end)?;
        assert!(append.base_offset >= end, "a batch is taken back whole: {append:?}, {end}");
        self.appends.pop_back();
        self.bytes -= append.bytes as usize;
        self.written_count = self.written_count.min(self.appends.len());
        Some(append)
    }

    /// The one whose first record has this offset.
    pub(super) fn find(&self, base_offset: Offset) -> Option<&PendingAppend> {
        let place = self.appends.binary_search_by_key(&base_offset, |it| it.base_offset).ok()?;
        self.appends.get(place)
    }

    /// Has a duplicate wait for the append with this base offset.
    ///
    /// # Panics
    /// If that is not pending.
    pub(super) fn join(&mut self, base_offset: Offset, requester: Requester) {
        let place = self.appends.binary_search_by_key(&base_offset, |it| it.base_offset);
        let place = place.expect("the plan was made while the append was pending");
        self.appends[place].duplicate_count += 1;
        self.duplicates.push(Duplicate { base_offset, requester });
    }

    /// Takes out the duplicates that wait for an append that was taken out, first come first.
    pub(super) fn take_duplicates(
        &mut self,
        append: &PendingAppend,
        mut each: impl FnMut(Requester),
    ) {
        if append.duplicate_count == 0 {
            return;
        }
        self.duplicates.retain(|duplicate| {
            let stays = duplicate.base_offset != append.base_offset;
            if !stays {
                each(duplicate.requester);
            }
            stays
        });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.appends.len()
    }

    /// Their bodies together, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many duplicates wait for one of them.
    pub(super) fn duplicate_count(&self) -> usize {
        self.duplicates.len()
    }

    /// Gives memory back that a burst needed.
    pub(super) fn shrink(&mut self) {
        assert!(self.appends.is_empty(), "only who is idle shrinks");
        self.appends = VecDeque::new();
        self.duplicates = Vec::new();
    }
}
