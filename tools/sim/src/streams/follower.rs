//! Somebody who reads a partition as it grows, over all lives of the process.

use coilgun_core::stream::FollowerId;

/// A follower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower {
    pub(super) partition: u64,
    /// The offset of the next record that it wants.
    pub(super) next: u64,
    /// Its number in the process that lives; nothing: it does not follow now.
    pub(super) id: Option<FollowerId>,
}

impl Follower {
    pub(super) fn new(partition: u64) -> Follower {
        Follower { partition, next: 0, id: None }
    }
}
