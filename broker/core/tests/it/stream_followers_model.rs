//! Followers of the partitions of a history: what they ask for, and what they saw.

use coilgun_core::stream::{
    Effect, FollowRefusal, FollowerCredit, FollowerId, FollowerRead, FollowerState, ReadDone,
};
use coilgun_protocol::model::Offset;

use crate::stream_operations::PARTITION_COUNT;
use crate::stream_trial::{StreamTrial, same};

/// One follower, of one partition; it comes back after a crash where it was.
#[derive(Clone, Debug)]
pub(crate) struct ShadowFollower {
    pub(crate) partition: usize,
    id: Option<FollowerId>,
    next: u64,
    credit: u64,
    /// What is being read for it.
    reading: Option<FollowerRead>,
    is_out_of_range: bool,
    /// Offset and payload of every batch that it was given.
    pub(crate) seen: Vec<(u64, u64)>,
}

impl ShadowFollower {
    pub(crate) fn new(number: usize) -> ShadowFollower {
        ShadowFollower {
            partition: number % PARTITION_COUNT,
            id: None,
            next: 0,
            credit: 3,
            reading: None,
            is_out_of_range: false,
            seen: Vec::new(),
        }
    }
}

impl StreamTrial {
    /// Lets every follower begin, or go on after a crash.
    pub(crate) fn follow_all(&mut self) -> Result<(), String> {
        for follower in &mut self.followers {
            (follower.id, follower.reading, follower.is_out_of_range) = (None, None, false);
        }
        for number in 0..self.followers.len() {
            let follower = &mut self.followers[number];
            let partition = &mut self.partitions[follower.partition];
            let readable = partition.places().readable();
            same(true, follower.next <= readable.end.0)?;
            let credit = FollowerCredit { records: follower.credit, bytes: 1 << 40 };
            let mut id = partition.follow(Offset(follower.next), credit, &mut self.out);
            if id == Err(FollowRefusal::OutOfRange(readable)) {
                same(true, follower.next < readable.start.0)?;
                follower.next = readable.start.0;
                id = partition.follow(readable.start, credit, &mut self.out);
            }
            follower.id = Some(id.map_err(|why| format!("{why:?}"))?);
            self.settle_reads()?;
        }
        Ok(())
    }

    pub(crate) fn credit(&mut self, number: usize, records: u64) -> Result<(), String> {
        let follower = &mut self.followers[number];
        follower.credit += records;
        let id = follower.id.ok_or("everybody follows")?;
        let more = FollowerCredit { records, bytes: 0 };
        self.partitions[follower.partition].on_credit(id, more, &mut self.out);
        Ok(())
    }

    /// Reads for one that is read for, or lets one go on that is out of range.
    pub(crate) fn read(&mut self, number: usize, batches: usize) -> Result<(), String> {
        let follower = &mut self.followers[number];
        let (place, id) = (follower.partition, follower.id.ok_or("everybody follows")?);
        let shadow = &self.shadows[place];
        if follower.is_out_of_range {
            follower.is_out_of_range = false;
            // A purge may be undone as long as what it gave up is not visible.
            follower.next = shadow.log_start.min(self.log.durable_place(place));
            let sought = self.partitions[place].seek(id, Offset(follower.next), &mut self.out);
            return same(true, sought);
        }
        let Some(read) = follower.reading.take() else { return Ok(()) };
        let mut done = ReadDone { next: read.from, records: 0, bytes: 0 };
        if read.from.0 >= shadow.log_start {
            let wanted = shadow.batches.iter().filter(|it| it.end() > read.from.0);
            for batch in wanted.filter(|it| it.base_offset < read.up_to.0).take(batches) {
                let is_first = done.records == 0;
                if !is_first && done.records + batch.count > read.records_max {
                    break;
                }
                same(done.next.0, batch.base_offset)?;
                done.next = Offset(batch.end());
                done.records += batch.count;
                done.bytes += batch.bytes;
                follower.seen.push((batch.base_offset, batch.payload));
            }
            same(true, done.records > 0)?;
        }
        follower.next = done.next.0;
        follower.credit = follower.credit.saturating_sub(u64::from(done.records));
        self.exercised.reads += 1;
        self.partitions[place].on_read(id, done, &mut self.out);
        Ok(())
    }

    /// Takes out what followers are to be told or read, and looks whether it may be.
    pub(crate) fn on_follower_effect(&mut self, effect: &Effect) -> Result<(), String> {
        let (partition, id) = match effect {
            Effect::Read(read) => (read.partition, read.follower),
            Effect::OutOfRange { partition, follower, .. }
            | Effect::FollowerEnded { partition, follower } => (*partition, *follower),
            Effect::Acked { .. } | Effect::OutcomeUnknown { .. } => return Ok(()),
        };
        let place = partition.0 as usize;
        let durable = self.log.durable_place(place);
        let log_start = self.shadows[place].log_start;
        let mut followers = self.followers.iter_mut();
        let follower = followers.find(|it| it.partition == place && it.id == Some(id));
        let follower = follower.ok_or("nobody follows")?;
        match effect {
            Effect::Read(read) => {
                same(None, follower.reading.replace(*read))?;
                same(follower.next, read.from.0)?;
                let is_visible = read.from < read.up_to && read.up_to.0 <= durable;
                if !is_visible || read.from.0 < log_start || follower.credit == 0 {
                    return Err(format!("{read:?}, and {log_start}..{durable} is kept"));
                }
                same(follower.credit, u64::from(read.records_max))
            }
            Effect::OutOfRange { readable, .. } => {
                self.exercised.out_of_range += 1;
                follower.is_out_of_range = true;
                let start = log_start.min(durable);
                same(true, follower.next < start)?;
                same((start, durable), (readable.start.0, readable.end.0))
            }
            Effect::FollowerEnded { .. } | Effect::Acked { .. } | Effect::OutcomeUnknown { .. } => {
                Err("no partition is deleted".to_owned())
            }
        }
    }

    /// Whether everybody does what he ought to: nobody waits for what is there.
    pub(crate) fn check_followers(&mut self) -> Result<(), String> {
        for follower in &self.followers {
            let place = follower.partition;
            let id = follower.id.ok_or("everybody follows")?;
            let state = self.partitions[place].follower_state(id);
            let end = self.log.durable_place(place);
            let expected = if follower.is_out_of_range {
                FollowerState::OutOfRange
            } else if follower.reading.is_some() {
                FollowerState::Reading
            } else if follower.credit == 0 {
                FollowerState::OutOfCredit
            } else {
                self.exercised.parked += 1;
                same(end, follower.next)?;
                FollowerState::Parked
            };
            same(Some(expected), state)?;
        }
        Ok(())
    }
}
