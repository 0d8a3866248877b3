//! What every shard carries, for the one that places new connections.
//!
//! One entry per shard on cache lines of its own. Counts are exact once everybody has rested; while
//! they change nobody waits for anybody, because a connection on a shard that is a little fuller than
//! it might be is no fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coilgun_protocol::model::{ShardId, Timestamp};
use crossbeam::utils::CachePadded;

/// Bits of an entry that hold the busy share; those above hold when it was written, in milliseconds.
const SHARE_BITS: u32 = 16;

/// After how many milliseconds without a new busy share the last one counts for half.
const HALF_LIFE_MS: u64 = 100;

/// What one shard carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Connections, those on their way to it included.
    pub connections: u64,
    /// How much of the recent time it worked, per mille.
    pub busy_per_mille: u32,
}

/// What all shards of a broker carry. Cheap to clone; every clone is the same table.
#[derive(Clone, Debug)]
pub struct LoadTable(Arc<[CachePadded<Entry>]>);

#[derive(Debug, Default)]
struct Entry {
    connections: AtomicU64,
    /// The busy share and when it was written.
    busy: AtomicU64,
}

impl LoadTable {
    /// A table of shards that carry nothing.
    #[must_use]
    pub fn new(shard_count: usize) -> LoadTable {
        LoadTable((0..shard_count).map(|_| CachePadded::default()).collect())
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.0.len()
    }

    /// What each shard carries, in their order. A shard that has said nothing for a while sleeps, and
    /// its busy share fades.
    pub fn loads(&self, now: Timestamp) -> impl Iterator<Item = Load> + '_ {
        self.0.iter().map(move |entry| Load {
            connections: entry.connections.load(Ordering::Relaxed),
            busy_per_mille: faded(entry.busy.load(Ordering::Relaxed), now),
        })
    }

    /// How many connections there are on all shards, those on their way included.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.0.iter().map(|entry| entry.connections.load(Ordering::Relaxed)).sum()
    }

    /// A connection goes to a shard: said by the one that accepted it.
    pub fn add_connection(&self, shard: ShardId) {
        self.0[shard.index()].connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection of a shard is gone: said by its owner.
    ///
    /// # Panics
    /// If the shard has none.
    pub fn remove_connection(&self, shard: ShardId) {
        let before = self.0[shard.index()].connections.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "a connection is taken off once, after it was added");
    }

    /// A shard says how busy it is, per mille.
    pub(super) fn set_busy(&self, shard: ShardId, now: Timestamp, busy_per_mille: u32) {
        let entry = milliseconds(now) << SHARE_BITS | u64::from(busy_per_mille.min(1000));
        self.0[shard.index()].busy.store(entry, Ordering::Relaxed);
    }
}

fn milliseconds(at: Timestamp) -> u64 {
    at.0 / 1_000_000
}

/// The busy share of an entry, as much of it as still counts.
fn faded(entry: u64, now: Timestamp) -> u32 {
    let share = (entry & ((1 << SHARE_BITS) - 1)) as u32;
    let halvings = milliseconds(now).saturating_sub(entry >> SHARE_BITS) / HALF_LIFE_MS;
    u32::try_from(halvings).ok().and_then(|halvings| share.checked_shr(halvings)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(5_000_000_000);

    #[test]
    fn s3_every_clone_counts_in_the_same_table() {
        let table = LoadTable::new(3);
        let (first, last) = (ShardId::new(0), ShardId::new(2));
        table.clone().add_connection(last);
        table.add_connection(last);
        table.add_connection(first);
        table.clone().remove_connection(last);
        table.set_busy(last, AT, 300);
        let loads: Vec<_> = table.loads(AT).map(|it| (it.connections, it.busy_per_mille)).collect();
        assert_eq!(loads, [(1, 0), (0, 0), (1, 300)]);
        assert_eq!((table.connections(), table.shard_count()), (2, 3));
    }

    #[test]
    fn s3_the_busy_share_of_a_shard_that_sleeps_fades() {
        let table = LoadTable::new(1);
        table.set_busy(ShardId::new(0), AT, 800);
        let busy = |at| table.loads(at).next().map(|load| load.busy_per_mille);
        assert_eq!(busy(AT.plus_ms(99)), Some(800));
        assert_eq!(busy(AT.plus_ms(100)), Some(400));
        assert_eq!(busy(AT.plus_ms(1_000)), Some(0));
        assert_eq!(busy(AT.plus_ms(1_000_000_000)), Some(0));
        assert_eq!(busy(Timestamp::default()), Some(800), "clocks of two shards differ a little");
    }

    #[test]
    #[should_panic(expected = "a connection is taken off once")]
    fn s3_a_connection_is_not_taken_off_twice() {
        LoadTable::new(1).remove_connection(ShardId::new(0));
    }
}
