//! A native client's frames about streams into commands, and what it is told of streams into bytes.

use super::super::append::{
    CONDITIONS_AT, appended_frame, conditions_of, partition_of_head, read_append,
};
use super::super::control::{
    FollowRequest, StreamCreate, StreamList, StreamNamed, encode_described, encode_listed,
};
use super::super::error::DecodeError;
use super::super::follow::{
    RECORDS_PREFIX_BYTES, follow_ended_frame, read_follow_credit, read_unfollow,
    records_prefix_bytes,
};
use super::super::framer::Frame;
use super::super::record::{RecordFault, RecordLimits, Records, body_crc};
use super::super::schema_generated::AppendHead;
use super::machine::NativeSession;
use super::parse::span_in;
use crate::buffer::OutBuf;
use crate::model::limits::{BATCH_BYTES_MAX, RECORDS_PER_BATCH_MAX, STREAM_NAME_BYTES_MAX};
use crate::model::{
    Append, AppendConditions, BodyKind, Command, CreateStream, DeleteStream, DescribeStream,
    ErrorCode, Follow, ListStreams, RecordsRead, RefuseAppend, Span, StreamCommand, StreamEvent,
    Ticket,
};

/// Why a batch is not appended, and which record it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fault {
    code: ErrorCode,
    detail: u64,
}

impl Fault {
    fn of(code: ErrorCode) -> Fault {
        Fault { code, detail: 0 }
    }
}

impl NativeSession {
    /// An APPEND frame that begins at `at` of the chunk.
    pub(super) fn append(
        &self,
        frame: &Frame<'_>,
        at: usize,
    ) -> Result<StreamCommand, DecodeError> {
        let (head, level, stream_len) = read_append(frame)?;
        let (ticket, partition) = (Ticket(head.correlation()), partition_of_head(&head));
        let (stream, body) = frame.body().split_at(stream_len);
        let body_kind = match self.check_batch(&head, stream, body) {
            Ok(body_kind) => body_kind,
            Err(Fault { code, detail }) => {
                let refused = RefuseAppend { ticket, partition, code, detail };
                return Ok(StreamCommand::RefuseAppend(refused));
            }
        };
        let conditions = match conditions_of(&head).is_empty() {
            true => Span::EMPTY,
            false => Span::chunk(at + CONDITIONS_AT, AppendConditions::BYTES),
        };
        let stream_at = at + frame.body_offset();
        Ok(StreamCommand::Append(Append {
            stream: Span::chunk(stream_at, stream_len),
            body: Span::chunk(stream_at + stream_len, body.len()),
            conditions,
            ticket,
            partition,
            count: head.count(),
            body_crc: head.body_crc(),
            body_kind,
            level,
        }))
    }

    /// Whether a batch is what its head says, and within the limits.
    fn check_batch(
        &self,
        head: &AppendHead,
        stream: &[u8],
        body: &[u8],
    ) -> Result<BodyKind, Fault> {
        if stream.is_empty() || stream.len() > STREAM_NAME_BYTES_MAX {
            return Err(Fault::of(ErrorCode::InvalidStreamName));
        }
        let count = head.count();
        if count > RECORDS_PER_BATCH_MAX || body.len() > BATCH_BYTES_MAX {
            return Err(Fault::of(ErrorCode::BatchTooLarge));
        }
        let body_kind = BodyKind::from_number(head.body_kind());
        let Some(body_kind) = body_kind.filter(|_| count > 0 && !body.is_empty()) else {
            return Err(Fault::of(ErrorCode::InvalidBatch));
        };
        if body_crc(body) != head.body_crc() {
            return Err(Fault::of(ErrorCode::CorruptRecords));
        }
        match body_kind {
            BodyKind::Opaque if count != 1 => Err(Fault::of(ErrorCode::InvalidBatch)),
            BodyKind::Opaque => Ok(body_kind),
            BodyKind::Native => self.check_records(body, count).map(|()| body_kind),
        }
    }

    fn check_records(&self, body: &[u8], count: u32) -> Result<(), Fault> {
        let limits = RecordLimits { count, payload_bytes_max: self.config.record_bytes_max };
        let Err(invalid) = Records::check_within(body, limits) else { return Ok(()) };
        let code = match invalid.fault {
            RecordFault::PayloadTooLarge { .. } => ErrorCode::BatchTooLarge,
            RecordFault::Missing
            | RecordFault::Truncated(_)
            | RecordFault::Flags(_)
            | RecordFault::Headers(_)
            | RecordFault::Surplus(_) => ErrorCode::InvalidBatch,
        };
        Err(Fault { code, detail: invalid.record.into() })
    }

    /// Writes what a client is told of streams.
    pub(super) fn write_stream_event(&self, event: &StreamEvent<'_>, out: &mut OutBuf) {
        const SHORT: &str = "the name of a stream was compared with its limit";
        match event {
            StreamEvent::Appended(appended) => {
                if appended.ticket.is_some() {
                    out.copy(&appended_frame(appended));
                }
            }
            StreamEvent::Records(read) => write_records(read, out),
            StreamEvent::FollowEnded(ended) => out.copy(&follow_ended_frame(ended)),
            StreamEvent::Described(described) => {
                if described.ticket.is_some() {
                    let mut frames = Vec::new();
                    encode_described(described, &mut frames).expect(SHORT);
                    out.copy(&frames);
                }
            }
            StreamEvent::Listed(listed) => {
                if listed.ticket.is_some() {
                    let mut frames = Vec::new();
                    encode_listed(listed, &mut frames).expect(SHORT);
                    out.copy(&frames);
                }
            }
        }
    }
}

/// Writes a RECORDS frame: one copy of a short body, none of a long one that lies in a block (law S6).
#[inline]
fn write_records(read: &RecordsRead<'_>, out: &mut OutBuf) {
    let prefix: [u8; RECORDS_PREFIX_BYTES] = records_prefix_bytes(read);
    out.copy(&prefix);
    out.payload(read.body);
}

/// A STREAM_CREATE frame inside the chunk `bytes`.
pub(super) fn create_stream(frame: &Frame<'_>, bytes: &[u8]) -> Result<Command, DecodeError> {
    let create = StreamCreate::decode(frame.head())?;
    Ok(Command::Stream(StreamCommand::Create(CreateStream {
        name: span_in(bytes, create.name),
        ticket: create.correlation,
        partition_count: create.partition_count,
        co_located: create.co_located,
    })))
}

/// A STREAM_DELETE frame inside the chunk `bytes`.
pub(super) fn delete_stream(frame: &Frame<'_>, bytes: &[u8]) -> Result<Command, DecodeError> {
    let named = StreamNamed::decode_delete(frame.head())?;
    let (name, ticket) = (span_in(bytes, named.name), named.correlation);
    Ok(Command::Stream(StreamCommand::Delete(DeleteStream { name, ticket })))
}

/// A STREAM_LIST frame.
pub(super) fn list_streams(frame: &Frame<'_>) -> Result<Command, DecodeError> {
    let ticket = StreamList::decode(frame.head())?.correlation;
    Ok(Command::Stream(StreamCommand::List(ListStreams { ticket })))
}

/// A STREAM_DESCRIBE frame inside the chunk `bytes`.
pub(super) fn describe_stream(frame: &Frame<'_>, bytes: &[u8]) -> Result<Command, DecodeError> {
    let named = StreamNamed::decode_describe(frame.head())?;
    let (name, ticket) = (span_in(bytes, named.name), named.correlation);
    Ok(Command::Stream(StreamCommand::Describe(DescribeStream { name, ticket })))
}

/// A FOLLOW frame inside the chunk `bytes`.
pub(super) fn follow(frame: &Frame<'_>, bytes: &[u8]) -> Result<Command, DecodeError> {
    let request = FollowRequest::decode(frame.head())?;
    Ok(Command::Stream(StreamCommand::Follow(Follow {
        follow: request.follow,
        ticket: request.correlation,
        stream: span_in(bytes, request.stream),
        from: request.from,
        partition: request.partition,
        credit_records: request.credit_records,
        credit_bytes: request.credit_bytes,
        stop_at_end: request.stop_at_end,
    })))
}

/// A FOLLOW_CREDIT frame.
pub(super) fn follow_credit(frame: &Frame<'_>) -> Command {
    Command::Stream(StreamCommand::AddCredit(read_follow_credit(frame)))
}

/// An UNFOLLOW frame.
pub(super) fn unfollow(frame: &Frame<'_>) -> Command {
    Command::Stream(StreamCommand::Unfollow(read_unfollow(frame)))
}
