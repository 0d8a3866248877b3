//! How a stream is made, and what the broker says about one.

use coilgun_protocol::model::{Offset, PartitionHealth, PartitionRow, UnixMs};
use coilgun_protocol::native::{StreamDescribedFrame, StreamListedFrame};

/// How a stream is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamOptions {
    /// How many partitions it has, from 1 on; it stays so.
    pub partitions: u32,
    /// All its partitions are kept together, on one shard and in one log.
    pub co_located: bool,
}

/// What a stream is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// When it was made, by the broker's clock.
    pub created: UnixMs,
    /// All its partitions are kept together.
    pub co_located: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionInfo>,
}

/// What a partition is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionInfo {
    /// Its index in the stream, counted from 0.
    pub index: u32,
    /// The broker's number for it, never used again.
    pub id: u64,
    /// The first record that can be read, if there is one.
    pub first_offset: Offset,
    /// Behind the last record that can be read.
    pub end_offset: Offset,
    /// What it lets be done.
    pub health: PartitionHealth,
    /// Number of the shard that owns it.
    pub shard: u16,
}

/// A stream in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamSummary {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partition_count: u32,
    /// When it was made, by the broker's clock.
    pub created: UnixMs,
}

impl Default for StreamOptions {
    /// One partition.
    fn default() -> Self {
        StreamOptions { partitions: 1, co_located: false }
    }
}

impl StreamOptions {
    /// The same with so many partitions.
    #[must_use]
    pub fn with_partitions(mut self, partitions: u32) -> StreamOptions {
        self.partitions = partitions;
        self
    }

    /// The same with all partitions kept together.
    #[must_use]
    pub fn with_co_location(mut self) -> StreamOptions {
        self.co_located = true;
        self
    }
}

impl StreamInfo {
    /// How many records can be read, in all partitions.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.partitions.iter().map(PartitionInfo::record_count).sum()
    }

    /// Adds what a frame says to what those before it said; whether another one follows.
    pub(crate) fn add(so_far: &mut Option<StreamInfo>, frame: &StreamDescribedFrame<'_>) -> bool {
        let info = so_far.get_or_insert_with(|| StreamInfo {
            name: String::from_utf8_lossy(frame.name).into_owned(),
            created: frame.created,
            co_located: frame.co_located,
            partitions: Vec::new(),
        });
        info.partitions.extend(frame.partitions().map(PartitionInfo::new));
        frame.more
    }
}

impl PartitionInfo {
    fn new(row: PartitionRow) -> PartitionInfo {
        let PartitionRow { index, id, first_offset, end_offset, health, shard } = row;
        PartitionInfo { index, id: id.0, first_offset, end_offset, health, shard }
    }

    /// How many records can be read.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.end_offset.0.saturating_sub(self.first_offset.0)
    }
}

impl StreamSummary {
    /// Adds what a frame lists to what those before it did; whether another one follows.
    pub(crate) fn add(so_far: &mut Vec<StreamSummary>, frame: &StreamListedFrame<'_>) -> bool {
        so_far.extend(frame.streams().map(|row| StreamSummary {
            name: String::from_utf8_lossy(row.name).into_owned(),
            partition_count: row.partition_count,
            created: row.created,
        }));
        frame.more
    }
}
