//! Making the partitions again from a log that is opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use coilgun_core::stream::{
    EndOfLog, LoggedAppend, Partition, PartitionLimits, ProducerPosition, Recovery, RecoveryError,
};
use coilgun_protocol::model::{
    CoLocationGroupId, Incarnation, Offset, PartitionId, ProducerEpoch, ProducerId,
    ProducerSequence, UnixMs,
};
use coilgun_storage::format::{
    Append, CatalogState, CheckpointChunk, Entry, Group, LogPosition, METADATA_PARTITION,
    METADATA_STREAM, Metadata, PartitionStates, STATE_CATALOG, STATE_PARTITIONS, State,
    StreamState, Superblock, Truncate, Truncation,
};
use coilgun_storage::recovery::{Hole, Replay, Unproven, Visitor};

use super::states::partition_snapshot;

/// Partitions that are being made again.
#[derive(Debug)]
pub struct Rebuilding {
    limits: Arc<PartitionLimits>,
    checkpoint: Option<Superblock>,
    partitions: BTreeMap<PartitionId, Recovery>,
    /// The first thing of each partition that does not fit. What follows it is passed over.
    faults: BTreeMap<PartitionId, RebuildingFault>,
    /// A chunk or a metadata entry that is none.
    is_garbled: bool,
    /// The streams that the log says there are.
    catalog: RebuiltCatalog,
}

/// The streams that a log says there are.
#[derive(Clone, Debug, Default)]
pub struct RebuiltCatalog {
    /// By number.
    pub streams: BTreeMap<u64, StreamState>,
    /// The last numbers of a stream, a partition and a co-location group that were given away.
    pub last_numbers: [u64; 3],
}

impl RebuiltCatalog {
    fn note(&mut self, stream: &StreamState) {
        let partitions = || stream.partitions.iter();
        self.note_numbers([
            stream.id,
            partitions().map(|it| it.id).max().unwrap_or(0),
            partitions().map(|it| it.co_location_group).max().unwrap_or(0),
        ]);
    }

    fn note_numbers(&mut self, numbers: [u64; 3]) {
        for (last, number) in self.last_numbers.iter_mut().zip(numbers) {
            *last = number.max(*last);
        }
    }
}

/// What was made again of a log.
pub struct Rebuilt {
    /// Its partitions.
    pub partitions: BTreeMap<PartitionId, Partition>,
    /// The streams that it knows of.
    pub catalog: RebuiltCatalog,
}

/// What does not fit into a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RebuildingFault {
    /// The log says what cannot follow.
    #[error(transparent)]
    Core(#[from] RecoveryError),
    /// The log speaks of a partition and never said that it exists.
    #[error("the log speaks of a partition that was never made")]
    Unknown,
    /// A truncation of a kind that is not known.
    #[error("truncation {0} is not known")]
    Truncation(u32),
    /// A part of a checkpoint, or metadata, is none.
    #[error("a part of a checkpoint cannot be read")]
    Garbled,
}

impl Rebuilding {
    /// Nothing so far.
    pub fn new(limits: Arc<PartitionLimits>) -> Rebuilding {
        Rebuilding {
            limits,
            checkpoint: None,
            partitions: BTreeMap::new(),
            faults: BTreeMap::new(),
            is_garbled: false,
            catalog: RebuiltCatalog::default(),
        }
    }

    /// The partitions as the log says. Those whose end is not proven take no appends; that something
    /// of them does not fit is an error only if nothing is missing.
    ///
    /// # Errors
    /// The first partition that the log contradicts itself about.
    pub fn finish(self, unproven: &Unproven) -> Result<Rebuilt, (PartitionId, RebuildingFault)> {
        let is_unproven = |id: &PartitionId| match unproven {
            Unproven::Nothing => false,
            Unproven::Partitions(some) => some.contains(&id.0),
            Unproven::Everything => true,
        };
        if self.is_garbled {
            return Err((PartitionId(0), RebuildingFault::Garbled));
        }
        if let Some((id, fault)) = self.faults.iter().find(|(id, _)| !is_unproven(id)) {
            return Err((*id, *fault));
        }
        let finished = self.partitions.into_iter().filter_map(|(id, recovery)| {
            let end = if is_unproven(&id) { EndOfLog::Unproven } else { EndOfLog::Proven };
            Some((id, recovery.finish(end)?))
        });
        Ok(Rebuilt { partitions: finished.collect(), catalog: self.catalog })
    }

    /// Whether a partition may be unknown at this place: its state comes with the checkpoint.
    fn is_before_state(&self, at: LogPosition) -> bool {
        self.checkpoint.is_some_and(|checkpoint| at < checkpoint.end)
    }

    fn on_append(&mut self, at: LogPosition, head: &Append) {
        let named = (head.producer != 0).then_some(ProducerPosition {
            producer: ProducerId(head.producer),
            epoch: ProducerEpoch(head.producer_epoch),
            sequence: ProducerSequence(head.producer_sequence),
        });
        let logged = LoggedAppend {
            incarnation: Incarnation(head.incarnation),
            base_offset: Offset(head.base_offset),
            count: head.count,
            append_time: UnixMs(head.append_time_ms),
            producer: named,
        };
        self.apply(at, head.partition, |recovery| Ok(recovery.replay_append(&logged)?));
    }

    fn on_truncate(&mut self, at: LogPosition, head: &Truncate) {
        let (offset, incarnation) = (Offset(head.offset), Incarnation(head.incarnation));
        let kind = Truncation::ALL.iter().find(|kind| kind.number() == head.truncation);
        self.apply(at, head.partition, |recovery| {
            let replayed = match kind {
                Some(Truncation::End) => recovery.replay_truncate(incarnation, offset),
                Some(Truncation::Beginning) => recovery.replay_trim(incarnation, offset),
                Some(Truncation::Purge) => recovery.replay_purge(incarnation),
                Some(Truncation::Delete) => recovery.replay_delete(),
                None => return Err(RebuildingFault::Truncation(head.truncation)),
            };
            Ok(replayed?)
        });
    }

    fn apply(
        &mut self,
        at: LogPosition,
        partition: u64,
        apply: impl FnOnce(&mut Recovery) -> Result<(), RebuildingFault>,
    ) {
        let id = PartitionId(partition);
        if self.faults.contains_key(&id) {
            return;
        }
        let is_before_state = self.is_before_state(at);
        let applied = match self.partitions.get_mut(&id) {
            Some(recovery) => apply(recovery),
            None if is_before_state => Ok(()),
            None => Err(RebuildingFault::Unknown),
        };
        if let Err(fault) = applied {
            self.faults.insert(id, fault);
        }
    }

    fn on_metadata(&mut self, head: &Metadata, body: &[u8]) {
        let understood = match head.metadata_kind {
            METADATA_PARTITION => self.on_partition(head, body),
            METADATA_STREAM => self.on_stream(head, body),
            _ => false,
        };
        self.is_garbled |= !understood;
    }

    fn on_partition(&mut self, head: &Metadata, body: &[u8]) -> bool {
        let Ok(group) = body.try_into().map(u64::from_le_bytes) else { return false };
        let (id, limits) = (PartitionId(head.key), Arc::clone(&self.limits));
        let made = Recovery::of_new(id, CoLocationGroupId(group), limits);
        self.partitions.insert(id, made);
        true
    }

    fn on_stream(&mut self, head: &Metadata, body: &[u8]) -> bool {
        let Some(state) = StreamState::from_body(body) else { return false };
        self.catalog.note(&state);
        if head.deleted == 0 {
            self.catalog.streams.insert(head.key, state);
        } else {
            self.catalog.streams.remove(&head.key);
        }
        true
    }

    fn on_chunk(&mut self, at: LogPosition, chunk: &CheckpointChunk, body: &[u8]) {
        let is_ours = self.is_before_state(at)
            && self.checkpoint.is_some_and(|of| of.checkpoint == chunk.checkpoint);
        if !is_ours {
            return;
        }
        let understood = match chunk.state_kind {
            STATE_PARTITIONS => self.on_partition_states(body),
            STATE_CATALOG => self.on_catalog_state(body),
            _ => false,
        };
        self.is_garbled |= !understood;
    }

    fn on_catalog_state(&mut self, body: &[u8]) -> bool {
        let Some(state) = CatalogState::from_body(body) else { return false };
        let numbers = [state.last_stream, state.last_partition, state.last_co_location_group];
        self.catalog.note_numbers(numbers);
        let streams = state.streams.into_iter().map(|stream| (stream.id, stream));
        self.catalog.streams.extend(streams);
        true
    }

    fn on_partition_states(&mut self, body: &[u8]) -> bool {
        let Some(states) = PartitionStates::from_body(body) else { return false };
        for state in &states.partitions {
            let Some(snapshot) = partition_snapshot(state) else { return false };
            let id = snapshot.partition;
            match Recovery::restore(&snapshot, Arc::clone(&self.limits)) {
                Ok(recovery) => {
                    // What came before the state is part of it, whether it fitted or not.
                    self.faults.remove(&id);
                    self.partitions.insert(id, recovery);
                }
                Err(error) => {
                    self.faults.insert(id, error.into());
                }
            }
        }
        true
    }
}

impl Visitor for Rebuilding {
    fn on_group(&mut self, group: &Group<'_>) {
        let at = group.header.position;
        for (_, entry) in group.entries() {
            match entry {
                Entry::Append(head, _) => self.on_append(at, &head),
                Entry::Truncate(head) => self.on_truncate(at, &head),
                Entry::Metadata(head, body) => self.on_metadata(&head, body),
                Entry::CheckpointChunk(chunk, body) => self.on_chunk(at, &chunk, body),
                Entry::Cursor(_)
                | Entry::Producer(..)
                | Entry::Watermark(_)
                | Entry::SegmentReplace(..)
                | Entry::EndOfEpoch(_)
                | Entry::RaftHardState(_)
                | Entry::Extension(..) => {}
            }
        }
    }

    fn on_hole(&mut self, _hole: &Hole) {}
}

impl Replay for Rebuilding {
    fn on_start(&mut self, checkpoint: Option<&Superblock>) {
        let limits = Arc::clone(&self.limits);
        *self = Rebuilding { checkpoint: checkpoint.copied(), ..Rebuilding::new(limits) };
    }
}
