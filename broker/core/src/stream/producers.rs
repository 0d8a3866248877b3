//! Who produces into a partition, and which of its batches came (law L22).

use coilgun_protocol::model::{Offset, ProducerEpoch, ProducerId, ProducerSequence, UnixMs};

use super::append::{AppendRefusal, ProducerPosition};
use super::places::OFFSET_MAX;
use super::recent_batches::{RecentBatch, RecentBatches};
use crate::mutant::{self, Mutant};

/// What a partition knows of a producer; in a checkpoint, what it knew.
///
/// If no batch is remembered although `next_sequence` is not 0, more was taken back than was
/// remembered: where the producer is is not known, and only a later epoch goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerSnapshot {
    /// Who.
    pub producer: ProducerId,
    /// Its latest epoch; earlier ones are fenced off.
    pub epoch: ProducerEpoch,
    /// The sequence of its next record.
    pub next_sequence: ProducerSequence,
    /// When it last appended.
    pub last_append_time: UnixMs,
    /// Its latest batches.
    pub batches: RecentBatches,
}

/// What becomes of a batch, as far as its producer is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Judgement {
    /// It comes next.
    Next,
    /// It came before, and its first record has this offset.
    Duplicate(Offset),
    /// It must not be appended.
    Refused(AppendRefusal),
}

/// A batch of a producer that got its offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducedBatch {
    pub(super) position: ProducerPosition,
    pub(super) batch: RecentBatch,
    pub(super) append_time: UnixMs,
}

/// How full a partition is for somebody who is not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    /// How many producers are remembered at most.
    pub(super) most: usize,
    /// Up to where everything is durable.
    pub(super) durable: Offset,
    /// How many appends are not.
    pub(super) pending_count: usize,
}

/// All producers of a partition, by their number: a partition has few, and one that has many must
/// give the same answers in the same order whatever the keys of a hash table are.
///
/// If there are too many, the one is forgotten whose latest batch has the lowest offset. Offsets say who
/// was idle longest more finely than times do, and as everything becomes durable in their order, that one
/// has something pending only if all of them have.
#[derive(Debug, Default)]
pub(super) struct Producers {
    all: Vec<ProducerSnapshot>,
    /// Where the next slice of expiry begins.
    cursor: usize,
    /// Where producers ended when this was made, the lowest offset last; empty until there are too many.
    /// Whoever is not in it or ends elsewhere now has appended since, and is behind all that are in it.
    oldest_last: Vec<(Offset, ProducerId)>,
}

impl Producers {
    /// What becomes of a batch of `count` records.
    pub(super) fn judge(&self, position: ProducerPosition, count: u32, crowd: &Crowd) -> Judgement {
        let is_first = position.sequence == ProducerSequence(0);
        let Ok(place) = self.place(position.producer) else {
            return match is_first {
                true if self.can_take_another(crowd) => Judgement::Next,
                true => Judgement::Refused(AppendRefusal::ProducersFull),
                false => Judgement::Refused(AppendRefusal::UnknownProducer),
            };
        };
        let known = &self.all[place];
        match position.epoch.cmp(&known.epoch) {
            core::cmp::Ordering::Less if mutant::is_active(Mutant::NoEpochCheck) => Judgement::Next,
            core::cmp::Ordering::Less => {
                Judgement::Refused(AppendRefusal::Fenced { epoch: known.epoch })
            }
            core::cmp::Ordering::Greater if is_first => Judgement::Next,
            core::cmp::Ordering::Greater => {
                let expected = ProducerSequence(0);
                Judgement::Refused(AppendRefusal::SequenceGap { expected })
            }
            core::cmp::Ordering::Equal => known.judge(position.sequence, count),
        }
    }

    /// Whether there is a place, or somebody who can be forgotten.
    fn can_take_another(&self, crowd: &Crowd) -> bool {
        let Crowd { most, durable, pending_count } = *crowd;
        // Each pending append is of one producer, so usually nobody has to be looked for.
        let has_idle = || {
            pending_count < self.all.len() || self.all.iter().any(|known| known.end() <= durable)
        };
        most > 0 && (self.all.len() < most || has_idle())
    }

    /// Forgets those that were idle longest and have nothing that is not durable, until there is a place
    /// for this one, unless it is known. Their next batch is that of somebody who was never there. Says
    /// whether anybody was forgotten.
    pub(super) fn make_room(&mut self, producer: ProducerId, most: usize, durable: Offset) -> bool {
        if self.place(producer).is_ok() {
            return false;
        }
        let before = self.all.len();
        // Ends because each turn forgets one.
        while self.all.len() >= most && self.forget_oldest(durable) {}
        self.all.len() < before
    }

    /// Returns whether there was somebody to forget.
    fn forget_oldest(&mut self, durable: Offset) -> bool {
        if self.all.is_empty() {
            return false;
        }
        // Ends because each turn takes one out of the list, which has somebody when it is made again.
        loop {
            if self.oldest_last.is_empty() {
                let ends = self.all.iter().map(|known| (known.end(), known.producer));
                self.oldest_last.extend(ends);
                self.oldest_last.sort_unstable_by(|one, other| other.cmp(one));
            }
            let (end, producer) = self.oldest_last.pop().expect("there is one at least");
            let Ok(place) = self.place(producer) else { continue };
            if self.all[place].end() != end {
                continue;
            }
            if end > durable {
                self.oldest_last.push((end, producer));
                return false;
            }
            self.all.remove(place);
            return true;
        }
    }

    /// Notes a batch of a producer that got its offsets.
    pub(super) fn note(&mut self, produced: &ProducedBatch) {
        let ProducedBatch { position, batch, append_time } = *produced;
        let place = self.place(position.producer).unwrap_or_else(|place| {
            // Gently: most partitions have one producer or two.
            if self.all.len() == self.all.capacity() {
                self.all.reserve_exact(1 + self.all.len() / 2);
            }
            self.all.insert(place, ProducerSnapshot::begin(position.producer, position.epoch));
            place
        });
        let known = &mut self.all[place];
        if known.epoch != position.epoch || known.next_sequence != position.sequence {
            *known = ProducerSnapshot::begin(position.producer, position.epoch);
            known.next_sequence = position.sequence;
        }
        known.next_sequence = known.after(batch.count).expect("a partition has fewer records");
        known.last_append_time = append_time;
        known.batches.push(batch);
    }

    /// Whether a batch of the log can be the next one of its producer. One that begins anew may be, in
    /// whatever epoch: the producer may have been forgotten before. `has_forgotten`: so may any other,
    /// because its producer may have been forgotten since, or what it had appended before.
    pub(super) fn accepts_from_log(
        &self,
        position: ProducerPosition,
        count: u32,
        has_forgotten: bool,
    ) -> bool {
        let sequence = position.sequence.0;
        let is_possible = sequence <= OFFSET_MAX - u64::from(count);
        if position.producer == ProducerId::NONE || !is_possible {
            return false;
        }
        if sequence == 0 || has_forgotten {
            return true;
        }
        let Ok(place) = self.place(position.producer) else { return false };
        let known = &self.all[place];
        known.epoch == position.epoch
            && known.next_sequence == position.sequence
            && known.after(count).is_some()
            && !known.is_lost()
    }

    /// Takes back what lies behind `end`. An epoch stays: who was fenced off stays so.
    pub(super) fn truncate(&mut self, end: Offset) {
        // Offsets are given out again.
        self.oldest_last.clear();
        for known in &mut self.all {
            while known.batches.latest().is_some_and(|batch| batch.end() > end) {
                let batch = known.batches.pop().expect("there is a latest one");
                known.next_sequence.0 -= u64::from(batch.count);
            }
        }
    }

    /// Forgets those of the next `budget` producers that appended nothing since `before`, and have
    /// nothing that is not durable. Says whether there is nobody left to look at in this round.
    pub(super) fn expire(&mut self, before: UnixMs, durable: Offset, budget: usize) -> bool {
        let start = self.cursor.min(self.all.len());
        let end = start.saturating_add(budget.max(1)).min(self.all.len());
        let mut kept = start;
        for place in start..end {
            let known = self.all[place];
            if known.end() > durable || known.last_append_time >= before {
                self.all[kept] = known;
                kept += 1;
            }
        }
        self.all.drain(kept..end);
        let is_done = kept == self.all.len();
        self.cursor = if is_done { 0 } else { kept };
        if self.all.is_empty() {
            *self = Producers::default();
        }
        is_done
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them, by number.
    pub(super) fn snapshots(&self) -> &[ProducerSnapshot] {
        &self.all
    }

    /// The producers of a checkpoint, or nothing if they cannot be any.
    pub(super) fn restore(all: &[ProducerSnapshot], assigned: Offset) -> Option<Producers> {
        let is_sorted = all.windows(2).all(|pair| pair[0].producer < pair[1].producer);
        let is_sound = all.iter().all(|one| one.is_sound(assigned));
        (is_sorted && is_sound).then(|| Producers { all: all.to_vec(), ..Producers::default() })
    }

    /// Where the producer stands, or where it would.
    fn place(&self, producer: ProducerId) -> Result<usize, usize> {
        self.all.binary_search_by_key(&producer, |known| known.producer)
    }
}

impl ProducerSnapshot {
    fn begin(producer: ProducerId, epoch: ProducerEpoch) -> ProducerSnapshot {
        ProducerSnapshot {
            producer,
            epoch,
            next_sequence: ProducerSequence(0),
            last_append_time: UnixMs(0),
            batches: RecentBatches::default(),
        }
    }

    /// The offset behind its latest batch; 0 if none is remembered.
    fn end(&self) -> Offset {
        self.batches.latest().map_or(Offset(0), |batch| batch.end())
    }

    /// What becomes of a batch of this epoch.
    fn judge(&self, sequence: ProducerSequence, count: u32) -> Judgement {
        let expected = self.next_sequence;
        if self.is_lost() {
            return Judgement::Refused(AppendRefusal::UnknownProducer);
        }
        if sequence == expected || mutant::is_active(Mutant::NoDedup) {
            return Judgement::Next;
        }
        if sequence > expected {
            return Judgement::Refused(AppendRefusal::SequenceGap { expected });
        }
        let oldest = self.batches.oldest_sequence(expected);
        match self.batches.find(sequence, expected) {
            Some(batch) if batch.count == count => Judgement::Duplicate(batch.base_offset),
            Some(_) => Judgement::Refused(AppendRefusal::SequenceOverlaps { expected }),
            None if sequence < oldest => {
                Judgement::Refused(AppendRefusal::SequenceTooOld { oldest })
            }
            None => Judgement::Refused(AppendRefusal::SequenceOverlaps { expected }),
        }
    }

    /// Whether it is not known which batch comes next.
    fn is_lost(&self) -> bool {
        self.next_sequence != ProducerSequence(0) && self.batches.latest().is_none()
    }

    /// The next sequence after `count` more records.
    fn after(&self, count: u32) -> Option<ProducerSequence> {
        self.next_sequence.0.checked_add(u64::from(count)).map(ProducerSequence)
    }

    /// Whether this can be the state of a producer of a partition with this end.
    fn is_sound(&self, assigned: Offset) -> bool {
        let mut end = 0;
        let mut records = 0;
        for batch in self.batches.iter() {
            let Some(batch_end) = batch.base_offset.0.checked_add(u64::from(batch.count)) else {
                return false;
            };
            if batch.count == 0 || batch.base_offset.0 < end {
                return false;
            }
            end = batch_end;
            records += u64::from(batch.count);
        }
        self.producer != ProducerId::NONE
            && end <= assigned.0
            && records <= self.next_sequence.0
            && self.next_sequence.0 <= OFFSET_MAX
    }
}
