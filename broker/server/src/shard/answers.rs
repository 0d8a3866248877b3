//! Answers leave in the order of their commands, whenever they come (law S20).
//!
//! ```text
//! owed   | outcome: waits for interest 17 | publish: waits for 2 shards | barrier: ready |
//!          ^ nothing leaves before this one is ready
//! ```
//!
//! A client to which nothing is owed is answered at once. Who is owed as many answers as there may be
//! is not read until some have left.

use std::collections::VecDeque;

use coilgun_protocol::model::{
    BarrierDone, ClientId, ErrorCode, Event, Outcome, ShardId, Ticket, Timestamp, limits,
};

use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::{Message, ReplyTo};

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// What became of a command.
    Outcome(Outcome),
    /// What became of a message.
    Published(Published),
    /// The end of a barrier with this token.
    Barrier(u64),
}

/// What is known of a message so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Published {
    pub(super) ticket: Ticket,
    /// Deliveries.
    pub(super) receivers: u32,
    /// Somebody wanted it and had no credit or no room.
    pub(super) is_starved: bool,
    /// The publisher waits for a reply.
    pub(super) is_request: bool,
    /// The publisher wants to know how many there were.
    pub(super) is_acked: bool,
}

impl Published {
    /// What the publisher is told, if anything.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let code = match (self.receivers, self.is_starved) {
            (0, true) if self.is_request => ErrorCode::NoCredit,
            (0, false) if self.is_request => ErrorCode::NoResponders,
            _ => ErrorCode::Ok,
        };
        let Published { ticket, receivers, is_starved, .. } = *self;
        let outcome = Outcome { ticket, code, receivers, is_starved };
        (code != ErrorCode::Ok || self.is_acked).then_some(outcome)
    }
}

/// What an answer waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Awaited {
    /// The change of interest that has to be in force everywhere; 0: none.
    pub(super) interest: u64,
    /// How many words from other shards are still to come.
    pub(super) shards: u32,
}

/// One answer that is owed.
#[derive(Clone, Copy, Debug)]
struct Owed {
    answer: Answer,
    awaited: Awaited,
}

/// The answers that one client is owed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Answers {
    owed: VecDeque<Owed>,
    /// How many have left: the oldest one owed has the number behind it.
    left: u64,
}

impl Answers {
    /// How many are owed.
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    fn push(&mut self, answer: Answer, awaited: Awaited) -> u64 {
        self.owed.push_back(Owed { answer, awaited });
        self.left + self.owed.len() as u64
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Owed> {
        let at = number.checked_sub(self.left + 1)?;
        self.owed.get_mut(usize::try_from(at).ok()?)
    }

    /// The oldest one, if nothing keeps it back.
    fn pop_ready(&mut self, applied: u64) -> Option<Answer> {
        let awaited = self.owed.front()?.awaited;
        if awaited.shards > 0 || awaited.interest > applied {
            return None;
        }
        self.left += 1;
        self.owed.pop_front().map(|owed| owed.answer)
    }

    /// Lets every barrier that is under way wait for one shard more; returns their numbers.
    fn extend_barriers(&mut self) -> impl Iterator<Item = u64> {
        let left = self.left;
        self.owed.iter_mut().enumerate().filter_map(move |(at, owed)| {
            let is_under_way = matches!(owed.answer, Answer::Barrier(_)) && owed.awaited.shards > 0;
            is_under_way.then(|| {
                owed.awaited.shards += 1;
                left + at as u64 + 1
            })
        })
    }
}

impl<E: Env> Shard<E> {
    /// Tells a client an answer: now, or when it is ready and everything before it was told. Returns
    /// its number, by which other shards know it.
    pub(super) fn owe(
        &mut self,
        now: Timestamp,
        id: ClientId,
        answer: Answer,
        awaited: Awaited,
    ) -> u64 {
        let applied = self.interest.applied_everywhere();
        let is_ready = awaited.shards == 0 && awaited.interest <= applied;
        let Some(client) = self.clients.get_mut(id) else { return 0 };
        if is_ready && client.answers.as_ref().is_none_or(|answers| answers.len() == 0) {
            self.tell_answer(now, id, answer);
            return 0;
        }
        let number = client.answers.get_or_insert_with(Box::default).push(answer, awaited);
        if awaited.interest > applied {
            self.interest.watch(id, awaited.interest);
        }
        number
    }

    /// Whether a client is owed as many answers as it may be.
    pub(super) fn owes_too_much(&self, id: ClientId) -> bool {
        self.answers_owed(id) >= limits::ANSWERS_OWED_MAX
    }

    /// How many answers a client is owed.
    pub(super) fn answers_owed(&self, id: ClientId) -> usize {
        let answers = self.clients.get(id).and_then(|client| client.answers.as_ref());
        answers.map_or(0, |answers| answers.len())
    }

    /// Whether anything is owed to a client that has to leave before it is closed.
    pub(super) fn is_owed_anything(&self, id: ClientId) -> bool {
        let appends = self.clients.get(id).map_or(0, |client| client.appends_owed);
        appends > 0 || self.answers_owed(id) > 0
    }

    /// The last answer to an append of a client has left.
    pub(super) fn on_nothing_owed(&mut self, id: ClientId) {
        if self.is_owed_anything(id) {
            return;
        }
        if self.clients.get(id).is_some_and(|it| it.waits == Some(Wait::Answers)) {
            self.let_go(id);
        } else {
            // It may have ended, and be closed now that it was told everything.
            self.make_ready(id);
        }
    }

    /// Tells a client what is ready.
    pub(super) fn settle(&mut self, now: Timestamp, id: ClientId) {
        let applied = self.interest.applied_everywhere();
        // Ends because every step takes an answer out.
        while let Some(client) = self.clients.get_mut(id)
            && let Some(answers) = &mut client.answers
            && let Some(answer) = answers.pop_ready(applied)
        {
            self.tell_answer(now, id, answer);
        }
        let left = self.answers_owed(id);
        if left > limits::ANSWERS_OWED_MAX / 2 {
            return;
        }
        if self.clients.get(id).is_some_and(|it| it.waits == Some(Wait::Answers)) {
            self.let_go(id);
        } else if left == 0 {
            // It may have ended, and be closed now that it was told everything.
            self.make_ready(id);
        }
    }

    /// Takes in a word from another shard about an answer.
    pub(super) fn on_settled(
        &mut self,
        now: Timestamp,
        to: ReplyTo,
        receivers: u32,
        is_starved: bool,
    ) {
        if self.add_receivers(to, receivers, is_starved)
            && let Some(owed) = self.owed_mut(to)
        {
            owed.awaited.shards -= 1;
            self.settle(now, to.client);
        }
    }

    /// Adds what is known of a message. Returns whether anybody still waits for it.
    pub(super) fn add_receivers(&mut self, to: ReplyTo, receivers: u32, is_starved: bool) -> bool {
        let Some(owed) = self.owed_mut(to) else { return false };
        if let Answer::Published(published) = &mut owed.answer {
            published.receivers = published.receivers.saturating_add(receivers);
            published.is_starved |= is_starved;
        }
        true
    }

    /// A message of this client goes to one shard more than was known: the answer waits for it, and so
    /// do the barriers behind it (law S12).
    pub(super) fn extend_answers(&mut self, to: ReplyTo, shard: ShardId) {
        if let Some(owed) = self.owed_mut(to) {
            owed.awaited.shards += 1;
        }
        let Some(client) = self.clients.get_mut(to.client) else { return };
        client.crossed.insert(shard);
        let Some(answers) = &mut client.answers else { return };
        for number in answers.extend_barriers() {
            let barrier = ReplyTo { client: to.client, number };
            self.mesh.say(shard, &Message::Barrier(barrier));
        }
    }

    fn owed_mut(&mut self, to: ReplyTo) -> Option<&mut Owed> {
        self.clients.get_mut(to.client)?.answers.as_mut()?.get_mut(to.number)
    }

    fn tell_answer(&mut self, now: Timestamp, id: ClientId, answer: Answer) {
        match answer {
            Answer::Outcome(outcome) => self.tell(now, id, &Event::Outcome(outcome)),
            Answer::Barrier(token) => {
                self.tell(now, id, &Event::BarrierDone(BarrierDone { token }));
            }
            Answer::Published(published) => {
                self.counters.unwanted += u64::from(published.receivers == 0);
                if let Some(outcome) = published.outcome().filter(|it| it.ticket.is_some()) {
                    let nobody = outcome.code == ErrorCode::NoResponders;
                    self.counters.no_responders += u64::from(nobody);
                    self.tell(now, id, &Event::Outcome(outcome));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn barrier(shards: u32) -> (Answer, Awaited) {
        (Answer::Barrier(7), Awaited { interest: 0, shards })
    }

    #[test]
    fn s20_answers_leave_in_the_order_of_their_commands() {
        let outcome = |ticket| {
            let ticket = Ticket(ticket);
            Answer::Outcome(Outcome {
                ticket,
                code: ErrorCode::Ok,
                receivers: 0,
                is_starved: false,
            })
        };
        let mut answers = Answers::default();
        let first = answers.push(outcome(1), Awaited { interest: 5, shards: 0 });
        let (answer, awaited) = barrier(2);
        let second = answers.push(answer, awaited);
        let third = answers.push(outcome(3), Awaited::default());
        assert_eq!((first, second, third), (1, 2, 3));
        assert_eq!(answers.pop_ready(4), None, "its interest is not in force");
        assert_eq!(answers.pop_ready(5), Some(outcome(1)));
        assert_eq!(answers.pop_ready(5), None, "two shards have not answered");
        assert!(answers.get_mut(1).is_none(), "it has left");
        assert_eq!(answers.extend_barriers().collect::<Vec<_>>(), [2]);
        for _ in 0..3 {
            assert_eq!(answers.pop_ready(5), None);
            answers.get_mut(second).expect("it is owed").awaited.shards -= 1;
        }
        assert_eq!(answers.extend_barriers().count(), 0, "none is under way any more");
        assert_eq!(answers.pop_ready(5), Some(Answer::Barrier(7)));
        assert_eq!(answers.pop_ready(5), Some(outcome(3)));
        assert_eq!((answers.pop_ready(5), answers.len()), (None, 0));
    }

    #[test]
    fn s15_a_request_that_reached_nobody_is_told_why() {
        let published = |receivers, is_starved, is_request, is_acked| {
            let ticket = Ticket(1);
            Published { ticket, receivers, is_starved, is_request, is_acked }
        };
        let code = |it: Published| it.outcome().map(|outcome| outcome.code);
        assert_eq!(code(published(0, false, true, false)), Some(ErrorCode::NoResponders));
        assert_eq!(code(published(0, true, true, true)), Some(ErrorCode::NoCredit));
        assert_eq!(code(published(1, true, true, false)), None);
        assert_eq!(code(published(0, false, false, true)), Some(ErrorCode::Ok));
        assert_eq!(code(published(0, false, false, false)), None);
    }
}
