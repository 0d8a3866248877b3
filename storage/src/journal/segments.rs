//! Which segments a log has, where its next commit group goes, and what has to be done about its files.
//!
//! ```text
//! Spare --> prepared (Open, ahead) --> current (Open) --> full (Open, behind) --> Sealed --> Spare
//!       named by the manifest                        footer, then the manifest     released
//! ```
//!
//! A segment is prepared before it is needed, so a full disk shows while there is still room. One
//! prepared segment is kept for entries that make room, or say how far somebody has come (law L19): once
//! these have begun it, records wait until another one is prepared.

use std::collections::VecDeque;

use crate::disk::BLOCK_BYTES;
use crate::format::{Epoch, FileRow, Holds, LogPosition, Manifest, SegmentSequence, footer_bytes};
use crate::mutant::{self, Mutant};

/// How many segments are prepared ahead of the current one.
const PREPARED_COUNT: usize = 2;
/// How many of them only control entries may begin.
const KEPT_FOR_CONTROL: usize = 1;
/// Spare files that are kept; what is released beyond that goes back to the file system.
const SPARES_MAX: usize = 2;

/// What an entry is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Data that a client wants to have stored.
    Data,
    /// What must still be possible on a full disk: it makes room, or says how far somebody has come.
    Control,
}

/// The segments of a log that is open.
#[derive(Debug)]
pub(crate) struct Segments {
    /// What the manifest will say next time; the segments in order, then the spare files.
    manifest: Manifest,
    /// The segment that commit groups go to.
    current: SegmentSequence,
    /// The byte at which the next one goes there.
    byte: u32,
    /// How many batches the current segment holds.
    batch_count: usize,
    /// Segments that are full and not sealed, with their ends.
    behind: VecDeque<Full>,
    /// Sealed segments that nobody needs any more.
    released: Vec<SegmentSequence>,
    /// Files that the next manifest does not name any more.
    unnamed: Vec<u64>,
    /// The last segment that a durable manifest names: only up to there groups are written.
    named: SegmentSequence,
    /// Whether the manifest on the disk says something else.
    is_changed: bool,
}

/// A segment that nothing is written to any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Full {
    /// Which.
    pub(super) segment: SegmentSequence,
    /// Where it ends.
    pub(super) end: u32,
    /// The checksum of its last commit group.
    pub(super) crc: u32,
}

/// What has to be done about the files of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// Write the footer of a segment, then note with [`Segments::on_sealed`] that it is sealed.
    Seal(Full),
    /// Prepare a segment out of this spare file, or out of a new one.
    Prepare(Option<u64>),
    /// Turn what was released into spare files.
    Release,
    /// Write the manifest again: the disk had no room for it.
    Name,
}

impl Segments {
    /// How many segments a log is opened with: the current one, and those ahead.
    pub(crate) const PREPARED_AT_START: usize = 1 + PREPARED_COUNT;

    /// The segments that `manifest` names, of which the first open one takes commit groups from its
    /// beginning on.
    pub(crate) fn new(manifest: Manifest) -> Segments {
        let open = |(segment, row): (SegmentSequence, &FileRow)| {
            matches!(row.holds, Holds::Open { .. }).then_some(segment)
        };
        let current = manifest.segments().find_map(open);
        let named = manifest.segments().map(|(segment, _)| segment).last();
        Segments {
            named: named.expect("a log is opened with a new segment"),
            current: current.expect("a log is opened with a new segment"),
            manifest,
            byte: 0,
            batch_count: 0,
            behind: VecDeque::new(),
            released: Vec::new(),
            unnamed: Vec::new(),
            is_changed: false,
        }
    }

    /// What the manifest says next time it is written.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The row of a segment that cannot have been given back.
    pub(super) fn row(&self, segment: SegmentSequence) -> &FileRow {
        self.find(segment).expect("only segments that are named are asked for")
    }

    /// The row of a segment; nothing if it was given back.
    pub(super) fn find(&self, segment: SegmentSequence) -> Option<&FileRow> {
        let found = self.manifest.segments().find(|(named, _)| *named == segment);
        found.map(|(_, row)| row)
    }

    /// Where the next commit group goes if it stays in the current segment.
    pub(super) fn position(&self) -> LogPosition {
        LogPosition { segment: self.current, byte: self.byte }
    }

    /// How many segments are prepared ahead.
    pub(super) fn prepared_count(&self) -> usize {
        (self.named.0 - self.current.0) as usize
    }

    /// Whether commit groups of `bytes` with `batch_count` batches together have a place.
    pub(super) fn has_place(&self, bytes: usize, batch_count: usize, purpose: Purpose) -> bool {
        let kept = match purpose {
            Purpose::Data => KEPT_FOR_CONTROL,
            Purpose::Control => 0,
        };
        // Control entries have begun the segment that was kept for them: nothing else goes there until
        // another one is kept. Usually that is soon, and if the disk is full it is all that they have.
        if self.prepared_count() < kept {
            return false;
        }
        // What does not fit the current segment goes into the next one, and all of it would.
        let fits_next =
            bytes + footer_bytes(batch_count, batch_count) <= self.manifest.segment_bytes as usize;
        self.fits_current(bytes, batch_count) || (fits_next && self.prepared_count() > kept)
    }

    /// The footer of the segment must have room behind the group (law L1).
    fn fits_current(&self, bytes: usize, batch_count: usize) -> bool {
        let batches = self.batch_count + batch_count;
        let footer = footer_bytes(batches, batches);
        self.byte as usize + bytes + footer <= self.row(self.current).bytes as usize
    }

    /// Takes the place for a commit group: in the current segment, or at the beginning of the next one.
    /// `crc` is the checksum of the group before it.
    pub(super) fn take_place(&mut self, bytes: usize, batch_count: usize, crc: u32) -> LogPosition {
        if !self.fits_current(bytes, batch_count) {
            assert!(self.prepared_count() > 0, "a group is only filled if it has a place");
            self.behind.push_back(Full { segment: self.current, end: self.byte, crc });
            self.current = self.current.next();
            self.byte = 0;
            self.batch_count = 0;
            assert!(self.fits_current(bytes, batch_count), "a segment has room for any group");
        }
        let position = self.position();
        self.byte += bytes as u32;
        if mutant::is_active(Mutant::RewrittenBlock) && bytes > BLOCK_BYTES {
            self.byte -= BLOCK_BYTES as u32;
        }
        self.batch_count += batch_count;
        position
    }

    /// What to do next, the most urgent first; nothing if all is done. `may_ask`: whether the disk may be
    /// asked for room; `closing`: whether no more segments are needed.
    pub(super) fn next_job(
        &self,
        durable: LogPosition,
        may_ask: bool,
        closing: bool,
    ) -> Option<Job> {
        let spare = self.spares().next();
        let wanted = !closing && self.prepared_count() < PREPARED_COUNT;
        if wanted && may_ask {
            return Some(Job::Prepare(spare));
        }
        // Before its last group is durable a segment cannot be sealed: its end might move.
        let full = self.behind.front();
        let full =
            full.filter(|full| durable >= LogPosition { segment: full.segment, byte: full.end });
        if let Some(full) = full {
            return Some(Job::Seal(*full));
        }
        if !self.released.is_empty() {
            return Some(Job::Release);
        }
        (self.is_changed && may_ask).then_some(Job::Name)
    }

    fn spares(&self) -> impl Iterator<Item = u64> + '_ {
        let is_spare =
            |row: &&FileRow| row.holds == Holds::Spare && row.bytes == self.manifest.segment_bytes;
        self.manifest.files.iter().filter(is_spare).map(|row| row.file)
    }

    /// The number for a new file.
    pub(super) fn next_file(&self) -> u64 {
        self.manifest.next_file
    }

    /// A file was prepared: a spare one, or a new one with the number of [`Segments::next_file`]. It is
    /// named as the segment behind all others in the next manifest. Says which that is.
    pub(super) fn on_prepared(&mut self, file: u64, epoch: Epoch) -> SegmentSequence {
        let last = self.manifest.segments().map(|(segment, _)| segment).last();
        let segment = last.expect("there is a current segment").next();
        self.manifest.files.retain(|row| row.file != file);
        let row = FileRow {
            file,
            bytes: self.manifest.segment_bytes,
            holds: Holds::Open { segment, epoch },
        };
        let behind = self.manifest.segments().count();
        self.manifest.files.insert(behind, row);
        self.manifest.next_file = self.manifest.next_file.max(file + 1);
        segment
    }

    /// The manifest that names the segment is durable: groups may be written to it.
    pub(super) fn on_named(&mut self, segment: SegmentSequence) {
        assert!(segment == self.named.next(), "segments are prepared in their order");
        self.named = segment;
    }

    /// The disk had no room for the manifest that was to name the segment: its file is a spare one.
    pub(super) fn on_unnamed(&mut self, segment: SegmentSequence) {
        let is_it = |row: &FileRow| row.holds.segment() == Some(segment);
        let at = self.manifest.files.iter().position(is_it).expect("it was prepared");
        let row = self.manifest.files.remove(at);
        self.manifest.files.push(FileRow { holds: Holds::Spare, ..row });
    }

    /// Nothing more will be written: what was written to the current segment is all that it holds.
    /// Says whether there is anything.
    pub(super) fn finish(&mut self, crc: u32) -> bool {
        let is_new = self.behind.back().is_none_or(|full| full.segment != self.current);
        let is_open = matches!(self.row(self.current).holds, Holds::Open { .. });
        let finished = self.byte > 0 && is_new && is_open;
        if finished {
            self.behind.push_back(Full { segment: self.current, end: self.byte, crc });
        }
        finished
    }

    /// The footer of the first full segment is written, and has so many bytes: the next manifest says
    /// that it is sealed. The segment that was written to last may be far from full: its file ends behind
    /// the footer then, and that is where it has to be cut off.
    pub(super) fn on_sealed(&mut self, full: &Full, footer_bytes: u32) -> Option<u32> {
        assert!(self.behind.front() == Some(full), "segments are sealed in their order");
        self.behind.pop_front();
        let rows = self.manifest.files.iter_mut();
        let mut rows = rows.filter(|row| row.holds.segment() == Some(full.segment));
        let row = rows.next().expect("a full segment is named");
        let Holds::Open { segment, epoch } = row.holds else {
            unreachable!("a segment is sealed once");
        };
        let Full { end, crc, .. } = *full;
        row.holds = Holds::Sealed { segment, epoch, end, crc, footer_bytes };
        let is_last = segment == self.current;
        is_last.then(|| {
            row.bytes = end + footer_bytes;
            row.bytes
        })
    }

    /// The footer of a segment that had none is written: the next manifest says so, and that its file
    /// ends behind it.
    pub(super) fn on_footer(&mut self, segment: SegmentSequence, length: u32, file_end: u32) {
        let mut rows = self.manifest.files.iter_mut();
        let row = rows.find(|row| row.holds.segment() == Some(segment));
        let row = row.expect("a sealed segment is named until it is released");
        row.bytes = file_end;
        let Holds::Sealed { footer_bytes, .. } = &mut row.holds else {
            unreachable!("only sealed segments have footers");
        };
        *footer_bytes = length;
    }

    /// Nobody needs the sealed segments before this one any more. Says how many of them there are.
    pub(super) fn release_below(&mut self, needed: SegmentSequence) -> usize {
        let sealed = self.manifest.segments().filter(|(segment, row)| {
            *segment < needed && matches!(row.holds, Holds::Sealed { .. })
        });
        self.released = sealed.map(|(segment, _)| segment).collect();
        self.released.len()
    }

    /// Turns released segments into spare files in the next manifest. Files that are too many, or too
    /// short, to become a segment again are removed once the manifest that does not name them is durable.
    pub(super) fn recycle(&mut self) {
        let released = core::mem::take(&mut self.released);
        self.manifest.released = released.last().copied().unwrap_or(self.manifest.released);
        let is_released =
            |row: &FileRow| row.holds.segment().is_some_and(|named| released.contains(&named));
        let (gone, mut kept): (Vec<FileRow>, Vec<FileRow>) =
            self.manifest.files.drain(..).partition(is_released);
        let mut spare_count = kept.iter().filter(|row| row.holds == Holds::Spare).count();
        for row in gone {
            if row.bytes == self.manifest.segment_bytes && spare_count < SPARES_MAX {
                spare_count += 1;
                kept.push(FileRow { holds: Holds::Spare, ..row });
            } else {
                self.unnamed.push(row.file);
            }
        }
        self.manifest.files = kept;
    }

    /// The manifest as it is written next; its number is one more than that of the last.
    pub(super) fn next_manifest(&mut self) -> &Manifest {
        self.manifest.number += 1;
        self.is_changed = true;
        &self.manifest
    }

    /// The manifest that was asked for last is durable. Gives back the numbers of files that no manifest
    /// names any more.
    pub(super) fn on_manifest(&mut self) -> Vec<u64> {
        self.is_changed = false;
        core::mem::take(&mut self.unnamed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT_BYTES: u32 = 64 * 1024;
    const GROUP_BYTES: usize = BLOCK_BYTES;

    /// A log with one current segment and `PREPARED_COUNT` ahead.
    fn segments() -> Segments {
        let files = (1..=Segments::PREPARED_AT_START as u64).map(|number| FileRow {
            file: number,
            bytes: SEGMENT_BYTES,
            holds: Holds::Open { segment: SegmentSequence(number), epoch: Epoch(1) },
        });
        let files: Vec<FileRow> = files.collect();
        Segments::new(Manifest {
            log_id: 1,
            number: 1,
            epoch: Epoch(1),
            segment_bytes: SEGMENT_BYTES,
            next_file: 1 + files.len() as u64,
            released: SegmentSequence(0),
            files,
        })
    }

    /// Takes places as long as there are any; how many.
    fn fill(segments: &mut Segments, purpose: Purpose) -> usize {
        let mut count = 0;
        // Ends because segments are of some size.
        while segments.has_place(GROUP_BYTES, 1, purpose) {
            segments.take_place(GROUP_BYTES, 1, 0);
            count += 1;
        }
        count
    }

    #[test]
    fn l19_records_stay_out_of_what_is_kept_also_when_control_entries_have_begun_it() {
        let mut segments = segments();
        let records = fill(&mut segments, Purpose::Data);
        assert_eq!(segments.prepared_count(), KEPT_FOR_CONTROL, "{records} records have a place");
        assert!(segments.has_place(GROUP_BYTES, 1, Purpose::Control));
        segments.take_place(GROUP_BYTES, 1, 0);
        assert_eq!(segments.prepared_count(), 0);
        assert!(!segments.has_place(GROUP_BYTES, 1, Purpose::Data), "it is not for records");
        let kept = fill(&mut segments, Purpose::Control);
        assert_eq!(kept + 1, records / PREPARED_COUNT, "control entries have all of it");
    }

    #[test]
    fn l19_records_go_on_behind_control_entries_once_another_segment_is_kept() {
        let mut segments = segments();
        fill(&mut segments, Purpose::Data);
        segments.take_place(GROUP_BYTES, 1, 0);
        assert!(!segments.has_place(GROUP_BYTES, 1, Purpose::Data));
        let prepared = segments.on_prepared(segments.next_file(), Epoch(1));
        assert!(!segments.has_place(GROUP_BYTES, 1, Purpose::Data), "it is not named yet");
        segments.on_named(prepared);
        assert!(fill(&mut segments, Purpose::Data) > 0, "in the segment that is begun");
        assert_eq!(segments.prepared_count(), KEPT_FOR_CONTROL);
    }
}
