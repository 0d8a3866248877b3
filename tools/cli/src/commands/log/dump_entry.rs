//! The line about an entry of a commit group.

use coilgun_storage::format::{
    Append, CheckpointChunk, Cursor, EndOfEpoch, Entry, EntryKind, Extension, LogPosition,
    Metadata, Producer, RaftHardState, Row, SegmentReplace, Truncate, Truncation, Watermark,
};

use super::dump_line::Line;

/// The line about the entry at a place, with its row in the directory.
pub(super) fn entry_line(position: LogPosition, row: &Row, entry: &Entry<'_>) -> Line {
    let kind = EntryKind::from_number(row.kind).map(|kind| format!("{kind:?}"));
    let line = Line::new("entry")
        .at(position)
        .with("entry", kind.unwrap_or_else(|| row.kind.to_string()))
        .with("bytes", row.entry_bytes())
        .with("body_bytes", row.body_bytes)
        .with("head_crc", format!("{:08x}", row.head_crc));
    match entry {
        Entry::Append(head, _) => append(line, head),
        Entry::Truncate(head) => truncate(line, head),
        Entry::Cursor(head) => cursor(line, head),
        Entry::Producer(head, _) => producer(line, head),
        Entry::Metadata(Metadata { key, revision, metadata_kind, deleted, .. }, _) => line
            .with("key", *key)
            .with("revision", *revision)
            .with("metadata_kind", *metadata_kind)
            .with("deleted", *deleted),
        Entry::CheckpointChunk(head, _) => checkpoint_chunk(line, head),
        Entry::Watermark(Watermark { durable_segment, durable_byte, .. }) => {
            line.with("durable", format!("{durable_segment}:{durable_byte}"))
        }
        Entry::SegmentReplace(SegmentReplace { input_count, output_count, manifest, .. }, _) => {
            line.with("inputs", *input_count)
                .with("outputs", *output_count)
                .with("manifest", *manifest)
        }
        Entry::EndOfEpoch(EndOfEpoch { ended, segment, byte, crc, time_ms, .. }) => line
            .with("ended", *ended)
            .with("at", format!("{segment}:{byte}"))
            .with("crc", format!("{crc:08x}"))
            .with("time_ms", *time_ms),
        Entry::RaftHardState(head) => raft_hard_state(line, head),
        Entry::Extension(Extension { extension, version, .. }, _) => {
            line.with("extension", *extension).with("version", *version)
        }
    }
}

fn append(line: Line, head: &Append) -> Line {
    line.with("partition", head.partition)
        .with("incarnation", head.incarnation)
        .with("base_offset", head.base_offset)
        .with("count", head.count)
        .with("append_time_ms", head.append_time_ms)
        .with("producer_time_ms", head.producer_time_ms)
        .with("producer", head.producer)
        .with("producer_epoch", head.producer_epoch)
        .with("producer_sequence", head.producer_sequence)
        .with("body_kind", head.body_kind)
        .with("atomic_with", head.atomic_with)
}

fn truncate(line: Line, head: &Truncate) -> Line {
    let kind = Truncation::from_number(head.truncation).map(|kind| format!("{kind:?}"));
    line.with("partition", head.partition)
        .with("incarnation", head.incarnation)
        .with("truncation", kind.unwrap_or_else(|| head.truncation.to_string()))
        .with("offset", head.offset)
        .with("time_ms", head.time_ms)
}

fn cursor(line: Line, head: &Cursor) -> Line {
    line.with("partition", head.partition)
        .with("incarnation", head.incarnation)
        .with("consumer_group", head.consumer_group)
        .with("offset", head.offset)
        .with("generation", head.generation)
}

fn producer(line: Line, head: &Producer) -> Line {
    line.with("partition", head.partition)
        .with("incarnation", head.incarnation)
        .with("producer", head.producer)
        .with("producer_epoch", head.producer_epoch)
        .with("next_sequence", head.next_sequence)
        .with("time_ms", head.time_ms)
}

fn checkpoint_chunk(line: Line, head: &CheckpointChunk) -> Line {
    line.with("checkpoint", head.checkpoint)
        .with("chunk", head.chunk)
        .with("state_kind", head.state_kind)
        .with("last", head.last)
        .with("count", head.count)
}

fn raft_hard_state(line: Line, head: &RaftHardState) -> Line {
    line.with("colocation_group", head.colocation_group)
        .with("term", head.term)
        .with("vote", head.vote)
        .with("raft_commit", head.raft_commit)
}
