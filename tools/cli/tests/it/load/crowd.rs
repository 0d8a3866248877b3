//! All producers and followers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::stream_peer::StreamPeer;

use super::files::Files;
use super::follower::Follower;
use super::producer::Producer;

/// Partitions of the stream, and producers and followers, of which each has one.
const PARTITION_COUNT: u32 = 4;
/// The stream.
pub(super) const STREAM: &str = "files";

/// Tells whether the disk of the broker has failed, so that it may say that it does not know what became of
/// an append, or that it has no streams any more.
pub(crate) type HasFailed<'a> = &'a (dyn Fn() -> bool + Sync);

/// Producers and followers.
pub(crate) struct Crowd {
    producers: Vec<Producer>,
    followers: Vec<Follower>,
}

/// What happened to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// Records in all partitions.
    pub(crate) records: u64,
    /// Those of them that were acked as durable.
    pub(crate) acked: u64,
    /// Batches that were sent again.
    pub(crate) resent: u64,
    /// Batches of which the broker said that it does not know.
    pub(crate) unknown: u64,
    /// Records that followers saw.
    pub(crate) seen: u64,
}

impl Crowd {
    pub(crate) fn new() -> Crowd {
        let files = Files::of_this_repository();
        Crowd {
            producers: (0..PARTITION_COUNT).map(|it| Producer::new(it, &files)).collect(),
            followers: (0..PARTITION_COUNT).map(Follower::new).collect(),
        }
    }

    /// Makes the stream that they use.
    pub(crate) fn create_stream(socket: &Path) {
        let rows = StreamPeer::connect(socket).create(STREAM, PARTITION_COUNT);
        assert_eq!(rows.map(|rows| rows.len()), Ok(PARTITION_COUNT as usize));
    }

    /// Has all of them at work until so many acks have come, and then calls `end`, which ends the broker;
    /// they notice that and stop. `end` may ask whether all of them are still at work.
    ///
    /// # Panics
    /// If one of them was told something that does not fit what it was told before.
    pub(crate) fn run(
        &mut self,
        socket: &Path,
        acks_wanted: u64,
        has_failed: HasFailed<'_>,
        end: impl FnOnce(&dyn Fn() -> bool),
    ) {
        let acks = &AtomicU64::new(0);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for producer in &mut self.producers {
                let peer = StreamPeer::connect(socket);
                threads.push(scope.spawn(move || producer.run(peer, has_failed, acks)));
            }
            for follower in &mut self.followers {
                let peer = StreamPeer::connect(socket);
                threads.push(scope.spawn(move || follower.run(peer, has_failed)));
            }
            let are_at_work = || !threads.iter().any(|thread| thread.is_finished());
            // Ends as soon as so many acks have come, for every producer sends until the broker is dead, or
            // one of them has given up.
            while acks.load(Ordering::Relaxed) < acks_wanted && are_at_work() {
                thread::yield_now();
            }
            end(&are_at_work);
        });
    }

    /// Holds all that is in the partitions against what they know.
    pub(crate) fn check(&self, peer: &mut StreamPeer) -> Tally {
        let mut tally = Tally { records: 0, acked: 0, resent: 0, unknown: 0, seen: 0 };
        for (producer, follower) in self.producers.iter().zip(&self.followers) {
            let follow = 100 + u64::from(producer.partition);
            let all = peer.read_all(follow, STREAM, producer.partition);
            producer.check(&all);
            follower.check(&all);
            tally.records += all.len() as u64;
            tally.acked += producer.acked;
            tally.resent += producer.resent;
            tally.unknown += producer.unknown;
            tally.seen += follower.seen();
        }
        tally
    }
}

/// A number that follows from the round, so that a run can be repeated.
pub(crate) fn dice(round: u64) -> u64 {
    let mixed = (round + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
}
