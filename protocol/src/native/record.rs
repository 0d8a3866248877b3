//! What a batch of kind [`BodyKind::Native`](crate::model::BodyKind::Native) holds: records, one
//! behind the other.
//!
//! ```text
//!  0             4             8           10      12                 20
//!  | payload_len | headers_len | key_len   | flags | producer_time_ms | key | headers | payload |
//!  | u32         | u32         | u16       | u16   | u64              |      little-endian
//! ```
//!
//! What it does: appends records to a body, and checks a body once, so that everybody who reads it
//! later gets every record. What it never does: it knows no offsets; a record's offset is that of its
//! batch and its place in it.

use crate::model::limits::{BATCH_BYTES_MAX, HEADERS_BYTES_MAX, RECORDS_PER_BATCH_MAX};
use crate::model::{Header, Headers, InvalidHeaders, UnixMs, encode_header};

/// Length of what stands before the key of a record, in bytes.
pub const RECORD_HEAD_BYTES: usize = 20;

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record<'a> {
    /// What says which partition it goes to and what it is about; up to 65,535 bytes, empty: none.
    pub key: &'a [u8],
    /// The headers; empty: none.
    pub headers: Headers<'a>,
    /// The payload.
    pub payload: &'a [u8],
    /// When its producer made it, by the producer's clock; 0: it does not say.
    pub producer_time: UnixMs,
}

/// What the records of a body must keep to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordLimits {
    /// How many there must be, exactly.
    pub count: u32,
    /// Largest payload of one, in bytes.
    pub payload_bytes_max: u32,
}

/// The records of a checked body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Records<'a> {
    body: &'a [u8],
    count: u32,
}

/// Why bytes are not the records they are said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("record {record}: {fault}")]
pub struct InvalidRecords {
    /// Which record, counted from 0.
    pub record: u32,
    /// What is wrong with it.
    pub fault: RecordFault,
}

/// What is wrong with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordFault {
    /// The body ends before it, and it is one of those there must be.
    #[error("the batch ends before it")]
    Missing,
    /// A part of it ends behind the end of the body.
    #[error("its {0} ends behind the end of the batch")]
    Truncated(&'static str),
    /// A bit is set that has no meaning.
    #[error("unknown bits {0:#06x} in flags")]
    Flags(u16),
    /// The block of headers breaks its format.
    #[error("bad headers: {0}")]
    Headers(#[from] InvalidHeaders),
    /// Its payload is larger than the limit.
    #[error("a payload of {bytes} bytes; {bytes_max} is the limit")]
    PayloadTooLarge {
        /// Its length.
        bytes: u32,
        /// The limit.
        bytes_max: u32,
    },
    /// There are bytes where no record is any more.
    #[error("{0} bytes, where the batch should end")]
    Surplus(usize),
}

/// Why a record cannot be put into a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordTooLarge {
    /// The key is longer than 65,535 bytes.
    #[error("a key of {0} bytes; 65535 is the limit")]
    Key(usize),
    /// The batch would be larger than any broker accepts.
    #[error("a batch of {0} bytes; {BATCH_BYTES_MAX} is the limit")]
    Batch(usize),
}

/// Appends a record to the body of a batch.
///
/// # Errors
/// If the key is too long or the batch would be; `body` is unchanged then.
pub fn append_record(record: &Record<'_>, body: &mut Vec<u8>) -> Result<(), RecordTooLarge> {
    let Record { key, headers, payload, producer_time } = *record;
    let headers = headers.block();
    let key_len = u16::try_from(key.len()).map_err(|_| RecordTooLarge::Key(key.len()))?;
    let bytes = RECORD_HEAD_BYTES + key.len() + headers.len() + payload.len();
    let batch_bytes = body.len().saturating_add(bytes);
    if batch_bytes > BATCH_BYTES_MAX {
        return Err(RecordTooLarge::Batch(batch_bytes));
    }
    body.reserve(bytes);
    // Both are shorter than a batch, whose limit is below 2^32.
    body.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    body.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    body.extend_from_slice(&key_len.to_le_bytes());
    body.extend_from_slice(&0u16.to_le_bytes());
    body.extend_from_slice(&producer_time.0.to_le_bytes());
    body.extend_from_slice(key);
    body.extend_from_slice(headers);
    body.extend_from_slice(payload);
    Ok(())
}

impl<'a> Records<'a> {
    /// Takes `body` as exactly `count` records.
    ///
    /// # Errors
    /// Says which record is wrong, and what about it.
    pub fn check(body: &'a [u8], count: u32) -> Result<Records<'a>, InvalidRecords> {
        Records::check_within(body, RecordLimits { count, payload_bytes_max: u32::MAX })
    }

    /// Takes `body` as records that keep to the limits.
    ///
    /// # Errors
    /// Says which record is wrong, and what about it.
    pub fn check_within(
        body: &'a [u8],
        limits: RecordLimits,
    ) -> Result<Records<'a>, InvalidRecords> {
        let count = limits.count;
        let mut rest = body;
        for record in 0..count {
            rest = check_record(rest, limits.payload_bytes_max)
                .map_err(|fault| InvalidRecords { record, fault })?;
        }
        if !rest.is_empty() {
            return Err(InvalidRecords { record: count, fault: RecordFault::Surplus(rest.len()) });
        }
        Ok(Records { body, count })
    }

    /// The body as it travels.
    #[must_use]
    pub fn body(self) -> &'a [u8] {
        self.body
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// The records in their order.
    pub fn iter(self) -> impl Iterator<Item = Record<'a>> {
        let mut rest = self.body;
        core::iter::from_fn(move || {
            let (raw, tail) = split_record(rest).ok()?;
            rest = tail;
            let headers = Headers::parse(raw.headers).ok()?;
            let (key, payload) = (raw.key, raw.payload);
            Some(Record { key, headers, payload, producer_time: raw.producer_time })
        })
    }
}

/// A record that was cut out, and not looked at.
struct RawRecord<'a> {
    key: &'a [u8],
    headers: &'a [u8],
    payload: &'a [u8],
    flags: u16,
    producer_time: UnixMs,
}

/// Checks the record at the front, and returns what is behind it.
fn check_record(body: &[u8], payload_bytes_max: u32) -> Result<&[u8], RecordFault> {
    let (raw, rest) = split_record(body)?;
    if raw.flags != 0 {
        return Err(RecordFault::Flags(raw.flags));
    }
    // A part of a batch is shorter than 2^32, because its length was read from 32 bits.
    let bytes = raw.payload.len() as u32;
    if bytes > payload_bytes_max {
        return Err(RecordFault::PayloadTooLarge { bytes, bytes_max: payload_bytes_max });
    }
    if !raw.headers.is_empty() {
        Headers::parse(raw.headers)?;
    }
    Ok(rest)
}

/// Cuts the record at the front into its parts.
fn split_record(body: &[u8]) -> Result<(RawRecord<'_>, &[u8]), RecordFault> {
    if body.is_empty() {
        return Err(RecordFault::Missing);
    }
    let Some((head, rest)) = body.split_first_chunk::<RECORD_HEAD_BYTES>() else {
        return Err(RecordFault::Truncated("head of 20 bytes"));
    };
    let [p0, p1, p2, p3, h0, h1, h2, h3, k0, k1, f0, f1, time @ ..] = *head;
    let key_len = u16::from_le_bytes([k0, k1]);
    let cut = |part: &'static str, bytes: &'_ [u8], len: usize| {
        if len > bytes.len() { Err(RecordFault::Truncated(part)) } else { Ok(len) }
    };
    let (key, rest) = rest.split_at(cut("key", rest, key_len.into())?);
    let headers_len = u32::from_le_bytes([h0, h1, h2, h3]) as usize;
    let (headers, rest) = rest.split_at(cut("block of headers", rest, headers_len)?);
    let payload_len = u32::from_le_bytes([p0, p1, p2, p3]) as usize;
    let (payload, rest) = rest.split_at(cut("payload", rest, payload_len)?);
    let (flags, producer_time) = (u16::from_le_bytes([f0, f1]), UnixMs(u64::from_le_bytes(time)));
    Ok((RawRecord { key, headers, payload, flags, producer_time }, rest))
}

/// What says which partition a key goes to: its CRC-32C.
#[must_use]
pub fn key_hash(key: &[u8]) -> u32 {
    crc32c::crc32c(key)
}

/// What says that a body arrived as it was sent: its CRC-32C.
#[must_use]
pub fn body_crc(body: &[u8]) -> u32 {
    crc32c::crc32c(body)
}

/// The partition of a stream with so many of them to which a key with this hash goes.
///
/// # Panics
/// If the stream has none.
#[must_use]
pub fn partition_of(key_hash: u32, partition_count: u32) -> u32 {
    assert!(partition_count > 0, "a stream has a partition");
    key_hash % partition_count
}

/// Fuzz entry: the first byte says how many records there are; the rest is refused, or records that
/// read back to the very same bytes.
pub fn fuzz_records(bytes: &[u8]) {
    let Some((&count, body)) = bytes.split_first() else { return };
    let Ok(records) = Records::check(body, count.into()) else { return };
    let mut again = Vec::new();
    for record in records.iter() {
        let mut block = Vec::new();
        for Header { name, value } in record.headers.iter() {
            encode_header(Header { name, value }, &mut block).expect("it was checked");
        }
        assert_eq!(block, record.headers.block(), "the headers read back");
        append_record(&record, &mut again).expect("what was read can be written");
    }
    assert_eq!(again, body, "the records read back to the same body");
    assert_eq!(records.iter().count(), usize::from(count), "every record was read");
}

const _: () = assert!(BATCH_BYTES_MAX <= u32::MAX as usize, "parts of a batch have 32 bits");
const _: () = assert!(HEADERS_BYTES_MAX <= u32::MAX as usize, "their length has 32 bits");
const _: () = assert!(RECORDS_PER_BATCH_MAX as usize * RECORD_HEAD_BYTES <= BATCH_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body_of(records: &[Record<'_>]) -> Vec<u8> {
        let mut body = Vec::new();
        records.iter().for_each(|it| append_record(it, &mut body).expect("it is small"));
        body
    }

    fn fault(body: &[u8], count: u32) -> (u32, RecordFault) {
        let InvalidRecords { record, fault } =
            Records::check(body, count).expect_err("the body is wrong");
        (record, fault)
    }

    #[test]
    fn the_bytes_are_those_of_the_document() {
        let block = [1, 0, 1, 0, b'a', b'b'];
        let record = Record {
            key: b"k",
            headers: Headers::parse(&block).expect("the block is one"),
            payload: b"hello",
            producer_time: UnixMs(0x0102),
        };
        let head = [5, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(body_of(&[record]), [head.as_slice(), b"k", &block, b"hello"].concat());
        assert_eq!(key_hash(b"123456789"), 0xe306_9283, "the check value of CRC-32C");
        assert_eq!(partition_of(0xe306_9283, 16), 3);
    }

    #[test]
    fn a_fault_is_named_with_its_record_and_field() {
        let one = Record { key: b"key", payload: b"payload", ..Record::default() };
        let body = body_of(&[one, one]);
        let len = body.len();
        assert_eq!(fault(&body, 3), (2, RecordFault::Missing));
        assert_eq!(fault(&body, 1), (1, RecordFault::Surplus(len / 2)));
        assert_eq!(fault(&body[..len - 1], 2), (1, RecordFault::Truncated("payload")));
        assert_eq!(fault(&body[..len - 9], 2), (1, RecordFault::Truncated("key")));
        assert_eq!(fault(&body[..len - 11], 2), (1, RecordFault::Truncated("head of 20 bytes")));
        let changed = |at: usize, value: u8| {
            let mut body = body.clone();
            body[at] = value;
            body
        };
        assert_eq!(fault(&changed(10, 1), 2), (0, RecordFault::Flags(1)));
        assert_eq!(fault(&changed(7, 1), 2), (0, RecordFault::Truncated("block of headers")));
        let bad = RecordFault::Headers(InvalidHeaders::Truncated(0));
        assert_eq!(fault(&[&changed(4, 3)[..len / 2], b"xyz"].concat(), 1), (0, bad));
        let limits = RecordLimits { count: 2, payload_bytes_max: 6 };
        let error = Records::check_within(&body, limits).expect_err("a payload has 7 bytes");
        assert_eq!(error.to_string(), "record 0: a payload of 7 bytes; 6 is the limit");
    }

    #[test]
    fn what_no_batch_holds_is_not_written() {
        let long = vec![0; BATCH_BYTES_MAX - RECORD_HEAD_BYTES + 1];
        let mut body = Vec::new();
        let key = Record { key: &long[..1 << 16], ..Record::default() };
        assert_eq!(append_record(&key, &mut body), Err(RecordTooLarge::Key(1 << 16)));
        let payload = Record { payload: &long, ..Record::default() };
        let too_large = RecordTooLarge::Batch(BATCH_BYTES_MAX + 1);
        assert_eq!(append_record(&payload, &mut body), Err(too_large));
        assert!(body.is_empty());
        let fits = Record { payload: &long[1..], ..Record::default() };
        assert_eq!(append_record(&fits, &mut body), Ok(()));
    }

    proptest! {
        #[test]
        fn records_read_back(
            parts in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..9), prop::collection::vec(any::<u8>(), 0..40),
                 any::<u64>()), 0..9),
        ) {
            let records: Vec<_> = parts.iter().map(|(key, payload, time)| Record {
                key, headers: Headers::default(), payload, producer_time: UnixMs(*time),
            }).collect();
            let body = body_of(&records);
            let read = Records::check(&body, records.len() as u32).expect("it was written so");
            prop_assert_eq!(read.iter().collect::<Vec<_>>(), records);
        }
    }
}
