//! A message on its way: plan, room, delivery.

use coilgun_core::router::{Plan, Router};
use coilgun_protocol::buffer::{Chunk, FrameTag};
use coilgun_protocol::elbus::BROKER_NAME;
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Event, NamespaceId, Outcome, Publish, PublishFlags, Span,
    Subject, SubscriptionId, Timestamp,
};
use coilgun_protocol::session::Session;

use super::answers::{Answer, Awaited, Published};
use super::broker_client::is_for_broker;
use super::client::Clients;
use super::credit::OVERLAP_SHARE;
use super::dispatch::{Progress, bytes, piece};
use super::draft::{Draft, Reached};
use super::naming::Entrance;
use super::shedding::{ATTEMPTS, Relief};
use super::system;
use super::turn::Shard;
use super::waits::Wait;
use crate::env::Env;
use crate::mesh::ReplyTo;
use crate::mutant::{self, Mutant};
use crate::net::{Net, Ring};

/// Whose message it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A client published it.
    Client(ClientId),
    /// The broker itself answers this client.
    Broker(ClientId),
    /// The broker says something by itself in a namespace.
    Announcement(NamespaceId),
}

impl Origin {
    /// What receivers see as the sender's name.
    #[inline]
    pub(super) fn name(self, router: &Router) -> &[u8] {
        match self {
            Origin::Client(id) => router.name_of(id),
            Origin::Broker(_) | Origin::Announcement(_) => BROKER_NAME,
        }
    }
}

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
        if let Some(wait) = self.publish_waits(id, publish) {
            return Progress::Waits(wait);
        }
        let draft = Draft::of(publish, chunk, text);
        if draft.subject.first() == Some(&b'$') {
            if draft.subject.starts_with(system::PREFIX) && !draft.reply.is_empty() {
                return self.ask_broker(now, id, publish, draft.subject, draft.reply);
            }
            if is_for_broker(draft.subject) {
                let payload = bytes(publish.payload, chunk, text);
                return self.call_broker(now, id, publish, draft.subject, payload);
            }
        }
        let origin = Origin::Client(id);
        match self.plan_with_room(now, origin, &draft) {
            Ok(None) => {}
            Ok(Some(wait)) => return Progress::Waits(wait),
            Err(ErrorCode::HandshakeExpected) => {
                self.end(now, id, ErrorCode::HandshakeExpected, "");
                return Progress::Ended;
            }
            Err(ErrorCode::PermissionDenied) => {
                self.deny(now, id, publish.ticket);
                return Progress::Done;
            }
            Err(code) => {
                self.outcome(
                    now,
                    id,
                    Outcome { ticket: publish.ticket, code, receivers: 0, is_starved: false },
                );
                return Progress::Done;
            }
        }
        let reached = self.carry_out(now, origin, || message(publish, chunk, text));
        let number = self.account(now, id, publish, reached);
        if reached.crossing > 0 {
            let message = message(publish, chunk, text);
            self.cross(now, origin, ReplyTo { client: id, number }, &message);
        }
        Progress::Done
    }

    /// What a client that publishes has to wait for whatever it publishes.
    #[inline]
    fn publish_waits(&self, id: ClientId, publish: &Publish) -> Option<Wait> {
        if self.mesh.others().is_empty() {
            return None;
        }
        if !self.is_in_force(id) {
            return Some(Wait::Interest);
        }
        (publish.ticket.is_some() && self.owes_too_much(id)).then_some(Wait::Answers)
    }

    /// Plans a message until every target has room. Returns what it has to wait for.
    #[inline(always)]
    pub(super) fn plan_with_room(
        &mut self,
        now: Timestamp,
        origin: Origin,
        draft: &Draft<'_>,
    ) -> Result<Option<Wait>, ErrorCode> {
        self.has_cut = false;
        for attempt in 1..=ATTEMPTS {
            self.plan(origin, draft)?;
            // Nobody is dropped for while another shard has to be waited for.
            if let Some(wait) = self.remote_wait(draft) {
                return Ok(Some(wait));
            }
            if self.plan_has_room() {
                break;
            }
            if mutant::is_active(Mutant::HalfFanOut) {
                self.leave_out_the_full();
                break;
            }
            match self.relieve(now, attempt == ATTEMPTS) {
                Relief::Waits(target, ms) => return Ok(Some(Wait::Outbox(target, ms))),
                Relief::PlanAgain => {}
                Relief::Deliver => break,
            }
        }
        Ok(None)
    }

    /// Finds out who gets a message.
    #[inline(always)]
    pub(super) fn plan(&mut self, origin: Origin, draft: &Draft<'_>) -> Result<(), ErrorCode> {
        let Shard { clients, net, plan, router, settings, .. } = self;
        let Draft { subject, reply, flags, .. } = *draft;
        // Subjects are checked where a route is built; a subject for replies has none.
        if !reply.is_empty() && Subject::parse(reply).is_err() {
            return Err(ErrorCode::InvalidSubject);
        }
        let is_broadcast = flags.contains(PublishFlags::BROADCAST);
        let high = settings.outbox_high_bytes;
        let has_room = |target| super::credit::has_room(net, high, target);
        let namespace = match origin {
            Origin::Announcement(namespace) => namespace,
            Origin::Client(id) | Origin::Broker(id) => {
                let client = clients.get_mut(id).filter(|client| client.is_open);
                let client = client.ok_or(ErrorCode::HandshakeExpected)?;
                if origin == Origin::Client(id) {
                    if client.is_restricted && is_broadcast {
                        router.check_broadcast(id, draft.usage(), subject)?;
                    } else if client.is_restricted {
                        router.check_permission(id, draft.usage(), subject, &mut client.hint)?;
                    }
                    if is_broadcast {
                        return router.plan_broadcast(id, subject, plan);
                    }
                    let hint = &mut client.hint;
                    if flags.contains(PublishFlags::ONLY_TO) {
                        return router.plan_only_to(id, subject, reply, hint, plan);
                    }
                    return router.plan(id, subject, hint, has_room, plan);
                }
                client.namespace
            }
        };
        match is_broadcast {
            true => router.plan_broadcast_of_broker(namespace, subject, plan),
            false => router.plan_of_broker(namespace, subject, has_room, plan),
        }
    }

    /// Puts the message of the plan into the outboxes of this shard.
    #[inline(always)]
    pub(super) fn carry_out<'a>(
        &mut self,
        now: Timestamp,
        origin: Origin,
        message: impl FnOnce() -> Delivery<'a>,
    ) -> Reached {
        self.counters.missed_for_credit += self.plan.missed_count() as u64;
        let crossing = self.crossing_count();
        self.router.commit(&self.plan);
        let Shard { clients, net, plan, router, settings, counters, .. } = self;
        let limit = OVERLAP_SHARE * settings.outbox_high_bytes;
        let mut message =
            Event::Deliver(shown(Delivery { sender: origin.name(router), ..message() }));
        let (receivers, dropped) = deliver(now, plan, router, clients, net, limit, &mut message);
        counters.dropped_newest += dropped;
        let is_starved = self.plan.has_starved() || self.has_cut;
        Reached { receivers, is_starved, crossing }
    }

    /// Sends an answer of the broker itself to whoever waits for it in a client's namespace, or to
    /// nobody yet: answers wait for room as other messages do.
    #[inline(never)]
    pub(super) fn deliver_answer(
        &mut self,
        now: Timestamp,
        asker: ClientId,
        answer: &Delivery<'_>,
    ) -> Result<Progress, ErrorCode> {
        let origin = Origin::Broker(asker);
        match self.plan_with_room(now, origin, &Draft::of_answer(answer)) {
            Ok(None) => {}
            Ok(Some(wait)) => return Ok(Progress::Waits(wait)),
            // Who asked was the one that was too slow, and is gone.
            Err(ErrorCode::HandshakeExpected) => return Ok(Progress::Ended),
            Err(code) => return Err(code),
        }
        let reached = self.carry_out(now, origin, || *answer);
        if reached.crossing > 0 {
            self.cross(now, origin, ReplyTo { client: asker, number: 0 }, answer);
        }
        Ok(Progress::Done)
    }

    /// Counts a message, and tells its publisher what it wants to know, once that is known. Returns the
    /// number of the answer if it waits for other shards, or 0.
    #[inline]
    pub(super) fn account(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        reached: Reached,
    ) -> u64 {
        let Reached { receivers, is_starved, crossing } = reached;
        self.counters.messages += 1;
        self.counters.crossed += u64::from(crossing > 0);
        self.counters.deliveries += u64::from(receivers);
        let is_request = publish.flags.contains(PublishFlags::REQUEST);
        let is_acked = publish.flags.contains(PublishFlags::ACK);
        // Without a ticket nobody is answered.
        if !publish.ticket.is_some() || !(is_request || is_acked) {
            self.counters.unwanted += u64::from(receivers == 0 && crossing == 0);
            return 0;
        }
        let ticket = publish.ticket;
        let published = Published { ticket, receivers, is_starved, is_request, is_acked };
        self.owe(now, id, Answer::Published(published), Awaited { interest: 0, shards: crossing })
    }
}

/// A message as it was published; its sender's name is put in where it is delivered.
#[inline]
fn message<'a>(publish: &Publish, chunk: Chunk<'a>, text: &'a [u8]) -> Delivery<'a> {
    Delivery {
        subscription: SubscriptionId::NAME,
        subject: bytes(publish.subject, chunk, text),
        reply: bytes(publish.reply, chunk, text),
        headers: bytes(publish.headers, chunk, text),
        payload: piece(publish.payload, chunk, text),
        tail: tail(publish).map(|span| chunk.slice(span)),
        sender: &[],
        correlation: publish.correlation,
        deadline_ms: publish.deadline_ms,
        flags: publish.flags,
        missed: 0,
    }
}

/// A message as its receivers see it: for whom alone it is they are not told.
#[inline]
pub(super) fn shown(message: Delivery<'_>) -> Delivery<'_> {
    match message.flags.contains(PublishFlags::ONLY_TO) {
        true => Delivery { reply: &[], tail: None, ..message },
        false => message,
    }
}

/// Puts a message into the outboxes of a plan's targets. Says how many there were, and how many of
/// them did not get it because theirs holds more than `limit` bytes, copies of this very message for
/// other subscriptions of the client included.
#[inline]
pub(super) fn deliver<R: Ring>(
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
        if target.subscription == SubscriptionId::NAME && client.entrance != Entrance::Inside {
            // Its name is not known everywhere yet: it is not in, and nothing can be said to it.
            continue;
        }
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
