//! A shard's end of the simulated lanes.

use coilgun_protocol::model::{ShardId, ShardSet};

use super::world::SimWorld;
use crate::mesh::{MeshPort, Parcel, Word};

/// [`MeshPort`] in a simulated world.
#[derive(Debug)]
pub struct SimPort {
    world: SimWorld,
    shard: ShardId,
    shard_count: usize,
    word: Word,
}

impl SimPort {
    pub(super) fn new(world: SimWorld, shard: ShardId, shard_count: usize) -> SimPort {
        world.state().mesh.join(shard, shard_count);
        SimPort { world, shard, shard_count, word: Word::new(shard) }
    }
}

impl MeshPort for SimPort {
    fn shard(&self) -> ShardId {
        self.shard
    }

    fn shard_count(&self) -> usize {
        self.shard_count
    }

    fn push(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        self.world.state().push_parcel(self.shard, to, parcel)
    }

    fn pop(&mut self, from: ShardId) -> Option<Parcel> {
        self.world.state().mesh.pop(from, self.shard)
    }

    fn give_back(&mut self, to: ShardId, loan: u32) {
        self.world.state().give_loan_back(self.shard, to, loan);
    }

    fn take_back(&mut self, from: ShardId) -> Option<u32> {
        self.world.state().mesh.take_back(self.shard, from)
    }

    fn want_loans(&mut self, from: ShardId, wanted: bool) {
        self.world.state().mesh.want_loans(self.shard, from, wanted);
    }

    fn wake(&mut self, to: ShardId) {
        self.world.state().mesh.wake(self.shard, to);
    }

    fn has_work(&mut self) -> bool {
        let mesh = &mut self.world.state().mesh;
        let others = ShardSet::first(self.shard_count).without(ShardSet::of(self.shard));
        let sees_something = others.iter().any(|other| {
            mesh.sees_parcel(other, self.shard)
                || mesh.wants_loans(self.shard, other) && mesh.sees_return(self.shard, other)
        });
        sees_something || self.word.has_news(&mesh.agreement)
    }

    fn agree_to_end(&mut self, ended: bool) -> bool {
        let mesh = &mut self.world.state().mesh;
        let knew = self.word.knows_end();
        let all_ended = self.word.agree(&mesh.agreement, ended);
        if all_ended && !knew {
            mesh.ring_all();
        }
        all_ended
    }

    fn lost(&self) -> Option<ShardId> {
        self.word.lost(&self.world.state().mesh.agreement)
    }
}

impl Drop for SimPort {
    fn drop(&mut self) {
        self.world.state().mesh.leave(self.shard, self.word.knows_end());
    }
}
