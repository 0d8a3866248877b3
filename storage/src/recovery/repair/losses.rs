//! Which records are gone, as far as what is left of a log says so.

use std::collections::HashMap;

use crate::format::{Append, Entry, EntryKind, Group, Row, Truncation};
use crate::recovery::found::Hole;
use crate::recovery::scan::Visitor;

/// Records of a partition that are gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LostRecords {
    /// The partition's number.
    pub partition: u64,
    /// Its incarnation.
    pub incarnation: u32,
    /// The offset of the first one.
    pub from: u64,
    /// The offset behind the last one; nothing if nobody knows it, and whether there was one at all.
    pub to: Option<u64>,
}

impl core::fmt::Display for LostRecords {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let LostRecords { partition, incarnation, from, to } = self;
        write!(f, "partition {partition} (incarnation {incarnation}): ")?;
        match to {
            Some(to) => write!(f, "records {from} to {}", to - 1),
            None => write!(f, "records from {from} on, if there were any"),
        }
    }
}

/// Looks for records that are missing, while what is left is scanned.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Where each incarnation of a partition ended, and how many holes there were before that.
    ends: HashMap<(u64, u32), (u64, usize)>,
    hole_count: usize,
    lost: Vec<LostRecords>,
}

impl Losses {
    /// Something is missing here, nobody knows what.
    pub(super) fn on_gap(&mut self) {
        self.hole_count += 1;
    }

    /// What is gone.
    pub(super) fn finish(mut self) -> Vec<LostRecords> {
        for ((partition, incarnation), (end, holes)) in self.ends {
            if holes < self.hole_count {
                let to = None;
                self.lost.push(LostRecords { partition, incarnation, from: end, to });
            }
        }
        self.lost.sort_unstable();
        self.lost
    }

    fn on_append(&mut self, head: &Append) {
        let key = (head.partition, head.incarnation);
        let end = head.base_offset + u64::from(head.count);
        let (before, _) = self.ends.insert(key, (end, self.hole_count)).unwrap_or_default();
        if before < head.base_offset && self.hole_count > 0 {
            let (partition, incarnation) = key;
            let to = Some(head.base_offset);
            self.lost.push(LostRecords { partition, incarnation, from: before, to });
        }
    }

    /// Exactly these entries are missing.
    fn on_missing(&mut self, rows: &[Row]) {
        for row in rows {
            if EntryKind::from_number(row.kind) != Some(EntryKind::Append) {
                continue;
            }
            let of_it =
                self.ends.iter_mut().filter(|((partition, _), _)| *partition == row.partition);
            let latest = of_it.max_by_key(|((_, incarnation), _)| *incarnation);
            let end = row.base_offset.saturating_add(u64::from(row.count));
            let incarnation = latest.map_or(0, |((_, incarnation), known)| {
                known.0 = end;
                *incarnation
            });
            let (partition, from) = (row.partition, row.base_offset);
            self.lost.push(LostRecords { partition, incarnation, from, to: Some(end) });
        }
    }
}

impl Visitor for Losses {
    fn on_group(&mut self, group: &Group<'_>) {
        for (_, entry) in group.entries() {
            match entry {
                Entry::Append(head, _) => self.on_append(&head),
                Entry::Truncate(head) => {
                    let key = (head.partition, head.incarnation);
                    if head.truncation == Truncation::End.number() {
                        self.ends.insert(key, (head.offset, self.hole_count));
                    } else if head.truncation != Truncation::Beginning.number() {
                        self.ends.retain(|(partition, _), _| *partition != head.partition);
                    }
                }
                Entry::Cursor(_)
                | Entry::Producer(..)
                | Entry::Metadata(..)
                | Entry::CheckpointChunk(..)
                | Entry::Watermark(_)
                | Entry::SegmentReplace(..)
                | Entry::EndOfEpoch(_)
                | Entry::RaftHardState(_)
                | Entry::Extension(..) => {}
            }
        }
    }

    fn on_hole(&mut self, hole: &Hole) {
        match &hole.held {
            Some(rows) => self.on_missing(rows),
            None => self.on_gap(),
        }
    }
}
