//! Which streams there are, and where their partitions are.
//!
//! One shard decides and writes its decisions into its log; the others follow. What is planned has
//! changed nothing; what is applied was decided, and is the same everywhere.

use ahash::RandomState;
use coilgun_protocol::model::{
    CoLocationGroupId, NamespaceId, PartitionId, StreamName, UnixMs, limits,
};
use hashbrown::{Equivalent, HashMap};

/// A log of the broker, counted from 0. Which shard it is mounted on is the server's business (law L6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LogIndex(pub u16);

/// The broker's number of a stream; never used again, also not after the stream is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId(pub u64);

/// A stream, as it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamRecord {
    /// Its number.
    pub id: StreamId,
    /// Where it is known.
    pub namespace: NamespaceId,
    /// Its name there.
    pub name: Box<[u8]>,
    /// When it was made.
    pub created: UnixMs,
    /// All its partitions are in one co-location group.
    pub co_located: bool,
    /// Its partitions, by their index.
    pub partitions: Vec<PartitionRecord>,
}

/// A partition of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionRecord {
    /// Its number.
    pub id: PartitionId,
    /// The partitions it can be appended to together with.
    pub co_location_group: CoLocationGroupId,
    /// The log that holds it.
    pub log: LogIndex,
}

/// Which stream, and which of its partitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionPlace {
    /// The stream.
    pub stream: StreamId,
    /// The partition's index in it.
    pub index: u32,
}

/// A stream that is to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewStream<'a> {
    /// Where.
    pub namespace: NamespaceId,
    /// Its name.
    pub name: StreamName<'a>,
    /// How many partitions.
    pub partition_count: u32,
    /// All its partitions in one co-location group.
    pub co_located: bool,
    /// When.
    pub now: UnixMs,
}

/// Why a stream is not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CreateRefusal {
    /// There is one of that name.
    #[error("there is a stream of that name")]
    Exists,
    /// It has no partition, or too many.
    #[error("a stream has 1 to {} partitions", limits::PARTITIONS_PER_STREAM_MAX)]
    PartitionCount,
    /// There are as many as there may be.
    #[error("there are as many partitions as a broker may have")]
    TooMany,
}

/// The streams of a broker.
#[derive(Debug)]
pub struct Catalog {
    streams: HashMap<StreamId, StreamRecord, RandomState>,
    by_name: HashMap<(NamespaceId, Box<[u8]>), StreamId, RandomState>,
    by_partition: HashMap<PartitionId, PartitionPlace, RandomState>,
    /// How many partitions each log holds.
    loads: Vec<usize>,
    /// The last numbers that were given away.
    last_stream: u64,
    last_partition: u64,
    last_group: u64,
}

impl Catalog {
    /// No streams. The seeds keep who chooses names from choosing where they are kept.
    #[must_use]
    pub fn new([one, two, three, four]: [u64; 4]) -> Catalog {
        let hash = RandomState::with_seeds(one, two, three, four);
        Catalog {
            streams: HashMap::with_hasher(hash.clone()),
            by_name: HashMap::with_hasher(hash.clone()),
            by_partition: HashMap::with_hasher(hash),
            loads: Vec::new(),
            last_stream: 0,
            last_partition: 0,
            last_group: 0,
        }
    }

    /// What making a stream would write, with its partitions on the logs that hold fewest, of `log_count`
    /// there are.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn plan_create(
        &self,
        new: &NewStream<'_>,
        log_count: u16,
    ) -> Result<StreamRecord, CreateRefusal> {
        let count = new.partition_count;
        if count == 0 || count > limits::PARTITIONS_PER_STREAM_MAX {
            return Err(CreateRefusal::PartitionCount);
        }
        if self.find(new.namespace, new.name.text()).is_some() {
            return Err(CreateRefusal::Exists);
        }
        if self.by_partition.len() + count as usize > limits::PARTITIONS_MAX {
            return Err(CreateRefusal::TooMany);
        }
        let mut loads: Vec<usize> = self.loads.clone();
        loads.resize(usize::from(log_count).max(1), 0);
        let mut log = LogIndex(0);
        let partitions = (0..u64::from(count)).map(|index| {
            if index == 0 || !new.co_located {
                log = emptiest(&loads);
            }
            loads[usize::from(log.0)] += 1;
            let group = if new.co_located { 0 } else { index };
            PartitionRecord {
                id: PartitionId(self.last_partition + 1 + index),
                co_location_group: CoLocationGroupId(self.last_group + 1 + group),
                log,
            }
        });
        Ok(StreamRecord {
            id: StreamId(self.last_stream + 1),
            namespace: new.namespace,
            name: new.name.text().into(),
            created: new.now,
            co_located: new.co_located,
            partitions: partitions.collect(),
        })
    }

    /// A stream was made. `false`: it contradicts another one, and nothing was changed; a broker that
    /// decided it never sees that, whoever reads it from a disk may.
    #[must_use]
    pub fn apply(&mut self, record: StreamRecord) -> bool {
        let key = (record.namespace, record.name.clone());
        let is_new = !self.streams.contains_key(&record.id) && !self.by_name.contains_key(&key);
        let partitions_are_new =
            record.partitions.iter().all(|it| !self.by_partition.contains_key(&it.id));
        if !is_new || !partitions_are_new {
            return false;
        }
        for (index, partition) in (0..).zip(&record.partitions) {
            let place = PartitionPlace { stream: record.id, index };
            self.by_partition.insert(partition.id, place);
            let log = usize::from(partition.log.0);
            if self.loads.len() <= log {
                self.loads.resize(log + 1, 0);
            }
            self.loads[log] += 1;
        }
        self.note_numbers(&record);
        self.by_name.insert(key, record.id);
        self.streams.insert(record.id, record);
        true
    }

    /// Numbers of a stream are never given away again, also if it is gone.
    pub fn note_numbers(&mut self, record: &StreamRecord) {
        self.last_stream = self.last_stream.max(record.id.0);
        for partition in &record.partitions {
            self.last_partition = self.last_partition.max(partition.id.0);
            self.last_group = self.last_group.max(partition.co_location_group.0);
        }
    }

    /// The last numbers of a stream, a partition and a co-location group that were given away, for a
    /// checkpoint.
    #[must_use]
    pub fn last_numbers(&self) -> [u64; 3] {
        [self.last_stream, self.last_partition, self.last_group]
    }

    /// Numbers up to these were given away.
    pub fn restore_numbers(&mut self, [stream, partition, group]: [u64; 3]) {
        self.last_stream = self.last_stream.max(stream);
        self.last_partition = self.last_partition.max(partition);
        self.last_group = self.last_group.max(group);
    }

    /// A stream is gone. Gives back what it was.
    pub fn remove(&mut self, id: StreamId) -> Option<StreamRecord> {
        let record = self.streams.remove(&id)?;
        self.by_name.remove(&(record.namespace, record.name.clone()));
        for partition in &record.partitions {
            self.by_partition.remove(&partition.id);
            self.loads[usize::from(partition.log.0)] -= 1;
        }
        Some(record)
    }

    /// The stream of this name.
    #[must_use]
    pub fn find(&self, namespace: NamespaceId, name: &[u8]) -> Option<&StreamRecord> {
        let id = self.by_name.get(&Name { namespace, name })?;
        self.streams.get(id)
    }

    /// The stream with this number.
    #[must_use]
    pub fn stream(&self, id: StreamId) -> Option<&StreamRecord> {
        self.streams.get(&id)
    }

    /// Which stream a partition belongs to.
    #[must_use]
    pub fn place_of(&self, partition: PartitionId) -> Option<PartitionPlace> {
        self.by_partition.get(&partition).copied()
    }

    /// All streams, in the order in which they were made.
    #[must_use]
    pub fn in_order(&self) -> Vec<&StreamRecord> {
        let mut all: Vec<&StreamRecord> = self.streams.values().collect();
        all.sort_unstable_by_key(|record| record.id);
        all
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

/// A name to be looked up; hashed as the key of the table is.
#[derive(Hash)]
struct Name<'a> {
    namespace: NamespaceId,
    name: &'a [u8],
}

impl Equivalent<(NamespaceId, Box<[u8]>)> for Name<'_> {
    fn equivalent(&self, key: &(NamespaceId, Box<[u8]>)) -> bool {
        self.namespace == key.0 && self.name == &*key.1
    }
}

/// The log that holds fewest partitions; of several the first.
fn emptiest(loads: &[usize]) -> LogIndex {
    let least = loads.iter().enumerate().min_by_key(|(_, load)| **load);
    LogIndex(least.map_or(0, |(log, _)| log as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::new([1, 2, 3, 4])
    }

    fn new(name: &str, partition_count: u32, co_located: bool) -> NewStream<'_> {
        NewStream {
            namespace: NamespaceId(1),
            name: StreamName::parse(name.as_bytes()).expect("a name"),
            partition_count,
            co_located,
            now: UnixMs(5),
        }
    }

    fn make(catalog: &mut Catalog, name: &str, count: u32, co_located: bool) -> StreamRecord {
        let record = catalog.plan_create(&new(name, count, co_located), 3).expect("it can be made");
        assert!(catalog.apply(record.clone()));
        record
    }

    #[test]
    fn l6_partitions_are_spread_over_the_logs_and_co_located_ones_are_not() {
        let mut catalog = catalog();
        let spread = make(&mut catalog, "spread", 6, false);
        let logs: Vec<u16> = spread.partitions.iter().map(|it| it.log.0).collect();
        assert_eq!(logs, [0, 1, 2, 0, 1, 2]);
        let groups: Vec<u64> = spread.partitions.iter().map(|it| it.co_location_group.0).collect();
        assert_eq!(groups, [1, 2, 3, 4, 5, 6]);
        let together = make(&mut catalog, "together", 4, true);
        assert!(together.partitions.iter().all(|it| it.log.0 == 0 && it.co_location_group.0 == 7));
        let next = make(&mut catalog, "next", 2, false);
        let logs: Vec<u16> = next.partitions.iter().map(|it| it.log.0).collect();
        assert_eq!(logs, [1, 2], "the first log holds more already");
    }

    #[test]
    fn l6_numbers_are_never_used_again() {
        let mut catalog = catalog();
        let first = make(&mut catalog, "a", 3, false);
        assert_eq!(catalog.remove(first.id), Some(first.clone()));
        assert!(catalog.is_empty() && catalog.find(NamespaceId(1), b"a").is_none());
        assert_eq!(catalog.place_of(first.partitions[0].id), None);
        let second = make(&mut catalog, "a", 3, false);
        assert!(second.id > first.id && second.partitions[0].id > first.partitions[2].id);
        let mut restored = self::catalog();
        restored.restore_numbers(catalog.last_numbers());
        let third = make(&mut restored, "a", 1, false);
        assert!(third.id > second.id && third.partitions[0].id > second.partitions[2].id);
    }

    #[test]
    fn names_are_of_a_namespace_and_taken_once() {
        let mut catalog = catalog();
        let record = make(&mut catalog, "a", 1, false);
        let again = catalog.plan_create(&new("a", 1, false), 3);
        assert_eq!(again, Err(CreateRefusal::Exists));
        assert!(!catalog.apply(record.clone()), "what contradicts is not applied");
        let elsewhere = NewStream { namespace: NamespaceId(2), ..new("a", 1, false) };
        assert!(catalog.plan_create(&elsewhere, 3).is_ok());
        assert_eq!(catalog.find(NamespaceId(1), b"a"), Some(&record));
        assert!(catalog.find(NamespaceId(2), b"a").is_none());
        let place = PartitionPlace { stream: record.id, index: 0 };
        assert_eq!(catalog.place_of(record.partitions[0].id), Some(place));
    }

    #[test]
    fn there_are_limits() {
        let catalog = catalog();
        for count in [0, limits::PARTITIONS_PER_STREAM_MAX + 1] {
            let refused = catalog.plan_create(&new("a", count, false), 3);
            assert_eq!(refused, Err(CreateRefusal::PartitionCount));
        }
        assert!(
            catalog.plan_create(&new("a", limits::PARTITIONS_PER_STREAM_MAX, false), 3).is_ok()
        );
    }
}
