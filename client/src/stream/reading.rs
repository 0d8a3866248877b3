//! Where a reader of a partition begins, and how far it reads ahead.

use coilgun_protocol::model::Offset;

#[cfg(any(feature = "async", feature = "blocking"))]
use {crate::error::ClientError, crate::stream::StreamInfo, coilgun_protocol::model::ErrorCode};

/// Where a reader of a partition begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StartAt {
    /// With the first record that can be read.
    #[default]
    First,
    /// With the first record that becomes readable from now on.
    End,
    /// With the record that has this offset, or will have it: it may be the end.
    Offset(Offset),
    /// So many records before the end, or with the first one.
    BeforeEnd(u64),
}

/// How a partition is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowOptions {
    /// Reading ends once everything has come that could be read.
    pub stop_at_end: bool,
    /// So many records are read ahead at most, of which one batch is sent whole; at least 1.
    pub ahead_records: u32,
    /// So many bytes are read ahead at most, of which one batch is sent whole; at least 1.
    pub ahead_bytes: u32,
}

impl Default for FollowOptions {
    /// Reading does not end; up to 65,536 records or 4 MiB are read ahead.
    fn default() -> Self {
        FollowOptions { stop_at_end: false, ahead_records: 65_536, ahead_bytes: 4 * 1024 * 1024 }
    }
}

impl FollowOptions {
    /// The same, but reading ends once everything has come that could be read.
    #[must_use]
    pub fn until_end(mut self) -> FollowOptions {
        self.stop_at_end = true;
        self
    }

    /// The same with at most so many records and bytes read ahead.
    ///
    /// # Panics
    /// If one of them is 0: nothing would ever be read.
    #[must_use]
    pub fn with_ahead(mut self, records: u32, bytes: u32) -> FollowOptions {
        assert!(records > 0 && bytes > 0, "something is read ahead");
        (self.ahead_records, self.ahead_bytes) = (records, bytes);
        self
    }
}

/// The offset that a place is in a partition of a stream which is like this.
///
/// # Errors
/// If the stream has no such partition.
#[cfg(any(feature = "async", feature = "blocking"))]
pub(crate) fn offset_of(
    start: StartAt,
    stream: &StreamInfo,
    partition: u32,
) -> Result<Offset, ClientError> {
    let Some(found) = stream.partitions.iter().find(|it| it.index == partition) else {
        let what = format!("reading of partition {partition} of {}", stream.name);
        return Err(ClientError::refused(what, ErrorCode::UnknownPartition as u16));
    };
    let (first, end) = (found.first_offset, found.end_offset);
    Ok(match start {
        StartAt::First => first,
        StartAt::End => end,
        StartAt::Offset(offset) => offset,
        StartAt::BeforeEnd(count) => Offset(end.0.saturating_sub(count)).max(first),
    })
}
