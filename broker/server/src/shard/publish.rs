//! A message on its way: plan, room, delivery.

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Event, Outcome, Publish, PublishFlags, Span, Subject,
    SubscriptionId, Timestamp,
};
use coilgun_protocol::session::Session;

use super::dispatch::{Progress, bytes, piece};
use super::system;
use super::turn::Shard;
use crate::env::Env;

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
        let message = message(publish, chunk, text);
        match self.plan(id, &message) {
            Ok(()) => {}
            Err(ErrorCode::HandshakeExpected) => {
                self.end(now, id, ErrorCode::HandshakeExpected, "");
                return Progress::Ended;
            }
            Err(code) => {
                self.outcome(now, id, Outcome { ticket: publish.ticket, code, receivers: 0 });
                return Progress::Done;
            }
        }
        if let Some(full) = self.plan.targets().iter().find(|it| !self.has_room(it.client)) {
            return Progress::Waits(full.client);
        }
        self.router.commit(&self.plan);
        let mut receivers = self.deliver(now, Some(id), message);
        if receivers == 0 && message.subject.starts_with(system::PREFIX) {
            receivers = self.answer_system(now, id, &message);
        }
        self.account(now, id, publish, receivers);
        Progress::Done
    }

    /// Finds out who gets a message of a client.
    #[inline]
    fn plan(&mut self, id: ClientId, message: &Delivery<'_>) -> Result<(), ErrorCode> {
        let Shard { clients, net, plan, router, settings, .. } = self;
        let client = clients.get_mut(id).filter(|client| client.is_open);
        let client = client.ok_or(ErrorCode::HandshakeExpected)?;
        // Subjects are checked where a route is built; a subject for replies has none.
        if !message.reply.is_empty() && Subject::parse(message.reply).is_err() {
            return Err(ErrorCode::InvalidSubject);
        }
        if message.flags.contains(PublishFlags::BROADCAST) {
            return router.plan_broadcast(id, message.subject, plan);
        }
        let high = settings.outbox_high_bytes;
        let has_room = |target| super::credit::has_room(net, high, target);
        router.plan(id, message.subject, &mut client.hint, has_room, plan)
    }

    /// Puts a message into the outboxes of the plan's targets, and says how many there were.
    #[inline]
    fn deliver(&mut self, now: Timestamp, from: Option<ClientId>, message: Delivery<'_>) -> u32 {
        let Shard { clients, net, plan, router, .. } = self;
        let sender = from.map_or(&[][..], |id| router.name_of(id));
        let mut delivery = Delivery { sender, ..message };
        let mut receivers = 0;
        for target in plan.targets() {
            let Some(client) = clients.get_mut(target.client) else { continue };
            let Some(outbox) = net.outbox(target.client) else { continue };
            delivery.subscription = target.subscription;
            delivery.missed = target.missed;
            client.session.on_event(now, &Event::Deliver(delivery), outbox);
            receivers += 1;
        }
        receivers
    }

    /// Sends a message of the broker itself to whoever waits for it in a client's namespace. There
    /// are few such messages, and they wait for nobody's room.
    pub(super) fn deliver_answer(
        &mut self,
        now: Timestamp,
        asker: ClientId,
        message: Delivery<'_>,
    ) {
        let Shard { plan, router, .. } = self;
        if router.plan_answer(asker, message.subject, |_| true, plan).is_ok() {
            router.commit(plan);
            self.deliver(now, None, message);
        }
    }

    /// Counts a message, and tells its publisher what it wants to know.
    #[inline]
    fn account(&mut self, now: Timestamp, id: ClientId, publish: &Publish, receivers: u32) {
        self.counters.messages += 1;
        self.counters.deliveries += u64::from(receivers);
        self.counters.unwanted += u64::from(receivers == 0);
        let request = publish.flags.contains(PublishFlags::REQUEST);
        let code = match (receivers, self.plan.is_starved()) {
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

/// A message as its publisher sent it, for nobody in particular.
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
