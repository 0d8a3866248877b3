//! Shows what stands in the files of a log, one thing after the other, whether it is whole or not.
//!
//! It decides nothing, and holds no more than a commit group and a stretch of a segment at a time.

use core::ops::ControlFlow;

use super::survey::{Content, survey};
use super::window::Window;
use crate::disk::{BLOCK_BYTES, DirectoryEntry, Disk, DiskBuffer, DiskError, DiskFile, FileKind};
use crate::format::{
    Expected, FileRow, Footer, FooterFault, GROUP_HEADER_BYTES, Group, GroupFault, GroupHeader,
    Holds, LogPosition, MANIFEST_BYTES_MAX, MANIFEST_FILE_NAME, Manifest, ManifestFault,
    SLOT_COUNT, SUPERBLOCK_FILE_NAME, SegmentSequence, Slot, segment_file_name,
};

/// Which part of a log is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// From this place on; from the first segment if there is none.
    pub from: LogPosition,
    /// This segment only.
    pub only: Option<SegmentSequence>,
}

/// Something that stands in the files of a log.
#[derive(Debug)]
pub enum Inspected<'a> {
    /// There is no manifest.
    NoManifest,
    /// The manifest, or why it is none.
    Manifest(Result<&'a Manifest, ManifestFault>),
    /// A slot of the superblock; nothing if there is no superblock.
    Slot(usize, Option<Slot>),
    /// A file of the manifest or, if there is none, what a file says of itself; and how long it is, if it is
    /// there.
    File(&'a FileRow, Option<u64>),
    /// A whole commit group, and whether it follows the one before it, if that is known.
    Group(&'a Group<'a>, Option<bool>),
    /// A stretch without a whole commit group.
    Fault {
        /// Where it begins.
        from: LogPosition,
        /// The byte of the same segment at which the next one may begin.
        to: u32,
        /// What is wrong at its beginning.
        fault: GroupFault,
    },
    /// What stands in the place of a footer.
    Footer(LogPosition, Result<&'a Footer, FooterFault>),
}

/// Hands out what stands in the files of the log `log_id`, in the order of the log, until `on_inspected` has
/// heard enough. Nothing on the disk is changed.
///
/// # Errors
/// If the disk cannot read.
pub async fn inspect<D: Disk>(
    disk: &D,
    log_id: u128,
    part: Part,
    on_inspected: &mut dyn FnMut(&Inspected<'_>) -> ControlFlow<()>,
) -> Result<(), DiskError> {
    let entries = disk.list().await?;
    let has = |name: &str| entries.iter().any(|it| it.name == name && it.kind == FileKind::File);
    let manifest = match has(MANIFEST_FILE_NAME) {
        true => {
            let bytes = disk.read_small(MANIFEST_FILE_NAME, MANIFEST_BYTES_MAX).await?;
            Some(Manifest::from_bytes(&bytes))
        }
        false => None,
    };
    let told = match &manifest {
        None => Inspected::NoManifest,
        Some(read) => Inspected::Manifest(read.as_ref().map_err(|fault| *fault)),
    };
    let mut flow = on_inspected(&told);
    let slots = read_slots(disk, log_id, has(SUPERBLOCK_FILE_NAME)).await?;
    for (index, slot) in (0..).zip(slots) {
        if flow.is_continue() {
            flow = on_inspected(&Inspected::Slot(index, slot));
        }
    }
    let rows = match manifest {
        Some(Ok(manifest)) => manifest.files,
        Some(Err(_)) | None => rows_by_content(disk, log_id, &entries).await?,
    };
    let mut inspection = Inspection { log_id, crc: None, on_inspected };
    for row in &rows {
        if flow.is_continue() {
            flow = inspection.file(disk, row, &entries, part).await?;
        }
    }
    Ok(())
}

async fn read_slots<D: Disk>(
    disk: &D,
    log_id: u128,
    is_there: bool,
) -> Result<[Option<Slot>; SLOT_COUNT], DiskError> {
    if !is_there {
        return Ok([None; SLOT_COUNT]);
    }
    let bytes = disk.read_small(SUPERBLOCK_FILE_NAME, SLOT_COUNT * BLOCK_BYTES).await?;
    let slot = |index: usize| {
        let block = bytes.get(index * BLOCK_BYTES..).and_then(|rest| rest.first_chunk());
        Some(block.map_or(Slot::Damaged, |block| Slot::read(block, log_id, index)))
    };
    Ok([slot(0), slot(1)])
}

/// The files in the order of the segments that they say they are, and then those that are none.
async fn rows_by_content<D: Disk>(
    disk: &D,
    log_id: u128,
    entries: &[DirectoryEntry],
) -> Result<Vec<FileRow>, DiskError> {
    let surveyed = survey(disk, log_id, entries).await?;
    let mut rows: Vec<FileRow> = surveyed
        .iter()
        .map(|it| {
            let holds = match it.content {
                Content::Segment { segment, epoch, .. } => Holds::Open { segment, epoch },
                Content::Zeros | Content::Nothing | Content::OtherVersion(_) => Holds::Spare,
            };
            FileRow { file: it.file, bytes: it.bytes, holds }
        })
        .collect();
    rows.sort_by_key(|row| (row.holds.segment().is_none(), row.holds.segment(), row.file));
    Ok(rows)
}

/// A log that is looked at.
struct Inspection<'a> {
    log_id: u128,
    /// The checksum of the commit group before; nothing if it is not known.
    crc: Option<u32>,
    on_inspected: &'a mut dyn FnMut(&Inspected<'_>) -> ControlFlow<()>,
}

impl Inspection<'_> {
    async fn file<D: Disk>(
        &mut self,
        disk: &D,
        row: &FileRow,
        entries: &[DirectoryEntry],
        part: Part,
    ) -> Result<ControlFlow<()>, DiskError> {
        let (place, end) = match row.holds {
            Holds::Spare => (None, None),
            Holds::Open { segment, epoch } => (Some((segment, epoch)), None),
            Holds::Sealed { segment, epoch, end, .. } => (Some((segment, epoch)), Some(end)),
        };
        let is_wanted = match place {
            None => part == Part::default(),
            Some((segment, _)) => {
                segment >= part.from.segment && part.only.is_none_or(|only| only == segment)
            }
        };
        if !is_wanted {
            self.crc = None;
            return Ok(ControlFlow::Continue(()));
        }
        let name = segment_file_name(row.file);
        let entry = entries.iter().find(|it| it.name == name && it.kind == FileKind::File);
        let bytes = entry.map(|entry| entry.bytes);
        let mut flow = (self.on_inspected)(&Inspected::File(row, bytes));
        let Some(((segment, epoch), bytes)) = place.zip(bytes) else { return Ok(flow) };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(end.unwrap_or(row.bytes));
        let from = if segment == part.from.segment { part.from.byte } else { 0 };
        let begin = LogPosition { segment, byte: from };
        let place = Expected { log_id: self.log_id, epoch, position: begin };
        let window =
            Window::new(disk.open_read_only(&name).await?, bytes - bytes % BLOCK_BYTES as u32);
        if flow.is_continue() {
            flow = self.groups(window, place).await?;
        }
        if flow.is_continue() {
            flow = self.footer(disk, row, place).await?;
        }
        Ok(flow)
    }

    /// Hands out what stands from `place` on in its segment.
    async fn groups<F: DiskFile>(
        &mut self,
        mut window: Window<F>,
        mut place: Expected,
    ) -> Result<ControlFlow<()>, DiskError>
    where
        F::Buffer: DiskBuffer,
    {
        let mut flow = ControlFlow::Continue(());
        if place.position.byte > 0 {
            self.crc = None;
        }
        while flow.is_continue() && place.position.byte < window.end() {
            let byte = place.position.byte;
            let head = window.bytes_from(byte, GROUP_HEADER_BYTES as u32).await?;
            let checked = match GroupHeader::read(head, &place) {
                Err(fault) => Err(fault),
                Ok((header, _)) => {
                    Group::check(window.bytes_from(byte, header.bytes).await?, &place)
                }
            };
            match checked {
                Ok(group) => {
                    let follows = self.crc.map(|crc| crc == group.header.previous_crc);
                    self.crc = Some(group.crc);
                    flow = (self.on_inspected)(&Inspected::Group(&group, follows));
                    place.position = group.end();
                }
                Err(fault) => {
                    let to = next_header(&mut window, place).await?;
                    self.crc = None;
                    let from = place.position;
                    flow = (self.on_inspected)(&Inspected::Fault { from, to, fault });
                    place.position.byte = to;
                }
            }
        }
        window.into_file().close().await?;
        Ok(flow)
    }

    /// Hands out the footer of a sealed segment, if the manifest promises one.
    async fn footer<D: Disk>(
        &mut self,
        disk: &D,
        row: &FileRow,
        mut place: Expected,
    ) -> Result<ControlFlow<()>, DiskError> {
        let Holds::Sealed { end, crc, footer_bytes, .. } = row.holds else {
            return Ok(ControlFlow::Continue(()));
        };
        if footer_bytes == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        place.position.byte = end;
        let file = disk.open_read_only(&segment_file_name(row.file)).await?;
        let is_there = (footer_bytes as usize).is_multiple_of(BLOCK_BYTES)
            && file.bytes() >= u64::from(end) + u64::from(footer_bytes);
        let read = match is_there {
            true => {
                let bytes = file.read(u64::from(end), footer_bytes as usize).await?;
                Footer::read(bytes.as_ref(), &place, crc)
            }
            false => Err(FooterFault::Damaged),
        };
        file.close().await?;
        let told = Inspected::Footer(place.position, read.as_ref().map_err(|fault| *fault));
        Ok((self.on_inspected)(&told))
    }
}

/// The next byte behind a place at which the header of a commit group stands, or the end.
async fn next_header<F: DiskFile>(
    window: &mut Window<F>,
    mut place: Expected,
) -> Result<u32, DiskError>
where
    F::Buffer: DiskBuffer,
{
    while place.position.byte + (BLOCK_BYTES as u32) < window.end() {
        place.position.byte += BLOCK_BYTES as u32;
        let head = window.bytes_from(place.position.byte, GROUP_HEADER_BYTES as u32).await?;
        if GroupHeader::read(head, &place).is_ok() {
            return Ok(place.position.byte);
        }
    }
    Ok(window.end())
}
