//! Following a partition: what followers ask for, where they look at it.

use coilgun_protocol::model::Offset;

use super::effects::Effects;
use super::followers::{
    FollowRefusal, FollowerCredit, FollowerId, FollowerState, Followers, ReadDone, View,
};
use super::partition::{Partition, PartitionState};

impl Partition {
    /// Begins to read for somebody from this offset on, as far as the credit goes.
    ///
    /// # Errors
    /// If the offset is not [readable](super::Places::readable), the partition is gone, or it has as
    /// many followers as it may.
    pub fn follow(
        &mut self,
        from: Offset,
        credit: FollowerCredit,
        out: &mut Effects,
    ) -> Result<FollowerId, FollowRefusal> {
        match self.state {
            PartitionState::Deleted => return Err(FollowRefusal::Deleted),
            PartitionState::Open | PartitionState::ReadOnly | PartitionState::Poisoned => {}
        }
        let (followers, view) = self.followers();
        followers.add(view, from, credit, out)
    }

    /// Ends a follower; one that is not there has ended. What is being read for it is for nobody, and
    /// need not be reported.
    pub fn unfollow(&mut self, follower: FollowerId) {
        self.followers.remove(follower);
    }

    /// Lets a follower be given more; one that is not there needs nothing.
    pub fn on_credit(&mut self, follower: FollowerId, more: FollowerCredit, out: &mut Effects) {
        let (followers, view) = self.followers();
        followers.on_credit(follower, view, more, out);
    }

    /// Says what a read for a follower gave: records, or none because what it wanted is gone. A
    /// follower that is not there needs nothing.
    ///
    /// # Panics
    /// If nothing was being read for it, it got records that are not visible, or it got none although
    /// they are kept: it would be read for again at once, for ever.
    pub fn on_read(&mut self, follower: FollowerId, done: ReadDone, out: &mut Effects) {
        let (followers, view) = self.followers();
        followers.on_read(follower, view, done, out);
    }

    /// Lets a follower go on at another offset; it is told if that is out of range, too. Says
    /// whether that is so: not while it is read for.
    pub fn seek(&mut self, follower: FollowerId, next: Offset, out: &mut Effects) -> bool {
        let (followers, view) = self.followers();
        followers.seek(follower, view, next, out)
    }

    /// What a follower does now; nothing: it is not there.
    #[must_use]
    pub fn follower_state(&self, follower: FollowerId) -> Option<FollowerState> {
        self.followers.state(follower)
    }

    pub(super) fn followers(&mut self) -> (&mut Followers, View<'_>) {
        let readable = self.places.readable();
        let view = View { partition: self.id, readable, limits: &self.limits };
        (&mut self.followers, view)
    }
}
