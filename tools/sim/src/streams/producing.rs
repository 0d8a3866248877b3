//! What clients send, and what they hear.

use coilgun_core::stream::{AtomicRefusal, Placed, ProducerPosition, Requester};
use coilgun_protocol::model::{
    AckLevel, BodyKind, ClientId, Offset, PartitionId, ProducerEpoch, ProducerId, ProducerSequence,
    ShardId, Ticket, UnixMs,
};
use coilgun_server::streams::{AppendAtomicOutcome, AppendOutcome, Batch, NotTaken};
use coilgun_storage::journal::Refused;

use super::atomic_producer::AtomicRequest;
use super::batch::{Sent, body};
use super::model::{Answer, Attempt};
use super::producer::Request;
use super::simulation::{Client, Simulation};
use crate::finding::{Finding, demand};

/// In so many of a thousand cases an ack is lost on its way.
const LOST_ACK: u32 = 80;

impl Simulation {
    /// Some client sends something.
    pub(super) fn produce(&mut self) -> Result<(), Finding> {
        let client = self.dice.below(self.clients.len());
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (next_body, dice) = (&mut self.next_body, &mut self.dice);
        match &mut self.clients[client] {
            Client::Plain(plain) => {
                let request = plain.send(next_body, dice);
                self.append(client, ticket, &request)
            }
            Client::Producer(producer) => {
                if !producer.is_stale && dice.chance(15) {
                    let stale = producer.fork();
                    self.clients.push(Client::Producer(stale));
                    return Ok(());
                }
                let request = if dice.chance(30) && !producer.is_over {
                    self.tally.gaps += 1;
                    Some(producer.send_gap(next_body))
                } else {
                    producer.send(ticket, next_body, dice)
                };
                request.map_or(Ok(()), |request| self.append(client, ticket, &request))
            }
            Client::Atomic(atomic) => {
                let request = if dice.chance(60) {
                    Some(atomic.send_wrong(next_body, dice))
                } else {
                    atomic.send(ticket, next_body, dice)
                };
                request.map_or(Ok(()), |request| self.append_atomic(client, ticket, &request))
            }
        }
    }

    fn append(&mut self, client: usize, ticket: u64, request: &Request) -> Result<(), Finding> {
        let Request { sent, level, is_again } = *request;
        let attempt = Attempt { sent, level, client, placed: None, is_answered: false };
        self.model.on_sent(ticket, 0, attempt);
        self.tally.appends += 1;
        self.tally.retries += u64::from(is_again);
        self.tally.expecting += u64::from(sent.expected.is_some());
        let body = body(sent.body);
        let batch = batch(&sent, &body, level, requester(client, ticket, 0));
        let shard = self.model.of(sent.partition).shard;
        let (now, effects) = (UnixMs(self.now_ms), &mut self.effects);
        let outcome = self.process[shard].host.append(now, &batch, effects);
        self.note(format_args!("{ticket}: client {client} {sent:?} {level:?}: {outcome:?}"));
        match outcome {
            AppendOutcome::Placed(placed) => {
                self.tally.batches += 1;
                self.count_displaced(&sent);
                self.model.on_placed(ticket, 0, &placed, now.0, None)?;
            }
            AppendOutcome::Waits => {
                self.tally.waits += 1;
                self.model.on_waits(ticket, 0)?;
            }
            AppendOutcome::Duplicate(ack) => {
                self.on_answer(ticket, 0, &Answer::Acked(ack), false)?;
            }
            AppendOutcome::OutcomeUnknown => {
                self.on_answer(ticket, 0, &Answer::OutcomeUnknown, false)?;
            }
            AppendOutcome::Refused(why) => {
                self.tally.count_refusal(&why);
                self.on_answer(ticket, 0, &Answer::Refused(why), false)?;
            }
            AppendOutcome::NotTaken(why) => {
                self.on_not_taken(shard, why)?;
                self.on_answer(ticket, 0, &Answer::NotTaken, false)?;
            }
        }
        self.settle(shard)
    }

    /// Before a batch is noted: whether somebody was forgotten for its producer.
    fn count_displaced(&mut self, sent: &Sent) {
        let partition = self.model.of(sent.partition);
        self.tally.displaced += u64::from(partition.displaces(sent.identity));
    }

    fn on_not_taken(&mut self, shard: usize, why: NotTaken) -> Result<(), Finding> {
        let is_poisoned = self.process[shard].host.journal().is_poisoned();
        let is_true = match why {
            NotTaken::NoPartition => true,
            NotTaken::Journal(Refused::Closed) => is_poisoned,
            NotTaken::Journal(Refused::NoRoom) => {
                self.tally.no_room += 1;
                true
            }
            NotTaken::Journal(Refused::Full) => {
                self.tally.full += 1;
                true
            }
            NotTaken::Journal(Refused::TooLarge) => false,
        };
        demand(is_true, "the journal takes what fits", || format!("{why:?}"))
    }

    fn append_atomic(
        &mut self,
        client: usize,
        ticket: u64,
        request: &AtomicRequest,
    ) -> Result<(), Finding> {
        let AtomicRequest { parts, level, is_again } = request;
        let level = *level;
        for (part, sent) in (0..).zip(parts) {
            let sent = *sent;
            let attempt = Attempt { sent, level, client, placed: None, is_answered: false };
            self.model.on_sent(ticket, part, attempt);
        }
        self.tally.appends += 1;
        self.tally.retries += u64::from(*is_again);
        let bodies: Vec<Vec<u8>> = parts.iter().map(|sent| body(sent.body)).collect();
        let batches: Vec<Batch<'_>> = (0..)
            .zip(parts.iter().zip(&bodies))
            .map(|(part, (sent, body))| batch(sent, body, level, requester(client, ticket, part)))
            .collect();
        let shard = self.model.of(parts[0].partition).shard;
        let mut placed = Vec::new();
        let (now, effects) = (UnixMs(self.now_ms), &mut self.effects);
        let outcome = self.process[shard].host.append_atomic(now, &batches, &mut placed, effects);
        self.note(format_args!("{ticket}: client {client} {parts:?} {level:?}: {outcome:?}"));
        match outcome {
            AppendAtomicOutcome::Placed => self.on_atomic_placed(ticket, parts, &placed)?,
            AppendAtomicOutcome::Duplicates(answered) => {
                self.tally.atomic_duplicates += 1;
                for part in 0..parts.len() as u16 {
                    match answered.iter().find(|(index, _)| *index == usize::from(part)) {
                        Some((_, ack)) => {
                            self.on_answer(ticket, part, &Answer::Acked(*ack), false)?;
                        }
                        None => self.model.on_waits(ticket, part)?,
                    }
                }
            }
            AppendAtomicOutcome::Refused(why) => self.on_atomic_refused(client, ticket, &why)?,
            AppendAtomicOutcome::NotTaken(why) => {
                self.on_not_taken(shard, why)?;
                self.on_atomic_unanswered(client, ticket);
            }
        }
        self.settle(shard)
    }

    fn on_atomic_placed(
        &mut self,
        ticket: u64,
        parts: &[Sent],
        placed: &[Placed],
    ) -> Result<(), Finding> {
        self.tally.atomics += 1;
        self.tally.batches += parts.len() as u64;
        demand(placed.len() == parts.len(), "all parts are appended, or none", || {
            format!("{placed:?} of {parts:?}")
        })?;
        let atomic = self.next_atomic;
        self.next_atomic += 1;
        for (part, place) in (0..).zip(placed) {
            self.count_displaced(&parts[usize::from(part)]);
            self.model.on_placed(ticket, part, place, self.now_ms, Some(atomic))?;
        }
        Ok(())
    }

    fn on_atomic_refused(
        &mut self,
        client: usize,
        ticket: u64,
        why: &AtomicRefusal,
    ) -> Result<(), Finding> {
        self.tally.atomics_refused += 1;
        let mut answer =
            |part: usize, answer| self.model.on_answer(ticket, part as u16, &answer, false);
        match why {
            AtomicRefusal::Part { part, why } => {
                self.tally.count_refusal(why);
                answer(*part, Answer::Refused(*why))?;
            }
            AtomicRefusal::OutcomeUnknown { part } => answer(*part, Answer::OutcomeUnknown)?,
            AtomicRefusal::StoredInPart => self.model.on_stored_in_part(ticket)?,
            AtomicRefusal::SamePartition { .. }
            | AtomicRefusal::OtherGroup { .. }
            | AtomicRefusal::WrongPartCount => {
                return Err(Finding::new(
                    "an atomic append is judged as it is",
                    format!("{why:?}"),
                ));
            }
        }
        self.model.forget(ticket);
        match &mut self.clients[client] {
            Client::Atomic(atomic) => atomic.on_refused(ticket, why),
            Client::Producer(_) | Client::Plain(_) => unreachable!("it has sent several parts"),
        }
        Ok(())
    }

    fn on_atomic_unanswered(&mut self, client: usize, ticket: u64) {
        self.model.forget(ticket);
        match &mut self.clients[client] {
            Client::Atomic(atomic) => atomic.on_unanswered(ticket),
            Client::Producer(_) | Client::Plain(_) => unreachable!("it has sent several parts"),
        }
    }

    /// A client is answered, or would be.
    pub(super) fn on_answer(
        &mut self,
        ticket: u64,
        part: u16,
        answer: &Answer,
        is_effect: bool,
    ) -> Result<(), Finding> {
        if is_effect {
            self.note(format_args!("{ticket}.{part}: {answer:?}"));
        }
        self.model.on_answer(ticket, part, answer, is_effect)?;
        let client = self.model.client_of(ticket, part).expect("it has just been answered");
        let is_lost = self.dice.chance(LOST_ACK);
        if let Answer::Acked(ack) = answer {
            self.tally.acks += 1;
            self.tally.duplicates += u64::from(ack.is_duplicate);
            self.tally.lost_acks += u64::from(is_lost);
        }
        match &mut self.clients[client] {
            Client::Plain(plain) => plain.on_answer(answer),
            Client::Producer(producer) if is_lost => producer.on_disconnected(),
            Client::Producer(producer) => producer.on_answer(ticket, answer),
            Client::Atomic(atomic) if is_lost => atomic.on_disconnected(),
            Client::Atomic(atomic) => match answer {
                Answer::Acked(_) => atomic.on_acked(ticket, usize::from(part)),
                Answer::OutcomeUnknown | Answer::NotTaken | Answer::Refused(_) => {
                    atomic.on_unanswered(ticket);
                }
            },
        }
        Ok(())
    }
}

fn requester(client: usize, ticket: u64, part: u16) -> Requester {
    Requester {
        home: ShardId::new(0),
        client: ClientId { slot: client as u32, generation: 0 },
        ticket: Ticket(ticket),
        part,
    }
}

fn batch<'a>(sent: &Sent, body: &'a [u8], level: AckLevel, requester: Requester) -> Batch<'a> {
    Batch {
        partition: PartitionId(sent.partition),
        count: sent.count,
        body,
        body_kind: BodyKind::Opaque,
        producer: sent.identity.map(|identity| ProducerPosition {
            producer: ProducerId(identity.producer),
            epoch: ProducerEpoch(identity.epoch),
            sequence: ProducerSequence(identity.sequence),
        }),
        expected: sent.expected.map(Offset),
        level,
        requester,
    }
}
