//! Requests, and whether their answers are true.

use coilgun_core::stream::{Ack, AppendRefusal};
use coilgun_protocol::model::AckLevel;

use super::streams::Model;
use crate::finding::{Finding, demand};
use crate::streams::batch::{Sent, body, hash};

/// A batch that was sent once.
#[derive(Clone, Copy, Debug)]
pub(in crate::streams) struct Attempt {
    pub(in crate::streams) sent: Sent,
    pub(in crate::streams) level: AckLevel,
    /// Who sent it, by its place among all clients.
    pub(in crate::streams) client: usize,
    /// The offset that it got.
    pub(in crate::streams) placed: Option<u64>,
    pub(in crate::streams) is_answered: bool,
}

/// What somebody who sent a batch is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::streams) enum Answer {
    Acked(Ack),
    OutcomeUnknown,
    Refused(AppendRefusal),
    /// It was not tried, and may be later.
    NotTaken,
}

impl Model {
    /// A batch is sent.
    pub(in crate::streams) fn on_sent(&mut self, ticket: u64, part: u16, attempt: Attempt) {
        let before = self.attempts.insert((ticket, part), attempt);
        assert!(before.is_none(), "a ticket is used once");
    }

    /// The request waits for the original of its batch.
    pub(in crate::streams) fn on_waits(&mut self, ticket: u64, part: u16) -> Result<(), Finding> {
        let attempt = self.attempts[&(ticket, part)];
        let partition = self.of(attempt.sent.partition);
        let pending = &partition.batches[partition.certain..];
        let is_pending = pending.iter().any(|batch| {
            attempt.sent.identity.is_some() && batch.identity == attempt.sent.identity
        });
        let is_true = is_pending && attempt.level == AckLevel::Durable;
        demand(is_true, "a duplicate waits for what is pending", || format!("{attempt:?}"))
    }

    /// Which client sent a request.
    pub(in crate::streams) fn client_of(&self, ticket: u64, part: u16) -> Option<usize> {
        self.attempts.get(&(ticket, part)).map(|attempt| attempt.client)
    }

    /// A request is answered; `is_effect`: later, and not at once.
    pub(in crate::streams) fn on_answer(
        &mut self,
        ticket: u64,
        part: u16,
        answer: &Answer,
        is_effect: bool,
    ) -> Result<(), Finding> {
        let attempt = self.attempts.get_mut(&(ticket, part));
        let Some(attempt) = attempt else {
            return Err(Finding::new(
                "only who asked is answered",
                format!("{ticket}: {answer:?}"),
            ));
        };
        let before = *attempt;
        attempt.is_answered = true;
        demand(!before.is_answered, "a request is answered once", || {
            format!("{before:?}: {answer:?}")
        })?;
        demand(
            !is_effect || before.level != AckLevel::None,
            "who wants no answer gets none",
            || format!("{before:?}: {answer:?}"),
        )?;
        match answer {
            Answer::Acked(ack) => self.check_ack(&before, ack),
            Answer::OutcomeUnknown => self.check_unknown(&before),
            Answer::Refused(why) => self.check_refusal(&before, why),
            Answer::NotTaken => self.check_not_stored(&before),
        }
    }

    fn check_ack(&self, attempt: &Attempt, ack: &Ack) -> Result<(), Finding> {
        let Attempt { sent, level, placed, .. } = attempt;
        let partition = self.of(sent.partition);
        let Some((index, batch)) = partition.at(ack.base_offset.0) else {
            return Err(Finding::new("what is acked is there", format!("{attempt:?}: {ack:?}")));
        };
        let is_it = batch.count == sent.count
            && batch.body_hash == hash(&body(sent.body))
            && batch.identity == sent.identity;
        demand(is_it, "an ack names the batch that was sent", || {
            format!("{attempt:?}: {ack:?}, which is {batch:?}")
        })?;
        let is_first = *placed == Some(ack.base_offset.0);
        demand(ack.is_duplicate != is_first, "an ack says whether it is a duplicate", || {
            format!("{attempt:?}: {ack:?}")
        })?;
        demand(
            ack.level >= *level || *level == AckLevel::None,
            "an ack is what was asked for",
            || format!("{attempt:?}: {ack:?}"),
        )?;
        let is_true = ack.level < AckLevel::Durable || index < partition.certain;
        demand(is_true, "the level of an ack is true", || {
            format!("{attempt:?}: {ack:?}, {} of {index} are certain", partition.certain)
        })
    }

    fn check_unknown(&self, attempt: &Attempt) -> Result<(), Finding> {
        let shard = self.of(attempt.sent.partition).shard;
        // The journal has failed, and everybody is being told.
        let is_told = self.poisoned.contains(&shard);
        demand(is_told, "an outcome is unknown after poison only", || format!("{attempt:?}"))
    }

    /// Nothing that says "not stored" is said of what is.
    fn check_not_stored(&self, attempt: &Attempt) -> Result<(), Finding> {
        demand(attempt.placed.is_none(), "what is refused is not stored", || {
            format!("{attempt:?}")
        })?;
        let partition = self.of(attempt.sent.partition);
        if partition.is_deleted {
            return Ok(());
        }
        let before = attempt.sent.identity.and_then(|identity| partition.find(identity));
        demand(before.is_none(), "what was stored before is not refused", || {
            format!("{attempt:?} is {before:?}")
        })
    }

    /// Some parts of a request are stored and others are not, because their producer was forgotten.
    pub(in crate::streams) fn on_stored_in_part(&self, ticket: u64) -> Result<(), Finding> {
        let parts = self.attempts.range((ticket, 0)..=(ticket, u16::MAX));
        let is_stored = |sent: &Sent| {
            sent.identity.is_some_and(|it| self.of(sent.partition).find(it).is_some())
        };
        let stored: Vec<bool> = parts.map(|(_, attempt)| is_stored(&attempt.sent)).collect();
        let is_true = stored.contains(&true) && stored.contains(&false);
        demand(is_true, "a request is stored in part only if it is", || format!("{stored:?}"))
    }

    fn check_refusal(&self, attempt: &Attempt, why: &AppendRefusal) -> Result<(), Finding> {
        let Attempt { sent, placed, .. } = attempt;
        demand(placed.is_none(), "what is refused is not stored", || format!("{attempt:?}"))?;
        let partition = self.of(sent.partition);
        let shard = partition.shard;
        let stored = sent.identity.and_then(|identity| partition.find(identity));
        let known = sent.identity.and_then(|identity| partition.epoch_of(identity.producer));
        let next = |epoch: u32| {
            sent.identity.map(|identity| partition.next_sequence(identity.producer, epoch))
        };
        let (epoch, sequence) = sent.identity.map_or((0, 0), |it| (it.epoch, it.sequence));
        let is_true = match why {
            AppendRefusal::UnexpectedOffset { next } => {
                sent.expected.is_some_and(|expected| expected != next.0)
                    && next.0 == partition.end()
                    && stored.is_none()
            }
            AppendRefusal::Fenced { epoch: latest } => known == Some(latest.0) && latest.0 > epoch,
            AppendRefusal::SequenceGap { expected } => {
                stored.is_none() && next(epoch) == Some(expected.0) && sequence > expected.0
            }
            AppendRefusal::UnknownProducer => known.is_none() && sequence > 0,
            AppendRefusal::SequenceTooOld { oldest } => {
                known == Some(epoch) && sequence < oldest.0 && next(epoch) >= Some(oldest.0)
            }
            AppendRefusal::SequenceOverlaps { .. } => {
                stored.is_none() && next(epoch) > Some(sequence)
            }
            AppendRefusal::DuplicatesFull => stored.is_some(),
            AppendRefusal::PendingBytesFull | AppendRefusal::PendingAppendsFull => {
                stored.is_none() && partition.certain < partition.batches.len()
            }
            AppendRefusal::ReadOnly => partition.is_damaged,
            AppendRefusal::Poisoned => self.poisoned.contains(&shard) && stored.is_none(),
            AppendRefusal::Deleted => partition.is_deleted,
            AppendRefusal::ProducersFull => {
                known.is_none() && sequence == 0 && partition.is_crowded()
            }
            AppendRefusal::TooLarge | AppendRefusal::Empty => false,
        };
        demand(is_true, "a refusal is true", || {
            format!("{attempt:?}: {why:?}; stored {stored:?}, epoch {known:?}")
        })
    }

    /// Everybody who waited, for one journal or for any, has been answered.
    pub(in crate::streams) fn all_are_answered(&self, of: Option<usize>) -> Result<(), Finding> {
        for attempt in self.attempts.values() {
            let is_meant = of.is_none_or(|shard| self.of(attempt.sent.partition).shard == shard);
            let is_owed = attempt.level != AckLevel::None && is_meant;
            demand(!is_owed || attempt.is_answered, "who waits is answered", || {
                format!("{attempt:?}")
            })?;
        }
        Ok(())
    }

    /// None of the parts of a request was appended, and its client knows.
    pub(in crate::streams) fn forget(&mut self, ticket: u64) {
        self.attempts.retain(|(of, _), _| *of != ticket);
    }

    /// The process has ended, and every connection with it.
    pub(in crate::streams) fn on_process_ended(&mut self) {
        self.attempts.clear();
        self.controls.clear();
        self.poisoned.clear();
    }
}
