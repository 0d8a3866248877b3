//! Who reads a partition as it grows.

use std::collections::VecDeque;

use coilgun_protocol::model::{Offset, PartitionId};

use super::effects::{Effect, Effects, FollowerRead};
use super::limits::PartitionLimits;
use super::places::ReadableRange;

/// A follower of one partition. The number is used again by others; stale ones find nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FollowerId {
    /// Its place in the partition's table.
    pub slot: u32,
    /// Which follower of the partition it was, counted from 0, wrapping.
    pub generation: u32,
}

/// How much more a follower may be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FollowerCredit {
    /// Records.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What a read for a follower gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadDone {
    /// The offset behind what was read: the next that the follower wants.
    pub next: Offset,
    /// How many records there were.
    pub records: u32,
    /// How long they are, in bytes.
    pub bytes: usize,
}

/// What a follower does now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowerState {
    /// It is read for, once.
    Reading,
    /// It has all that is visible and waits for more.
    Parked,
    /// It waits for credit.
    OutOfCredit,
    /// It was told that there is nothing where it stands.
    OutOfRange,
}

/// Why there is no new follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowRefusal {
    /// The partition has as many as it may.
    TooMany,
    /// There is nothing at this offset.
    OutOfRange(ReadableRange),
    /// The partition is gone.
    Deleted,
}

#[derive(Clone, Copy, Debug)]
struct Follower {
    id: FollowerId,
    next: Offset,
    credit: FollowerCredit,
    state: FollowerState,
}

/// Where followers are and what bounds them, as they look at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) partition: PartitionId,
    pub(super) readable: ReadableRange,
    pub(super) limits: &'a PartitionLimits,
}

/// All followers of a partition.
#[derive(Debug, Default)]
pub(super) struct Followers {
    slots: Vec<Option<Follower>>,
    /// Slots that can be used again.
    vacant: Vec<u32>,
    /// Those that are parked, first come first. All of them stand at the end of what is readable.
    parked: VecDeque<u32>,
    /// How many there ever were.
    generation: u32,
}

impl Followers {
    /// Takes one in, and reads for it if there is something to read.
    pub(super) fn add(
        &mut self,
        view: View<'_>,
        from: Offset,
        credit: FollowerCredit,
        out: &mut Effects,
    ) -> Result<FollowerId, FollowRefusal> {
        if !(view.readable.start..=view.readable.end).contains(&from) {
            return Err(FollowRefusal::OutOfRange(view.readable));
        }
        if self.len() >= view.limits.followers {
            return Err(FollowRefusal::TooMany);
        }
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        let id = FollowerId { slot, generation: self.generation };
        self.generation = self.generation.wrapping_add(1);
        let state = FollowerState::OutOfCredit;
        self.slots[slot as usize] = Some(Follower { id, next: from, credit, state });
        self.settle(slot, view, out);
        Ok(id)
    }

    /// Takes one out; what is being read for it is for nobody.
    pub(super) fn remove(&mut self, id: FollowerId) {
        let Some(follower) = self.find(id) else { return };
        match follower.state {
            FollowerState::Parked => self.parked.retain(|slot| *slot != id.slot),
            FollowerState::Reading | FollowerState::OutOfCredit | FollowerState::OutOfRange => {}
        }
        self.slots[id.slot as usize] = None;
        self.vacant.push(id.slot);
        if self.len() == 0 {
            // An idle partition holds no memory for followers that are gone.
            *self = Followers { generation: self.generation, ..Followers::default() };
        }
    }

    /// Gives one more credit.
    pub(super) fn on_credit(
        &mut self,
        id: FollowerId,
        view: View<'_>,
        more: FollowerCredit,
        out: &mut Effects,
    ) {
        let Some(follower) = self.find_mut(id) else { return };
        let credit = &mut follower.credit;
        credit.records = credit.records.saturating_add(more.records);
        credit.bytes = credit.bytes.saturating_add(more.bytes);
        match follower.state {
            FollowerState::OutOfCredit => self.settle(id.slot, view, out),
            FollowerState::Reading | FollowerState::Parked | FollowerState::OutOfRange => {}
        }
    }

    /// What was read for one.
    ///
    /// # Panics
    /// If nothing was being read for it, or it got records that it may not see, or none although
    /// there are some.
    pub(super) fn on_read(
        &mut self,
        id: FollowerId,
        view: View<'_>,
        done: ReadDone,
        out: &mut Effects,
    ) {
        let Some(follower) = self.find_mut(id) else { return };
        assert_eq!(follower.state, FollowerState::Reading, "a read was asked for");
        assert!(done.next <= view.readable.end, "a follower sees what is visible only");
        let is_gone = follower.next < view.readable.start;
        assert!(done.next > follower.next || is_gone, "a read goes on, or what it wants is gone");
        follower.next = follower.next.max(done.next);
        let credit = &mut follower.credit;
        credit.records = credit.records.saturating_sub(u64::from(done.records));
        credit.bytes = credit.bytes.saturating_sub(done.bytes as u64);
        self.settle(id.slot, view, out);
    }

    /// Lets one go on elsewhere, if nothing is being read for it; says whether that is so.
    pub(super) fn seek(
        &mut self,
        id: FollowerId,
        view: View<'_>,
        next: Offset,
        out: &mut Effects,
    ) -> bool {
        let Some(follower) = self.find_mut(id) else { return true };
        let state = follower.state;
        match state {
            FollowerState::Reading => return false,
            FollowerState::Parked | FollowerState::OutOfCredit | FollowerState::OutOfRange => {}
        }
        follower.next = next;
        follower.state = FollowerState::OutOfCredit;
        if state == FollowerState::Parked {
            self.parked.retain(|slot| *slot != id.slot);
        }
        self.settle(id.slot, view, out);
        true
    }

    /// More is visible: reads for those that were parked, first come first.
    pub(super) fn on_visible(&mut self, view: View<'_>, out: &mut Effects) {
        // Ends because who is read for is not parked.
        while let Some(slot) = self.parked.front().copied() {
            if self.in_slot(slot).next >= view.readable.end {
                return;
            }
            self.parked.pop_front();
            self.settle(slot, view, out);
        }
    }

    /// Less is kept: tells those that wait for something that is gone. Those that are read for hear
    /// of it when that is done.
    pub(super) fn on_trimmed(&mut self, view: View<'_>, out: &mut Effects) {
        for slot in 0..self.slots.len() as u32 {
            let Some(follower) = self.slots[slot as usize] else { continue };
            if follower.next >= view.readable.start {
                continue;
            }
            match follower.state {
                FollowerState::Reading | FollowerState::OutOfRange => continue,
                FollowerState::Parked => self.parked.retain(|parked| *parked != slot),
                FollowerState::OutOfCredit => {}
            }
            self.settle(slot, view, out);
        }
    }

    /// Ends all of them.
    pub(super) fn on_deleted(&mut self, partition: PartitionId, out: &mut Effects) {
        for follower in self.slots.iter().flatten() {
            out.push(Effect::FollowerEnded { partition, follower: follower.id });
        }
        *self = Followers { generation: self.generation, ..Followers::default() };
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// What one does now; nothing: it is not there.
    pub(super) fn state(&self, id: FollowerId) -> Option<FollowerState> {
        self.find(id).map(|follower| follower.state)
    }

    /// Decides what one does next, that is neither being read for nor parked.
    fn settle(&mut self, slot: u32, view: View<'_>, out: &mut Effects) {
        let View { partition, readable, limits } = view;
        let follower = self.slots[slot as usize].as_mut().expect("who is settled is there");
        let FollowerCredit { records, bytes } = follower.credit;
        follower.state = if !(readable.start..=readable.end).contains(&follower.next) {
            out.push(Effect::OutOfRange { partition, follower: follower.id, readable });
            FollowerState::OutOfRange
        } else if records == 0 || bytes == 0 {
            FollowerState::OutOfCredit
        } else if follower.next == readable.end {
            self.parked.push_back(slot);
            FollowerState::Parked
        } else {
            out.push(Effect::Read(FollowerRead {
                partition,
                follower: follower.id,
                from: follower.next,
                up_to: readable.end,
                records_max: u32::try_from(records).unwrap_or(u32::MAX),
                bytes_max: usize::try_from(bytes).map_or(limits.follower_read_bytes, |bytes| {
                    bytes.min(limits.follower_read_bytes)
                }),
            }));
            FollowerState::Reading
        };
    }

    fn in_slot(&self, slot: u32) -> &Follower {
        self.slots[slot as usize].as_ref().expect("who is parked is there")
    }

    fn find(&self, id: FollowerId) -> Option<&Follower> {
        self.slots.get(id.slot as usize)?.as_ref().filter(|follower| follower.id == id)
    }

    fn find_mut(&mut self, id: FollowerId) -> Option<&mut Follower> {
        self.slots.get_mut(id.slot as usize)?.as_mut().filter(|follower| follower.id == id)
    }
}
