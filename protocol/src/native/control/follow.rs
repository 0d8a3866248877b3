//! FOLLOW: the client reads a partition as it grows.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::operation::Operation;
use super::super::schema_generated::{FollowTable, FollowTableArgs};
use super::table::{TableTooLong, read_table, write_table};
use crate::model::{FollowFrom, FollowId, Offset, Ticket};

/// What stands where a follower begins at the end.
const AT_END: u64 = u64::MAX;

/// What the client wants to read, and how much of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowRequest<'a> {
    /// The client's number for the follower.
    pub follow: FollowId,
    /// Comes back in OUTCOME; none: no OUTCOME.
    pub correlation: Ticket,
    /// Name of the stream, not checked.
    pub stream: &'a [u8],
    /// Index of the partition, counted from 0.
    pub partition: u32,
    /// Where to begin; no record has the offset 2^64 - 1.
    pub from: FollowFrom,
    /// So many records may be sent before FOLLOW_CREDIT is needed.
    pub credit_records: u32,
    /// So many bytes of batches may be sent before FOLLOW_CREDIT is needed.
    pub credit_bytes: u32,
    /// It ends once it has been sent everything that can be read.
    pub stop_at_end: bool,
}

impl<'a> FollowRequest<'a> {
    /// Appends the frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::Follow, out, |builder| self.build(builder))
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let stream = Some(builder.create_vector::<u8>(self.stream));
        let arguments = FollowTableArgs {
            follower: self.follow.0,
            correlation: self.correlation.0,
            stream,
            partition: self.partition,
            from: match self.from {
                FollowFrom::At(Offset(offset)) => offset,
                FollowFrom::End => AT_END,
            },
            credit_records: self.credit_records,
            credit_bytes: self.credit_bytes,
            stop_at_end: self.stop_at_end,
        };
        let table = FollowTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode(head: &'a [u8]) -> Result<FollowRequest<'a>, DecodeError> {
        let table = read_table::<FollowTable<'_>>(Operation::Follow, head)?;
        Ok(FollowRequest {
            follow: FollowId(table.follower()),
            correlation: Ticket(table.correlation()),
            stream: table.stream().bytes(),
            partition: table.partition(),
            from: match table.from() {
                AT_END => FollowFrom::End,
                offset => FollowFrom::At(Offset(offset)),
            },
            credit_records: table.credit_records(),
            credit_bytes: table.credit_bytes(),
            stop_at_end: table.stop_at_end(),
        })
    }
}

/// Fuzz entry: any bytes are refused, or are a table whose values read back.
pub fn fuzz_follow(bytes: &[u8]) {
    let Ok(request) = FollowRequest::decode(bytes) else { return };
    let mut again = Vec::new();
    if request.encode(&mut again).is_ok() {
        assert_eq!(FollowRequest::decode(&again[8..]), Ok(request), "the values read back");
    }
}
