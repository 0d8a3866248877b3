//! A message on its way: plan, room, delivery.

use coilgun_core::router::{Plan, Router};
use coilgun_protocol::buffer::{Chunk, FrameTag};
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Event, Outcome, Publish, PublishFlags, Span, Subject,
    SubscriptionId, Timestamp,
};
use coilgun_protocol::session::Session;

use super::client::Clients;
use super::credit::OVERLAP_SHARE;
use super::dispatch::{Progress, bytes, piece};
use super::shedding::{ATTEMPTS, Relief};
use super::system;
use super::turn::Shard;
use crate::env::Env;
use crate::mutant::{self, Mutant};
use crate::net::{Net, Ring};

impl<E: Env> Shard<E> {
    /// Sends a message to everybody who wants it, or to nobody yet (law S18).
    #[inline]
    pub(super) fn publish(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        chunk: Chunk<'_>,
        text: &[u8],
    ) -> Progress {
        let (subject, reply) =
            (bytes(publish.subject, chunk, text), bytes(publish.reply, chunk, text));
        if subject.starts_with(system::PREFIX) && !reply.is_empty() {
            return self.ask_broker(now, id, publish, subject, reply);
        }
        match self.plan_with_room(now, id, subject, reply, publish.flags) {
            Ok(None) => {}
            Ok(Some((target, ms))) => return Progress::Waits(target, ms),
            Err(ErrorCode::HandshakeExpected) => {
                self.end(now, id, ErrorCode::HandshakeExpected, "");
                return Progress::Ended;
            }
            Err(code) => {
                self.outcome(now, id, Outcome { ticket: publish.ticket, code, receivers: 0 });
                return Progress::Done;
            }
        }
        self.counters.missed_for_credit += self.plan.missed_count() as u64;
        self.router.commit(&self.plan);
        let Shard { clients, net, plan, router, settings, counters, .. } = self;
        let limit = OVERLAP_SHARE * settings.outbox_high_bytes;
        let mut message = Event::Deliver(Delivery {
            subscription: SubscriptionId::NAME,
            subject,
            reply,
            headers: bytes(publish.headers, chunk, text),
            payload: piece(publish.payload, chunk, text),
            tail: tail(publish).map(|span| chunk.slice(span)),
            sender: router.name_of(id),
            correlation: publish.correlation,
            deadline_ms: publish.deadline_ms,
            flags: publish.flags,
            missed: 0,
        });
        let (receivers, dropped) = deliver(now, plan, router, clients, net, limit, &mut message);
        counters.dropped_newest += dropped;
        let starved = self.plan.is_starved();
        self.account(now, id, publish, receivers, starved);
        Progress::Done
    }

    /// Plans a message until every target has room. Returns for whom it has to wait, and how long.
    #[inline]
    fn plan_with_room(
        &mut self,
        now: Timestamp,
        id: ClientId,
        subject: &[u8],
        reply: &[u8],
        flags: PublishFlags,
    ) -> Result<Option<(ClientId, u16)>, ErrorCode> {
        for attempt in 1..=ATTEMPTS {
            self.plan(id, subject, reply, flags)?;
            if self.plan_has_room() {
                break;
            }
            if mutant::is_active(Mutant::HalfFanOut) {
                self.leave_out_the_full();
                break;
            }
            match self.relieve(now, attempt == ATTEMPTS) {
                Relief::Waits(target, ms) => return Ok(Some((target, ms))),
                Relief::PlanAgain => {}
                Relief::Deliver => break,
            }
        }
        Ok(None)
    }

    /// Finds out who gets a message of a client.
    #[inline]
    fn plan(
        &mut self,
        id: ClientId,
        subject: &[u8],
        reply: &[u8],
        flags: PublishFlags,
    ) -> Result<(), ErrorCode> {
        let Shard { clients, net, plan, router, settings, .. } = self;
        let client = clients.get_mut(id).filter(|client| client.is_open);
        let client = client.ok_or(ErrorCode::HandshakeExpected)?;
        // Subjects are checked where a route is built; a subject for replies has none.
        if !reply.is_empty() && Subject::parse(reply).is_err() {
            return Err(ErrorCode::InvalidSubject);
        }
        if flags.contains(PublishFlags::BROADCAST) {
            return router.plan_broadcast(id, subject, plan);
        }
        let high = settings.outbox_high_bytes;
        let has_room = |target| super::credit::has_room(net, high, target);
        router.plan(id, subject, &mut client.hint, has_room, plan)
    }

    /// Sends an answer of the broker itself to whoever waits for it in a client's namespace, or to
    /// nobody yet: answers wait for room as other messages do.
    pub(super) fn deliver_answer(
        &mut self,
        now: Timestamp,
        asker: ClientId,
        answer: Delivery<'_>,
    ) -> Result<Progress, ErrorCode> {
        for attempt in 1..=ATTEMPTS {
            let Shard { net, plan, router, settings, .. } = self;
            let high = settings.outbox_high_bytes;
            let has_room = |target| super::credit::has_room(net, high, target);
            router.plan_answer(asker, answer.subject, has_room, plan)?;
            if self.plan_has_room() {
                break;
            }
            match self.relieve(now, attempt == ATTEMPTS) {
                Relief::Waits(target, ms) => return Ok(Progress::Waits(target, ms)),
                Relief::PlanAgain if self.is_open(asker) => {}
                // Who asked was the one that was too slow, and is gone.
                Relief::PlanAgain => return Ok(Progress::Ended),
                Relief::Deliver => break,
            }
        }
        self.router.commit(&self.plan);
        let Shard { clients, net, plan, router, settings, counters, .. } = self;
        let limit = OVERLAP_SHARE * settings.outbox_high_bytes;
        let message = &mut Event::Deliver(answer);
        let (_, dropped) = deliver(now, plan, router, clients, net, limit, message);
        counters.dropped_newest += dropped;
        Ok(Progress::Done)
    }

    /// Counts a message, and tells its publisher what it wants to know.
    #[inline]
    pub(super) fn account(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        receivers: u32,
        starved: bool,
    ) {
        self.counters.messages += 1;
        self.counters.deliveries += u64::from(receivers);
        self.counters.unwanted += u64::from(receivers == 0);
        let request = publish.flags.contains(PublishFlags::REQUEST);
        let code = match (receivers, starved) {
            (0, true) if request => ErrorCode::NoCredit,
            (0, false) if request => ErrorCode::NoResponders,
            _ => ErrorCode::Ok,
        };
        self.counters.no_responders += u64::from(code == ErrorCode::NoResponders);
        if code != ErrorCode::Ok || publish.flags.contains(PublishFlags::ACK) {
            self.outcome(now, id, Outcome { ticket: publish.ticket, code, receivers });
        }
    }
}

/// Puts a message into the outboxes of a plan's targets. Says how many there were, and how many of
/// them did not get it because theirs holds more than `limit` bytes, copies of this very message for
/// other subscriptions of the client included.
#[inline]
fn deliver<R: Ring>(
    now: Timestamp,
    plan: &Plan,
    router: &Router,
    clients: &mut Clients,
    net: &mut Net<R>,
    limit: usize,
    message: &mut Event<'_>,
) -> (u32, u64) {
    let (mut receivers, mut dropped) = (0, 0);
    for target in plan.targets() {
        let Some(client) = clients.get_mut(target.client) else { continue };
        let Some(outbox) = net.outbox(target.client) else { continue };
        if outbox.pending_bytes() > limit {
            dropped += 1;
            client.slow_mut().on_dropped_newest(target.subscription);
            continue;
        }
        if let Event::Deliver(delivery) = message {
            delivery.subscription = target.subscription;
            delivery.missed = target.missed;
        }
        if let Some(slow) = &mut client.slow {
            let policy = router.slow_consumer_of(target).unwrap_or(client.slow_consumer).policy;
            let before = outbox.pending_bytes();
            let missed = add_missed(message, slow.take_missed(target.subscription));
            client.session.on_event(now, message, outbox);
            if policy.drops_oldest() {
                let messages = missed.saturating_add(1);
                outbox.mark_frame(before, FrameTag { owner: target.subscription.0, messages });
            }
            receivers += u32::from(!outbox.is_exhausted());
            continue;
        }
        client.session.on_event(now, message, outbox);
        // Whose blocks ran out is about to be ended, and did not get it.
        receivers += u32::from(!outbox.is_exhausted());
    }
    (receivers, dropped)
}

/// Says with a message how many more its subscription missed before it; returns how many in all.
fn add_missed(message: &mut Event<'_>, missed: u32) -> u32 {
    let Event::Deliver(delivery) = message else { return missed };
    delivery.missed = delivery.missed.saturating_add(missed);
    delivery.missed
}

/// Subject, reply, headers and payload as one span, if they lie behind each other in the chunk.
#[inline]
fn tail(publish: &Publish) -> Option<Span> {
    let begin = publish.subject;
    let mut end = begin.end();
    for part in [begin, publish.reply, publish.headers, publish.payload] {
        if part.is_scratch()
            || (!part.is_empty() && part.end() - part.len() != end && part != begin)
        {
            return None;
        }
        end = if part.is_empty() { end } else { part.end() };
    }
    Some(Span::chunk(begin.offset(), end - begin.offset()))
}
