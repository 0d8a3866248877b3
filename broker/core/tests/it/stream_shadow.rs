//! What a partition holds, the naive way: lists of everything, searched from the beginning.

use std::collections::BTreeMap;

use coilgun_core::stream::{AppendRefusal, PartitionSnapshot, ProducerPosition};
use coilgun_protocol::model::limits::PRODUCER_BATCHES_REMEMBERED;
use coilgun_protocol::model::{Offset, ProducerEpoch, ProducerSequence};

/// One batch; its payload is its number among all batches of a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ShadowBatch {
    pub(crate) base_offset: u64,
    pub(crate) count: u32,
    pub(crate) bytes: usize,
    pub(crate) payload: u64,
    pub(crate) time: u64,
    pub(crate) producer: Option<ProducerPosition>,
    /// How often a producer of the partition was forgotten before.
    pub(crate) forgotten_before: u64,
}

impl ShadowBatch {
    pub(crate) fn end(&self) -> u64 {
        self.base_offset + u64::from(self.count)
    }
}

/// A producer in its latest epoch.
#[derive(Clone, Debug)]
pub(crate) struct ShadowProducer {
    pub(crate) epoch: u32,
    /// All of its batches that were not taken back.
    pub(crate) batches: Vec<ShadowBatch>,
    /// How many of them, from the first on, it is too late for.
    pub(crate) too_late: usize,
    pub(crate) last_time: u64,
    pub(crate) is_lost: bool,
}

/// A partition.
#[derive(Clone, Default, Debug)]
pub(crate) struct ShadowPartition {
    /// All batches that were not taken back, given up or not.
    pub(crate) batches: Vec<ShadowBatch>,
    pub(crate) log_start: u64,
    pub(crate) incarnation: u32,
    pub(crate) last_time: u64,
    pub(crate) producers: BTreeMap<u64, ShadowProducer>,
    pub(crate) forgotten: u64,
}

/// What ought to become of a batch, as far as its producer is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Judged {
    Next,
    Duplicate(u64),
    Refused(AppendRefusal),
}

impl ShadowProducer {
    pub(crate) fn next(&self) -> u64 {
        let last = self.batches.last();
        last.map_or(0, |it| sequence_of(it) + u64::from(it.count))
    }
}

fn sequence_of(batch: &ShadowBatch) -> u64 {
    batch.producer.map_or(0, |position| position.sequence.0)
}

impl ShadowPartition {
    pub(crate) fn end(&self) -> u64 {
        self.batches.last().map_or(0, ShadowBatch::end)
    }

    /// The batch whose first record is this one.
    pub(crate) fn at(&self, base_offset: u64) -> Option<&ShadowBatch> {
        self.batches.iter().find(|it| it.base_offset == base_offset)
    }

    pub(crate) fn judge(
        &self,
        position: ProducerPosition,
        count: u32,
        most: usize,
        durable: u64,
    ) -> Judged {
        let sequence = position.sequence.0;
        let Some(known) = self.producers.get(&position.producer.0) else {
            let is_full = self.producers.len() >= most && self.oldest(durable).is_none();
            return match sequence {
                0 if is_full => Judged::Refused(AppendRefusal::ProducersFull),
                0 => Judged::Next,
                _ => Judged::Refused(AppendRefusal::UnknownProducer),
            };
        };
        let gap = |expected| {
            let expected = ProducerSequence(expected);
            Judged::Refused(AppendRefusal::SequenceGap { expected })
        };
        if position.epoch.0 < known.epoch {
            let epoch = ProducerEpoch(known.epoch);
            return Judged::Refused(AppendRefusal::Fenced { epoch });
        }
        if position.epoch.0 > known.epoch {
            return if sequence == 0 { Judged::Next } else { gap(0) };
        }
        if known.is_lost {
            return Judged::Refused(AppendRefusal::UnknownProducer);
        }
        let next = known.next();
        if sequence >= next {
            return if sequence == next { Judged::Next } else { gap(next) };
        }
        let remembered = &known.batches[known.too_late..];
        let oldest = remembered.first().map_or(next, sequence_of);
        if sequence < oldest {
            let oldest = ProducerSequence(oldest);
            return Judged::Refused(AppendRefusal::SequenceTooOld { oldest });
        }
        let same = remembered.iter().find(|it| sequence_of(it) == sequence && it.count == count);
        let expected = ProducerSequence(next);
        same.map_or(Judged::Refused(AppendRefusal::SequenceOverlaps { expected }), |it| {
            Judged::Duplicate(it.base_offset)
        })
    }

    pub(crate) fn append(&mut self, batch: ShadowBatch) {
        let batch = ShadowBatch { forgotten_before: self.forgotten, ..batch };
        self.batches.push(batch);
        self.last_time = batch.time;
        let Some(position) = batch.producer else { return };
        let fresh = ShadowProducer {
            epoch: position.epoch.0,
            batches: Vec::new(),
            too_late: 0,
            last_time: 0,
            is_lost: false,
        };
        let known = self.producers.entry(position.producer.0).or_insert(fresh.clone());
        let sequence = position.sequence.0;
        let is_later = known.epoch < fresh.epoch && sequence == 0;
        let is_next = known.epoch == fresh.epoch && known.next() == sequence && !known.is_lost;
        if !is_later && !is_next && !known.batches.is_empty() {
            // Only a log says so: the producer was forgotten in between.
            self.forgotten += 1;
        }
        if !is_next {
            *known = fresh;
        }
        known.batches.push(batch);
        let too_late = known.batches.len().saturating_sub(PRODUCER_BATCHES_REMEMBERED);
        known.too_late = known.too_late.max(too_late);
        known.last_time = batch.time;
    }

    pub(crate) fn truncate(&mut self, end: u64) {
        self.batches.retain(|it| it.end() <= end);
        for known in self.producers.values_mut() {
            let before = known.batches.len();
            known.batches.retain(|it| it.end() <= end);
            let is_shorter = known.batches.len() < before;
            known.is_lost |=
                is_shorter && known.too_late > 0 && known.batches.len() <= known.too_late;
        }
    }

    pub(crate) fn expire(&mut self, before: u64, durable: u64) {
        let old = |known: &ShadowProducer| {
            let is_pending = known.batches.last().is_some_and(|it| it.end() > durable);
            known.last_time < before && !is_pending
        };
        let expired: Vec<u64> =
            self.producers.iter().filter(|(_, known)| old(known)).map(|(id, _)| *id).collect();
        for producer in expired {
            self.forget(producer);
        }
    }

    /// Forgets who was idle longest until there is a place for this one, and says how many were forgotten.
    pub(crate) fn make_room(&mut self, producer: u64, most: usize, durable: u64) -> u64 {
        let mut count = 0;
        while !self.producers.contains_key(&producer) && self.producers.len() >= most {
            let Some(oldest) = self.oldest(durable) else { break };
            self.forget(oldest);
            count += 1;
        }
        count
    }

    /// Who appended last before all others did, if that is durable.
    fn oldest(&self, durable: u64) -> Option<u64> {
        let end = |known: &ShadowProducer| {
            let remembered = known.batches.get(known.too_late..).unwrap_or_default();
            remembered.last().map_or(0, ShadowBatch::end)
        };
        let oldest = self.producers.iter().min_by_key(|(id, known)| (end(known), **id))?;
        (end(oldest.1) <= durable).then_some(*oldest.0)
    }

    fn forget(&mut self, producer: u64) {
        self.producers.remove(&producer);
        self.forgotten += 1;
    }

    /// Batches that are not durable, and their bytes.
    pub(crate) fn pending(&self, durable: u64) -> (usize, usize) {
        let pending = self.batches.iter().filter(|it| it.base_offset >= durable);
        (pending.clone().count(), pending.map(|it| it.bytes).sum())
    }

    /// Whether a checkpoint says the same.
    pub(crate) fn compare(&self, found: &PartitionSnapshot) -> Result<(), String> {
        let expected = (self.incarnation, self.log_start, self.end(), self.last_time);
        let time = found.last_append_time.0;
        let same = (found.incarnation.0, found.log_start.0, found.end.0, time);
        if expected != same {
            return Err(format!("expected {expected:?}, found {same:?}"));
        }
        let found: Vec<_> = found
            .producers
            .iter()
            .map(|it| {
                let batches: Vec<_> =
                    it.batches.iter().map(|it| (it.base_offset, it.count)).collect();
                (it.producer.0, it.epoch.0, it.last_append_time.0, batches)
            })
            .collect();
        let expected: Vec<_> = self
            .producers
            .iter()
            .map(|(id, it)| {
                let remembered = it.batches.get(it.too_late..).unwrap_or_default();
                let batches: Vec<_> =
                    remembered.iter().map(|it| (Offset(it.base_offset), it.count)).collect();
                (*id, it.epoch, it.last_time, batches)
            })
            .collect();
        if expected == found { Ok(()) } else { Err(format!("{expected:?}, {found:?}")) }
    }

    /// Whether what a producer sent more than once is there once, and all offsets are taken once.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut end = 0;
        let mut sent: BTreeMap<_, u64> = BTreeMap::new();
        for batch in &self.batches {
            if batch.base_offset != end {
                return Err(format!("offset {end} is followed by {batch:?}"));
            }
            end = batch.end();
            if let Some(position) = batch.producer {
                let ProducerPosition { producer, epoch, sequence } = position;
                let first = sent.insert((producer, epoch, sequence), batch.forgotten_before);
                if first == Some(self.forgotten) {
                    return Err(format!("{position:?} is there twice"));
                }
            }
        }
        Ok(())
    }
}
