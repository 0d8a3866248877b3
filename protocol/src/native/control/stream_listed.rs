//! STREAM_LISTED: which streams there are. Many of them take several frames.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::header::HEADER_BYTES;
use super::super::operation::Operation;
use super::super::schema_generated::{StreamEntry, StreamListedTable, StreamListedTableArgs};
use super::table::{TableTooLong, bytes_or_empty, read_table, write_table};
use crate::model::limits::{CONTROL_FRAME_BYTES_MAX, STREAM_NAME_BYTES_MAX};
use crate::model::{StreamRow, StreamsListed, Ticket, UnixMs};

/// What the entries of one frame and their names take together, in bytes, at most.
const ROWS_BYTES_MAX: usize = CONTROL_FRAME_BYTES_MAX - 256;
/// What an entry takes beside its name, in bytes.
const ENTRY_BYTES: usize = size_of::<StreamEntry>();

/// Which streams there are, or a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamListedFrame<'a> {
    /// The correlation of the frame this answers.
    pub correlation: Ticket,
    /// Another frame with more streams follows.
    pub more: bool,
    streams: StreamRows<'a>,
}

/// Entries of streams and their names, which are exactly as long as the entries say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct StreamRows<'a> {
    entries: &'a [u8],
    names: &'a [u8],
}

impl<'a> StreamListedFrame<'a> {
    /// The streams that this frame tells of, in the order of the frame.
    pub fn streams(&self) -> impl Iterator<Item = StreamRow<'a>> + use<'a> {
        let (entries, _) = self.streams.entries.as_chunks();
        let mut names = self.streams.names;
        entries.iter().map(move |entry| {
            let entry = StreamEntry(*entry);
            let (name, rest) = names.split_at(entry.name_len().into());
            names = rest;
            let created = UnixMs(entry.created_ms());
            StreamRow { name, partition_count: entry.partition_count(), created }
        })
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify, or the names are not as long as the entries say.
    pub fn decode(head: &'a [u8]) -> Result<StreamListedFrame<'a>, DecodeError> {
        let operation = Operation::StreamListed;
        let table = read_table::<StreamListedTable<'_>>(operation, head)?;
        let names = bytes_or_empty(table.names());
        let entries = table.streams();
        let mut bytes = 0;
        for entry in entries.iter().flatten() {
            bytes += u64::from(entry.name_len());
            if entry.reserved() != 0 {
                return Err(DecodeError::OutOfRange {
                    operation,
                    field: "reserved of a stream",
                    value: entry.reserved().into(),
                    value_max: 0,
                });
            }
        }
        if bytes != names.len() as u64 {
            let body_bytes = names.len() as u64;
            return Err(DecodeError::PartsTooLong { operation, bytes, body_bytes });
        }
        let entries = entries.map_or(&[][..], |entries| entries.bytes());
        Ok(StreamListedFrame {
            correlation: Ticket(table.correlation()),
            more: table.more(),
            streams: StreamRows { entries, names },
        })
    }
}

/// Appends as many frames as are needed: at least one.
///
/// # Errors
/// If a name is longer than any name of a stream.
pub(in super::super) fn encode_listed(
    listed: &StreamsListed<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TableTooLong> {
    let mut rest = listed.streams;
    // Ends because every turn but the last takes streams away.
    loop {
        let (now, behind) = rest.split_at(fitting(rest));
        let more = listed.more || !behind.is_empty();
        let part = StreamsListed { streams: now, more, ..*listed };
        write_table(Operation::StreamListed, out, |builder| build(&part, builder))?;
        rest = behind;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// How many of the streams fit one frame: at least one, if there is one.
fn fitting(streams: &[StreamRow<'_>]) -> usize {
    let mut bytes = 0;
    let count = streams.iter().take_while(|row| {
        bytes += ENTRY_BYTES + row.name.len();
        bytes <= ROWS_BYTES_MAX
    });
    count.count().max(streams.len().min(1))
}

fn build(listed: &StreamsListed<'_>, builder: &mut FlatBufferBuilder<'_>) {
    let names: Vec<u8> = listed.streams.iter().flat_map(|row| row.name).copied().collect();
    let entries: Vec<_> = listed.streams.iter().map(entry).collect();
    let names = (!names.is_empty()).then(|| builder.create_vector(&names));
    let streams = (!entries.is_empty()).then(|| builder.create_vector(&entries));
    let (correlation, more) = (listed.ticket.0, listed.more);
    let arguments = StreamListedTableArgs { correlation, streams, names, more };
    let table = StreamListedTable::create(builder, &arguments);
    builder.finish_minimal(table);
}

fn entry(row: &StreamRow<'_>) -> StreamEntry {
    let name_len = u16::try_from(row.name.len()).expect("the name of a stream is short");
    StreamEntry::new(row.created.0, row.partition_count, name_len, 0)
}

const _: () = assert!(ENTRY_BYTES == 16);
const _: () = assert!(ENTRY_BYTES + STREAM_NAME_BYTES_MAX <= ROWS_BYTES_MAX, "one fits a frame");
const _: () = assert!(HEADER_BYTES + ROWS_BYTES_MAX + 128 <= CONTROL_FRAME_BYTES_MAX);

/// Fuzz entry: any bytes are refused, or are a table whose values read back.
pub fn fuzz_stream_listed(bytes: &[u8]) {
    let Ok(frame) = StreamListedFrame::decode(bytes) else { return };
    let streams: Vec<_> = frame.streams().collect();
    if fitting(&streams) < streams.len() || streams.iter().any(|it| it.name.len() > 256) {
        return;
    }
    let listed = StreamsListed { ticket: frame.correlation, streams: &streams, more: frame.more };
    let mut again = Vec::new();
    encode_listed(&listed, &mut again).expect("it is one frame");
    assert_eq!(StreamListedFrame::decode(&again[8..]), Ok(frame), "the values read back");
}

#[cfg(test)]
mod tests {
    use super::super::super::header::FrameHeader;
    use super::*;

    #[test]
    fn many_streams_take_several_frames_and_the_last_says_so() {
        let long = [b'n'; STREAM_NAME_BYTES_MAX];
        for count in [0, 1, 59, 60, 1000] {
            let row = |number: usize| StreamRow {
                name: &long[..number % (STREAM_NAME_BYTES_MAX + 1)],
                partition_count: 4,
                created: UnixMs(number as u64),
            };
            let rows: Vec<_> = (0..count).map(|number| row(number + 200)).collect();
            let listed = StreamsListed { ticket: Ticket(4), streams: &rows, more: false };
            let mut bytes = Vec::new();
            encode_listed(&listed, &mut bytes).expect("every frame fits");
            let (mut rest, mut read, mut mores) = (bytes.as_slice(), Vec::new(), Vec::new());
            while let Some(header) = rest.first_chunk() {
                let header = FrameHeader::decode(*header).expect("it is a frame");
                let (head, behind) = rest[8..].split_at(header.length as usize);
                let frame = StreamListedFrame::decode(head).expect("it is such a table");
                read.extend(frame.streams());
                mores.push(frame.more);
                rest = behind;
            }
            assert_eq!(read, rows);
            assert_eq!(mores.iter().filter(|more| !**more).count(), 1, "{count} streams");
            assert_eq!(mores.last(), Some(&false));
        }
    }
}
