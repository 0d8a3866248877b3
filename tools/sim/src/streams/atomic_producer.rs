//! A producer that appends to several partitions at once, and sends again what was not acked.

use coilgun_core::stream::{AppendRefusal, AtomicRefusal};
use coilgun_protocol::model::AckLevel;
use coilgun_storage::disk::sim::Dice;

use super::batch::{Identity, Sent};

/// A producer of all partitions of a co-location group.
#[derive(Clone, Debug)]
pub(super) struct AtomicProducer {
    pub(super) id: u64,
    epoch: u32,
    /// Its partitions, and its next sequence in each.
    partitions: Vec<(u64, u64)>,
    /// What is sent and not acked.
    outstanding: Option<Outstanding>,
    pub(super) is_over: bool,
}

#[derive(Clone, Debug)]
struct Outstanding {
    parts: Vec<Sent>,
    is_acked: Vec<bool>,
    level: AckLevel,
    /// The request that is under way; nothing: it has to be sent.
    ticket: Option<u64>,
    was_sent: bool,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct AtomicRequest {
    pub(super) parts: Vec<Sent>,
    pub(super) level: AckLevel,
    /// Whether it was sent before.
    pub(super) is_again: bool,
}

impl AtomicProducer {
    pub(super) fn new(id: u64, partitions: &[u64]) -> AtomicProducer {
        let partitions = partitions.iter().map(|partition| (*partition, 0)).collect();
        AtomicProducer { id, epoch: 0, partitions, outstanding: None, is_over: false }
    }

    /// What it sends next, as the request `ticket`; nothing if it waits for acks.
    pub(super) fn send(
        &mut self,
        ticket: u64,
        next_body: &mut u64,
        dice: &mut Dice,
    ) -> Option<AtomicRequest> {
        if self.is_over {
            return None;
        }
        if self.outstanding.is_none() {
            self.outstanding = Some(self.make(next_body, dice));
        }
        let outstanding = self.outstanding.as_mut().filter(|it| it.ticket.is_none())?;
        let is_again = outstanding.was_sent;
        (outstanding.ticket, outstanding.was_sent) = (Some(ticket), true);
        let (parts, level) = (outstanding.parts.clone(), outstanding.level);
        Some(AtomicRequest { parts, level, is_again })
    }

    fn make(&self, next_body: &mut u64, dice: &mut Dice) -> Outstanding {
        let mut chosen: Vec<(u64, u64)> = self.partitions.clone();
        dice.shuffle(&mut chosen);
        chosen.truncate(2 + dice.below(2));
        let part = |(partition, sequence)| {
            let body = *next_body;
            *next_body += 1;
            Sent {
                partition,
                count: 1 + dice.below(3) as u32,
                body,
                identity: Some(Identity { producer: self.id, epoch: self.epoch, sequence }),
                expected: None,
            }
        };
        let parts: Vec<Sent> = chosen.into_iter().map(part).collect();
        let level = if dice.below(8) == 0 { AckLevel::Leader } else { AckLevel::Durable };
        let is_acked = vec![false; parts.len()];
        Outstanding { parts, is_acked, level, ticket: None, was_sent: false }
    }

    /// Parts of which one must be refused, and all with it.
    pub(super) fn send_wrong(&self, next_body: &mut u64, dice: &mut Dice) -> AtomicRequest {
        let Outstanding { mut parts, level, .. } = self.make(next_body, dice);
        let wrong = dice.below(parts.len());
        for (index, part) in parts.iter_mut().enumerate() {
            part.identity = None;
            part.expected = (index == wrong).then_some(u64::MAX);
        }
        AtomicRequest { parts, level, is_again: false }
    }

    /// A part was acked.
    pub(super) fn on_acked(&mut self, ticket: u64, part: usize) {
        let Some(outstanding) = self.under_way(ticket) else { return };
        outstanding.is_acked[part] = true;
        if !outstanding.is_acked.iter().all(|is_acked| *is_acked) {
            return;
        }
        let parts = core::mem::take(&mut outstanding.parts);
        self.outstanding = None;
        for part in parts {
            let mut all = self.partitions.iter_mut();
            let (_, next) =
                all.find(|(partition, _)| *partition == part.partition).expect("its own");
            *next += u64::from(part.count);
        }
    }

    /// The request has to be made again.
    pub(super) fn on_unanswered(&mut self, ticket: u64) {
        if let Some(outstanding) = self.under_way(ticket) {
            outstanding.ticket = None;
            outstanding.is_acked.fill(false);
        }
    }

    /// The request was refused.
    pub(super) fn on_refused(&mut self, ticket: u64, why: &AtomicRefusal) {
        match why {
            AtomicRefusal::Part {
                why:
                    AppendRefusal::SequenceGap { .. }
                    | AppendRefusal::UnknownProducer
                    | AppendRefusal::Fenced { .. },
                ..
            }
            | AtomicRefusal::StoredInPart => {
                if self.under_way(ticket).is_some() {
                    self.begin_anew();
                }
            }
            AtomicRefusal::Part { why: AppendRefusal::Deleted, .. } => self.is_over = true,
            AtomicRefusal::Part { .. }
            | AtomicRefusal::OutcomeUnknown { .. }
            | AtomicRefusal::SamePartition { .. }
            | AtomicRefusal::OtherGroup { .. }
            | AtomicRefusal::WrongPartCount => self.on_unanswered(ticket),
        }
    }

    /// Its connection broke: nobody answers what is under way.
    pub(super) fn on_disconnected(&mut self) {
        if let Some(ticket) = self.outstanding.as_ref().and_then(|it| it.ticket) {
            self.on_unanswered(ticket);
        }
    }

    fn under_way(&mut self, ticket: u64) -> Option<&mut Outstanding> {
        self.outstanding.as_mut().filter(|it| it.ticket == Some(ticket))
    }

    fn begin_anew(&mut self) {
        self.epoch += 1;
        self.partitions.iter_mut().for_each(|(_, next)| *next = 0);
        self.outstanding = None;
    }
}
