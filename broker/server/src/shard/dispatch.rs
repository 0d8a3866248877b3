//! Commands, one by one: the door between sessions and the router.

use coilgun_core::router::Subscription;
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, Closing, Command, ErrorCode, Event, Outcome, ShardSet, SlowConsumer, Span, Subscribe,
    Ticket, Timestamp,
};
use coilgun_protocol::session::Session;

use super::answers::{Answer, Awaited};
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::{Message, ReplyTo};
use crate::mutant::{self, Mutant};

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// It was carried out, or refused and the client told.
    Done,
    /// It waits, and so does everything behind it.
    Waits(Wait),
    /// The connection is over; what is behind the command does not count.
    Ended,
}

/// What a span covers, wherever it is; what a session wrote into the scratch text lies in no block.
#[inline]
pub(super) fn piece<'a>(span: Span, chunk: Chunk<'a>, text: &'a [u8]) -> Chunk<'a> {
    if span.is_scratch() {
        return Chunk::plain(&text[span.offset()..span.end()]);
    }
    chunk.slice(span)
}

/// The bytes a span covers, wherever they are.
#[inline]
pub(super) fn bytes<'a>(span: Span, chunk: Chunk<'a>, text: &'a [u8]) -> &'a [u8] {
    piece(span, chunk, text).bytes()
}

impl<E: Env> Shard<E> {
    /// Carries out one command of a client.
    #[inline]
    pub(super) fn dispatch(
        &mut self,
        now: Timestamp,
        id: ClientId,
        command: &Command,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        match command {
            Command::Publish(publish) => return self.publish(now, id, publish, chunk, text),
            Command::Open(open) => return self.open(now, id, open, chunk, text),
            Command::Close(_) if self.is_owed_anything(id) => {
                return Progress::Waits(Wait::Answers);
            }
            Command::Close(close) => {
                self.end(now, id, close.code, "");
                return Progress::Ended;
            }
            Command::Subscribe(_)
            | Command::Unsubscribe(_)
            | Command::Exclude(_)
            | Command::AddCredit(_)
            | Command::Barrier(_)
            | Command::Stream(_)
                if !self.is_open(id) =>
            {
                self.end(now, id, ErrorCode::HandshakeExpected, "");
                return Progress::Ended;
            }
            Command::Subscribe(_)
            | Command::Unsubscribe(_)
            | Command::Exclude(_)
            | Command::Barrier(_)
            | Command::Stream(_)
                if self.owes_too_much(id) =>
            {
                return Progress::Waits(Wait::Answers);
            }
            Command::Subscribe(subscribe) => self.subscribe(now, id, subscribe, chunk, text),
            Command::Unsubscribe(it) => {
                let result = self.router.unsubscribe(id, it.subscription, it.deliveries_max);
                self.answer(now, id, it.ticket, result);
            }
            Command::Exclude(it) => {
                let filter = bytes(it.filter, chunk, text);
                let result = match it.begins {
                    true => self.router.exclude(id, filter),
                    false => {
                        self.router.include_again(id, filter);
                        Ok(())
                    }
                };
                self.answer(now, id, it.ticket, result);
            }
            Command::AddCredit(it) => {
                // A subscription that just ended had its last delivery: its credit is no use to it.
                let _ = self.router.add_credit(id, it.subscription, it.messages);
            }
            Command::Barrier(it) => self.barrier(now, id, it.token),
            Command::Stream(it) => return self.stream_command(now, id, it, chunk, text),
        }
        Progress::Done
    }

    /// Whether the router knows the client.
    pub(super) fn is_open(&self, id: ClientId) -> bool {
        self.clients.get(id).is_some_and(|client| client.is_open)
    }

    fn subscribe(
        &mut self,
        now: Timestamp,
        id: ClientId,
        subscribe: &Subscribe,
        chunk: Chunk<'_>,
        text: &[u8],
    ) {
        let subscription = Subscription {
            id: subscribe.subscription,
            filter: bytes(subscribe.filter, chunk, text),
            group: bytes(subscribe.group, chunk, text),
            credit: subscribe.credit,
            deliveries_max: subscribe.deliveries_max,
            visibility: subscribe.visibility,
            slow_consumer: self.slow_consumer_wished(id, subscribe),
        };
        let result = self.router.subscribe(id, subscription);
        if result == Err(ErrorCode::PermissionDenied) {
            return self.deny(now, id, subscribe.ticket);
        }
        self.answer(now, id, subscribe.ticket, result);
    }

    /// What holds for a subscription of a client that asks for something. From now on it is
    /// remembered where messages begin that may be dropped.
    fn slow_consumer_wished(&mut self, id: ClientId, subscribe: &Subscribe) -> SlowConsumer {
        let Some(client) = self.clients.get_mut(id) else { return SlowConsumer::default() };
        if let Some(slow) = &mut client.slow {
            // An earlier subscription of this number may have left some.
            let _ = slow.take_missed(subscribe.subscription);
        }
        let granted = client.slow_consumer.with(subscribe.slow_consumer);
        if granted.policy.drops_oldest() {
            client.slow_mut();
        }
        granted
    }

    /// Tells a client what became of a change of its subscriptions, once it is in force everywhere (law
    /// S12).
    fn answer(
        &mut self,
        now: Timestamp,
        id: ClientId,
        ticket: Ticket,
        result: Result<(), ErrorCode>,
    ) {
        let interest = if result.is_ok() { self.note_interest(id) } else { 0 };
        if ticket.is_some() {
            let code = result.err().unwrap_or(ErrorCode::Ok);
            let outcome =
                Answer::Outcome(Outcome { ticket, code, receivers: 0, is_starved: false });
            self.owe(now, id, outcome, Awaited { interest, shards: 0 });
        }
    }

    /// Tells a client an outcome, if it is one it asked for.
    pub(super) fn outcome(&mut self, now: Timestamp, id: ClientId, outcome: Outcome) {
        if outcome.ticket.is_some() {
            self.owe(now, id, Answer::Outcome(outcome), Awaited::default());
        }
    }

    /// Answers once what the client subscribed to is in force everywhere, and what it published has
    /// been taken in wherever it went: nobody who subscribes later gets any of it (law S12).
    fn barrier(&mut self, now: Timestamp, id: ClientId, token: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let interest = client.interest;
        let mut crossed = std::mem::take(&mut client.crossed);
        if mutant::is_active(Mutant::NoBarrier) {
            crossed = ShardSet::EMPTY;
        }
        let awaited = Awaited { interest, shards: crossed.len() as u32 };
        let number = self.owe(now, id, Answer::Barrier(token), awaited);
        for shard in crossed.iter() {
            self.mesh.say(shard, &Message::Barrier(ReplyTo { client: id, number }));
        }
    }

    /// Lets a client's session write what happened.
    pub(super) fn tell(&mut self, now: Timestamp, id: ClientId, event: &Event<'_>) {
        if let Some(client) = self.clients.get_mut(id)
            && let Some(outbox) = self.net.outbox(id)
        {
            client.session.on_event(now, event, outbox);
        }
    }

    /// Ends a connection in good order, after its session said why.
    pub(super) fn end(&mut self, now: Timestamp, id: ClientId, code: ErrorCode, detail: &str) {
        self.tell(now, id, &Event::Closing(Closing { code, detail }));
        self.net.finish(now, id);
        self.remove(id);
    }
}
