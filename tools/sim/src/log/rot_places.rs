//! Where in the files of a log something counts, from what was written there, before anything rots.

use std::collections::BTreeMap;
use std::ops::Range;

use coilgun_storage::disk::BLOCK_BYTES;
use coilgun_storage::format::{
    GROUP_HEADER_BYTES, Holds, LogPosition, MANIFEST_FILE_NAME, Manifest, PREFIX_BYTES, ROW_BYTES,
    SUPERBLOCK_FILE_NAME, SegmentSequence, segment_file_name,
};

use super::rot_build::{Ending, GroupPlace, Model};

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Area {
    Header,
    Directory,
    Head,
    Body,
    Padding,
    Footer,
    Superblock,
    Manifest,
    /// Nothing that counts.
    Void,
}

impl Area {
    pub(super) const ALL: [Area; 9] = [
        Area::Header,
        Area::Directory,
        Area::Head,
        Area::Body,
        Area::Padding,
        Area::Footer,
        Area::Superblock,
        Area::Manifest,
        Area::Void,
    ];
}

/// Whether damage to a place must be found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Counts {
    /// It must not be: nothing that counts stands there.
    No,
    /// It may be, and need not: the last commit group, of which nothing says that it was durable (law L2);
    /// or nobody knows whether something was written there.
    Perhaps,
    /// It must.
    Yes,
}

/// A stretch of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) file: String,
    pub(super) bytes: Range<usize>,
    pub(super) area: Area,
    pub(super) counts: Counts,
}

/// All files of a log.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Divides the files of a log into what stands in them.
pub(super) fn stretches(files: &Files, model: &Model, ending: Ending) -> Vec<Stretch> {
    let manifest = &files[MANIFEST_FILE_NAME];
    let parsed = Manifest::from_bytes(manifest).expect("it did not rot yet");
    let mut all = vec![Stretch {
        file: MANIFEST_FILE_NAME.to_owned(),
        bytes: 0..manifest.len(),
        area: Area::Manifest,
        counts: Counts::Yes,
    }];
    for slot in 0..2 {
        let bytes = slot * BLOCK_BYTES..(slot + 1) * BLOCK_BYTES;
        let is_blank = files[SUPERBLOCK_FILE_NAME][bytes.clone()].iter().all(|byte| *byte == 0);
        let counts = if is_blank { Counts::Perhaps } else { Counts::Yes };
        let file = SUPERBLOCK_FILE_NAME.to_owned();
        all.push(Stretch { file, bytes, area: Area::Superblock, counts });
    }
    for (name, bytes) in files {
        let row = parsed.files.iter().find(|row| segment_file_name(row.file) == *name);
        let holds = row.map_or(Holds::Spare, |row| row.holds);
        if name.starts_with("segment-") {
            all.extend(of_segment(name, bytes, holds, model, ending));
        }
    }
    all
}

fn of_segment(
    name: &str,
    bytes: &[u8],
    holds: Holds,
    model: &Model,
    ending: Ending,
) -> Vec<Stretch> {
    let stretch = |bytes, area, counts| Stretch { file: name.to_owned(), bytes, area, counts };
    let (end, footer_end, is_sealed) = match holds {
        Holds::Spare => return vec![stretch(0..bytes.len(), Area::Void, Counts::No)],
        Holds::Open { .. } => (bytes.len(), bytes.len(), false),
        Holds::Sealed { end, footer_bytes, .. } => {
            (end as usize, (end + footer_bytes) as usize, true)
        }
    };
    let segment = holds.segment().unwrap_or_default();
    let last = model.groups.last().map(|group| group.position);
    let mut all = Vec::new();
    let mut at = 0;
    for group in model.groups.iter().filter(|group| group.position.segment == segment) {
        // Of the last one nothing says that it was durable; it needs none to say so if a client was told
        // so long ago that a watermark had to follow.
        let is_open_end = !is_sealed && Some(group.position) == last;
        let is_told = ending == Ending::Idle && group.batch_count > 0;
        let counts = if is_open_end && !is_told { Counts::Perhaps } else { Counts::Yes };
        for (bytes, area) in areas(bytes, group) {
            all.push(stretch(bytes, area, counts));
        }
        at = (group.position.byte + group.bytes) as usize;
    }
    if is_sealed {
        assert!(at == end, "a segment is sealed where its last commit group ends");
        if end < footer_end {
            all.push(stretch(end..footer_end, Area::Footer, Counts::Yes));
        }
        at = footer_end;
    }
    let counts = if ending == Ending::Abrupt && !is_sealed { Counts::Perhaps } else { Counts::No };
    if at < bytes.len() {
        all.push(stretch(at..bytes.len(), Area::Void, counts));
    }
    all
}

/// What stands where in a commit group; the lengths are read as docs/STORAGE_FORMAT.md says.
fn areas(file: &[u8], group: &GroupPlace) -> Vec<(Range<usize>, Area)> {
    let begin = group.position.byte as usize;
    let number =
        |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
    let (entries, entries_bytes) = (number(begin + 56), number(begin + 60));
    let rows = entries + number(begin + 68);
    let mut all = vec![(begin..begin + GROUP_HEADER_BYTES, Area::Header)];
    let mut at = begin + GROUP_HEADER_BYTES;
    let directory = at + entries_bytes;
    for _ in 0..entries {
        let head_bytes = usize::from(u16::from_le_bytes([file[at + 2], file[at + 3]]));
        let body = at + PREFIX_BYTES + head_bytes;
        let body_end = body + number(at + 4);
        let next = body_end.next_multiple_of(8);
        all.push((at..body, Area::Head));
        all.push((body..body_end, Area::Body));
        all.push((body_end..next, Area::Padding));
        at = next;
    }
    assert!(at == directory, "entries end where the directory begins");
    let padding = directory + rows * ROW_BYTES;
    all.push((directory..padding, Area::Directory));
    all.push((padding..begin + group.bytes as usize, Area::Padding));
    all.retain(|(bytes, _)| !bytes.is_empty());
    all
}

/// The file in which a segment stands.
pub(super) fn file_of(files: &Files, segment: SegmentSequence) -> Option<String> {
    let manifest = Manifest::from_bytes(&files[MANIFEST_FILE_NAME]).expect("it did not rot");
    let mut segments = manifest.segments();
    let found = segments.find(|(named, _)| *named == segment);
    found.map(|(_, row)| segment_file_name(row.file))
}

/// The place of the first commit group that is kept.
pub(super) fn beginning(files: &Files) -> LogPosition {
    let manifest = Manifest::from_bytes(&files[MANIFEST_FILE_NAME]).expect("it did not rot");
    let first = manifest.segments().next().map_or(SegmentSequence(0), |(segment, _)| segment);
    LogPosition { segment: first, byte: 0 }
}
