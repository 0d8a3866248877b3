//! Records on their way into a partition, and what became of them.

use coilgun_protocol::model::{
    AckLevel, AppendConditions, BodyKind, Header, Headers, Offset, PartitionChoice, ProducerEpoch,
    ProducerId, ProducerSequence, UnixMs, encode_header,
};
use coilgun_protocol::native::{
    AppendFrame, AppendedFrame, RecordTooLarge, append_record, body_crc, key_hash,
};

use crate::error::ClientError;

/// A record to be appended.
///
/// ```
/// use coilgun_client::Record;
///
/// let record = Record::new(b"one table").with_key(b"customer-7").with_header("Trace-Id", b"7")?;
/// # Ok::<(), coilgun_client::ClientError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record<'a> {
    key: &'a [u8],
    payload: &'a [u8],
    headers: Vec<u8>,
    producer_time: UnixMs,
}

/// Records that are appended together: they get offsets in a row in one partition, and are stored all
/// or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    body: Vec<u8>,
    count: u32,
    /// The hash of the key of the first record, if it has one.
    key_hash: Option<u32>,
}

/// What tells a batch from others.
#[cfg(any(feature = "async", feature = "blocking"))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchIdentity {
    count: u32,
    bytes: usize,
    body_crc: u32,
}

/// How a batch is appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AppendOptions {
    /// Index of the partition; none: the one that the key of the batch's first record chooses, and the
    /// first where it has no key.
    pub partition: Option<u32>,
    /// How far it must have come before the broker answers.
    pub level: AckLevel,
    /// The offset that the first record must get; none: whichever comes next.
    pub expected_offset: Option<Offset>,
    /// Who produces, and which of the producer's records in this partition and epoch the first one is:
    /// what is sent again under the same three is not stored again. A
    /// [producer](crate::ProducerOptions) counts by itself.
    pub producer: Option<(ProducerId, ProducerEpoch, ProducerSequence)>,
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Index of the partition.
    pub partition: u32,
    /// The offset of its first record; the others follow it.
    pub base_offset: Offset,
    /// When it was appended, by the broker's clock; 0: an earlier append stored it.
    pub append_time: UnixMs,
    /// How far it has come, for sure; it may be further than was asked for.
    pub level: AckLevel,
    /// An earlier append stored it.
    pub is_duplicate: bool,
}

impl<'a> Record<'a> {
    /// A record with this payload.
    #[must_use]
    pub fn new(payload: &'a (impl AsRef<[u8]> + ?Sized)) -> Record<'a> {
        Record { payload: payload.as_ref(), ..Record::default() }
    }

    /// The same with a key, of up to 65,535 bytes: records with the same key go to the same partition.
    #[must_use]
    pub fn with_key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Record<'a> {
        self.key = key.as_ref();
        self
    }

    /// The same with one header more.
    ///
    /// # Errors
    /// If the name is none, or all headers together are too long.
    pub fn with_header(
        mut self,
        name: &str,
        value: &(impl AsRef<[u8]> + ?Sized),
    ) -> Result<Record<'a>, ClientError> {
        let header = Header { name: name.as_bytes(), value: value.as_ref() };
        encode_header(header, &mut self.headers)?;
        Headers::parse(&self.headers)?;
        Ok(self)
    }

    /// The same with the time at which it was made, by the producer's clock.
    #[must_use]
    pub fn with_producer_time(mut self, time: UnixMs) -> Record<'a> {
        self.producer_time = time;
        self
    }
}

impl Batch {
    /// Without a record yet.
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    /// One record.
    ///
    /// # Errors
    /// As [`Batch::push`].
    pub fn of(record: &Record<'_>) -> Result<Batch, ClientError> {
        let mut batch = Batch::new();
        batch.push(record)?;
        Ok(batch)
    }

    /// Adds a record behind those there are.
    ///
    /// # Errors
    /// If the batch would be larger than any broker accepts; it stays as it was.
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), ClientError> {
        let headers = Headers::parse(&record.headers)?;
        let written = coilgun_protocol::native::Record {
            key: record.key,
            headers,
            payload: record.payload,
            producer_time: record.producer_time,
        };
        append_record(&written, &mut self.body)?;
        if self.count == 0 && !record.key.is_empty() {
            self.key_hash = Some(key_hash(record.key));
        }
        self.count += 1;
        Ok(())
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it holds none; the broker refuses such a batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes its records take on the way.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.body.len()
    }

    /// Removes all records, and keeps the memory.
    pub fn clear(&mut self) {
        self.body.clear();
        (self.count, self.key_hash) = (0, None);
    }

    /// Where it goes if nobody says which partition.
    pub(crate) fn choice(&self, partition: Option<u32>) -> PartitionChoice {
        match (partition, self.key_hash) {
            (Some(index), _) => PartitionChoice::Index(index),
            (None, Some(hash)) => PartitionChoice::KeyHash(hash),
            (None, None) => PartitionChoice::Index(0),
        }
    }

    /// What tells it from others.
    #[cfg(any(feature = "async", feature = "blocking"))]
    pub(super) fn identity(&self) -> BatchIdentity {
        BatchIdentity { count: self.count, bytes: self.body.len(), body_crc: body_crc(&self.body) }
    }

    /// The frame that appends it, without the number of the call.
    pub(crate) fn frame<'a>(&'a self, stream: &'a str, options: &AppendOptions) -> AppendFrame<'a> {
        let (producer, epoch, sequence) = options.producer.unwrap_or_default();
        AppendFrame {
            correlation: coilgun_protocol::model::Ticket::NONE,
            stream: stream.as_bytes(),
            partition: self.choice(options.partition),
            conditions: AppendConditions {
                producer,
                sequence,
                expected: options.expected_offset,
                epoch,
            },
            level: options.level,
            body_kind: BodyKind::Native,
            count: self.count,
            body_crc: body_crc(&self.body),
            body: &self.body,
        }
    }
}

impl AppendOptions {
    /// The same into the partition with this index.
    #[must_use]
    pub fn with_partition(mut self, index: u32) -> AppendOptions {
        self.partition = Some(index);
        self
    }

    /// The same, answered at this level. At [`AckLevel::None`] the call returns without an answer.
    #[must_use]
    pub fn with_level(mut self, level: AckLevel) -> AppendOptions {
        self.level = level;
        self
    }

    /// The same, refused unless the first record gets this offset.
    #[must_use]
    pub fn with_expected_offset(mut self, offset: Offset) -> AppendOptions {
        self.expected_offset = Some(offset);
        self
    }
}

impl Appended {
    pub(crate) fn new(frame: &AppendedFrame) -> Appended {
        Appended {
            partition: frame.partition,
            base_offset: frame.base_offset,
            append_time: frame.append_time,
            level: frame.level,
            is_duplicate: frame.is_duplicate,
        }
    }
}

impl From<RecordTooLarge> for ClientError {
    fn from(error: RecordTooLarge) -> ClientError {
        ClientError::RecordTooLarge(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_chooses_unless_an_index_does() {
        let mut batch = Batch::of(&Record::new("a").with_key("k")).expect("it is small");
        batch.push(&Record::new("b").with_key("other")).expect("it is small");
        assert_eq!(batch.choice(None), PartitionChoice::KeyHash(key_hash(b"k")));
        assert_eq!(batch.choice(Some(3)), PartitionChoice::Index(3));
        batch.clear();
        assert!(batch.is_empty() && batch.bytes_len() == 0);
        batch.push(&Record::new("a")).expect("it is small");
        assert_eq!(batch.choice(None), PartitionChoice::Index(0), "there is no key");
        assert_eq!(batch.len(), 1);
    }

    #[test]
    fn a_record_that_does_not_fit_leaves_the_batch_as_it_was() {
        let mut batch = Batch::of(&Record::new("a")).expect("it is small");
        let long = vec![0; 1 << 16];
        let error = batch.push(&Record::new("b").with_key(&long)).expect_err("the key is too long");
        assert_eq!(error.name(), "record_too_large");
        assert!(error.to_string().contains("65536"), "{error}");
        assert_eq!((batch.len(), batch.bytes_len()), (1, 21));
        assert!(Record::new("a").with_header("a b", "").is_err(), "no header has a space");
    }
}
