//! What a shard knows of streams.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use coilgun_core::stream::{Catalog, Effects, LogIndex, StreamRecord};
use coilgun_protocol::model::{ClientId, PartitionId, ShardId, ShardSet, Timestamp, UnixMs};
use coilgun_storage::disk::Disk;
use coilgun_storage::format::SegmentSequence;
use coilgun_storage::journal::GroupNumber;

use super::arrivals::Arrivals;
use super::delivering::Delivering;
use super::following::FollowerTable;
use super::parking::Parked;
use super::setup::{LogFault, StreamSetup};
use super::words::WishWord;
use crate::streams::StreamHost;

/// What a shard knows of streams; without a setup it has none.
pub(in super::super) struct Streams<D: Disk> {
    pub(super) setup: Option<StreamSetup>,
    pub(super) catalog: Catalog,
    /// The logs of this shard.
    pub(super) logs: BTreeMap<LogIndex, LogState<D>>,
    /// Reused for the logs that a turn looks at.
    pub(super) in_turn: Vec<LogIndex>,
    pub(super) arrivals: Rc<Arrivals<D>>,
    pub(super) effects: Effects,
    pub(super) followers: FollowerTable,
    /// What was read and is on its way to followers.
    pub(super) delivering: VecDeque<Delivering<D::Buffer>>,
    /// How many reads and openings are under way.
    pub(super) under_way: usize,
    /// Wishes that wait until the log is open that decides.
    pub(super) wishes: VecDeque<(ShardId, ClientId, WishWord)>,
    /// Decisions that are not durable, or not in force everywhere.
    pub(super) decisions: VecDeque<Decision>,
    /// The number of the last decision.
    pub(super) last_decision: u64,
    /// Partitions to be made once their log is open.
    pub(super) to_make: Vec<(LogIndex, PartitionId)>,
    /// Partitions to be deleted once their log takes that.
    pub(super) to_delete: Vec<(LogIndex, PartitionId)>,
    /// Names of namespaces that have streams and are not configured. Their numbers follow those of the
    /// namespaces that are: no client is in one.
    pub(super) hidden_namespaces: Vec<String>,
    /// Decisions of others that are confirmed once that has happened.
    pub(super) to_confirm: Vec<(ShardId, u64)>,
    /// A log failed: the shard ends.
    pub(super) fault: Option<LogFault>,
    /// Reused for the subjects that stand for streams where permission is asked.
    pub(super) subject: Vec<u8>,
    /// When the turn began, by the clock on the wall.
    pub(super) now: UnixMs,
    /// When the turn began.
    pub(in super::super) turn: Timestamp,
    /// Appends that wait until their log has room.
    pub(super) parked: BTreeMap<LogIndex, Parked>,
    /// The segment in which the last checkpoint of each log began.
    pub(super) checkpointed: BTreeMap<LogIndex, SegmentSequence>,
    /// When the logs are looked after next.
    pub(super) care_at: Timestamp,
}

/// A log of this shard.
pub(super) enum LogState<D: Disk> {
    /// It is being opened.
    Opening,
    /// It is open.
    Open(Box<StreamHost<D>>),
}

impl<D: Disk> LogState<D> {
    /// What is in it, if it is open.
    pub(super) fn host_mut(&mut self) -> Option<&mut StreamHost<D>> {
        match self {
            LogState::Opening => None,
            LogState::Open(host) => Some(host),
        }
    }
}

/// Something that was decided about a stream.
pub(super) struct Decision {
    pub(super) number: u64,
    pub(super) change: Change,
    /// The commit group of the first log that says so.
    pub(super) group: GroupNumber,
    /// It is durable, and was told to the others.
    pub(super) is_told: bool,
    /// Those where it is not in force.
    pub(super) owed: ShardSet,
    /// Who wanted it.
    pub(super) home: ShardId,
    pub(super) client: ClientId,
}

/// What was decided.
pub(super) enum Change {
    Made(StreamRecord),
    Removed(StreamRecord),
}

impl<D: Disk> Streams<D> {
    /// No streams, and none can be made.
    pub(in super::super) fn none(doorbell: Rc<dyn Fn()>, seeds: [u64; 4]) -> Streams<D> {
        Streams {
            setup: None,
            catalog: Catalog::new(seeds),
            logs: BTreeMap::new(),
            in_turn: Vec::new(),
            arrivals: Arrivals::new(doorbell),
            effects: Effects::new(),
            followers: FollowerTable::default(),
            delivering: VecDeque::new(),
            under_way: 0,
            wishes: VecDeque::new(),
            decisions: VecDeque::new(),
            last_decision: 0,
            to_make: Vec::new(),
            to_delete: Vec::new(),
            hidden_namespaces: Vec::new(),
            to_confirm: Vec::new(),
            fault: None,
            subject: Vec::new(),
            now: UnixMs::default(),
            turn: Timestamp::default(),
            parked: BTreeMap::new(),
            checkpointed: BTreeMap::new(),
            care_at: Timestamp::default(),
        }
    }

    /// A log of this shard that is open.
    pub(super) fn host_mut(&mut self, log: LogIndex) -> Option<&mut StreamHost<D>> {
        self.logs.get_mut(&log)?.host_mut()
    }

    /// All that are open, to look at.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &StreamHost<D>> {
        self.logs.values().filter_map(|state| match state {
            LogState::Opening => None,
            LogState::Open(host) => Some(&**host),
        })
    }

    /// The log that holds a partition, and the partition's index in its stream.
    pub(super) fn place_of(&self, partition: PartitionId) -> Option<(LogIndex, u32)> {
        let place = self.catalog.place_of(partition)?;
        let stream = self.catalog.stream(place.stream)?;
        let record = stream.partitions.get(place.index as usize)?;
        Some((record.log, place.index))
    }
}

impl<D: Disk> fmt::Debug for Streams<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("streams", &self.catalog.len()).finish_non_exhaustive()
    }
}
