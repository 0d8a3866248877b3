//! STREAM_CREATE, STREAM_DELETE, STREAM_LIST and STREAM_DESCRIBE: what a client asks about streams.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::operation::Operation;
use super::super::schema_generated::{
    StreamCreateTable, StreamCreateTableArgs, StreamDeleteTable, StreamDeleteTableArgs,
    StreamDescribeTable, StreamDescribeTableArgs, StreamListTable, StreamListTableArgs,
};
use super::table::{TableTooLong, read_table, write_table};
use crate::model::Ticket;

/// The client makes a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamCreate<'a> {
    /// Comes back in STREAM_DESCRIBED or OUTCOME; none: no answer.
    pub correlation: Ticket,
    /// Its name, not checked.
    pub name: &'a [u8],
    /// How many partitions it has, from 1 on; 0 is read as 1.
    pub partition_count: u32,
    /// All its partitions are in one co-location group.
    pub co_located: bool,
}

/// The client names a stream: to delete it, or to be told what it is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamNamed<'a> {
    /// Comes back in the answer; none: no answer.
    pub correlation: Ticket,
    /// The name, not checked.
    pub name: &'a [u8],
}

/// The client asks which streams there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamList {
    /// Comes back in the answer; none: no answer.
    pub correlation: Ticket,
}

impl<'a> StreamCreate<'a> {
    /// Appends the frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::StreamCreate, out, |builder| self.build(builder))
    }

    fn build(&self, builder: &mut FlatBufferBuilder<'_>) {
        let name = Some(builder.create_vector::<u8>(self.name));
        let arguments = StreamCreateTableArgs {
            correlation: self.correlation.0,
            name,
            partition_count: self.partition_count,
            co_located: self.co_located,
        };
        let table = StreamCreateTable::create(builder, &arguments);
        builder.finish_minimal(table);
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode(head: &'a [u8]) -> Result<StreamCreate<'a>, DecodeError> {
        let table = read_table::<StreamCreateTable<'_>>(Operation::StreamCreate, head)?;
        Ok(StreamCreate {
            correlation: Ticket(table.correlation()),
            name: table.name().bytes(),
            partition_count: table.partition_count().max(1),
            co_located: table.co_located(),
        })
    }
}

impl<'a> StreamNamed<'a> {
    /// Appends a STREAM_DELETE frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode_delete(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::StreamDelete, out, |builder| {
            let name = Some(builder.create_vector::<u8>(self.name));
            let arguments = StreamDeleteTableArgs { correlation: self.correlation.0, name };
            let table = StreamDeleteTable::create(builder, &arguments);
            builder.finish_minimal(table);
        })
    }

    /// Appends a STREAM_DESCRIBE frame.
    ///
    /// # Errors
    /// If it would be longer than a control frame may be; `out` is unchanged then.
    pub fn encode_describe(&self, out: &mut Vec<u8>) -> Result<(), TableTooLong> {
        write_table(Operation::StreamDescribe, out, |builder| {
            let name = Some(builder.create_vector::<u8>(self.name));
            let arguments = StreamDescribeTableArgs { correlation: self.correlation.0, name };
            let table = StreamDescribeTable::create(builder, &arguments);
            builder.finish_minimal(table);
        })
    }

    /// Verifies and reads the head of a STREAM_DELETE frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode_delete(head: &'a [u8]) -> Result<StreamNamed<'a>, DecodeError> {
        let table = read_table::<StreamDeleteTable<'_>>(Operation::StreamDelete, head)?;
        let correlation = Ticket(table.correlation());
        Ok(StreamNamed { correlation, name: table.name().bytes() })
    }

    /// Verifies and reads the head of a STREAM_DESCRIBE frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode_describe(head: &'a [u8]) -> Result<StreamNamed<'a>, DecodeError> {
        let table = read_table::<StreamDescribeTable<'_>>(Operation::StreamDescribe, head)?;
        let correlation = Ticket(table.correlation());
        Ok(StreamNamed { correlation, name: table.name().bytes() })
    }
}

impl StreamList {
    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_table(Operation::StreamList, out, |builder| {
            let arguments = StreamListTableArgs { correlation: self.correlation.0 };
            let table = StreamListTable::create(builder, &arguments);
            builder.finish_minimal(table);
        })
        .expect("a number fits a control frame");
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify.
    pub fn decode(head: &[u8]) -> Result<StreamList, DecodeError> {
        let table = read_table::<StreamListTable<'_>>(Operation::StreamList, head)?;
        Ok(StreamList { correlation: Ticket(table.correlation()) })
    }
}

/// Fuzz entry: the first byte says which of the four tables it is; any other bytes are refused, or are
/// a table whose values read back.
pub fn fuzz_stream_requests(bytes: &[u8]) {
    const READ_BACK: &str = "the values read back";
    let Some((&which, head)) = bytes.split_first() else { return };
    let mut again = Vec::new();
    match which % 4 {
        0 => {
            let Ok(create) = StreamCreate::decode(head) else { return };
            if create.encode(&mut again).is_ok() {
                assert_eq!(StreamCreate::decode(&again[8..]), Ok(create), "{READ_BACK}");
            }
        }
        1 => {
            let Ok(delete) = StreamNamed::decode_delete(head) else { return };
            if delete.encode_delete(&mut again).is_ok() {
                assert_eq!(StreamNamed::decode_delete(&again[8..]), Ok(delete), "{READ_BACK}");
            }
        }
        2 => {
            let Ok(describe) = StreamNamed::decode_describe(head) else { return };
            if describe.encode_describe(&mut again).is_ok() {
                assert_eq!(StreamNamed::decode_describe(&again[8..]), Ok(describe), "{READ_BACK}");
            }
        }
        _ => {
            let Ok(list) = StreamList::decode(head) else { return };
            list.encode(&mut again);
            assert_eq!(StreamList::decode(&again[8..]), Ok(list), "{READ_BACK}");
        }
    }
}
