//! Accepting appends: plans, and what carrying one out changes.

use coilgun_protocol::model::{AckLevel, Offset, ProducerId, UnixMs};

use super::append::{
    Ack, AppendAnswer, AppendPlan, AppendRefusal, AppendRequest, Placed, WaitPlan,
};
use super::effects::Effects;
use super::partition::{Partition, PartitionState};
use super::pending::PendingAppend;
use super::places::{Places, Step};
use super::producers::{Crowd, Judgement, ProducedBatch};
use super::recent_batches::RecentBatch;
use crate::mutant::{self, Mutant};

impl Partition {
    /// Whether a batch may be appended at `now`. Changes nothing.
    ///
    /// # Errors
    /// The answer, if there is one already, or the duplicate has to wait for its original. What is a
    /// duplicate is recognised first, so that a batch that is sent again is not refused for an offset
    /// that it took itself.
    pub fn plan_append(
        &self,
        now: UnixMs,
        request: &AppendRequest,
    ) -> Result<AppendPlan, AppendAnswer> {
        let known = request.producer.filter(|it| it.producer != ProducerId::NONE);
        let request = &AppendRequest { producer: known, ..*request };
        self.check_size(request).map_err(AppendAnswer::Refused)?;
        match self.state {
            PartitionState::Open => {}
            PartitionState::ReadOnly => return Err(self.answer_read_only(request)),
            PartitionState::Poisoned => return Err(self.answer_poisoned(request)),
            PartitionState::Deleted => return refused(AppendRefusal::Deleted),
        }
        match self.judge(request) {
            Judgement::Next => {}
            Judgement::Duplicate(base_offset) => {
                return Err(self.answer_duplicate(base_offset, request));
            }
            Judgement::Refused(refusal) => return refused(refusal),
        }
        let next = self.places.assigned;
        if request.expected.is_some_and(|expected| expected != next) {
            return refused(AppendRefusal::UnexpectedOffset { next });
        }
        self.check_room(request).map_err(AppendAnswer::Refused)?;
        Ok(AppendPlan {
            partition: self.id,
            base_offset: next,
            append_time: self.last_append_time.max(now),
            request: *request,
            revision: self.revision,
        })
    }

    /// Appends a batch as planned: its records have their offsets, and are neither written nor
    /// durable. Who asked for [`AckLevel::Leader`] is acked (law L16).
    ///
    /// The caller puts the batch, with an envelope that says what is returned, behind everything that
    /// was placed before.
    ///
    /// # Panics
    /// If the partition has changed since the plan was made, or the plan is for another one.
    pub fn commit_append(&mut self, plan: AppendPlan, out: &mut Effects) -> Placed {
        let AppendPlan { partition, base_offset, append_time, request, revision } = plan;
        assert_eq!(partition, self.id, "a plan is for its partition");
        assert_eq!(revision, self.revision, "a plan is carried out before anything changes");
        assert_eq!(base_offset, self.places.assigned, "a batch gets the offset of its plan");
        assert_eq!(self.state, PartitionState::Open, "only an open partition is appended to");
        let AppendRequest { count, bytes, producer, expected: _, level, requester } = request;
        let end = base_offset.plus(count);
        self.advance(Step::Advance, Places { assigned: end, ..self.places });
        self.last_append_time = append_time;
        if let Some(position) = producer {
            let batch = RecentBatch { base_offset, count };
            let Crowd { most, durable, .. } = self.crowd();
            self.producers.make_room(position.producer, most, durable);
            self.producers.note(&ProducedBatch { position, batch, append_time });
        }
        let bytes = u32::try_from(bytes).expect("batches are smaller than 4 GiB");
        self.pending.push(PendingAppend {
            base_offset,
            end,
            bytes,
            duplicate_count: 0,
            level,
            requester,
        });
        let is_acked = match level {
            AckLevel::None => false,
            AckLevel::Leader => true,
            AckLevel::Durable => mutant::is_active(Mutant::EarlyAck),
        };
        if is_acked {
            out.ack(partition, requester, Ack { base_offset, level, is_duplicate: false });
        }
        Placed { partition, incarnation: self.incarnation, base_offset, end, append_time }
    }

    /// Has a duplicate wait for its original: it is answered with it, behind it.
    ///
    /// # Panics
    /// As [`Partition::commit_append`].
    pub fn commit_wait(&mut self, plan: WaitPlan) {
        assert_eq!(plan.partition, self.id, "a plan is for its partition");
        assert_eq!(plan.revision, self.revision, "a plan is carried out before anything changes");
        self.pending.join(plan.base_offset, plan.requester);
        self.revision += 1;
    }

    fn check_size(&self, request: &AppendRequest) -> Result<(), AppendRefusal> {
        if request.count == 0 {
            return Err(AppendRefusal::Empty);
        }
        if request.count > self.limits.records_per_batch || request.bytes > self.limits.batch_bytes
        {
            return Err(AppendRefusal::TooLarge);
        }
        Ok(())
    }

    fn check_room(&self, request: &AppendRequest) -> Result<(), AppendRefusal> {
        if self.pending.bytes() + request.bytes > self.limits.pending_bytes {
            return Err(AppendRefusal::PendingBytesFull);
        }
        if self.pending.len() >= self.limits.pending_appends {
            return Err(AppendRefusal::PendingAppendsFull);
        }
        Ok(())
    }

    /// What becomes of a batch, as far as its producer is concerned.
    fn judge(&self, request: &AppendRequest) -> Judgement {
        match request.producer {
            Some(position) => self.producers.judge(position, request.count, &self.crowd()),
            None => Judgement::Next,
        }
    }

    fn crowd(&self) -> Crowd {
        Crowd {
            most: self.limits.producers,
            durable: self.places.durable,
            pending_count: self.pending.len(),
        }
    }

    /// After poison: whether the batch is a new one, which is not stored, or came before. What came
    /// before is not refused, because a producer takes a refusal for "not stored" (law L14).
    fn answer_poisoned(&self, request: &AppendRequest) -> AppendAnswer {
        match self.judge(request) {
            Judgement::Duplicate(_) if mutant::is_active(Mutant::KnownAfterPoison) => {
                AppendAnswer::Refused(AppendRefusal::Poisoned)
            }
            Judgement::Duplicate(_)
            | Judgement::Refused(
                AppendRefusal::SequenceTooOld { .. } | AppendRefusal::SequenceOverlaps { .. },
            ) => AppendAnswer::OutcomeUnknown,
            // It may have been stored before that was known, and must not be sent again, either.
            Judgement::Refused(
                refusal @ (AppendRefusal::Fenced { .. } | AppendRefusal::UnknownProducer),
            ) => AppendAnswer::Refused(refusal),
            Judgement::Next | Judgement::Refused(_) => {
                AppendAnswer::Refused(AppendRefusal::Poisoned)
            }
        }
    }

    /// While nothing is appended: what is stored is answered as that, because a producer takes a refusal for
    /// "not stored".
    fn answer_read_only(&self, request: &AppendRequest) -> AppendAnswer {
        match self.judge(request) {
            Judgement::Duplicate(base_offset) => self.answer_duplicate(base_offset, request),
            Judgement::Refused(
                refusal @ (AppendRefusal::SequenceTooOld { .. }
                | AppendRefusal::SequenceOverlaps { .. }),
            ) => AppendAnswer::Refused(refusal),
            Judgement::Next | Judgement::Refused(_) => {
                AppendAnswer::Refused(AppendRefusal::ReadOnly)
            }
        }
    }

    fn answer_duplicate(&self, base_offset: Offset, request: &AppendRequest) -> AppendAnswer {
        let duplicate =
            |level| AppendAnswer::Duplicate(Ack { base_offset, level, is_duplicate: true });
        let Some(original) = self.pending.find(base_offset) else {
            assert!(base_offset < self.places.durable, "what is not pending is durable");
            return duplicate(AckLevel::Durable);
        };
        match request.level {
            AckLevel::None | AckLevel::Leader => return duplicate(AckLevel::Leader),
            AckLevel::Durable if mutant::is_active(Mutant::DuplicateAckedEarly) => {
                return duplicate(AckLevel::Durable);
            }
            AckLevel::Durable => {}
        }
        let is_full = usize::from(original.duplicate_count) >= self.limits.duplicates_per_append
            || self.pending.duplicate_count() >= self.limits.duplicates;
        if is_full {
            return AppendAnswer::Refused(AppendRefusal::DuplicatesFull);
        }
        AppendAnswer::Wait(WaitPlan {
            partition: self.id,
            base_offset,
            requester: request.requester,
            revision: self.revision,
        })
    }
}

fn refused<T>(refusal: AppendRefusal) -> Result<T, AppendAnswer> {
    Err(AppendAnswer::Refused(refusal))
}
