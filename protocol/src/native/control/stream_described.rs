//! STREAM_DESCRIBED: what a stream is like. With many partitions it takes several frames.

use flatbuffers::FlatBufferBuilder;

use super::super::error::DecodeError;
use super::super::header::HEADER_BYTES;
use super::super::operation::Operation;
use super::super::schema_generated::{
    PartitionEntry, StreamDescribedTable, StreamDescribedTableArgs,
};
use super::table::{TableTooLong, read_table, write_table};
use crate::model::limits::{CONTROL_FRAME_BYTES_MAX, STREAM_NAME_BYTES_MAX};
use crate::model::{
    Offset, PartitionHealth, PartitionId, PartitionRow, StreamDescribed, Ticket, UnixMs,
};

/// How many partitions one frame tells of.
const PARTITIONS_PER_FRAME: usize = 448;
/// What a frame takes beside name and partitions, in bytes, at most.
const BESIDE_BYTES_MAX: usize = 128;

/// What a stream is like, or a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamDescribedFrame<'a> {
    /// The correlation of the frame this answers.
    pub correlation: Ticket,
    /// Name of the stream.
    pub name: &'a [u8],
    /// When it was made.
    pub created: UnixMs,
    /// All its partitions are in one co-location group.
    pub co_located: bool,
    /// Another frame with more partitions follows.
    pub more: bool,
    partitions: PartitionRows<'a>,
}

/// Checked entries of partitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct PartitionRows<'a>(&'a [u8]);

impl<'a> StreamDescribedFrame<'a> {
    /// The partitions that this frame tells of, in the order of the frame.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionRow> + use<'a> {
        let (entries, _) = self.partitions.0.as_chunks();
        entries.iter().map(|entry| row(PartitionEntry(*entry)).expect("every entry was checked"))
    }

    /// Verifies and reads the head of the frame.
    ///
    /// # Errors
    /// If the table does not verify, or tells of a partition what there is not.
    pub fn decode(head: &'a [u8]) -> Result<StreamDescribedFrame<'a>, DecodeError> {
        let operation = Operation::StreamDescribed;
        let table = read_table::<StreamDescribedTable<'_>>(operation, head)?;
        let partitions = table.partitions();
        for entry in partitions.iter().flatten() {
            if entry.reserved() != 0 {
                return Err(DecodeError::OutOfRange {
                    operation,
                    field: "reserved of a partition",
                    value: entry.reserved().into(),
                    value_max: 0,
                });
            }
            if row(*entry).is_none() {
                return Err(DecodeError::OutOfRange {
                    operation,
                    field: "state",
                    value: entry.state().into(),
                    value_max: PartitionHealth::Poisoned as u32,
                });
            }
        }
        Ok(StreamDescribedFrame {
            correlation: Ticket(table.correlation()),
            name: table.name().bytes(),
            created: UnixMs(table.created_ms()),
            co_located: table.co_located(),
            more: table.more(),
            partitions: PartitionRows(partitions.map_or(&[], |entries| entries.bytes())),
        })
    }
}

/// What an entry says, if there is such a state.
fn row(entry: PartitionEntry) -> Option<PartitionRow> {
    Some(PartitionRow {
        index: entry.index(),
        id: PartitionId(entry.id()),
        first_offset: Offset(entry.first_offset()),
        end_offset: Offset(entry.end_offset()),
        health: PartitionHealth::from_number(entry.state())?,
        shard: entry.shard(),
    })
}

/// Appends as many frames as are needed: at least one.
///
/// # Errors
/// If the name is longer than any name of a stream; `out` is unchanged then.
pub(in super::super) fn encode_described(
    described: &StreamDescribed<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TableTooLong> {
    let mut rest = described.partitions;
    // Ends because every turn but the last takes partitions away.
    loop {
        let (now, behind) = rest.split_at(rest.len().min(PARTITIONS_PER_FRAME));
        let more = described.more || !behind.is_empty();
        let part = StreamDescribed { partitions: now, more, ..*described };
        write_table(Operation::StreamDescribed, out, |builder| build(&part, builder))?;
        rest = behind;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

fn build(described: &StreamDescribed<'_>, builder: &mut FlatBufferBuilder<'_>) {
    let entries: Vec<_> = described.partitions.iter().map(entry).collect();
    let partitions = (!entries.is_empty()).then(|| builder.create_vector(&entries));
    let name = Some(builder.create_vector::<u8>(described.name));
    let arguments = StreamDescribedTableArgs {
        correlation: described.ticket.0,
        name,
        created_ms: described.created.0,
        co_located: described.co_located,
        partitions,
        more: described.more,
    };
    let table = StreamDescribedTable::create(builder, &arguments);
    builder.finish_minimal(table);
}

fn entry(row: &PartitionRow) -> PartitionEntry {
    let PartitionRow { index, id, first_offset, end_offset, health, shard } = *row;
    PartitionEntry::new(id.0, first_offset.0, end_offset.0, index, shard, health as u8, 0)
}

const _: () = assert!(size_of::<PartitionEntry>() == 32);
const _: () = assert!(
    HEADER_BYTES + BESIDE_BYTES_MAX + STREAM_NAME_BYTES_MAX + 32 * PARTITIONS_PER_FRAME
        <= CONTROL_FRAME_BYTES_MAX,
    "every such table fits a control frame"
);

/// Fuzz entry: any bytes are refused, or are a table whose values read back.
pub fn fuzz_stream_described(bytes: &[u8]) {
    let Ok(frame) = StreamDescribedFrame::decode(bytes) else { return };
    let partitions: Vec<_> = frame.partitions().collect();
    if frame.name.len() > STREAM_NAME_BYTES_MAX || partitions.len() > PARTITIONS_PER_FRAME {
        return;
    }
    let described = StreamDescribed {
        ticket: frame.correlation,
        name: frame.name,
        created: frame.created,
        co_located: frame.co_located,
        partitions: &partitions,
        more: frame.more,
    };
    let mut again = Vec::new();
    encode_described(&described, &mut again).expect("it is one frame");
    let read = StreamDescribedFrame::decode(&again[8..]);
    assert_eq!(read, Ok(frame), "the values read back");
}

#[cfg(test)]
mod tests {
    use super::super::super::header::FrameHeader;
    use super::*;

    #[test]
    fn many_partitions_take_several_frames_and_the_last_says_so() {
        let row = |index| PartitionRow {
            index,
            id: PartitionId(u64::from(index) + 7),
            first_offset: Offset(1),
            end_offset: Offset(9),
            health: PartitionHealth::ReadOnly,
            shard: 3,
        };
        for (count, frames) in [(0, 1), (PARTITIONS_PER_FRAME, 1), (PARTITIONS_PER_FRAME + 1, 2)] {
            let rows: Vec<_> = (0..count as u32).map(row).collect();
            let described = StreamDescribed {
                ticket: Ticket(4),
                name: &[b'n'; STREAM_NAME_BYTES_MAX],
                created: UnixMs(5),
                co_located: true,
                partitions: &rows,
                more: false,
            };
            let mut bytes = Vec::new();
            encode_described(&described, &mut bytes).expect("every frame fits");
            let (mut rest, mut read, mut mores) = (bytes.as_slice(), Vec::new(), Vec::new());
            while let Some(header) = rest.first_chunk() {
                let header = FrameHeader::decode(*header).expect("it is a frame");
                let (head, behind) = rest[8..].split_at(header.length as usize);
                let frame = StreamDescribedFrame::decode(head).expect("it is such a table");
                read.extend(frame.partitions());
                mores.push(frame.more);
                rest = behind;
            }
            assert_eq!(read, rows);
            assert_eq!(mores.len(), frames);
            assert_eq!(mores.iter().filter(|more| !**more).count(), 1);
            assert_eq!(mores.last(), Some(&false));
        }
    }
}
