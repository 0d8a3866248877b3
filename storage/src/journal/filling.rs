//! The commit groups that wait for the disk: the last one still fills.
//!
//! Usually there is one. While the disk is slow a group may become full; then the next one begins behind
//! it, up to a bound, so that whoever appends is not refused because of the size of a buffer.

use std::collections::VecDeque;

use super::durable_group::{BatchPlace, GroupNumber, Refused};
use super::geometry::Geometry;
use super::open_group::OpenGroup;
use crate::disk::{BLOCK_BYTES, Disk};
use crate::format::{Append, GROUP_HEADER_BYTES, Head, ROW_BYTES, Row, entry_bytes};

/// Least memory of a commit group, in bytes.
const CAPACITY_BYTES_MIN: usize = 16 * 1024;
/// Most commit groups that wait.
const WAITING_MAX: usize = 16;

/// A commit group that waits, with what is known of its entries.
pub(super) struct Filling<B> {
    pub(super) group: OpenGroup<B>,
    pub(super) number: GroupNumber,
    pub(super) batches: Vec<BatchPlace>,
    /// How many entries are no batches.
    pub(super) others: u32,
    /// How many of them are parts of a checkpoint.
    pub(super) chunk_count: u32,
}

/// The commit groups that wait, in order.
pub(super) struct FillingQueue<D: Disk> {
    disk: D,
    geometry: Geometry,
    waiting: VecDeque<Filling<D::Buffer>>,
    /// The number that the next group gets.
    next_number: GroupNumber,
    /// The directory of the last group that left, until the next one is opened.
    previous_rows: Vec<Row>,
    /// How much memory the next group gets, in bytes: about twice what the latest ones needed.
    capacity: usize,
}

/// Room for entries, in bytes and batches of all groups that wait, if they are added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Total {
    pub(super) bytes: usize,
    pub(super) batch_count: usize,
}

impl<D: Disk> FillingQueue<D> {
    /// No groups. `last` is the last one that counts, and `last_rows` its directory.
    pub(super) fn new(
        disk: D,
        geometry: Geometry,
        last: GroupNumber,
        last_rows: Vec<Row>,
    ) -> FillingQueue<D> {
        FillingQueue {
            disk,
            geometry,
            waiting: VecDeque::new(),
            next_number: GroupNumber(last.0 + 1),
            previous_rows: last_rows,
            capacity: CAPACITY_BYTES_MIN,
        }
    }

    /// The last group that left.
    pub(super) fn last_taken(&self) -> GroupNumber {
        GroupNumber(self.next_number.0 - 1)
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.front().is_none_or(|first| first.group.is_empty())
    }

    /// The largest body that an entry may have.
    pub(super) fn body_bytes_max(&self, head_bytes: usize) -> usize {
        self.geometry.body_bytes_max(head_bytes)
    }

    /// Whether so many entries that take up so many bytes together can ever have room in one group.
    pub(super) fn can_hold(&self, entry_bytes: usize, entry_count: usize) -> bool {
        self.geometry.can_hold(entry_bytes, entry_count)
    }

    /// Makes room in the last group for so many entries that take up so many bytes together, in a new
    /// group if they do not fit. Says how much all groups will hold with them.
    pub(super) fn make_room(&mut self, bytes: usize, count: usize) -> Result<Total, Refused> {
        let fits = self.waiting.back().is_some_and(|last| last.group.has_room(bytes, count));
        if !fits {
            self.open_another(bytes, count)?;
        }
        let last = self.waiting.back().expect("one was opened");
        let mut total = Total {
            bytes: last.group.bytes_with(bytes, count),
            batch_count: last.batches.len() + count,
        };
        for filling in self.waiting.iter().rev().skip(1) {
            total.bytes += filling.group.bytes();
            total.batch_count += filling.batches.len();
        }
        Ok(total)
    }

    fn open_another(&mut self, bytes: usize, count: usize) -> Result<(), Refused> {
        if self.waiting.back().is_some_and(|last| last.group.is_empty()) {
            // It was opened for something smaller.
            let last = self.waiting.pop_back().expect("there is one");
            self.previous_rows = last.group.into_previous();
        } else if self.waiting.len() == WAITING_MAX {
            return Err(Refused::NoRoom);
        } else if let Some(last) = self.waiting.back() {
            self.previous_rows = last.group.rows().to_vec();
        }
        let rows = self.previous_rows.len() + count;
        let needed = GROUP_HEADER_BYTES + bytes + rows * ROW_BYTES;
        let most = self.geometry.group_bytes_max as usize;
        let length = self.capacity.max(needed).next_multiple_of(BLOCK_BYTES).min(most);
        let previous = core::mem::take(&mut self.previous_rows);
        let group = OpenGroup::new(self.disk.buffer(length), &self.geometry, previous);
        let fits = group.has_room(bytes, count);
        let number = GroupNumber(self.next_number.0 + self.waiting.len() as u64);
        let (batches, others, chunk_count) = (Vec::new(), 0, 0);
        self.waiting.push_back(Filling { group, number, batches, others, chunk_count });
        if fits { Ok(()) } else { Err(Refused::NoRoom) }
    }

    /// Adds an entry to the last group, which has room for it. Says where it stands in it.
    pub(super) fn add<H: Head>(
        &mut self,
        head: &H,
        body: &[&[u8]],
    ) -> Result<(u32, &mut Filling<D::Buffer>), Refused> {
        let last = self.waiting.back_mut().expect("room was made");
        let byte = last.group.append(head, body).map_err(|_| Refused::NoRoom)?;
        Ok((byte, last))
    }

    /// The first group, to be written.
    pub(super) fn take_first(&mut self) -> Filling<D::Buffer> {
        let first = self.waiting.pop_front().expect("there is something to write");
        assert!(first.number == self.next_number, "groups leave in their order");
        self.next_number.0 += 1;
        self.adapt_capacity(first.group.bytes());
        first
    }

    /// The first group was closed, and this is its directory, which the next one repeats.
    pub(super) fn on_closed(&mut self, rows: Vec<Row>) {
        if self.waiting.is_empty() {
            self.previous_rows = rows;
        }
    }

    /// Grows at once and shrinks slowly.
    fn adapt_capacity(&mut self, used: usize) {
        let most = self.geometry.group_bytes_max as usize;
        let shrunk = (self.capacity - self.capacity / 16).max(CAPACITY_BYTES_MIN);
        self.capacity = (2 * used).max(shrunk).min(most);
    }
}

impl<B> Filling<B> {
    /// Notes that a batch was added.
    pub(super) fn note_batch(&mut self, head: &Append, body_bytes: usize, byte: u32) {
        let entry_bytes = entry_bytes(Append::BYTES, body_bytes) as u32;
        let body_bytes = body_bytes as u32;
        self.batches.push(BatchPlace { head: *head, body_bytes, byte, entry_bytes });
    }
}
