//! Records on their way out of a partition.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use coilgun_protocol::model::{BodyKind, FollowId, Headers, Offset, UnixMs};
use coilgun_protocol::native::{RECORD_HEAD_BYTES, RecordsFrame, UnreadableBatch, body_crc};

/// A record of a partition. It shares the bytes of its batch with the records beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRecord {
    batch: Arc<StoredBatch>,
    offset: Offset,
    producer_time: UnixMs,
    key: Range<usize>,
    headers: Range<usize>,
    payload: Range<usize>,
}

/// What the records of a batch have in common.
#[derive(PartialEq, Eq, Debug)]
struct StoredBatch {
    follower: FollowId,
    partition: u32,
    append_time: UnixMs,
    kind: u16,
    body: Box<[u8]>,
}

impl StoredRecord {
    /// The follower that was sent it.
    #[must_use]
    pub fn follower(&self) -> FollowId {
        self.batch.follower
    }

    /// Index of its partition.
    #[must_use]
    pub fn partition(&self) -> u32 {
        self.batch.partition
    }

    /// Its place in the partition.
    #[must_use]
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// When it was appended, by the broker's clock; it never decreases in a partition.
    #[must_use]
    pub fn append_time(&self) -> UnixMs {
        self.batch.append_time
    }

    /// When its producer made it, by the producer's clock; 0: it does not say.
    #[must_use]
    pub fn producer_time(&self) -> UnixMs {
        self.producer_time
    }

    /// Its key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        Some(&self.batch.body[self.key.clone()]).filter(|key| !key.is_empty())
    }

    /// The headers, in order.
    ///
    /// # Panics
    /// Never: they were checked when they arrived.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers::parse(&self.batch.body[self.headers.clone()])
            .expect("the headers were checked when they arrived")
    }

    /// The value of the first header of this name; case matters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().iter().find(|header| header.name == name.as_bytes()).map(|it| it.value)
    }

    /// The payload. Of a batch that is not written as native records it is the whole body, and the batch
    /// is one record.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.batch.body[self.payload.clone()]
    }

    /// Number of how its batch is written; 1: as native records.
    #[must_use]
    pub fn body_kind(&self) -> u16 {
        self.batch.kind
    }

    /// How many bytes it takes from the credit of its follower.
    pub(crate) fn credit_bytes(&self) -> usize {
        let head = if self.batch.kind == NATIVE { RECORD_HEAD_BYTES } else { 0 };
        head + self.key.len() + self.headers.len() + self.payload.len()
    }
}

impl core::fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StoredRecord")
            .field("partition", &self.partition())
            .field("offset", &self.offset.0)
            .field("key", &self.key().unwrap_or_default().escape_ascii().to_string())
            .field("payload", &self.payload().escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// The number of batches that are written as native records.
const NATIVE: u16 = BodyKind::Native as u16;

/// Appends the records of a batch from `wanted` on to `out`.
///
/// # Errors
/// If the batch is not the one that was appended, or breaks the format.
pub(crate) fn stored(
    frame: &RecordsFrame<'_>,
    wanted: Offset,
    out: &mut VecDeque<StoredRecord>,
) -> Result<(), UnreadableBatch> {
    let batch = || {
        Arc::new(StoredBatch {
            follower: frame.follow,
            partition: frame.partition,
            append_time: frame.append_time,
            kind: frame.body_kind,
            body: frame.body.into(),
        })
    };
    if frame.body_kind != NATIVE {
        if body_crc(frame.body) != frame.body_crc {
            return Err(UnreadableBatch::Checksum);
        }
        if frame.base_offset >= wanted {
            out.push_back(StoredRecord {
                batch: batch(),
                offset: frame.base_offset,
                producer_time: UnixMs(0),
                key: 0..0,
                headers: 0..0,
                payload: 0..frame.body.len(),
            });
        }
        return Ok(());
    }
    let records = frame.records()?;
    let batch = batch();
    let (mut at, mut offset) = (0, frame.base_offset);
    for record in records.iter() {
        let key = at + RECORD_HEAD_BYTES..at + RECORD_HEAD_BYTES + record.key.len();
        let headers = key.end..key.end + record.headers.block().len();
        let payload = headers.end..headers.end + record.payload.len();
        at = payload.end;
        if offset >= wanted {
            let (batch, producer_time) = (Arc::clone(&batch), record.producer_time);
            out.push_back(StoredRecord { batch, offset, producer_time, key, headers, payload });
        }
        offset = offset.plus(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Batch, Record};

    fn frame(body: &[u8], count: u32, body_kind: u16) -> RecordsFrame<'_> {
        RecordsFrame {
            follow: FollowId(1),
            partition: 2,
            base_offset: Offset(40),
            append_time: UnixMs(7),
            end_offset: Offset(50),
            count,
            body_crc: body_crc(body),
            body_kind,
            body,
        }
    }

    #[test]
    fn records_share_their_batch_and_those_before_are_skipped() {
        let mut batch = Batch::new();
        for (key, payload) in [("", "first"), ("k", "second"), ("", "")] {
            let record = Record::new(payload).with_key(key).with_header("A", "b");
            batch.push(&record.expect("a header")).expect("it is small");
        }
        let written = batch.frame("s", &Default::default());
        let mut out = VecDeque::new();
        stored(&frame(written.body, 3, NATIVE), Offset(41), &mut out).expect("it is a batch");
        let of = |it: &StoredRecord| (it.offset().0, it.payload().to_vec(), it.credit_bytes());
        let second = (41, b"second".to_vec(), 20 + 1 + 6 + 6);
        assert_eq!(out.iter().map(of).collect::<Vec<_>>(), [second, (42, Vec::new(), 26)]);
        assert_eq!((out[0].key(), out[1].key()), (Some(&b"k"[..]), None));
        assert_eq!(out[1].header("A"), Some(&b"b"[..]));
        assert!(Arc::ptr_eq(&out[0].batch, &out[1].batch));
        let mut damaged = frame(written.body, 3, NATIVE);
        damaged.body_crc ^= 1;
        let refused = stored(&damaged, Offset(0), &mut out);
        assert_eq!(refused, Err(UnreadableBatch::Checksum));
    }

    #[test]
    fn a_batch_of_another_kind_is_one_record() {
        let mut out = VecDeque::new();
        stored(&frame(b"xyz", 1, 9), Offset(0), &mut out).expect("its checksum is right");
        assert_eq!((out[0].payload(), out[0].body_kind()), (&b"xyz"[..], 9));
        stored(&frame(b"xyz", 1, 9), Offset(41), &mut out).expect("its checksum is right");
        assert_eq!(out.len(), 1, "what lies before is skipped");
    }
}
