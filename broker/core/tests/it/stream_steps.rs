//! The steps of random histories of partitions, on both sides.

use coilgun_core::stream::{
    AppendRequest, AtomicAppend, AtomicReady, AtomicRefusal, DuplicatePart, Effect,
};
use coilgun_protocol::model::{AckLevel, Incarnation, Offset, UnixMs};

use crate::stream_log::Entry;
use crate::stream_operations::{PARTITION_COUNT, Sent};
use crate::stream_trial::{Owed, StreamTrial, Verdict, same};

impl StreamTrial {
    /// Sends batches to the partitions of this set, the same producer everywhere.
    pub(crate) fn atomic(&mut self, set: u8, sent: &[Sent; PARTITION_COUNT]) -> Result<(), String> {
        let mut requests = Vec::new();
        for place in (0..PARTITION_COUNT).filter(|place| set >> place & 1 == 1) {
            let Sent { producer, manner, .. } = sent[0];
            let sent = Sent { partition: place, producer, manner, ..sent[place] };
            requests.push((place, self.request(&sent, requests.len() as u16)));
        }
        let judge = |(place, request): &(usize, _)| (*place, self.judge(*place, request));
        let verdicts: Vec<(usize, Verdict)> = requests.iter().map(judge).collect();
        let expected = atomic_verdict(&verdicts);
        let mut append = AtomicAppend::new();
        for (place, request) in &requests {
            append.plan(&self.partitions[*place], UnixMs(self.now), request);
        }
        match append.ready() {
            AtomicReady::Refused(found) => {
                self.exercised.atomic_refusals += 1;
                same(expected, AtomicVerdict::Refused(found))
            }
            AtomicReady::Duplicate(duplicates) => {
                same(expected, AtomicVerdict::Duplicate(duplicates.len()))?;
                for duplicate in duplicates.drain(..) {
                    self.duplicate(duplicate, &requests, &verdicts)?;
                }
                Ok(())
            }
            AtomicReady::Commit(commit) => {
                same(expected, AtomicVerdict::Append(commit.part_count()))?;
                let mut plans = Vec::new();
                commit.commit_each(|plan| plans.push(plan));
                let mut parts = Vec::new();
                for (plan, (place, request)) in plans.into_iter().zip(&requests) {
                    self.owe(*place, request, self.shadows[*place].end(), false);
                    let placed = self.partitions[*place].commit_append(plan, &mut self.out);
                    parts.push((*place, placed.incarnation, self.place(*place, request, &placed)?));
                }
                self.exercised.atomic_appends += u64::from(parts.len() > 1);
                self.log.push(Entry::Append(parts));
                Ok(())
            }
        }
    }

    fn duplicate(
        &mut self,
        duplicate: DuplicatePart,
        requests: &[(usize, AppendRequest)],
        verdicts: &[(usize, Verdict)],
    ) -> Result<(), String> {
        match duplicate {
            DuplicatePart::Answered { part, ack } => {
                same(verdicts[part].1, Verdict::Duplicate(ack.base_offset.0, ack.level))
            }
            DuplicatePart::Waits { part, plan } => {
                let (place, verdict) = verdicts[part];
                let Verdict::Wait(base_offset) = verdict else {
                    return Err(format!("{verdict:?} waits"));
                };
                self.owe(place, &requests[part].1, base_offset, true);
                self.partitions[place].commit_wait(plan);
                Ok(())
            }
        }
    }

    pub(crate) fn write(&mut self, entries: usize) -> Result<(), String> {
        if !self.is_poisoned {
            self.log.write(entries);
            for (place, partition) in self.partitions.iter_mut().enumerate() {
                partition.on_written(Offset(self.log.written_place(place)), &mut self.out);
            }
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self, entries: usize) -> Result<(), String> {
        if !self.is_poisoned {
            self.log.sync(entries);
            for (place, partition) in self.partitions.iter_mut().enumerate() {
                partition.on_durable(Offset(self.log.durable_place(place)), &mut self.out);
            }
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&mut self, place: usize) -> Result<(), String> {
        let Some(snapshot) = self.partitions[place].snapshot() else {
            return same(true, self.is_poisoned);
        };
        self.shadows[place].compare(&snapshot)?;
        self.log.push(Entry::Checkpoint(place, snapshot, self.shadows[place].clone()));
        Ok(())
    }

    pub(crate) fn truncate(&mut self, place: usize, batches: usize) -> Result<(), String> {
        if self.is_poisoned {
            return Ok(());
        }
        let shadow = &mut self.shadows[place];
        let least = self.log.durable_place(place).max(shadow.log_start);
        let first = shadow.batches.len().saturating_sub(batches);
        let taken_back = shadow.batches[first..].iter().find(|it| it.base_offset >= least);
        let Some(end) = taken_back.map(|it| it.base_offset) else { return Ok(()) };
        shadow.truncate(end);
        let incarnation = Incarnation(shadow.incarnation);
        self.log.push(Entry::Truncate(place, incarnation, end));
        self.partitions[place].truncate(Offset(end), &mut self.out);
        self.exercised.truncations += 1;
        self.expect_unknown(|owed| owed.partition == place && owed.base_offset >= end)
    }

    pub(crate) fn trim(&mut self, place: usize, batches: usize) -> Result<(), String> {
        let shadow = &mut self.shadows[place];
        let kept = shadow.batches.iter().filter(|it| it.base_offset >= shadow.log_start);
        let start = kept.map(|it| it.end()).take(batches).last().unwrap_or(0);
        let visible = self.log.durable_place(place);
        shadow.log_start = shadow.log_start.max(start.min(visible));
        let found = self.partitions[place].trim(Offset(start), &mut self.out);
        if !self.is_poisoned {
            self.log.push(Entry::Trim(place, Incarnation(shadow.incarnation), found.0));
        }
        same(shadow.log_start, found.0)
    }

    pub(crate) fn purge(&mut self, place: usize) -> Result<(), String> {
        if self.is_poisoned {
            return Ok(());
        }
        let shadow = &mut self.shadows[place];
        shadow.log_start = shadow.end();
        shadow.incarnation += 1;
        let found = self.partitions[place].purge(&mut self.out);
        self.log.push(Entry::Purge(place, found));
        same(shadow.incarnation, found.0)
    }

    pub(crate) fn tick(&mut self, forward: u64, back: u64) -> Result<(), String> {
        self.now = (self.now + forward).saturating_sub(back);
        let before = self.now.saturating_sub(self.limits.producer_expiry_ms);
        for place in 0..PARTITION_COUNT {
            let (shadow, known) = (&mut self.shadows[place], self.partitions[place].counts());
            // Ends because each slice looks at two of a few producers.
            while !self.partitions[place].tick(UnixMs(self.now), 2) {}
            shadow.expire(before, self.log.durable_place(place));
            same(shadow.producers.len(), self.partitions[place].counts().producers)?;
            self.exercised.forgotten += (known.producers - shadow.producers.len()) as u64;
        }
        Ok(())
    }

    pub(crate) fn poison(&mut self) -> Result<(), String> {
        if self.is_poisoned {
            return Ok(());
        }
        self.is_poisoned = true;
        self.exercised.poisons += 1;
        for partition in &mut self.partitions {
            partition.on_poison(&mut self.out);
        }
        self.expect_unknown(|_| true)
    }

    pub(crate) fn crash(&mut self, lucky: usize) -> Result<(), String> {
        self.log.crash(lucky);
        self.owed.clear();
        self.is_poisoned = false;
        for place in 0..PARTITION_COUNT {
            let (partition, shadow, from_checkpoint) = self.log.recover(place, &self.limits)?;
            shadow.compare(&partition.snapshot().ok_or("it is open")?)?;
            shadow.check()?;
            same(self.log.durable_place(place), partition.places().visible.0)?;
            self.partitions[place] = partition;
            self.shadows[place] = shadow;
            self.exercised.from_checkpoint += u64::from(from_checkpoint);
        }
        for (place, base_offset, payload) in &self.acked {
            let found = self.shadows[*place].at(*base_offset).map(|it| it.payload);
            same(Some(*payload), found)?;
        }
        for follower in &self.followers {
            for (base_offset, payload) in &follower.seen {
                let found = self.shadows[follower.partition].at(*base_offset);
                same(Some(*payload), found.map(|it| it.payload))?;
            }
        }
        self.exercised.crashes += 1;
        self.follow_all()
    }

    /// Whether exactly those are told that their outcome is unknown.
    fn expect_unknown(&mut self, is_meant: impl Fn(&Owed) -> bool) -> Result<(), String> {
        let mut told = Vec::new();
        for effect in self.out.as_slice() {
            if let Effect::OutcomeUnknown { to, .. } = effect {
                told.push((to.ticket.0, to.part));
            }
        }
        told.sort_unstable();
        let meant = self.owed.iter().filter(|(_, owed)| is_meant(owed));
        same(meant.map(|(key, _)| *key).collect::<Vec<_>>(), told.clone())?;
        self.exercised.unknown += told.len() as u64;
        self.owed.retain(|key, _| !told.contains(key));
        Ok(())
    }

    /// Looks at what the partitions want done, and whether everybody has what he is owed.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.settle_reads()?;
        self.check_followers()?;
        for place in 0..PARTITION_COUNT {
            let places = self.partitions[place].places();
            let durable = self.log.durable_place(place);
            same((durable, self.shadows[place].end()), (places.visible.0, places.assigned.0))?;
            let late = self.owed.values().find(|it| {
                it.partition == place && (it.base_offset < durable || it.level == AckLevel::Leader)
            });
            if let Some(late) = late {
                return Err(format!("{late:?} is not answered"));
            }
        }
        Ok(())
    }

    pub(crate) fn settle_reads(&mut self) -> Result<(), String> {
        let effects: Vec<Effect> = self.out.drain().collect();
        for effect in effects {
            self.trace.push(format!("{effect:?}"));
            self.on_follower_effect(&effect)?;
            let Effect::Acked { partition, to, ack } = effect else { continue };
            let key = (to.ticket.0, to.part);
            let owed = self.owed.remove(&key).ok_or(format!("{effect:?} is not owed"))?;
            let place = partition.0 as usize;
            let found = (place, ack.base_offset.0, ack.level, ack.is_duplicate);
            same((owed.partition, owed.base_offset, owed.level, owed.is_duplicate), found)?;
            match ack.level {
                AckLevel::None => return Err("nobody asked".to_owned()),
                AckLevel::Leader => self.exercised.leader_acks += 1,
                AckLevel::Durable => {
                    same(true, ack.base_offset.0 < self.log.durable_place(place))?;
                    let batch =
                        self.shadows[place].at(owed.base_offset).ok_or("nothing is there")?;
                    self.acked.push((place, owed.base_offset, batch.payload));
                    self.exercised.acks += 1;
                }
            }
        }
        Ok(())
    }
}

/// What ought to become of an atomic append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AtomicVerdict {
    Append(usize),
    Duplicate(usize),
    Refused(AtomicRefusal),
}

fn atomic_verdict(verdicts: &[(usize, Verdict)]) -> AtomicVerdict {
    let (mut new, mut old) = (0, 0);
    for (part, (_, verdict)) in verdicts.iter().enumerate() {
        match *verdict {
            Verdict::Append => new += 1,
            Verdict::Duplicate(..) | Verdict::Wait(_) => old += 1,
            Verdict::Unknown => {
                return AtomicVerdict::Refused(AtomicRefusal::OutcomeUnknown { part });
            }
            Verdict::Refused(why) => {
                return AtomicVerdict::Refused(AtomicRefusal::Part { part, why });
            }
        }
    }
    match (new, old) {
        (0, 0) => AtomicVerdict::Refused(AtomicRefusal::WrongPartCount),
        (new, 0) => AtomicVerdict::Append(new),
        (0, old) => AtomicVerdict::Duplicate(old),
        (_, _) => AtomicVerdict::Refused(AtomicRefusal::StoredInPart),
    }
}
