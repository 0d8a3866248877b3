//! Appends and their acks.

use std::collections::VecDeque;

use coilgun_protocol::model::{AckLevel, AppendConditions, BodyKind, PartitionChoice, Ticket};
use coilgun_protocol::native::{
    AppendFrame, AppendedFrame, ClientFrame, Record, ServerFrame, StreamCreate, StreamFrame,
    StreamRequest, append_record, body_crc, encode_frame,
};

use super::sample::{Measurement, StreamSample};
use crate::clients::raw::RawConnection;
use crate::cpu::monotonic_ns;
use crate::error::BenchError;

/// What is appended, and how much of it at once.
#[derive(Clone, Copy, Debug)]
pub struct Appends {
    /// What this is called.
    pub name: &'static str,
    /// Partitions of the stream; appends go to one after the other.
    pub partitions: u32,
    /// Records of one append.
    pub batch: usize,
    /// Bytes of payload of a record.
    pub payload_bytes: usize,
    /// Appends that are under way at the same time.
    pub in_flight: usize,
    /// When they are acked.
    pub level: AckLevel,
    /// Shards of the broker, each with a log.
    pub shards: u32,
}

impl Appends {
    /// Appends without an end, or until `measurement` is over.
    ///
    /// # Errors
    /// If the broker refuses one, or the connection breaks.
    pub fn measure(
        &self,
        connection: &mut RawConnection,
        mut measurement: Measurement<'_>,
    ) -> Result<StreamSample, BenchError> {
        let mut appender = Appender::new(self, self.name, connection)?;
        while !measurement.is_over()? {
            appender.step(Some(&mut measurement))?;
        }
        appender.finish()?;
        measurement.end()
    }

    /// Appends at least so many records.
    ///
    /// # Errors
    /// As [`Appends::measure`].
    pub fn fill(&self, connection: &mut RawConnection, records: u64) -> Result<(), BenchError> {
        self.fill_as(self.name, connection, records)
    }

    /// The same to a stream of another name.
    ///
    /// # Errors
    /// As [`Appends::measure`].
    pub fn fill_as(
        &self,
        stream: &str,
        connection: &mut RawConnection,
        records: u64,
    ) -> Result<(), BenchError> {
        let mut appender = Appender::new(self, stream, connection)?;
        for _ in 0..records.div_ceil(self.batch as u64) {
            appender.step(None)?;
        }
        appender.finish()
    }
}

/// Keeps appends under way.
struct Appender<'a> {
    what: &'a Appends,
    stream: &'a str,
    connection: &'a mut RawConnection,
    body: Vec<u8>,
    frames: Vec<u8>,
    next: u64,
    /// When those were sent that are not acked.
    sent_ns: VecDeque<(Ticket, u64)>,
}

impl Appender<'_> {
    fn new<'a>(
        what: &'a Appends,
        stream: &'a str,
        connection: &'a mut RawConnection,
    ) -> Result<Appender<'a>, BenchError> {
        create(connection, stream, what.partitions)?;
        let (payload, mut body) = (vec![7; what.payload_bytes], Vec::new());
        for _ in 0..what.batch {
            let record = Record { payload: &payload, ..Record::default() };
            append_record(&record, &mut body).expect("it is no larger than a record may be");
        }
        let (frames, sent_ns) = (Vec::new(), VecDeque::new());
        Ok(Appender { what, stream, connection, body, frames, next: 1, sent_ns })
    }

    /// Sends what may be under way, and waits for one ack.
    fn step(&mut self, measurement: Option<&mut Measurement<'_>>) -> Result<(), BenchError> {
        self.frames.clear();
        while self.sent_ns.len() < self.what.in_flight {
            let ticket = Ticket(self.next);
            let partition = (self.next % u64::from(self.what.partitions)) as u32;
            self.next += 1;
            let append = AppendFrame {
                correlation: ticket,
                stream: self.stream.as_bytes(),
                partition: PartitionChoice::Index(partition),
                conditions: AppendConditions::default(),
                level: self.what.level,
                body_kind: BodyKind::Native,
                count: self.what.batch as u32,
                body_crc: body_crc(&self.body),
                body: &self.body,
            };
            encode_frame(&ClientFrame::Stream(StreamRequest::Append(append)), &mut self.frames)?;
            self.sent_ns.push_back((ticket, monotonic_ns()));
        }
        if !self.frames.is_empty() {
            self.connection.write(&self.frames)?;
        }
        let sent_ns = self.hear()?;
        if let Some(measurement) = measurement {
            measurement.note_ack(sent_ns);
            let records = self.what.batch as u64;
            measurement.count(records, records * self.what.payload_bytes as u64);
        }
        Ok(())
    }

    /// Waits for the acks that are owed.
    fn finish(mut self) -> Result<(), BenchError> {
        while !self.sent_ns.is_empty() {
            self.hear()?;
        }
        Ok(())
    }

    /// The next ack: when its append was sent.
    fn hear(&mut self) -> Result<u64, BenchError> {
        let acked: AppendedFrame = self.connection.read_until(|frame| {
            let ServerFrame::Stream(StreamFrame::Appended(it)) = frame else { return None };
            Some(*it)
        })?;
        if acked.code != 0 {
            return Err(BenchError::Argument(format!("an append was refused: {}", acked.code)));
        }
        // Partitions are acked in any order.
        let at = self.sent_ns.iter().position(|(ticket, _)| *ticket == acked.correlation);
        let at = at.ok_or_else(|| BenchError::Argument("an ack for no append".to_owned()))?;
        Ok(self.sent_ns.remove(at).expect("it was found there").1)
    }
}

/// Makes a stream, and waits until it is there.
fn create(connection: &mut RawConnection, name: &str, partitions: u32) -> Result<(), BenchError> {
    let mut bytes = Vec::new();
    let request = StreamCreate {
        correlation: Ticket(u64::MAX),
        name: name.as_bytes(),
        partition_count: partitions,
        co_located: false,
    };
    encode_frame(&ClientFrame::Stream(StreamRequest::Create(request)), &mut bytes)?;
    connection.write(&bytes)?;
    await_description(connection, name)
}

/// Waits until the broker says what a stream is like.
pub(super) fn await_description(
    connection: &mut RawConnection,
    name: &str,
) -> Result<(), BenchError> {
    let refused = connection.read_until(|frame| {
        if let ServerFrame::Outcome(outcome) = frame {
            return Some(Some(outcome.code));
        }
        matches!(frame, ServerFrame::Stream(StreamFrame::Described(_))).then_some(None)
    })?;
    match refused {
        None => Ok(()),
        Some(code) => Err(BenchError::Argument(format!("the stream {name} is refused: {code}"))),
    }
}
