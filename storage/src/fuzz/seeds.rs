//! Inputs that each target understands.

use crate::disk::Disk;
use crate::disk::sim::SimWorld;
use crate::format::fuzz::PLACE;
use crate::format::{
    Append, CatalogState, CheckpointChunk, Cursor, EndOfEpoch, Epoch, Extension, FileRow, Footer,
    FooterBatch, FooterPartition, Head, Holds, LogPosition, LostStretch, Manifest, Metadata,
    PartitionState, PartitionStates, Producer, ProducerBatchState, ProducerState, RaftHardState,
    SegmentReplace, SegmentSequence, State, StreamState, Superblock, Truncate, Watermark,
    entry_bytes, write_entry,
};
use crate::journal::{Geometry, OpenGroup, Place};

/// Inputs that the target of this name understands; none if there is no such target.
#[must_use]
pub fn fuzz_seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "log_group" => groups(),
        "log_entry" => entries(),
        "log_footer" => vec![footer().to_bytes(&PLACE, 1), Footer::default().to_bytes(&PLACE, 1)],
        "log_superblock" => vec![superblock(1), superblock(2)],
        "log_manifest" => vec![manifest(Vec::new()), manifest(file_rows())],
        "log_lost" => vec![lost()],
        "log_state" => states(),
        _ => Vec::new(),
    }
}

fn append() -> Append {
    Append { partition: 3, base_offset: 7, count: 2, producer: 5, ..Append::default() }
}

fn groups() -> Vec<Vec<u8>> {
    let place = Place {
        log_id: PLACE.log_id,
        epoch: PLACE.epoch,
        position: PLACE.position,
        previous_crc: 0,
        durable: LogPosition::default(),
        number: 1,
    };
    let geometry =
        Geometry { segment_bytes: 32_768, group_bytes_max: 8_192, group_entries_max: 16 };
    let disk = SimWorld::new().disk();
    let group = |previous, is_long: bool| {
        let mut group = OpenGroup::new(disk.buffer(8_192), &geometry, previous);
        group.append(&append(), &[b"two records"]).expect("it fits");
        if is_long {
            group.append(&Truncate::default(), &[]).expect("it fits");
            group.append(&Metadata { key: 1, ..Metadata::default() }, &[b"body"]).expect("it fits");
        }
        group.close(&place)
    };
    let (first, rows) = group(Vec::new(), true);
    let (second, _) = group(rows, false);
    vec![first.buffer.as_ref().to_vec(), second.buffer.as_ref().to_vec()]
}

fn entries() -> Vec<Vec<u8>> {
    vec![
        entry(&append(), b"body"),
        entry(&Truncate { partition: 3, truncation: 1, ..Truncate::default() }, b""),
        entry(&Cursor::default(), b""),
        entry(&Producer::default(), b"batches"),
        entry(&Metadata::default(), b"body"),
        entry(&CheckpointChunk { last: 1, ..CheckpointChunk::default() }, b"state"),
        entry(&Watermark::default(), b""),
        entry(&SegmentReplace::default(), b"segments"),
        entry(&EndOfEpoch::default(), b""),
        entry(&RaftHardState::default(), b""),
        entry(&Extension::default(), b"something"),
    ]
}

fn entry<H: Head>(head: &H, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; entry_bytes(H::BYTES, body.len())];
    write_entry(&mut bytes, head, &[body]);
    bytes
}

fn footer() -> Footer {
    let row = |partition, batch_index| FooterPartition {
        partition,
        incarnation: 0,
        first_offset: 0,
        end_offset: 2,
        body_bytes: 9,
        batch_index,
        batch_count: 1,
    };
    let batch = |byte| FooterBatch { base_offset: 0, append_time_ms: 5, byte, entry_bytes: 128 };
    Footer {
        partitions: vec![row(1, 0), row(2, 1)],
        batches: vec![batch(128), batch(256)],
        other_entry_count: 3,
        append_time_ms_max: 5,
    }
}

fn superblock(checkpoint: u64) -> Vec<u8> {
    let superblock = Superblock {
        log_id: PLACE.log_id,
        checkpoint,
        epoch: PLACE.epoch,
        first: PLACE.position,
        end: LogPosition { byte: 4096, ..PLACE.position },
        chunk_count: 2,
    };
    superblock.to_block().bytes().to_vec()
}

fn file_rows() -> Vec<FileRow> {
    let row = |file, holds| FileRow { file, bytes: 32_768, holds };
    let segment = SegmentSequence;
    let sealed = Holds::Sealed {
        segment: segment(1),
        epoch: Epoch(1),
        end: 8192,
        crc: 9,
        footer_bytes: 4096,
    };
    vec![
        row(1, sealed),
        row(2, Holds::Open { segment: segment(4), epoch: Epoch(2) }),
        row(3, Holds::Open { segment: segment(5), epoch: Epoch(2) }),
        row(4, Holds::Spare),
    ]
}

fn manifest(files: Vec<FileRow>) -> Vec<u8> {
    let manifest = Manifest {
        log_id: PLACE.log_id,
        number: 3,
        segment_bytes: 32_768,
        epoch: Epoch(2),
        next_file: 5,
        released: SegmentSequence(0),
        files,
    };
    manifest.to_bytes()
}

fn lost() -> Vec<u8> {
    let mark = LostStretch { log_id: PLACE.log_id, from: PLACE.position, to: 8192 };
    mark.to_block().bytes().to_vec()
}

fn states() -> Vec<Vec<u8>> {
    let batches = vec![ProducerBatchState { base_offset: 4, count: 2 }];
    let producers = vec![ProducerState { producer: 5, batches, ..ProducerState::default() }];
    let partition = PartitionState { partition: 1, producers, ..PartitionState::default() };
    let stream = StreamState { id: 7, name: b"orders".to_vec(), ..StreamState::default() };
    let catalog = CatalogState { streams: vec![stream.clone()], ..CatalogState::default() };
    let partitions = PartitionStates { partitions: vec![partition] };
    vec![stream.to_body(), catalog.to_body(), partitions.to_body()]
}
