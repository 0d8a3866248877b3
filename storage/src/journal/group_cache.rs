//! The commit groups that were written last, still in memory: who follows at the tail reads here.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::format::LogPosition;

/// The latest durable commit groups of a log (law L15).
#[derive(Debug)]
pub(super) struct GroupCache<B> {
    /// In the order of the log.
    groups: VecDeque<Cached<B>>,
    /// How much memory they hold, in bytes.
    held_bytes: usize,
    held_bytes_max: usize,
}

#[derive(Debug)]
struct Cached<B> {
    position: LogPosition,
    bytes: Rc<B>,
    /// What its memory takes up; more than its length, if it was not filled.
    held_bytes: usize,
}

impl<B: AsRef<[u8]>> GroupCache<B> {
    /// Keeps groups that hold at most so much memory together, and always the last one.
    pub(super) fn new(held_bytes_max: usize) -> GroupCache<B> {
        GroupCache { groups: VecDeque::new(), held_bytes: 0, held_bytes_max }
    }

    /// Keeps a group that has become durable, and whose memory takes up `held_bytes`.
    pub(super) fn keep(&mut self, position: LogPosition, bytes: Rc<B>, held_bytes: usize) {
        assert!(self.groups.back().is_none_or(|last| last.position < position));
        self.groups.push_back(Cached { position, bytes, held_bytes });
        self.held_bytes += held_bytes;
        while self.held_bytes > self.held_bytes_max && self.groups.len() > 1 {
            let gone = self.groups.pop_front().expect("there are two");
            self.held_bytes -= gone.held_bytes;
        }
    }

    /// The group that holds the entry at `place`, and at which byte of the group it stands.
    pub(super) fn find(&self, place: LogPosition) -> Option<(&Rc<B>, usize)> {
        let behind = self.groups.partition_point(|group| group.position <= place);
        let group = self.groups.get(behind.checked_sub(1)?)?;
        if group.position.segment != place.segment {
            return None;
        }
        let at = (place.byte - group.position.byte) as usize;
        (at < (*group.bytes).as_ref().len()).then_some((&group.bytes, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SegmentSequence;

    fn at(segment: u64, byte: u32) -> LogPosition {
        LogPosition { segment: SegmentSequence(segment), byte }
    }

    #[test]
    fn the_latest_groups_are_found_by_the_places_of_their_entries() {
        let mut cache = GroupCache::new(10_000);
        for (segment, byte) in [(1, 0), (1, 4096), (2, 0), (2, 4096)] {
            cache.keep(at(segment, byte), Rc::new(vec![segment as u8; 4096]), 4096);
        }
        // The first ones had to go.
        assert!(cache.find(at(1, 4200)).is_none() && cache.find(at(0, 1)).is_none());
        let (bytes, byte) = cache.find(at(2, 200)).expect("it is kept");
        assert_eq!((bytes[0], byte), (2, 200));
        let (_, byte) = cache.find(at(2, 4096)).expect("it is kept");
        assert_eq!(byte, 0);
        assert!(cache.find(at(2, 8192)).is_none() && cache.find(at(3, 0)).is_none());
    }

    #[test]
    fn the_last_group_stays_however_large_it_is() {
        let mut cache = GroupCache::new(10);
        cache.keep(at(1, 0), Rc::new(vec![0; 4096]), 4096);
        assert!(cache.find(at(1, 0)).is_some());
        cache.keep(at(1, 4096), Rc::new(vec![0; 4096]), 4096);
        assert!(cache.find(at(1, 0)).is_none() && cache.find(at(1, 4096)).is_some());
    }
}
