//! Between the state of a partition as its core says it and as a checkpoint holds it.

use coilgun_core::stream::{PartitionSnapshot, ProducerSnapshot, RecentBatch, RecentBatches};
use coilgun_protocol::model::limits::PRODUCER_BATCHES_REMEMBERED;
use coilgun_protocol::model::{
    CoLocationGroupId, Incarnation, Offset, PartitionId, ProducerEpoch, ProducerId,
    ProducerSequence, UnixMs,
};
use coilgun_storage::format::{PartitionState, ProducerBatchState, ProducerState};

/// What a checkpoint holds of a partition.
pub(super) fn to_state(snapshot: &PartitionSnapshot) -> PartitionState {
    PartitionState {
        partition: snapshot.partition.0,
        co_location_group: snapshot.co_location_group.0,
        incarnation: snapshot.incarnation.0,
        log_start: snapshot.log_start.0,
        end: snapshot.end.0,
        last_append_time_ms: snapshot.last_append_time.0,
        is_read_only: snapshot.is_read_only,
        producers: snapshot.producers.iter().map(to_producer_state).collect(),
    }
}

fn to_producer_state(snapshot: &ProducerSnapshot) -> ProducerState {
    let batches = snapshot.batches.iter();
    ProducerState {
        producer: snapshot.producer.0,
        producer_epoch: snapshot.epoch.0,
        next_sequence: snapshot.next_sequence.0,
        last_append_time_ms: snapshot.last_append_time.0,
        batches: batches
            .map(|batch| ProducerBatchState {
                base_offset: batch.base_offset.0,
                count: batch.count,
            })
            .collect(),
    }
}

/// A partition from a checkpoint; nothing if it remembers more than any does.
pub(super) fn from_state(state: &PartitionState) -> Option<PartitionSnapshot> {
    Some(PartitionSnapshot {
        partition: PartitionId(state.partition),
        co_location_group: CoLocationGroupId(state.co_location_group),
        incarnation: Incarnation(state.incarnation),
        log_start: Offset(state.log_start),
        end: Offset(state.end),
        last_append_time: UnixMs(state.last_append_time_ms),
        is_read_only: state.is_read_only,
        producers: state.producers.iter().map(from_producer_state).collect::<Option<_>>()?,
    })
}

fn from_producer_state(state: &ProducerState) -> Option<ProducerSnapshot> {
    if state.batches.len() > PRODUCER_BATCHES_REMEMBERED {
        return None;
    }
    let mut batches = RecentBatches::default();
    for ProducerBatchState { base_offset, count } in &state.batches {
        batches.push(RecentBatch { base_offset: Offset(*base_offset), count: *count });
    }
    Some(ProducerSnapshot {
        producer: ProducerId(state.producer),
        epoch: ProducerEpoch(state.producer_epoch),
        next_sequence: ProducerSequence(state.next_sequence),
        last_append_time: UnixMs(state.last_append_time_ms),
        batches,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PartitionSnapshot {
        let mut batches = RecentBatches::default();
        batches.push(RecentBatch { base_offset: Offset(3), count: 2 });
        batches.push(RecentBatch { base_offset: Offset(9), count: 1 });
        PartitionSnapshot {
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
        }
    }

    #[test]
    fn l9_a_partition_comes_back_from_a_checkpoint_as_it_was() {
        assert_eq!(from_state(&to_state(&sample())), Some(sample()));
    }

    #[test]
    fn a_producer_with_too_many_batches_is_refused() {
        let mut state = to_state(&sample());
        let batch = ProducerBatchState { base_offset: 1, count: 1 };
        state.producers[0].batches = vec![batch; PRODUCER_BATCHES_REMEMBERED + 1];
        assert_eq!(from_state(&state), None);
    }
}
