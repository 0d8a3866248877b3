//! Where every batch stands on a disk: found by walking through all segments when a process begins, and
//! noted when a commit group becomes durable.

use std::collections::BTreeMap;

use coilgun_storage::disk::BLOCK_BYTES;
use coilgun_storage::disk::sim::SimWorld;
use coilgun_storage::format::{
    Append, Entry, Expected, Group, Holds, LogPosition, MANIFEST_FILE_NAME, Manifest,
    SegmentSequence, segment_file_name,
};
use coilgun_storage::journal::DurableGroup;

use super::batch::hash;
use super::run::LOG_ID;
use crate::finding::{Finding, demand};

/// All batches of a log.
#[derive(Debug, Default)]
pub(super) struct Book {
    places: BTreeMap<(u64, u64), Place>,
}

/// Where one batch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Its entry.
    pub(super) entry: LogPosition,
    /// Its commit group.
    pub(super) group: LogPosition,
}

/// A batch as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadBatch {
    pub(super) head: Append,
    pub(super) body_hash: u64,
    pub(super) body_bytes: usize,
}

impl ReadBatch {
    pub(super) fn of(head: Append, body: &[u8]) -> ReadBatch {
        ReadBatch { head, body_hash: hash(body), body_bytes: body.len() }
    }
}

impl Book {
    /// Walks through the segments that are sealed; gives back what stands there, in order.
    pub(super) fn of_disk(world: &SimWorld) -> Result<(Book, Vec<ReadBatch>), Finding> {
        let (mut book, mut all) = (Book::default(), Vec::new());
        for (segment, row) in manifest(world)?.segments() {
            let Holds::Sealed { epoch, end, .. } = row.holds else { continue };
            let bytes = world.contents(&segment_file_name(row.file)).unwrap_or_default();
            let mut byte = 0;
            while byte < end {
                let position = LogPosition { segment, byte };
                let expected = Expected { log_id: LOG_ID, epoch, position };
                let rest = bytes.get(byte as usize..).unwrap_or_default();
                // What has rotted is passed over, block by block.
                let Ok(group) = Group::check(rest, &expected) else {
                    byte += BLOCK_BYTES as u32;
                    continue;
                };
                book.add_entries(&group, &mut all)?;
                byte += group.header.bytes;
            }
        }
        Ok((book, all))
    }

    fn add_entries(&mut self, group: &Group<'_>, all: &mut Vec<ReadBatch>) -> Result<(), Finding> {
        for (entry, found) in group.entries() {
            if let Entry::Append(head, body) = found {
                all.push(ReadBatch::of(head, body));
                self.add(&head, Place { entry, group: group.header.position })?;
            }
        }
        Ok(())
    }

    /// A commit group has become durable.
    pub(super) fn on_durable<B>(&mut self, group: &DurableGroup<B>) -> Result<(), Finding> {
        let position = group.position;
        for batch in &group.batches {
            let entry = LogPosition { byte: position.byte + batch.byte, ..position };
            self.add(&batch.head, Place { entry, group: position })?;
        }
        Ok(())
    }

    fn add(&mut self, head: &Append, place: Place) -> Result<(), Finding> {
        let before = self.places.insert((head.partition, head.base_offset), place);
        demand(before.is_none(), "an offset is given once", || {
            format!("{head:?} at {place:?} and at {before:?}")
        })
    }

    /// Where a batch stands.
    pub(super) fn place(&self, partition: u64, base_offset: u64) -> Option<Place> {
        self.places.get(&(partition, base_offset)).copied()
    }
}

/// The file of a segment, if it has not been given back.
pub(super) fn file_of(
    world: &SimWorld,
    segment: SegmentSequence,
) -> Result<Option<String>, Finding> {
    let manifest = manifest(world)?;
    let mut segments = manifest.segments();
    let found = segments.find(|(named, _)| *named == segment);
    Ok(found.map(|(_, row)| segment_file_name(row.file)))
}

fn manifest(world: &SimWorld) -> Result<Manifest, Finding> {
    let bytes = world.contents(MANIFEST_FILE_NAME).unwrap_or_default();
    Manifest::from_bytes(&bytes)
        .map_err(|fault| Finding::new("there is a manifest", fault.to_string()))
}
