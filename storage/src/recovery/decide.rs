//! What to do with what was found: tables without any IO, tested over every combination.

use std::collections::BTreeSet;

use super::found::Hole;
use crate::format::EntryKind;

/// What stands under the manifest's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundManifest {
    /// Nothing.
    Missing,
    /// Something that is no manifest, or a damaged one.
    Damaged,
    /// One of another version of the format.
    OtherVersion(u16),
    /// One of another log.
    OtherLog,
    /// A manifest of this log.
    Valid,
}

/// What a slot of the superblock holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundSlot {
    /// Nothing, or there is no superblock.
    Blank,
    /// Something that is no checkpoint, or a damaged one.
    Damaged,
    /// One of another version of the format.
    OtherVersion(u16),
    /// One of another log.
    OtherLog,
    /// A checkpoint whose first commit group is in a segment that the manifest names.
    Valid {
        /// Its number.
        checkpoint: u64,
    },
    /// A checkpoint whose first commit group is in none.
    OutOfReach,
}

/// What files of segments there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundFiles {
    /// None at all, and the manifest, if there is one, names none.
    None,
    /// All that the manifest names, each at least as long as what counts in it; if there is no
    /// manifest, some.
    Complete,
    /// One that the manifest names is gone.
    Missing {
        /// The number of the file.
        file: u64,
    },
    /// One that the manifest names is shorter than what counts in it.
    Short {
        /// The number of the file.
        file: u64,
    },
    /// One that the manifest does not name holds a later segment than it knows: the manifest is older
    /// than the segments.
    Newer {
        /// The number of the file.
        file: u64,
    },
}

/// What was found beside the commit groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Under the manifest's name.
    pub manifest: FoundManifest,
    /// In the slots of the superblock.
    pub slots: [FoundSlot; 2],
    /// Of segments.
    pub files: FoundFiles,
    /// Whether no segment was ever given back: what is there is all there ever was.
    pub from_the_beginning: bool,
}

/// Where replay can begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At the first segment, before which there never was anything.
    Beginning,
    /// At the checkpoint in this slot.
    Slot(usize),
}

/// What to do with a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// There is none: make it.
    Create,
    /// Replay it from the first of these; from the next one if the checkpoint turns out to be
    /// unreadable.
    Open([Option<Start>; 3]),
    /// Touch nothing.
    Refuse(Refusal),
}

/// Why a log is not opened. Nothing on the disk was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Something was written by another version.
    #[error(
        "it was written in version {0} of the format, which this Coilgun does not know; use the version that wrote it"
    )]
    OtherVersion(u16),
    /// Something belongs to another log.
    #[error("the files of two logs are mixed; put each back where it belongs")]
    OtherLog,
    /// The manifest is damaged.
    #[error(
        "the manifest is damaged; restore the directory from a backup, or let `coilgun log repair` make a new one from the segments"
    )]
    ManifestDamaged,
    /// There are segments or a superblock, and no manifest.
    #[error(
        "there are files of a log and no manifest; restore the directory from a backup, or let `coilgun log repair` make a new one from the segments"
    )]
    ManifestMissing,
    /// The manifest is older than the segments.
    #[error(
        "the manifest is older than segment file {0:016x}; restore all files of a directory together, or let `coilgun log repair` make a new one from the segments"
    )]
    ManifestOld(u64),
    /// A segment's file is gone.
    #[error(
        "segment file {0:016x} is missing; restore the directory from a backup, or let `coilgun log repair` go on without what it held"
    )]
    SegmentMissing(u64),
    /// A segment's file is too short.
    #[error(
        "segment file {0:016x} is shorter than what was written to it; restore the directory from a backup, or let `coilgun log repair` go on without what it has lost"
    )]
    SegmentShort(u64),
    /// There is no checkpoint to begin at, and the first segment is gone.
    #[error(
        "neither slot of the superblock holds a checkpoint that the segments begin at; restore the directory from a backup, or let `coilgun log repair` look for one in the segments"
    )]
    NoCheckpoint,
}

/// Decides what to do with a log.
#[must_use]
pub fn decide(found: &Found) -> Decision {
    match refusal(found) {
        Some(refusal) => Decision::Refuse(refusal),
        None if found.manifest == FoundManifest::Missing => Decision::Create,
        None => match starts(found) {
            [None, ..] => Decision::Refuse(Refusal::NoCheckpoint),
            starts => Decision::Open(starts),
        },
    }
}

/// What speaks against touching the log; what is of another version or log comes first, because
/// everything else about it may mean something else.
fn refusal(found: &Found) -> Option<Refusal> {
    for slot in found.slots {
        if let FoundSlot::OtherVersion(version) = slot {
            return Some(Refusal::OtherVersion(version));
        }
    }
    let other_log = found.slots.contains(&FoundSlot::OtherLog);
    let nothing_else = found.files == FoundFiles::None && found.slots == [FoundSlot::Blank; 2];
    match found.manifest {
        FoundManifest::OtherVersion(version) => Some(Refusal::OtherVersion(version)),
        FoundManifest::OtherLog => Some(Refusal::OtherLog),
        FoundManifest::Damaged | FoundManifest::Missing | FoundManifest::Valid if other_log => {
            Some(Refusal::OtherLog)
        }
        FoundManifest::Damaged => Some(Refusal::ManifestDamaged),
        FoundManifest::Missing if nothing_else => None,
        FoundManifest::Missing => Some(Refusal::ManifestMissing),
        FoundManifest::Valid => match found.files {
            FoundFiles::None | FoundFiles::Complete => None,
            FoundFiles::Missing { file } => Some(Refusal::SegmentMissing(file)),
            FoundFiles::Short { file } => Some(Refusal::SegmentShort(file)),
            FoundFiles::Newer { file } => Some(Refusal::ManifestOld(file)),
        },
    }
}

/// The later checkpoint, the earlier one, the beginning: as far as they are there (law L9).
fn starts(found: &Found) -> [Option<Start>; 3] {
    let mut valid: Vec<(u64, usize)> = (0..)
        .zip(found.slots)
        .filter_map(|(index, slot)| match slot {
            FoundSlot::Valid { checkpoint } => Some((checkpoint, index)),
            FoundSlot::Blank
            | FoundSlot::Damaged
            | FoundSlot::OtherVersion(_)
            | FoundSlot::OtherLog
            | FoundSlot::OutOfReach => None,
        })
        .collect();
    valid.sort_unstable_by(|one, other| other.cmp(one));
    let checkpoints = valid.into_iter().map(|(_, index)| Start::Slot(index));
    let beginning = found.from_the_beginning.then_some(Start::Beginning);
    let mut starts = checkpoints.chain(beginning);
    [starts.next(), starts.next(), starts.next()]
}

/// What can no longer be proven, and therefore only be read until the log is repaired (law L8).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Unproven {
    /// Nothing: all that was ever durable is there.
    #[default]
    Nothing,
    /// The ends of these partitions, and what is known about their producers and consumer groups.
    Partitions(BTreeSet<u64>),
    /// Everything: nobody can say what is missing, or something about the broker itself is.
    Everything,
}

/// Decides what can no longer be proven, from the holes of a log.
#[must_use]
pub fn decide_unproven(holes: &[Hole]) -> Unproven {
    let mut partitions = BTreeSet::new();
    for hole in holes {
        let Some(rows) = &hole.held else { return Unproven::Everything };
        for row in rows {
            match EntryKind::from_number(row.kind) {
                Some(
                    EntryKind::Append
                    | EntryKind::Truncate
                    | EntryKind::Cursor
                    | EntryKind::Producer,
                ) => {
                    partitions.insert(row.partition);
                }
                // A checkpoint is looked at as a whole, and the other two say nothing of their own.
                Some(EntryKind::CheckpointChunk | EntryKind::Watermark | EntryKind::EndOfEpoch) => {
                }
                Some(
                    EntryKind::Metadata
                    | EntryKind::SegmentReplace
                    | EntryKind::RaftHardState
                    | EntryKind::Extension,
                )
                | None => return Unproven::Everything,
            }
        }
    }
    if partitions.is_empty() { Unproven::Nothing } else { Unproven::Partitions(partitions) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFESTS: [FoundManifest; 5] = [
        FoundManifest::Missing,
        FoundManifest::Damaged,
        FoundManifest::OtherVersion(9),
        FoundManifest::OtherLog,
        FoundManifest::Valid,
    ];
    const SLOTS: [FoundSlot; 7] = [
        FoundSlot::Blank,
        FoundSlot::Damaged,
        FoundSlot::OtherVersion(8),
        FoundSlot::OtherLog,
        FoundSlot::Valid { checkpoint: 4 },
        FoundSlot::Valid { checkpoint: 5 },
        FoundSlot::OutOfReach,
    ];
    const FILES: [FoundFiles; 5] = [
        FoundFiles::None,
        FoundFiles::Complete,
        FoundFiles::Missing { file: 3 },
        FoundFiles::Short { file: 3 },
        FoundFiles::Newer { file: 3 },
    ];

    /// Every combination there is.
    fn all() -> Vec<Found> {
        let mut all = Vec::new();
        for manifest in MANIFESTS {
            for files in FILES {
                for one in SLOTS {
                    for other in SLOTS {
                        for from_the_beginning in [false, true] {
                            let slots = [one, other];
                            all.push(Found { manifest, slots, files, from_the_beginning });
                        }
                    }
                }
            }
        }
        all
    }

    fn has(found: &Found, wanted: impl Fn(&FoundSlot) -> bool) -> bool {
        found.slots.iter().any(wanted)
    }

    #[test]
    fn a_log_is_made_only_where_nothing_is() {
        let created: Vec<Found> =
            all().into_iter().filter(|found| decide(found) == Decision::Create).collect();
        assert_eq!(created.len(), 2, "with and without a beginning, which a missing log has not");
        for found in created {
            assert_eq!(found.manifest, FoundManifest::Missing);
            assert_eq!(found.slots, [FoundSlot::Blank; 2]);
            assert_eq!(found.files, FoundFiles::None);
        }
    }

    #[test]
    fn a_log_is_opened_only_if_nothing_speaks_against_it() {
        let mut opened = 0;
        for found in all() {
            let fine = found.manifest == FoundManifest::Valid
                && matches!(found.files, FoundFiles::None | FoundFiles::Complete)
                && !has(&found, |slot| {
                    matches!(slot, FoundSlot::OtherLog | FoundSlot::OtherVersion(_))
                });
            let start = found.from_the_beginning
                || has(&found, |slot| matches!(slot, FoundSlot::Valid { .. }));
            let open = matches!(decide(&found), Decision::Open(_));
            assert_eq!(open, fine && start, "{found:?} -> {:?}", decide(&found));
            opened += usize::from(open);
        }
        assert_eq!(opened, 2 * (25 + 16), "the table has as many rows as were thought of");
    }

    #[test]
    fn l9_the_later_checkpoint_is_tried_first_and_the_beginning_last() {
        for found in all() {
            let Decision::Open(starts) = decide(&found) else { continue };
            let ranks: Vec<u64> = starts
                .iter()
                .flatten()
                .map(|start| match start {
                    Start::Beginning => 0,
                    Start::Slot(index) => {
                        let FoundSlot::Valid { checkpoint } = found.slots[*index] else {
                            panic!("{found:?} has nothing to begin at in slot {index}");
                        };
                        checkpoint
                    }
                })
                .collect();
            assert!(ranks.is_sorted_by(|one, other| one >= other), "{found:?}: {starts:?}");
            assert_eq!(ranks.contains(&0), found.from_the_beginning);
            let valid = |slot: &&FoundSlot| matches!(slot, FoundSlot::Valid { .. });
            let expected = found.slots.iter().filter(valid).count();
            assert_eq!(ranks.iter().filter(|rank| **rank > 0).count(), expected);
        }
    }

    #[test]
    fn each_refusal_names_what_is_there() {
        let mut seen = 0;
        for found in all() {
            let Decision::Refuse(refusal) = decide(&found) else { continue };
            seen += 1;
            let true_of_it = match refusal {
                Refusal::OtherVersion(9) => found.manifest == FoundManifest::OtherVersion(9),
                Refusal::OtherVersion(_) => has(&found, |slot| *slot == FoundSlot::OtherVersion(8)),
                Refusal::OtherLog => {
                    found.manifest == FoundManifest::OtherLog
                        || has(&found, |slot| *slot == FoundSlot::OtherLog)
                }
                Refusal::ManifestDamaged => found.manifest == FoundManifest::Damaged,
                Refusal::ManifestMissing => found.manifest == FoundManifest::Missing,
                Refusal::ManifestOld(file) => found.files == FoundFiles::Newer { file },
                Refusal::SegmentMissing(file) => found.files == FoundFiles::Missing { file },
                Refusal::SegmentShort(file) => found.files == FoundFiles::Short { file },
                Refusal::NoCheckpoint => !found.from_the_beginning,
            };
            assert!(true_of_it, "{found:?} -> {refusal:?}");
        }
        assert_eq!(seen, all().len() - 2 - 2 * (25 + 16));
    }
}
