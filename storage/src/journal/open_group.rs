//! The commit group that fills while the one before it is on its way to the disk.

use super::geometry::Geometry;
use crate::disk::{BLOCK_BYTES, DiskBuffer};
use crate::format::{
    Epoch, GROUP_HEADER_BYTES, GroupHeader, Head, LogPosition, ROW_BYTES, Row, entry_bytes,
    write_entry,
};

/// A commit group to which entries are still added.
pub struct OpenGroup<B> {
    buffer: B,
    /// How many bytes of the buffer header and entries take up.
    used: usize,
    rows: Vec<Row>,
    /// The directory of the group before it.
    previous: Vec<Row>,
    entries_max: usize,
}

/// The group has no room for an entry: it goes into the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoRoom;

/// What a group says about its place when it is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The log.
    pub log_id: u128,
    /// The epoch that writes it.
    pub epoch: Epoch,
    /// Where it will stand.
    pub position: LogPosition,
    /// The checksum of the group before it.
    pub previous_crc: u32,
    /// Up to where the log is durable.
    pub durable: LogPosition,
    /// Its number.
    pub number: u64,
}

/// A commit group as it goes to the disk.
pub struct ClosedGroup<B> {
    /// Its bytes, all of them.
    pub buffer: B,
    /// Its header.
    pub header: GroupHeader,
    /// The checksum of its header.
    pub crc: u32,
}

impl<B: DiskBuffer> OpenGroup<B> {
    /// An empty group in `buffer`, which is as long as it may become. `previous` is the directory of the
    /// group before it.
    #[must_use]
    pub fn new(buffer: B, geometry: &Geometry, previous: Vec<Row>) -> OpenGroup<B> {
        assert!(buffer.as_ref().len() <= geometry.group_bytes_max as usize);
        let entries_max = geometry.group_entries_max as usize;
        assert!(previous.len() <= entries_max);
        let rows = Vec::with_capacity(entries_max.min(64));
        OpenGroup { buffer, used: GROUP_HEADER_BYTES, rows, previous, entries_max }
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How long it may become, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.as_ref().len()
    }

    /// Its directory so far.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The directory of the group before it.
    #[must_use]
    pub fn into_previous(self) -> Vec<Row> {
        self.previous
    }

    /// How many entries were added.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes it would have on the disk if it were closed now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes_with(0, 0)
    }

    /// How many bytes it would have with so many more entries that take up so many bytes together.
    #[must_use]
    pub fn bytes_with(&self, entry_bytes: usize, rows: usize) -> usize {
        let rows = self.rows.len() + self.previous.len() + rows;
        (self.used + entry_bytes + rows * ROW_BYTES).next_multiple_of(BLOCK_BYTES)
    }

    /// Whether there is room for entries that take up so many bytes and so many rows together.
    #[must_use]
    pub fn has_room(&self, entry_bytes: usize, entry_count: usize) -> bool {
        self.rows.len() + entry_count <= self.entries_max
            && self.bytes_with(entry_bytes, entry_count) <= self.buffer.as_ref().len()
    }

    /// Adds an entry, with its body copied once from these parts. Says at which byte of the group it
    /// stands.
    ///
    /// # Errors
    /// If it does not fit; then nothing has changed.
    pub fn append<H: Head>(&mut self, head: &H, body: &[&[u8]]) -> Result<u32, NoRoom> {
        let body_bytes = body.iter().map(|part| part.len()).sum();
        if !self.has_room(entry_bytes(H::BYTES, body_bytes), 1) {
            return Err(NoRoom);
        }
        let at = self.used;
        let row = write_entry(&mut self.buffer.as_mut()[at..], head, body);
        self.used += row.entry_bytes();
        self.rows.push(row);
        Ok(at as u32)
    }

    /// Closes the group: writes directories, padding and header. Gives back its directory, which the
    /// next one repeats.
    #[must_use]
    pub fn close(mut self, place: &Place) -> (ClosedGroup<B>, Vec<Row>) {
        assert!(!self.is_empty(), "a group holds at least one entry");
        let bytes = self.bytes();
        self.buffer.truncate(bytes);
        let into = self.buffer.as_mut();
        let directory_at = self.used;
        let previous_at = write_rows(into, directory_at, &self.rows);
        let end = write_rows(into, previous_at, &self.previous);
        into[end..].fill(0);
        let header = GroupHeader {
            log_id: place.log_id,
            position: place.position,
            epoch: place.epoch,
            bytes: bytes as u32,
            entry_count: self.rows.len() as u32,
            entries_bytes: (directory_at - GROUP_HEADER_BYTES) as u32,
            directory_crc: crc32c::crc32c(&into[directory_at..previous_at]),
            previous_entry_count: self.previous.len() as u32,
            previous_directory_crc: crc32c::crc32c(&into[previous_at..end]),
            previous_crc: place.previous_crc,
            durable: place.durable,
            number: place.number,
        };
        let crc = header.write(into);
        (ClosedGroup { buffer: self.buffer, header, crc }, self.rows)
    }
}

/// Writes rows behind each other from `at` on, and says where they end.
fn write_rows(into: &mut [u8], at: usize, rows: &[Row]) -> usize {
    let end = at + rows.len() * ROW_BYTES;
    for (place, row) in into[at..end].chunks_exact_mut(ROW_BYTES).zip(rows) {
        row.write(place);
    }
    end
}
