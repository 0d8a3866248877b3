//! A producer that numbers its batches, and sends again what was not acked.

use std::collections::VecDeque;

use coilgun_core::stream::AppendRefusal;
use coilgun_protocol::model::AckLevel;
use coilgun_storage::disk::sim::Dice;

use super::batch::{Identity, Sent};
use super::model::Answer;

/// Batches that are sent and not acked: fewer than a partition remembers.
const OUTSTANDING_MAX: usize = 4;

/// A producer of one partition.
#[derive(Clone, Debug)]
pub(super) struct Producer {
    pub(super) id: u64,
    pub(super) epoch: u32,
    pub(super) partition: u64,
    next_sequence: u64,
    /// Oldest first.
    outstanding: VecDeque<Item>,
    /// It began anew elsewhere, and does not know.
    pub(super) is_stale: bool,
    /// It was told that it is of no use any more.
    pub(super) is_over: bool,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    sequence: u64,
    count: u32,
    body: u64,
    level: AckLevel,
    /// The request that is under way; nothing: it has to be sent.
    ticket: Option<u64>,
    was_sent: bool,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) sent: Sent,
    pub(super) level: AckLevel,
    /// Whether it was sent before.
    pub(super) is_again: bool,
}

impl Producer {
    pub(super) fn new(id: u64, partition: u64) -> Producer {
        Producer {
            id,
            epoch: 0,
            partition,
            next_sequence: 0,
            outstanding: VecDeque::new(),
            is_stale: false,
            is_over: false,
        }
    }

    /// What it sends next, as the request `ticket`; nothing if it waits for acks.
    pub(super) fn send(
        &mut self,
        ticket: u64,
        next_body: &mut u64,
        dice: &mut Dice,
    ) -> Option<Request> {
        if self.is_over {
            return None;
        }
        let waiting = self.outstanding.iter().position(|item| item.ticket.is_none());
        let index = match waiting {
            Some(index) => index,
            None if self.outstanding.len() >= OUTSTANDING_MAX => return None,
            None => {
                self.make(next_body, dice);
                self.outstanding.len() - 1
            }
        };
        let item = &mut self.outstanding[index];
        let is_again = item.was_sent;
        (item.ticket, item.was_sent) = (Some(ticket), true);
        let (item, sequence) = (*item, item.sequence);
        if item.level == AckLevel::None {
            // Nobody will say what became of it.
            self.outstanding.remove(index);
        }
        Some(Request { sent: self.sent(&item, sequence), level: item.level, is_again })
    }

    fn make(&mut self, next_body: &mut u64, dice: &mut Dice) {
        let count = 1 + dice.below(4) as u32;
        let level = match dice.below(12) {
            0 => AckLevel::None,
            1 | 2 => AckLevel::Leader,
            _ => AckLevel::Durable,
        };
        let (sequence, body) = (self.next_sequence, *next_body);
        let item = Item { sequence, count, body, level, ticket: None, was_sent: false };
        self.outstanding.push_back(item);
        self.next_sequence += u64::from(count);
        *next_body += 1;
    }

    /// A batch before which others are missing.
    pub(super) fn send_gap(&self, next_body: &mut u64) -> Request {
        let body = *next_body;
        *next_body += 1;
        let level = AckLevel::Durable;
        let item = Item { sequence: 0, count: 1, body, level, ticket: None, was_sent: false };
        Request { sent: self.sent(&item, self.next_sequence + 1), level, is_again: false }
    }

    fn sent(&self, item: &Item, sequence: u64) -> Sent {
        Sent {
            partition: self.partition,
            count: item.count,
            body: item.body,
            identity: Some(Identity { producer: self.id, epoch: self.epoch, sequence }),
            expected: None,
        }
    }

    /// Hears what became of a request; one it does not know any more is nothing to it.
    pub(super) fn on_answer(&mut self, ticket: u64, answer: &Answer) {
        let place = self.outstanding.iter().position(|item| item.ticket == Some(ticket));
        let Some(index) = place else { return };
        match answer {
            Answer::Acked(_) => {
                self.outstanding.remove(index);
            }
            Answer::OutcomeUnknown | Answer::NotTaken => self.rewind(index),
            Answer::Refused(why) => self.on_refused(index, why),
        }
    }

    fn on_refused(&mut self, index: usize, why: &AppendRefusal) {
        match why {
            AppendRefusal::SequenceGap { expected } => {
                let place = self.outstanding.iter().position(|item| item.sequence == expected.0);
                match place {
                    Some(place) => self.rewind(place.min(index)),
                    None => self.begin_anew(),
                }
            }
            AppendRefusal::UnknownProducer => match self.outstanding.front() {
                Some(first) if first.sequence == 0 => self.rewind(0),
                Some(_) | None => self.begin_anew(),
            },
            AppendRefusal::Fenced { .. } if self.is_stale => self.is_over = true,
            AppendRefusal::Fenced { epoch } => {
                self.epoch = self.epoch.max(epoch.0);
                self.begin_anew();
            }
            // It was stored.
            AppendRefusal::SequenceTooOld { .. } => {
                self.outstanding.remove(index);
            }
            AppendRefusal::SequenceOverlaps { .. } => self.begin_anew(),
            AppendRefusal::Deleted => self.is_over = true,
            AppendRefusal::UnexpectedOffset { .. }
            | AppendRefusal::PendingBytesFull
            | AppendRefusal::PendingAppendsFull
            | AppendRefusal::ProducersFull
            | AppendRefusal::DuplicatesFull
            | AppendRefusal::TooLarge
            | AppendRefusal::Empty
            | AppendRefusal::ReadOnly
            | AppendRefusal::Poisoned => self.rewind(index),
        }
    }

    /// Everything from this one on has to be sent again.
    fn rewind(&mut self, index: usize) {
        self.outstanding.iter_mut().skip(index).for_each(|item| item.ticket = None);
    }

    /// Its connection broke: nobody answers what is under way.
    pub(super) fn on_disconnected(&mut self) {
        self.rewind(0);
    }

    /// Begins a new epoch. What was under way is given up. Whoever is stale must not: the epoch has its
    /// owner.
    pub(super) fn begin_anew(&mut self) {
        self.is_over |= self.is_stale;
        self.epoch += 1;
        self.next_sequence = 0;
        self.outstanding.clear();
    }

    /// Begins anew, and leaves somebody behind who goes on as before and does not know.
    pub(super) fn fork(&mut self) -> Producer {
        let mut stale = self.clone();
        stale.is_stale = true;
        stale.on_disconnected();
        self.begin_anew();
        stale
    }
}
