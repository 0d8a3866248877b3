//! What recovery finds in the files of a log.

use crate::format::{Epoch, GroupFault, LogPosition, Row, SegmentSequence};

/// A stretch of the log that cannot be read any more although it was durable (law L2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    /// Where it begins.
    pub from: LogPosition,
    /// The byte of the same segment at which the log goes on, or ends.
    pub to: u32,
    /// What is wrong at its beginning.
    pub fault: GroupFault,
    /// What it held, if that is known for certain: exactly one commit group is missing, and the next
    /// one repeats its directory (law L8).
    pub held: Option<Vec<Row>>,
}

/// How a segment ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SegmentEnd {
    /// Where the manifest says that it ends.
    Sealed,
    /// The next segment goes on where this one ends.
    Rolled,
    /// Here nothing follows that counts: the log ends. `torn` says what looks like the beginning of a
    /// commit group that did not become durable; [`GroupFault::Absent`] if nothing does.
    Tail {
        /// What stands there.
        torn: GroupFault,
    },
}

/// One segment, as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundSegment {
    /// Which.
    pub segment: SegmentSequence,
    /// The number of its file.
    pub file: u64,
    /// The epoch that wrote it.
    pub epoch: Epoch,
    /// The first byte that does not count.
    pub end: u32,
    /// The checksum of the last commit group up to there.
    pub crc: u32,
    /// How many whole commit groups it holds.
    pub group_count: u64,
    /// How it ended.
    pub ended: SegmentEnd,
}

/// What reading a log from a place to its end has found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FoundLog {
    /// Its segments in order.
    pub segments: Vec<FoundSegment>,
    /// What cannot be read, in order.
    pub holes: Vec<Hole>,
    /// How many whole commit groups.
    pub group_count: u64,
    /// How many entries in them.
    pub entry_count: u64,
    /// How many bytes they take up.
    pub group_bytes: u64,
    /// How many bytes were read from the disk.
    pub read_bytes: u64,
    /// The number of the last commit group; 0: none.
    pub last_number: u64,
    /// Where the last commit group stands, and how long it is, in bytes.
    pub last_group: Option<(LogPosition, u32)>,
    /// The directory of the last commit group.
    pub last_rows: Vec<Row>,
}

impl FoundLog {
    /// Where the log ends.
    #[must_use]
    pub fn end(&self) -> LogPosition {
        let last = self.segments.last();
        last.map_or(LogPosition::default(), |last| LogPosition {
            segment: last.segment,
            byte: last.end,
        })
    }

    /// The checksum of its last commit group; 0: none.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.segments.last().map_or(0, |last| last.crc)
    }
}
