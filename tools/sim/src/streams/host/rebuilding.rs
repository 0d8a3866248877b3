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
    Append, CheckpointChunk, Entry, Group, LogPosition, METADATA_STREAM, Metadata, PartitionStates,
    STATE_PARTITIONS, State, StreamState, Superblock, Truncate, Truncation,
};
use coilgun_storage::recovery::{Hole, Replay, Unproven, Visitor};

use super::snapshots;

/// Partitions that are being made again.
#[derive(Debug)]
pub(crate) struct Rebuilding {
    /// The number of the log.
    log: u16,
    limits: Arc<PartitionLimits>,
    checkpoint: Option<Superblock>,
    partitions: BTreeMap<PartitionId, Recovery>,
    /// The first thing of each partition that does not fit. What follows it is passed over.
    faults: BTreeMap<PartitionId, RebuildingFault>,
    /// A chunk or a metadata entry that is none.
    is_garbled: bool,
    /// How often replay began.
    start_count: u32,
}

/// What does not fit into a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum RebuildingFault {
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
    pub(crate) fn new(log: u16, limits: Arc<PartitionLimits>) -> Rebuilding {
        Rebuilding {
            log,
            limits,
            checkpoint: None,
            partitions: BTreeMap::new(),
            faults: BTreeMap::new(),
            is_garbled: false,
            start_count: 0,
        }
    }

    /// How often replay began: once, unless a checkpoint could not be read completely.
    pub(crate) fn start_count(&self) -> u32 {
        self.start_count
    }

    /// The partitions as the log says. Those whose end is not proven take no appends; that something
    /// of them does not fit is an error only if nothing is missing.
    ///
    /// # Errors
    /// The first partition that the log contradicts itself about.
    pub(crate) fn finish(
        self,
        unproven: &Unproven,
    ) -> Result<BTreeMap<PartitionId, Partition>, (PartitionId, RebuildingFault)> {
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
        Ok(finished.collect())
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
            match kind {
                Some(Truncation::End) => recovery.replay_truncate(incarnation, offset),
                Some(Truncation::Beginning) => recovery.replay_trim(incarnation, offset),
                Some(Truncation::Purge) => recovery.replay_purge(incarnation),
                Some(Truncation::Delete) => recovery.replay_delete(),
                None => return Err(RebuildingFault::Truncation(head.truncation)),
            }
            .map_err(RebuildingFault::Core)
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
        let stream = match head.metadata_kind {
            METADATA_STREAM => StreamState::from_body(body),
            _ => None,
        };
        let Some(stream) = stream else {
            self.is_garbled = true;
            return;
        };
        for place in stream.partitions.iter().filter(|place| place.log == self.log) {
            let (id, limits) = (PartitionId(place.id), Arc::clone(&self.limits));
            let made = Recovery::of_new(id, CoLocationGroupId(place.co_location_group), limits);
            self.partitions.insert(id, made);
        }
    }

    fn on_chunk(&mut self, at: LogPosition, chunk: &CheckpointChunk, body: &[u8]) {
        let is_ours = self.is_before_state(at)
            && self.checkpoint.is_some_and(|of| of.checkpoint == chunk.checkpoint);
        if !is_ours {
            return;
        }
        let read = match chunk.state_kind {
            STATE_PARTITIONS => PartitionStates::from_body(body),
            _ => None,
        };
        let snapshots = read.and_then(|states| {
            states.partitions.iter().map(snapshots::from_state).collect::<Option<Vec<_>>>()
        });
        self.is_garbled |= snapshots.is_none();
        for snapshot in snapshots.unwrap_or_default() {
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
        *self = Rebuilding {
            checkpoint: checkpoint.copied(),
            start_count: self.start_count + 1,
            ..Rebuilding::new(self.log, limits)
        };
    }
}
