//! A shard's end of the lanes between threads.

use std::sync::Arc;

use coilgun_protocol::model::{ShardId, ShardSet};

use super::agreement::Word;
use super::fabric::Fabric;
use super::lane::Lane;
use super::port::{LOANS_MAX, MeshPort, Parcel};
use crate::env::Waker;
use crate::env::memory::KeptMemory;

/// [`MeshPort`] of a shard on a thread of its own. It moves to that thread once.
///
/// Whoever reads parcels keeps the port until it reads none any more: the memory they lie in stays
/// mapped as long. A port that is dropped before all shards have agreed to end says that its shard
/// is lost.
#[derive(Debug)]
pub struct ThreadPort {
    fabric: Arc<Fabric>,
    shard: ShardId,
    /// From which shards loans are wanted.
    wanted: ShardSet,
    word: Word,
}

impl ThreadPort {
    pub(super) fn new(fabric: Arc<Fabric>, shard: ShardId) -> ThreadPort {
        ThreadPort { fabric, shard, wanted: ShardSet::EMPTY, word: Word::new(shard) }
    }

    /// What wakes this shard: its executor and its ring use this one and no other.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        self.fabric.waker(self.shard)
    }

    /// What keeps the memory of this shard mapped until every port of its fabric is gone.
    #[must_use]
    pub fn memory(&self) -> &KeptMemory {
        &self.fabric.memory
    }

    fn others(&self) -> ShardSet {
        ShardSet::first(self.shard_count()).without(ShardSet::of(self.shard))
    }

    fn wake_others(&self) {
        self.others().iter().for_each(|shard| self.fabric.waker(shard).wake());
    }
}

impl MeshPort for ThreadPort {
    fn shard(&self) -> ShardId {
        self.shard
    }

    fn shard_count(&self) -> usize {
        self.fabric.shard_count()
    }

    fn push(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        assert!((parcel.loan as usize) < LOANS_MAX, "S8: loans are numbered below their maximum");
        self.fabric.open_lane(self.shard, to).push(parcel)
    }

    fn pop(&mut self, from: ShardId) -> Option<Parcel> {
        self.fabric.lane(from, self.shard)?.pop()
    }

    fn give_back(&mut self, to: ShardId, loan: u32) {
        let lane = self.fabric.lane(to, self.shard).expect("a lane that a parcel came by");
        if lane.give_back(loan) {
            self.fabric.waker(to).wake();
        }
    }

    fn take_back(&mut self, from: ShardId) -> Option<u32> {
        self.fabric.lane(self.shard, from)?.take_back()
    }

    fn want_loans(&mut self, from: ShardId, wanted: bool) {
        if self.wanted.contains(from) == wanted {
            return;
        }
        self.fabric.open_lane(self.shard, from).want_loans(wanted);
        if wanted {
            self.wanted.insert(from);
        } else {
            self.wanted.remove(from);
        }
    }

    fn wake(&mut self, to: ShardId) {
        self.fabric.waker(to).wake();
    }

    fn has_work(&mut self) -> bool {
        let has_parcels =
            |shard| self.fabric.lane(shard, self.shard).is_some_and(Lane::has_parcels);
        let has_loans = |shard| self.fabric.lane(self.shard, shard).is_some_and(Lane::has_returns);
        self.others().iter().any(has_parcels)
            || self.wanted.iter().any(has_loans)
            || self.word.has_news(&self.fabric.agreement)
    }

    fn agree_to_end(&mut self, ended: bool) -> bool {
        let knew = self.word.knows_end();
        let all_ended = self.word.agree(&self.fabric.agreement, ended);
        if all_ended && !knew {
            // The others may sleep since they said so.
            self.wake_others();
        }
        all_ended
    }

    fn lost(&self) -> Option<ShardId> {
        self.word.lost(&self.fabric.agreement)
    }
}

impl Drop for ThreadPort {
    fn drop(&mut self) {
        if !self.word.knows_end() {
            self.fabric.agreement.lose(self.shard);
            self.wake_others();
        }
    }
}
