//! What an offline check of a log found.

use super::decide::Unproven;
use super::found::Hole;
use crate::format::{Epoch, FooterFault, GroupFault, LogPosition, SegmentSequence};

/// How far a check has come, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Checked.
    pub done_bytes: u64,
    /// To be checked altogether.
    pub total_bytes: u64,
}

/// What an offline check of a log found. Nothing on the disk was changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// What is wrong; nothing, if the log is fine.
    pub problems: Vec<Problem>,
    /// What a repair has marked as lost.
    pub lost: Vec<Hole>,
    /// What can only be read once the log is opened, because its end cannot be proven.
    pub unproven: Unproven,
    /// Where the log ends.
    pub end: LogPosition,
    /// What stands at the end, if it looks like the beginning of a commit group that did not become
    /// durable.
    pub torn: Option<GroupFault>,
    /// The checkpoints that are complete, by slot of the superblock.
    pub checkpoints: [Option<u64>; 2],
    /// Files of segments that nothing names and that hold nothing that counts.
    pub orphans: Vec<u64>,
    /// What it holds, counted.
    pub counts: Counts,
}

/// What a log holds, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Segments that were read.
    pub segments: u64,
    /// Whole commit groups.
    pub groups: u64,
    /// Entries in them.
    pub entries: u64,
    /// Entries that are batches.
    pub batches: u64,
    /// Records in these.
    pub records: u64,
    /// Bytes of the bodies of these.
    pub body_bytes: u64,
    /// Bytes of whole commit groups.
    pub group_bytes: u64,
    /// Incarnations of partitions that have batches.
    pub partitions: u64,
    /// Footers that say what their segments hold.
    pub footers: u64,
    /// Complete checkpoints, whether a slot names them or not.
    pub checkpoints: u64,
}

/// Something that is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// There are segments or a superblock, and no manifest.
    #[error("manifest: it is missing, and there are files of a log; the segments were not checked")]
    ManifestMissing,
    /// The manifest's checksum does not fit, or it contradicts itself.
    #[error("manifest: it is damaged; the segments were not checked")]
    ManifestDamaged,
    /// The manifest is of another version of the format.
    #[error("manifest: it has version {0} of the format, which this Coilgun does not know")]
    ManifestOtherVersion(u16),
    /// The manifest belongs to another log.
    #[error("manifest: it belongs to another log")]
    ManifestOtherLog,
    /// A file that the manifest does not name holds a later segment than it knows.
    #[error("manifest: it is older than segment file {file:016x}")]
    ManifestOld {
        /// The number of the file.
        file: u64,
    },
    /// A segment's file is gone.
    #[error("segment {segment}: its file {file:016x} is missing")]
    SegmentMissing {
        /// Which.
        segment: SegmentSequence,
        /// The number of its file.
        file: u64,
    },
    /// A segment's file is too short.
    #[error("segment {segment}: its file {file:016x} has {bytes} bytes, and needs {needed_bytes}")]
    SegmentShort {
        /// Which.
        segment: SegmentSequence,
        /// The number of its file.
        file: u64,
        /// How long it is.
        bytes: u64,
        /// How long it has to be.
        needed_bytes: u64,
    },
    /// Something cannot be read any more that was durable.
    #[error("{}", hole_text(.0))]
    Hole(Hole),
    /// The manifest says that a segment ends with another commit group than it does.
    #[error(
        "segment {segment}: its last commit group has the checksum {found:08x}, and not {expected:08x} as the manifest says"
    )]
    OtherEnd {
        /// Which.
        segment: SegmentSequence,
        /// What the manifest says.
        expected: u32,
        /// What stands there.
        found: u32,
    },
    /// Something is of a version, or an entry of a kind, that this Coilgun does not know.
    #[error("{position}: {fault}; nothing behind it was checked")]
    Unknown {
        /// Where.
        position: LogPosition,
        /// What it is.
        fault: GroupFault,
    },
    /// The disk cannot read.
    #[error("{text}; nothing behind it was checked")]
    Unreadable {
        /// What it says.
        text: String,
    },
    /// The footer of a sealed segment is not what the manifest promises.
    #[error("segment {segment}: its footer cannot be used: {fault}")]
    FooterDamaged {
        /// Which.
        segment: SegmentSequence,
        /// What is wrong with it.
        fault: FooterFault,
    },
    /// The footer of a sealed segment is whole, and says something else than its commit groups.
    #[error("segment {segment}: its footer says something else than its commit groups")]
    FooterDiffers {
        /// Which.
        segment: SegmentSequence,
    },
    /// A batch does not begin where the one before it in its partition ended.
    #[error(
        "{position}: a batch of partition {partition} ({incarnation}) begins at offset {found}, and not at {expected}"
    )]
    OffsetGap {
        /// Where.
        position: LogPosition,
        /// The partition's number.
        partition: u64,
        /// Its incarnation.
        incarnation: u32,
        /// Where the partition ended.
        expected: u64,
        /// Where the batch begins.
        found: u64,
    },
    /// An epoch says another end of the one before it than the manifest.
    #[error(
        "{position}: epoch {epoch} says that the one before it ended at {ended}, and the manifest says something else"
    )]
    OtherEpochEnd {
        /// Where it says so.
        position: LogPosition,
        /// The epoch that says so.
        epoch: Epoch,
        /// The end that it says.
        ended: LogPosition,
    },
    /// The superblock is gone.
    #[error("superblock: it is missing")]
    SuperblockMissing,
    /// A slot was torn while it was written, or has rotted.
    #[error("superblock slot {slot}: it is damaged")]
    SlotDamaged {
        /// Which.
        slot: usize,
    },
    /// A slot is of another version of the format.
    #[error("superblock slot {slot}: it has version {version} of the format")]
    SlotOtherVersion {
        /// Which.
        slot: usize,
        /// The version.
        version: u16,
    },
    /// A slot belongs to another log.
    #[error("superblock slot {slot}: it belongs to another log")]
    SlotOtherLog {
        /// Which.
        slot: usize,
    },
    /// A slot names nothing, although a checkpoint was written to it.
    #[error("superblock slot {slot}: it is empty, and checkpoint {checkpoint} was written to it")]
    SlotEmpty {
        /// Which.
        slot: usize,
        /// The checkpoint that was written to it.
        checkpoint: u64,
    },
    /// The segment with the first part of a checkpoint is gone.
    #[error("superblock slot {slot}: the segment with checkpoint {checkpoint} is gone")]
    CheckpointGone {
        /// Which slot names it.
        slot: usize,
        /// Its number.
        checkpoint: u64,
    },
    /// A checkpoint is not whole any more.
    #[error(
        "superblock slot {slot}: checkpoint {checkpoint} does not stand complete where the slot says"
    )]
    CheckpointIncomplete {
        /// Which slot names it.
        slot: usize,
        /// Its number.
        checkpoint: u64,
    },
}

impl Problem {
    /// What it is called where programs read it. A name is never changed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Problem::ManifestMissing => "manifest_missing",
            Problem::ManifestDamaged => "manifest_damaged",
            Problem::ManifestOtherVersion(_) => "manifest_other_version",
            Problem::ManifestOtherLog => "manifest_other_log",
            Problem::ManifestOld { .. } => "manifest_old",
            Problem::SegmentMissing { .. } => "segment_missing",
            Problem::SegmentShort { .. } => "segment_short",
            Problem::Hole(_) => "hole",
            Problem::OtherEnd { .. } => "other_end",
            Problem::Unknown { .. } => "unknown",
            Problem::Unreadable { .. } => "unreadable",
            Problem::FooterDamaged { .. } => "footer_damaged",
            Problem::FooterDiffers { .. } => "footer_differs",
            Problem::OffsetGap { .. } => "offset_gap",
            Problem::OtherEpochEnd { .. } => "other_epoch_end",
            Problem::SuperblockMissing => "superblock_missing",
            Problem::SlotDamaged { .. } => "slot_damaged",
            Problem::SlotOtherVersion { .. } => "slot_other_version",
            Problem::SlotOtherLog { .. } => "slot_other_log",
            Problem::SlotEmpty { .. } => "slot_empty",
            Problem::CheckpointGone { .. } => "checkpoint_gone",
            Problem::CheckpointIncomplete { .. } => "checkpoint_incomplete",
        }
    }

    /// Where it is, if it is in a segment; at its beginning if it is about all of it.
    #[must_use]
    pub fn position(&self) -> Option<LogPosition> {
        match self {
            Problem::SegmentMissing { segment, .. }
            | Problem::SegmentShort { segment, .. }
            | Problem::OtherEnd { segment, .. }
            | Problem::FooterDamaged { segment, .. }
            | Problem::FooterDiffers { segment } => {
                Some(LogPosition { segment: *segment, byte: 0 })
            }
            Problem::Hole(hole) => Some(hole.from),
            Problem::Unknown { position, .. }
            | Problem::OffsetGap { position, .. }
            | Problem::OtherEpochEnd { position, .. } => Some(*position),
            Problem::ManifestMissing
            | Problem::ManifestDamaged
            | Problem::ManifestOtherVersion(_)
            | Problem::ManifestOtherLog
            | Problem::ManifestOld { .. }
            | Problem::Unreadable { .. }
            | Problem::SuperblockMissing
            | Problem::SlotDamaged { .. }
            | Problem::SlotOtherVersion { .. }
            | Problem::SlotOtherLog { .. }
            | Problem::SlotEmpty { .. }
            | Problem::CheckpointGone { .. }
            | Problem::CheckpointIncomplete { .. } => None,
        }
    }
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.problems.is_empty()
    }
}

fn hole_text(hole: &Hole) -> String {
    let Hole { from, to, fault, held } = hole;
    let begin =
        format!("{from} to {}:{to}: it cannot be read, and was durable: {fault}; ", from.segment);
    let Some(rows) = held else { return begin + "what it held is not known" };
    let mut partitions: Vec<u64> = rows.iter().map(|row| row.partition).collect();
    partitions.retain(|partition| *partition != 0);
    partitions.sort_unstable();
    partitions.dedup();
    let names: Vec<String> = partitions.iter().map(u64::to_string).collect();
    match names.as_slice() {
        [] => format!("{begin}it held {} entries of no partition", rows.len()),
        names => {
            format!("{begin}it held {} entries, of partition {}", rows.len(), names.join(", "))
        }
    }
}
