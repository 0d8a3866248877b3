//! A message on its way: plan, room, delivery.

use coilgun_core::router::Plan;
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Event, Outcome, Publish, PublishFlags, Span, Subject,
    SubscriptionId, Timestamp,
};
use coilgun_protocol::session::Session;

use super::dispatch::{Progress, bytes, piece};
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
        let reply = bytes(publish.reply, chunk, text);
        let subject = bytes(publish.subject, chunk, text);
        let mut plan = std::mem::take(&mut self.plan);
        let planned = if reply.is_empty() || Subject::parse(reply).is_ok() {
            self.plan(id, publish, subject, &mut plan)
        } else {
            Err(ErrorCode::InvalidSubject)
        };
        let progress = match planned {
            Err(ErrorCode::HandshakeExpected) => {
                self.end(now, id, ErrorCode::HandshakeExpected, "");
                Progress::Ended
            }
            Err(code) => {
                self.outcome(now, id, Outcome { ticket: publish.ticket, code, receivers: 0 });
                Progress::Done
            }
            Ok(()) => match plan.targets().iter().find(|it| !self.has_room(it.client)) {
                Some(full) => Progress::Waits(full.client),
                None => {
                    self.router.commit(&plan);
                    let receivers = self.deliver(now, id, publish, chunk, text, &plan);
                    self.account(now, id, publish, receivers, plan.is_starved());
                    Progress::Done
                }
            },
        };
        self.plan = plan;
        progress
    }

    #[inline]
    fn plan(
        &mut self,
        id: ClientId,
        publish: &Publish,
        subject: &[u8],
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        let client = self.clients.get_mut(id).filter(|client| client.is_open);
        let client = client.ok_or(ErrorCode::HandshakeExpected)?;
        if publish.flags.contains(PublishFlags::BROADCAST) {
            return self.router.plan_broadcast(id, subject, plan);
        }
        let (net, high) = (&self.net, self.settings.outbox_high_bytes);
        let has_room = |target| super::credit::has_room(net, high, target);
        self.router.plan(id, subject, &mut client.hint, has_room, plan)
    }

    /// Puts a message into the outboxes of its targets, and says how many there were.
    #[inline]
    fn deliver(
        &mut self,
        now: Timestamp,
        id: ClientId,
        publish: &Publish,
        chunk: Chunk<'_>,
        text: &[u8],
        plan: &Plan,
    ) -> u32 {
        let mut delivery = Delivery {
            subscription: SubscriptionId::NAME,
            subject: bytes(publish.subject, chunk, text),
            reply: bytes(publish.reply, chunk, text),
            headers: bytes(publish.headers, chunk, text),
            payload: piece(publish.payload, chunk, text),
            tail: tail(publish).map(|span| chunk.slice(span)),
            sender: self.router.name_of(id),
            correlation: publish.correlation,
            deadline_ms: publish.deadline_ms,
            flags: publish.flags,
            missed: 0,
        };
        let mut receivers = 0;
        for target in plan.targets() {
            let Some(client) = self.clients.get_mut(target.client) else { continue };
            let Some(outbox) = self.net.outbox(target.client) else { continue };
            delivery.subscription = target.subscription;
            delivery.missed = target.missed;
            client.session.on_event(now, &Event::Deliver(delivery), outbox);
            receivers += 1;
        }
        receivers
    }

    /// Counts a message, and tells its publisher what it wants to know.
    #[inline]
    fn account(
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
