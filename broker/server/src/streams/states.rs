//! Partitions and streams between memory and the log.

use coilgun_core::stream::{
    LogIndex, PartitionRecord, PartitionSnapshot, ProducerSnapshot, RecentBatch, RecentBatches,
    StreamId, StreamRecord,
};
use coilgun_protocol::model::limits::PRODUCER_BATCHES_REMEMBERED;
use coilgun_protocol::model::{
    CoLocationGroupId, Incarnation, NamespaceId, Offset, PartitionId, ProducerEpoch, ProducerId,
    ProducerSequence, UnixMs,
};
use coilgun_storage::format::{
    PartitionPlaceState, PartitionState, ProducerBatchState, ProducerState, StreamState,
};

/// A partition as a checkpoint keeps it.
pub(super) fn partition_state(snapshot: &PartitionSnapshot) -> PartitionState {
    PartitionState {
        partition: snapshot.partition.0,
        co_location_group: snapshot.co_location_group.0,
        incarnation: snapshot.incarnation.0,
        log_start: snapshot.log_start.0,
        end: snapshot.end.0,
        last_append_time_ms: snapshot.last_append_time.0,
        is_read_only: snapshot.is_read_only,
        producers: snapshot.producers.iter().map(producer_state).collect(),
    }
}

fn producer_state(producer: &ProducerSnapshot) -> ProducerState {
    let batch = |batch: RecentBatch| ProducerBatchState {
        base_offset: batch.base_offset.0,
        count: batch.count,
    };
    ProducerState {
        producer: producer.producer.0,
        producer_epoch: producer.epoch.0,
        next_sequence: producer.next_sequence.0,
        last_append_time_ms: producer.last_append_time.0,
        batches: producer.batches.iter().map(batch).collect(),
    }
}

/// A partition out of a checkpoint; nothing if there cannot be one like that.
pub(super) fn partition_snapshot(state: &PartitionState) -> Option<PartitionSnapshot> {
    let producers: Option<Vec<ProducerSnapshot>> =
        state.producers.iter().map(producer_snapshot).collect();
    Some(PartitionSnapshot {
        partition: PartitionId(state.partition),
        co_location_group: CoLocationGroupId(state.co_location_group),
        incarnation: Incarnation(state.incarnation),
        log_start: Offset(state.log_start),
        end: Offset(state.end),
        last_append_time: UnixMs(state.last_append_time_ms),
        is_read_only: state.is_read_only,
        producers: producers?,
    })
}

fn producer_snapshot(state: &ProducerState) -> Option<ProducerSnapshot> {
    if state.batches.len() > PRODUCER_BATCHES_REMEMBERED {
        return None;
    }
    let mut batches = RecentBatches::default();
    for batch in &state.batches {
        batches.push(RecentBatch { base_offset: Offset(batch.base_offset), count: batch.count });
    }
    Some(ProducerSnapshot {
        producer: ProducerId(state.producer),
        epoch: ProducerEpoch(state.producer_epoch),
        next_sequence: ProducerSequence(state.next_sequence),
        last_append_time: UnixMs(state.last_append_time_ms),
        batches,
    })
}

/// A stream as metadata says it; `namespace` is the name of its namespace.
pub fn stream_state(record: &StreamRecord, namespace: &str) -> StreamState {
    let place = |it: &PartitionRecord| PartitionPlaceState {
        id: it.id.0,
        co_location_group: it.co_location_group.0,
        log: it.log.0,
    };
    StreamState {
        id: record.id.0,
        namespace: namespace.as_bytes().to_vec(),
        name: record.name.to_vec(),
        created_ms: record.created.0,
        co_located: record.co_located,
        partitions: record.partitions.iter().map(place).collect(),
    }
}

/// A stream out of metadata, in the namespace with this number.
pub fn stream_record(state: &StreamState, namespace: NamespaceId) -> StreamRecord {
    let place = |it: &PartitionPlaceState| PartitionRecord {
        id: PartitionId(it.id),
        co_location_group: CoLocationGroupId(it.co_location_group),
        log: LogIndex(it.log),
    };
    StreamRecord {
        id: StreamId(state.id),
        namespace,
        name: state.name.clone().into_boxed_slice(),
        created: UnixMs(state.created_ms),
        co_located: state.co_located,
        partitions: state.partitions.iter().map(place).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l9_a_partition_in_a_checkpoint_reads_back() {
        let mut batches = RecentBatches::default();
        batches.push(RecentBatch { base_offset: Offset(3), count: 2 });
        batches.push(RecentBatch { base_offset: Offset(9), count: 1 });
        let snapshot = PartitionSnapshot {
            partition: PartitionId(7),
            co_location_group: CoLocationGroupId(8),
            incarnation: Incarnation(2),
            log_start: Offset(3),
            end: Offset(10),
            last_append_time: UnixMs(77),
            is_read_only: true,
            producers: vec![ProducerSnapshot {
                producer: ProducerId(5),
                epoch: ProducerEpoch(1),
                next_sequence: ProducerSequence(3),
                last_append_time: UnixMs(76),
                batches,
            }],
        };
        let state = partition_state(&snapshot);
        assert_eq!(partition_snapshot(&state), Some(snapshot));
        let mut garbled = state;
        garbled.producers[0].batches.resize(6, ProducerBatchState::default());
        assert_eq!(partition_snapshot(&garbled), None);
    }

    #[test]
    fn a_stream_in_metadata_reads_back() {
        let place = |id| PartitionRecord {
            id: PartitionId(id),
            co_location_group: CoLocationGroupId(id + 10),
            log: LogIndex(id as u16),
        };
        let record = StreamRecord {
            id: StreamId(4),
            namespace: NamespaceId(2),
            name: Box::from(&b"orders"[..]),
            created: UnixMs(6),
            co_located: false,
            partitions: vec![place(1), place(2)],
        };
        assert_eq!(stream_record(&stream_state(&record, "ns"), NamespaceId(2)), record);
    }
}
