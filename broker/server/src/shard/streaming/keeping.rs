//! What is done about logs now and then: checkpoints, a disk that was full, producers that are gone.

use coilgun_core::stream::LogIndex;
use coilgun_protocol::model::Timestamp;
use coilgun_storage::format::{CatalogState, LogPosition, SegmentSequence};

use super::super::turn::Shard;
use super::catalog::namespace_name;
use super::logs::FIRST;
use crate::env::Env;
use crate::streams::{ChunkLimits, Released, stream_state};

/// How many segments a log goes on by before its next checkpoint: what a start replays.
const SEGMENTS_PER_CHECKPOINT: u64 = 4;
/// How much comes into one part of a checkpoint.
const CHUNK: ChunkLimits = ChunkLimits { partitions: 64, streams: 256 };
/// How often a full disk is asked whether it has room, and producers that are gone are forgotten, in
/// milliseconds.
const CARE_MS: u64 = 1_000;
/// Producers of each partition that are looked at then.
const PRODUCERS_PER_CARE: usize = 16;

impl<E: Env> Shard<E> {
    /// Does what a log needs now and then.
    pub(super) fn keep_log(&mut self, log: LogIndex) {
        let care = self.streams.turn >= self.streams.care_at;
        let now = self.streams.now;
        if !self.streams.to_delete.is_empty() {
            self.delete_waiting();
        }
        let Some(host) = self.streams.host_mut(log) else { return };
        if care {
            host.tick(now, PRODUCERS_PER_CARE);
            if host.journal().is_full() {
                host.journal().retry_full();
            }
        }
        // At most once in a while, because it may look at every partition.
        let released = if care { host.release() } else { Released::default() };
        let is_checkpointing = host.is_checkpointing();
        let LogPosition { segment, .. } = host.journal().durable().0;
        self.counters.segments_released += released.segments as u64;
        if is_checkpointing {
            return self.advance_checkpoint(log, care);
        }
        let last = self.streams.checkpointed.entry(log).or_insert(segment);
        if segment.0 >= last.0 + SEGMENTS_PER_CHECKPOINT || released.wants_checkpoint {
            *last = segment;
            if let Some(host) = self.streams.host_mut(log) {
                host.begin_checkpoint();
            }
        }
    }

    /// A checkpoint goes on; what the journal does not take now it takes later.
    fn advance_checkpoint(&mut self, log: LogIndex, care: bool) {
        let streams = &mut self.streams;
        let (catalog, hidden) = (&streams.catalog, &streams.hidden_namespaces);
        let configured = &self.settings.namespaces;
        let Some(host) = streams.logs.get_mut(&log).and_then(|state| state.host_mut()) else {
            return;
        };
        let part = |behind: u64, count_max: usize| {
            (log == FIRST).then(|| {
                let [last_stream, last_partition, last_co_location_group] = catalog.last_numbers();
                let records = catalog.in_order().into_iter().filter(|it| it.id.0 > behind);
                let states = records.take(count_max).map(|record| {
                    stream_state(record, namespace_name(configured, hidden, record.namespace))
                });
                let streams = states.collect();
                CatalogState { last_stream, last_partition, last_co_location_group, streams }
            })
        };
        if host.advance_checkpoint(CHUNK, care, part) == Ok(true) {
            // One that is longer than what the next one waits for shall not be due again at once.
            let LogPosition { segment, .. } = host.journal().durable().0;
            streams.checkpointed.insert(log, segment);
            self.counters.checkpoints += 1;
        }
    }

    /// Looks after the logs next time in a while.
    pub(super) fn end_care(&mut self) {
        if self.streams.turn >= self.streams.care_at {
            self.streams.care_at = self.streams.turn.plus_ms(CARE_MS);
        }
    }

    /// When somebody waits for that although nothing else happens.
    pub(super) fn care_deadline(&self) -> Option<Timestamp> {
        let mut hosts = self.streams.hosts();
        let wants_care = hosts.any(|host| host.journal().is_full() || host.is_release_due());
        wants_care.then_some(self.streams.care_at)
    }

    /// A log was opened, and replay began in this segment.
    pub(super) fn note_checkpoint(&mut self, log: LogIndex, segment: SegmentSequence) {
        self.streams.checkpointed.insert(log, segment);
    }
}
