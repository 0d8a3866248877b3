//! Reads batches back: from the commit groups that are still in memory, or by the index and one direct
//! read for many of them. What comes from the disk is checked before it is handed out.

use core::ops::Range;
use std::rc::Rc;

use super::handle::Journal;
use crate::disk::{BLOCK_BYTES, Disk, DiskError, DiskFile};
use crate::format::{
    Append, Entry, Expected, FOOTER_HEADER_BYTES, Footer, FooterBatch, FooterFault, Head, Holds,
    LogPosition, PREFIX_BYTES, SegmentSequence, read_entry, segment_file_name,
};
use crate::index::Lookup;

/// Most bytes that one read of the disk brings.
const SPAN_BYTES_MAX: u32 = 1024 * 1024;
/// Bytes of others between two batches that are read along, rather than reading twice.
const GAP_BYTES_MAX: u32 = 64 * 1024;
/// Most footers, and most files of sealed segments, that are kept at hand.
pub(super) const AT_HAND_MAX: usize = 16;

/// Which batches of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// The partition.
    pub partition: u64,
    /// Its incarnation.
    pub incarnation: u32,
    /// The first record wanted; the batch that holds it is the first one.
    pub from: u64,
    /// Only batches that begin before this offset. What is not durable is not asked for.
    pub up_to: u64,
    /// Enough is read when the entries have so many bytes together; the first one always is.
    pub bytes_max: usize,
}

/// A batch as it stands in the log.
#[derive(Debug)]
pub struct ReadBatch<B> {
    /// Its head.
    pub head: Append,
    bytes: Rc<B>,
    body: Range<usize>,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk cannot read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The segment that holds it was given back meanwhile.
    #[error("segment {0} was given back while it was read")]
    Released(SegmentSequence),
    /// What stands there is damaged, or there is a hole. Nothing else is lost by that.
    #[error(
        "record {offset} of partition {partition} cannot be read any more: the log is damaged at {position}"
    )]
    Corrupt {
        /// The partition.
        partition: u64,
        /// The record that was wanted.
        offset: u64,
        /// The offset from which on it can be read again, if that is known.
        next: Option<u64>,
        /// Where it is or was.
        position: LogPosition,
    },
}

impl<B: AsRef<[u8]>> ReadBatch<B> {
    /// CRC-32C of its body.
    #[must_use]
    pub fn body_crc(&self) -> u32 {
        let prefix = self.body.start - PREFIX_BYTES - Append::BYTES;
        crate::format::body_crc(&(*self.bytes).as_ref()[prefix..])
    }

    /// Its body, as it was appended.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &(*self.bytes).as_ref()[self.body.clone()]
    }
}

/// What to do next for a request.
enum Plan {
    /// Read these rows of this segment.
    Rows(SegmentSequence, Vec<FooterBatch>),
    /// Look into the footer of this segment.
    Footer(SegmentSequence),
    /// There is nothing.
    Nothing,
}

type Batches<D> = Vec<ReadBatch<<D as Disk>::Buffer>>;

impl<D: Disk> Journal<D> {
    /// The batches of a request that are in memory. Nothing: the first of them is not, or there is none.
    #[must_use]
    pub fn read_cached(&self, request: &ReadRequest) -> Option<Batches<D>> {
        let core = self.shared.core.borrow();
        let (mut batches, mut bytes) = (Vec::new(), 0);
        let found = core.index.find(request.partition, request.incarnation, request.from);
        let Lookup::Rows(segment, rows) = found else { return None };
        for row in rows.iter().take_while(|row| row.base_offset < request.up_to) {
            let place = LogPosition { segment, byte: row.byte };
            let Some((group, at)) = core.cache.find(place) else { break };
            if bytes > 0 && bytes + row.entry_bytes as usize > request.bytes_max {
                break;
            }
            bytes += row.entry_bytes as usize;
            batches.push(in_memory(group, at));
        }
        let is_first = batches.first().is_some_and(|first| is_behind(&first.head, request.from));
        is_first.then_some(batches)
    }

    /// The batches of a request, from memory or from the disk; none if the partition ends before it.
    ///
    /// # Errors
    /// If the disk cannot read, or what it brings is not what was written.
    pub async fn read(&self, request: &ReadRequest) -> Result<Batches<D>, ReadError> {
        if let Some(batches) = self.read_cached(request) {
            return Ok(batches);
        }
        let mut after = None;
        // Ends because each round looks at a later segment.
        loop {
            let (segment, rows) = match self.plan(request, after) {
                Plan::Nothing => return Ok(Vec::new()),
                Plan::Rows(segment, rows) => (segment, rows),
                Plan::Footer(segment) => (segment, self.rows_of_footer(segment, request).await?),
            };
            match rows.first() {
                None => after = Some(segment),
                Some(first) if first.base_offset > request.from => {
                    let position = LogPosition { segment, byte: first.byte };
                    return Err(corrupt(request, position, Some(first.base_offset)));
                }
                Some(_) => return self.read_rows(segment, &rows, request).await,
            }
        }
    }

    fn plan(&self, request: &ReadRequest, after: Option<SegmentSequence>) -> Plan {
        let core = self.shared.core.borrow();
        let ReadRequest { partition, incarnation, from, .. } = *request;
        let found = match after {
            None => core.index.find(partition, incarnation, from),
            Some(segment) => core.index.next_behind(partition, incarnation, segment),
        };
        match found {
            Lookup::Nowhere => Plan::Nothing,
            Lookup::Footer(segment) => Plan::Footer(segment),
            Lookup::Rows(segment, rows) => Plan::Rows(segment, chosen(rows, request)),
        }
    }

    /// The rows of a sealed segment that are wanted.
    async fn rows_of_footer(
        &self,
        segment: SegmentSequence,
        request: &ReadRequest,
    ) -> Result<Vec<FooterBatch>, ReadError> {
        let footer = self.footer(segment, request).await?;
        let key = (request.partition, request.incarnation);
        let of_it = footer.partitions.iter().find(|row| (row.partition, row.incarnation) == key);
        Ok(of_it.map_or(Vec::new(), |row| {
            let rows = footer.batches_of(row);
            if row.end_offset <= request.from {
                return Vec::new();
            }
            let behind = rows.partition_point(|row| row.base_offset <= request.from);
            chosen(&rows[behind.saturating_sub(1)..], request)
        }))
    }

    async fn footer(
        &self,
        segment: SegmentSequence,
        request: &ReadRequest,
    ) -> Result<Rc<Footer>, ReadError> {
        let rebuilt = self.shared.core.borrow().rebuilt_footers.get(&segment).map(Rc::clone);
        if let Some(footer) = rebuilt.or_else(|| self.shared.at_hand.borrow().footer(segment)) {
            return Ok(footer);
        }
        let (place, crc, footer_bytes) = {
            let core = self.shared.core.borrow();
            let row = core.segments.find(segment).ok_or(ReadError::Released(segment))?;
            let Holds::Sealed { epoch, end, crc, footer_bytes, .. } = row.holds else {
                unreachable!("only sealed segments are looked up by their footer");
            };
            let position = LogPosition { segment, byte: end };
            (Expected { log_id: core.log_id(), epoch, position }, crc, footer_bytes)
        };
        let damaged = || corrupt(request, place.position, None);
        if (footer_bytes as usize) < FOOTER_HEADER_BYTES {
            return Err(damaged());
        }
        let file = self.file_to_read(segment).await?;
        let bytes = file.read(u64::from(place.position.byte), footer_bytes as usize).await?;
        let read = Footer::read(bytes.as_ref(), &place, crc);
        let footer = Rc::new(read.map_err(|_: FooterFault| damaged())?);
        self.shared.at_hand.borrow_mut().keep_footer(segment, Rc::clone(&footer));
        Ok(footer)
    }

    /// Reads rows with one read, and checks each of them.
    async fn read_rows(
        &self,
        segment: SegmentSequence,
        rows: &[FooterBatch],
        request: &ReadRequest,
    ) -> Result<Batches<D>, ReadError> {
        let file = self.file_to_read(segment).await?;
        let block = BLOCK_BYTES as u32;
        let begin = rows[0].byte / block * block;
        let last = &rows[rows.len() - 1];
        let end = (last.byte + last.entry_bytes).next_multiple_of(block);
        let bytes = Rc::new(file.read(u64::from(begin), (end - begin) as usize).await?);
        let mut batches = Vec::with_capacity(rows.len());
        for row in rows {
            let at = (row.byte - begin) as usize;
            match checked(&bytes, at, row, request) {
                Some(batch) => batches.push(batch),
                // What stands before it is good, and the next read begins here.
                None if !batches.is_empty() => break,
                None => {
                    let position = LogPosition { segment, byte: row.byte };
                    return Err(corrupt(request, position, None));
                }
            }
        }
        Ok(batches)
    }

    /// The file of a segment, opened if it is not.
    async fn file_to_read(&self, segment: SegmentSequence) -> Result<Rc<D::File>, ReadError> {
        let open = self.shared.files.borrow().get(&segment).map(Rc::clone);
        if let Some(file) = open.or_else(|| self.shared.at_hand.borrow().file(segment)) {
            return Ok(file);
        }
        let number = {
            let core = self.shared.core.borrow();
            core.segments.find(segment).ok_or(ReadError::Released(segment))?.file
        };
        let file = Rc::new(self.shared.disk.open_read_only(&segment_file_name(number)).await?);
        self.shared.at_hand.borrow_mut().keep_file(segment, Rc::clone(&file));
        Ok(file)
    }
}

/// Whether a record is not before the batch.
fn is_behind(head: &Append, offset: u64) -> bool {
    head.base_offset <= offset
}

fn corrupt(request: &ReadRequest, position: LogPosition, next: Option<u64>) -> ReadError {
    ReadError::Corrupt { partition: request.partition, offset: request.from, next, position }
}

/// The rows from the first one on that are worth one read.
fn chosen(rows: &[FooterBatch], request: &ReadRequest) -> Vec<FooterBatch> {
    let mut chosen: Vec<FooterBatch> = Vec::new();
    let mut bytes = 0;
    for row in rows.iter().take_while(|row| row.base_offset < request.up_to) {
        if let (Some(first), Some(last)) = (chosen.first(), chosen.last()) {
            let is_near = row.byte >= last.byte + last.entry_bytes
                && row.byte - (last.byte + last.entry_bytes) <= GAP_BYTES_MAX
                && row.byte + row.entry_bytes - first.byte <= SPAN_BYTES_MAX;
            if !is_near || bytes + row.entry_bytes as usize > request.bytes_max {
                break;
            }
        }
        bytes += row.entry_bytes as usize;
        chosen.push(*row);
    }
    chosen
}

/// A batch of a commit group that was written from this memory.
fn in_memory<B: AsRef<[u8]>>(group: &Rc<B>, at: usize) -> ReadBatch<B> {
    let bytes = &(**group).as_ref()[at..];
    let body_at = PREFIX_BYTES + Append::BYTES;
    let head = Append::read(&bytes[PREFIX_BYTES..body_at]).expect("it was written as a batch");
    let body_bytes = crate::format::body_bytes(bytes);
    let begin = at + body_at;
    ReadBatch { head, bytes: Rc::clone(group), body: begin..begin + body_bytes }
}

/// The batch that `row` speaks of, if it stands at `at` and is whole.
fn checked<B: AsRef<[u8]>>(
    bytes: &Rc<B>,
    at: usize,
    row: &FooterBatch,
    request: &ReadRequest,
) -> Option<ReadBatch<B>> {
    let entry = (**bytes).as_ref().get(at..at + row.entry_bytes as usize)?;
    let (Entry::Append(head, body), _) = read_entry(entry).ok()? else { return None };
    let is_it = (head.partition, head.incarnation, head.base_offset)
        == (request.partition, request.incarnation, row.base_offset);
    let begin = at + PREFIX_BYTES + Append::BYTES;
    let body = begin..begin + body.len();
    is_it.then(|| ReadBatch { head, bytes: Rc::clone(bytes), body })
}
