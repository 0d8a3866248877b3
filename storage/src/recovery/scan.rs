//! Reads a log from a segment on to its end, checks every byte, and hands out what is whole.
//!
//! It only looks. Three ways lead out of a place where no whole commit group stands:
//!
//! ```text
//! a later group of the same epoch, here or in a later segment, says that the log
//! was durable beyond this place                                                    a hole (L2)
//! the next segment begins with a group that follows the last one here              the next segment
//! neither                                                                          the end
//! ```

use super::found::{FoundLog, FoundSegment, Hole, SegmentEnd};
use super::window::Window;
use crate::disk::{BLOCK_BYTES, Disk, DiskBuffer, DiskError, DiskFile};
use crate::format::{
    Epoch, Expected, FileRow, GROUP_HEADER_BYTES, Group, GroupFault, GroupHeader, Holds,
    LogPosition, Row, SegmentSequence, segment_file_name,
};
use crate::mutant::{self, Mutant};

/// Who hears what a log holds, in its order.
pub trait Visitor {
    /// A whole commit group, with all of its entries.
    fn on_group(&mut self, group: &Group<'_>);

    /// Something that cannot be read.
    fn on_hole(&mut self, hole: &Hole);
}

/// Why a log was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The disk cannot read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something whole is of a version, or an entry of a kind, that this Coilgun does not know.
    #[error(
        "at {position} the log cannot be read by this Coilgun: {fault}; use the version that wrote it"
    )]
    Unknown {
        /// Where.
        position: LogPosition,
        /// What it is.
        fault: GroupFault,
    },
}

/// Reads the segments in `files`, which are in order and without spare files, to the end of the log.
/// `previous_crc` is the checksum of the group before the first of them, if it is known.
///
/// # Errors
/// If the disk cannot read, or something in it belongs to another version.
pub async fn scan<D: Disk>(
    disk: &D,
    log_id: u128,
    files: &[FileRow],
    previous_crc: Option<u32>,
    visitor: &mut impl Visitor,
) -> Result<FoundLog, ScanError> {
    let mut scan = Scan { log_id, visitor, crc: previous_crc, found: FoundLog::default() };
    for (index, row) in files.iter().enumerate() {
        let ended = scan.segment(disk, row, &files[index + 1..]).await?;
        if matches!(ended, SegmentEnd::Tail { .. }) {
            break;
        }
    }
    Ok(scan.found)
}

/// A log that is being read.
struct Scan<'a, V> {
    log_id: u128,
    visitor: &'a mut V,
    /// The checksum of the last whole group; nothing if it is not known.
    crc: Option<u32>,
    found: FoundLog,
}

/// A segment that is being read.
struct Reading<F: DiskFile> {
    window: Window<F>,
    segment: SegmentSequence,
    epoch: Epoch,
    /// Up to where the manifest says that there are groups.
    sealed: Option<u32>,
    /// The next group.
    byte: u32,
    group_count: u64,
}

/// What stands at a place.
enum Step {
    Group { bytes: u32 },
    Fault(GroupFault),
}

impl<V: Visitor> Scan<'_, V> {
    async fn segment<D: Disk>(
        &mut self,
        disk: &D,
        row: &FileRow,
        following: &[FileRow],
    ) -> Result<SegmentEnd, ScanError> {
        let mut reading = Reading::open(disk, row).await?;
        let ended = loop {
            if reading.byte == reading.window.end() {
                break self.at_end(disk, &mut reading, following, GroupFault::Absent).await?;
            }
            match self.step(&mut reading).await? {
                Step::Group { bytes } => reading.byte += bytes,
                Step::Fault(fault) => {
                    let reached = reading.reached();
                    let Some((header, rows)) = self.find_later(&mut reading, reached).await? else {
                        break self.at_end(disk, &mut reading, following, fault).await?;
                    };
                    self.hole(&mut reading, fault, &header, rows);
                }
            }
        };
        self.found.read_bytes += reading.window.read_bytes();
        self.found.segments.push(FoundSegment {
            segment: reading.segment,
            file: row.file,
            epoch: reading.epoch,
            end: reading.byte,
            crc: self.crc.unwrap_or(0),
            group_count: reading.group_count,
            ended: ended.clone(),
        });
        reading.window.into_file().close().await?;
        Ok(ended)
    }

    /// Looks at the group at the place that was reached, and hands it out if it is whole.
    async fn step<F: DiskFile>(&mut self, reading: &mut Reading<F>) -> Result<Step, ScanError> {
        let expected = self.expected(reading);
        let fault = match reading.header(&expected).await? {
            Err(fault) => fault,
            Ok(header) => {
                let bytes = reading.window.bytes_from(reading.byte, header.bytes).await?;
                match Group::check(bytes, &expected) {
                    Err(fault) => fault,
                    Ok(group) if !self.follows(&group.header) => GroupFault::Chain,
                    Ok(group) => {
                        self.take(&group);
                        reading.group_count += 1;
                        return Ok(Step::Group { bytes: group.header.bytes });
                    }
                }
            }
        };
        if fault.is_unknown() {
            return Err(ScanError::Unknown { position: expected.position, fault });
        }
        Ok(Step::Fault(fault))
    }

    /// Whether a group follows the last one that was whole, as far as that is known.
    fn follows(&self, header: &GroupHeader) -> bool {
        let is_any = mutant::is_active(Mutant::OldContent);
        self.crc.is_none_or(|crc| crc == header.previous_crc || is_any)
    }

    fn take(&mut self, group: &Group<'_>) {
        self.visitor.on_group(group);
        self.crc = Some(group.crc);
        self.found.group_count += 1;
        self.found.entry_count += u64::from(group.header.entry_count);
        self.found.group_bytes += u64::from(group.header.bytes);
        self.found.last_number = group.header.number;
        self.found.last_group = Some((group.header.position, group.header.bytes));
        self.found.last_rows.clear();
        self.found.last_rows.extend(group.rows());
    }

    /// Looks for a whole group further on in the segment that says that the log was durable beyond the
    /// place `reached`. Gives its header and what its predecessor held.
    async fn find_later<F: DiskFile>(
        &self,
        reading: &mut Reading<F>,
        reached: LogPosition,
    ) -> Result<Option<(GroupHeader, Vec<Row>)>, ScanError> {
        if mutant::is_active(Mutant::NoHole) {
            return Ok(None);
        }
        let mut byte = reading.byte + BLOCK_BYTES as u32;
        while byte < reading.window.end() {
            let position = LogPosition { segment: reading.segment, byte };
            let expected = Expected { log_id: self.log_id, epoch: reading.epoch, position };
            let head = reading.window.bytes_from(byte, GROUP_HEADER_BYTES as u32).await?;
            if let Ok((header, _)) = GroupHeader::read(head, &expected) {
                let bytes = reading.window.bytes_from(byte, header.bytes).await?;
                let whole = Group::check(bytes, &expected).ok();
                if let Some(group) = whole.filter(|group| group.header.durable > reached) {
                    return Ok(Some((group.header, group.previous_rows().collect())));
                }
            }
            byte += BLOCK_BYTES as u32;
        }
        Ok(None)
    }

    /// The place that was reached cannot be read; a group further on can, which has this header and
    /// repeats the directory `rows`.
    fn hole<F: DiskFile>(
        &mut self,
        reading: &mut Reading<F>,
        fault: GroupFault,
        header: &GroupHeader,
        rows: Vec<Row>,
    ) {
        let held = self.held(header, rows);
        self.found_hole(Hole { from: reading.reached(), to: header.position.byte, fault, held });
        reading.byte = header.position.byte;
        // The group behind a hole is whole by itself; what it follows cannot be asked any more.
        self.crc = None;
    }

    fn found_hole(&mut self, hole: Hole) {
        self.visitor.on_hole(&hole);
        self.found.holes.push(hole);
    }

    /// Nothing whole follows in this segment: `fault` is what stands at the place that was reached.
    async fn at_end<D: Disk>(
        &mut self,
        disk: &D,
        reading: &mut Reading<D::File>,
        following: &[FileRow],
        fault: GroupFault,
    ) -> Result<SegmentEnd, ScanError> {
        if reading.sealed == Some(reading.byte) {
            return Ok(SegmentEnd::Sealed);
        }
        let reached = reading.reached();
        let later = match reading.sealed {
            Some(_) => self.first_group(disk, following).await?,
            None => self.first_later(disk, following, reached).await?,
        };
        let next = following.first().and_then(|row| row.holds.segment());
        let (missing, ended) = match (reading.sealed, &later) {
            (Some(end), _) => (Some(end), SegmentEnd::Sealed),
            (None, Some((header, _))) if self.follows(header) || self.began(next, header) => {
                (None, SegmentEnd::Rolled)
            }
            (None, Some((header, _))) if header.durable > reached => {
                (Some(reading.window.end()), SegmentEnd::Rolled)
            }
            (None, Some(_) | None) => (None, SegmentEnd::Tail { torn: fault }),
        };
        if let Some(end) = missing {
            let held = later.and_then(|(header, rows)| self.held(&header, rows));
            self.found_hole(Hole { from: reached, to: end, fault, held });
            self.crc = None;
            reading.byte = end;
        }
        Ok(ended)
    }

    /// Whether exactly one group is missing before a later one, and began the segment `next`: in the one
    /// before that nothing is missing.
    fn began(&self, next: Option<SegmentSequence>, later: &GroupHeader) -> bool {
        let first = next.map(|segment| LogPosition { segment, byte: 0 });
        first.is_some_and(|first| later.position > first) && self.is_behind_one(later)
    }

    /// Whether exactly one group is missing between the last one that was whole and a later one.
    fn is_behind_one(&self, later: &GroupHeader) -> bool {
        self.crc.is_some() && later.number == self.found.last_number + 2
    }

    /// What is missing before the group with this header, which repeats the directory `rows`: that is
    /// known if exactly one group is missing.
    fn held(&self, header: &GroupHeader, rows: Vec<Row>) -> Option<Vec<Row>> {
        self.is_behind_one(header).then_some(rows).filter(|rows| !rows.is_empty())
    }

    /// The group at the beginning of the next segment, if it is whole.
    async fn first_group<D: Disk>(
        &self,
        disk: &D,
        following: &[FileRow],
    ) -> Result<Option<(GroupHeader, Vec<Row>)>, ScanError> {
        let Some(row) = following.first() else { return Ok(None) };
        let mut reading = Reading::open(disk, row).await?;
        let found = self.group_here(&mut reading).await;
        reading.window.into_file().close().await?;
        Ok(found?)
    }

    /// The group at the beginning of the next segment, or if it is not whole, the first one in the
    /// segments behind this one that says that the log was durable beyond the place `reached`.
    async fn first_later<D: Disk>(
        &self,
        disk: &D,
        following: &[FileRow],
        reached: LogPosition,
    ) -> Result<Option<(GroupHeader, Vec<Row>)>, ScanError> {
        for (index, row) in following.iter().enumerate() {
            let mut reading = Reading::open(disk, row).await?;
            let first = self.group_here(&mut reading).await?;
            let counts = |header: &GroupHeader| index == 0 || header.durable > reached;
            let found = match first.filter(|(header, _)| counts(header)) {
                Some(first) => Some(first),
                None => self.find_later(&mut reading, reached).await?,
            };
            reading.window.into_file().close().await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The group at the place that was reached, if it is whole.
    async fn group_here<F: DiskFile>(
        &self,
        reading: &mut Reading<F>,
    ) -> Result<Option<(GroupHeader, Vec<Row>)>, DiskError> {
        let expected = self.expected(reading);
        let Ok(header) = reading.header(&expected).await? else { return Ok(None) };
        let bytes = reading.window.bytes_from(reading.byte, header.bytes).await?;
        let group = Group::check(bytes, &expected).ok();
        Ok(group.map(|group| (group.header, group.previous_rows().collect())))
    }

    fn expected<F: DiskFile>(&self, reading: &Reading<F>) -> Expected {
        Expected { log_id: self.log_id, epoch: reading.epoch, position: reading.reached() }
    }
}

impl<F: DiskFile> Reading<F>
where
    F::Buffer: DiskBuffer,
{
    /// Opens the file of a segment to read it from its beginning.
    async fn open<D: Disk<File = F>>(disk: &D, row: &FileRow) -> Result<Reading<F>, DiskError> {
        let (segment, epoch, sealed) = match row.holds {
            Holds::Open { segment, epoch } => (segment, epoch, None),
            Holds::Sealed { segment, epoch, end, .. } => (segment, epoch, Some(end)),
            Holds::Spare => unreachable!("spare files are not scanned"),
        };
        let file = disk.open_read_only(&segment_file_name(row.file)).await?;
        let length = u32::try_from(file.bytes()).unwrap_or(u32::MAX).min(row.bytes);
        let window = Window::new(file, sealed.unwrap_or(length));
        Ok(Reading { window, segment, epoch, sealed, byte: 0, group_count: 0 })
    }

    /// The place that was reached.
    fn reached(&self) -> LogPosition {
        LogPosition { segment: self.segment, byte: self.byte }
    }

    /// The header of the group at the place that was reached.
    async fn header(
        &mut self,
        expected: &Expected,
    ) -> Result<Result<GroupHeader, GroupFault>, DiskError> {
        let bytes = self.window.bytes_from(self.byte, GROUP_HEADER_BYTES as u32).await?;
        Ok(GroupHeader::read(bytes, expected).map(|(header, _)| header))
    }
}
