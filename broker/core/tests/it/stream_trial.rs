//! Partitions and their shadows side by side, with a log, a disk that is slow, and crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use coilgun_core::stream::{
    AppendAnswer, AppendRefusal, AppendRequest, Effects, Partition, PartitionLimits, Placed,
    ProducerPosition,
};
use coilgun_protocol::model::{
    AckLevel, CoLocationGroupId, Offset, PartitionId, ProducerEpoch, ProducerId, ProducerSequence,
    UnixMs,
};

use crate::stream_followers_model::ShadowFollower;
use crate::stream_log::{Entry, StreamLog};
use crate::stream_operations::{Expected, Manner, PARTITION_COUNT, Sent, StreamOperation};
use crate::stream_shadow::{Judged, ShadowBatch, ShadowPartition};
use crate::stream_world::requester;

/// Small enough that every limit is met.
pub(crate) const TIGHT: PartitionLimits = PartitionLimits {
    records_per_batch: 6,
    batch_bytes: 600,
    pending_bytes: 3_000,
    pending_appends: 12,
    duplicates_per_append: 2,
    duplicates: 3,
    producers: 3,
    producer_expiry_ms: 400,
    followers: 2,
    follower_read_bytes: 1_000,
};

/// What a run looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct StreamExercised {
    pub(crate) appends: u64,
    pub(crate) atomic_appends: u64,
    pub(crate) atomic_refusals: u64,
    pub(crate) acks: u64,
    pub(crate) leader_acks: u64,
    pub(crate) duplicates: u64,
    pub(crate) waits: u64,
    pub(crate) fenced: u64,
    pub(crate) refused: u64,
    pub(crate) full: u64,
    pub(crate) unknown: u64,
    pub(crate) crashes: u64,
    pub(crate) poisons: u64,
    pub(crate) truncations: u64,
    pub(crate) from_checkpoint: u64,
    pub(crate) forgotten: u64,
    pub(crate) displaced: u64,
    pub(crate) reads: u64,
    pub(crate) parked: u64,
    pub(crate) out_of_range: u64,
}

/// Somebody who has to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    pub(crate) partition: usize,
    pub(crate) base_offset: u64,
    pub(crate) level: AckLevel,
    pub(crate) is_duplicate: bool,
}

/// Everything.
pub(crate) struct StreamTrial {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) shadows: Vec<ShadowPartition>,
    pub(crate) followers: Vec<ShadowFollower>,
    pub(crate) log: StreamLog,
    pub(crate) limits: Arc<PartitionLimits>,
    pub(crate) now: u64,
    pub(crate) ticket: u64,
    payload: u64,
    /// By ticket and part.
    pub(crate) owed: BTreeMap<(u64, u16), Owed>,
    /// What was acked as durable: partition, first offset, payload.
    pub(crate) acked: Vec<(usize, u64, u64)>,
    pub(crate) is_poisoned: bool,
    pub(crate) out: Effects,
    pub(crate) exercised: StreamExercised,
    /// All effects as text.
    pub(crate) trace: Vec<String>,
}

/// What ought to become of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Append,
    Duplicate(u64, AckLevel),
    Wait(u64),
    Unknown,
    Refused(AppendRefusal),
}

impl StreamTrial {
    pub(crate) fn new() -> StreamTrial {
        let limits = Arc::new(TIGHT);
        let partition = |number| {
            Partition::new(PartitionId(number as u64), CoLocationGroupId(1), limits.clone())
        };
        let mut trial = StreamTrial {
            partitions: (0..PARTITION_COUNT).map(partition).collect(),
            shadows: vec![ShadowPartition::default(); PARTITION_COUNT],
            followers: (0..2 * PARTITION_COUNT).map(ShadowFollower::new).collect(),
            log: StreamLog::default(),
            limits: limits.clone(),
            now: 1_000,
            ticket: 0,
            payload: 0,
            owed: BTreeMap::new(),
            acked: Vec::new(),
            is_poisoned: false,
            out: Effects::new(),
            exercised: StreamExercised::default(),
            trace: Vec::new(),
        };
        trial.follow_all().expect("a new partition can be followed");
        trial
    }

    /// Lets it happen on both sides and compares.
    pub(crate) fn step(&mut self, operation: &StreamOperation) -> Result<(), String> {
        self.apply(operation).map_err(|why| format!("{operation:?}: {why}"))?;
        self.settle().map_err(|why| format!("{operation:?}: {why}"))
    }

    fn apply(&mut self, operation: &StreamOperation) -> Result<(), String> {
        match operation {
            StreamOperation::Append(sent) => self.append(sent),
            StreamOperation::Atomic { partitions, sent } => self.atomic(*partitions, sent),
            StreamOperation::Write { entries } => self.write(*entries),
            StreamOperation::Sync { entries } => self.sync(*entries),
            StreamOperation::Checkpoint { partition } => self.checkpoint(*partition),
            StreamOperation::Truncate { partition, batches } => self.truncate(*partition, *batches),
            StreamOperation::Trim { partition, batches } => self.trim(*partition, *batches),
            StreamOperation::Purge { partition } => self.purge(*partition),
            StreamOperation::Tick { forward, back } => self.tick(*forward, *back),
            StreamOperation::Credit { follower, records } => self.credit(*follower, *records),
            StreamOperation::Read { follower, batches } => self.read(*follower, *batches),
            StreamOperation::Poison => self.poison(),
            StreamOperation::Crash { lucky } => self.crash(*lucky),
        }
    }

    fn append(&mut self, sent: &Sent) -> Result<(), String> {
        let place = sent.partition;
        let request = self.request(sent, 0);
        let verdict = self.judge(place, &request);
        self.count(&verdict);
        let answer = match self.partitions[place].plan_append(UnixMs(self.now), &request) {
            Ok(plan) => {
                same(verdict, Verdict::Append)?;
                self.owe(place, &request, self.shadows[place].end(), false);
                let placed = self.partitions[place].commit_append(plan, &mut self.out);
                let batch = self.place(place, &request, &placed)?;
                self.log.push(Entry::Append(vec![(place, placed.incarnation, batch)]));
                return Ok(());
            }
            Err(answer) => answer,
        };
        same(verdict, verdict_of(&answer, verdict))?;
        if let (AppendAnswer::Wait(plan), Verdict::Wait(base_offset)) = (answer, verdict) {
            self.owe(place, &request, base_offset, true);
            self.partitions[place].commit_wait(plan);
        }
        Ok(())
    }

    /// Notes on the side of the shadow what was appended, and compares where it was put.
    pub(crate) fn place(
        &mut self,
        place: usize,
        request: &AppendRequest,
        placed: &Placed,
    ) -> Result<ShadowBatch, String> {
        let shadow = &mut self.shadows[place];
        self.payload += 1;
        let batch = ShadowBatch {
            base_offset: shadow.end(),
            count: request.count,
            bytes: request.bytes,
            payload: self.payload,
            time: shadow.last_time.max(self.now),
            producer: request.producer,
            forgotten_before: 0,
        };
        if let Some(position) = batch.producer {
            let (most, durable) = (self.limits.producers, self.log.durable_place(place));
            let displaced = shadow.make_room(position.producer.0, most, durable);
            self.exercised.displaced += displaced;
        }
        shadow.append(batch);
        let found = (placed.base_offset.0, placed.end.0, placed.append_time.0);
        same((batch.base_offset, batch.end(), batch.time), found)?;
        same(shadow.incarnation, placed.incarnation.0)?;
        self.exercised.appends += 1;
        Ok(batch)
    }

    /// Notes that somebody has to be answered.
    pub(crate) fn owe(
        &mut self,
        partition: usize,
        request: &AppendRequest,
        base_offset: u64,
        is_duplicate: bool,
    ) {
        let key = (request.requester.ticket.0, request.requester.part);
        let level = request.level;
        if level != AckLevel::None {
            self.owed.insert(key, Owed { partition, base_offset, level, is_duplicate });
        }
    }

    /// The request that is sent; its part of an atomic append is `part`.
    pub(crate) fn request(&mut self, sent: &Sent, part: u16) -> AppendRequest {
        if part == 0 {
            self.ticket += 1;
        }
        let (producer, count) = self.position(sent);
        let shadow = &self.shadows[sent.partition];
        let mut requester = requester(self.ticket);
        requester.part = part;
        AppendRequest {
            count,
            bytes: 90 * count as usize,
            producer,
            expected: match sent.expected {
                Expected::Any => None,
                Expected::Right => Some(Offset(shadow.end())),
                Expected::Wrong(by) => Some(Offset(shadow.end() + by)),
            },
            level: match sent.level {
                0 => AckLevel::None,
                1 => AckLevel::Leader,
                _ => AckLevel::Durable,
            },
            requester,
        }
    }

    fn position(&self, sent: &Sent) -> (Option<ProducerPosition>, u32) {
        if sent.producer == 0 {
            return (None, sent.count);
        }
        let known = self.shadows[sent.partition].producers.get(&sent.producer);
        let epoch = known.map_or(3, |it| it.epoch);
        let next = known.map_or(0, |it| it.next());
        let earlier = |back: usize| {
            let batches = &known?.batches;
            let batch = batches.get(batches.len().checked_sub(back + 1)?)?;
            Some((batch.producer?.sequence.0, batch.count))
        };
        let again = |back| earlier(back).unwrap_or((next, sent.count));
        let (epoch, (sequence, count)) = match sent.manner {
            Manner::Next => (epoch, (next, sent.count)),
            Manner::Again(back) => (epoch, again(back)),
            Manner::AgainWithOtherCount(back) => (epoch, (again(back).0, sent.count)),
            Manner::Gap(by) => (epoch, (next + by, sent.count)),
            Manner::EarlierEpoch => (epoch - 1, (0, sent.count)),
            Manner::LaterEpoch(sequence) => (epoch + 1, (sequence, sent.count)),
        };
        let (producer, epoch) = (ProducerId(sent.producer), ProducerEpoch(epoch));
        let sequence = ProducerSequence(sequence);
        (Some(ProducerPosition { producer, epoch, sequence }), count)
    }

    /// What ought to become of a request.
    pub(crate) fn judge(&self, place: usize, request: &AppendRequest) -> Verdict {
        let AppendRequest { count, bytes, producer, expected, level, .. } = *request;
        let (shadow, limits) = (&self.shadows[place], &self.limits);
        let refused = Verdict::Refused;
        if count == 0 {
            return refused(AppendRefusal::Empty);
        }
        if count > limits.records_per_batch || bytes > limits.batch_bytes {
            return refused(AppendRefusal::TooLarge);
        }
        let judged = producer.map_or(Judged::Next, |it| {
            shadow.judge(it, count, limits.producers, self.log.durable_place(place))
        });
        if self.is_poisoned {
            return match judged {
                Judged::Duplicate(_)
                | Judged::Refused(
                    AppendRefusal::SequenceTooOld { .. } | AppendRefusal::SequenceOverlaps { .. },
                ) => Verdict::Unknown,
                Judged::Refused(
                    why @ (AppendRefusal::Fenced { .. } | AppendRefusal::UnknownProducer),
                ) => refused(why),
                Judged::Next | Judged::Refused(_) => refused(AppendRefusal::Poisoned),
            };
        }
        let durable = self.log.durable_place(place);
        match judged {
            Judged::Next => {}
            Judged::Refused(why) => return refused(why),
            Judged::Duplicate(base) if base < durable => {
                return Verdict::Duplicate(base, AckLevel::Durable);
            }
            Judged::Duplicate(base) if level != AckLevel::Durable => {
                return Verdict::Duplicate(base, AckLevel::Leader);
            }
            Judged::Duplicate(base) => return self.judge_waiting(place, base),
        }
        let next = Offset(shadow.end());
        let (pending_count, pending_bytes) = shadow.pending(durable);
        if expected.is_some_and(|expected| expected != next) {
            refused(AppendRefusal::UnexpectedOffset { next })
        } else if pending_bytes + bytes > limits.pending_bytes {
            refused(AppendRefusal::PendingBytesFull)
        } else if pending_count >= limits.pending_appends {
            refused(AppendRefusal::PendingAppendsFull)
        } else {
            Verdict::Append
        }
    }

    fn judge_waiting(&self, place: usize, base: u64) -> Verdict {
        let waiting = self.owed.values().filter(|it| it.is_duplicate && it.partition == place);
        let for_this = waiting.clone().filter(|it| it.base_offset == base).count();
        let limits = &self.limits;
        if for_this >= limits.duplicates_per_append || waiting.count() >= limits.duplicates {
            Verdict::Refused(AppendRefusal::DuplicatesFull)
        } else {
            Verdict::Wait(base)
        }
    }

    pub(crate) fn count(&mut self, verdict: &Verdict) {
        let exercised = &mut self.exercised;
        match verdict {
            Verdict::Append => {}
            Verdict::Duplicate(..) => exercised.duplicates += 1,
            Verdict::Wait(_) => exercised.waits += 1,
            Verdict::Unknown => exercised.unknown += 1,
            Verdict::Refused(AppendRefusal::Fenced { .. }) => exercised.fenced += 1,
            Verdict::Refused(
                AppendRefusal::DuplicatesFull
                | AppendRefusal::PendingBytesFull
                | AppendRefusal::PendingAppendsFull
                | AppendRefusal::ProducersFull,
            ) => exercised.full += 1,
            Verdict::Refused(_) => exercised.refused += 1,
        }
    }
}

/// An answer as a verdict; where a duplicate waits, only the partition knows.
pub(crate) fn verdict_of(answer: &AppendAnswer, expected: Verdict) -> Verdict {
    match answer {
        AppendAnswer::Duplicate(ack) => Verdict::Duplicate(ack.base_offset.0, ack.level),
        AppendAnswer::Wait(_) => match expected {
            Verdict::Wait(base_offset) => Verdict::Wait(base_offset),
            Verdict::Append | Verdict::Duplicate(..) | Verdict::Unknown | Verdict::Refused(_) => {
                Verdict::Wait(u64::MAX)
            }
        },
        AppendAnswer::OutcomeUnknown => Verdict::Unknown,
        AppendAnswer::Refused(refusal) => Verdict::Refused(*refusal),
    }
}

/// Whether both sides say the same.
pub(crate) fn same<T: PartialEq + core::fmt::Debug>(expected: T, found: T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}
