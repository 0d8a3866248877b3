//! Messages that found nobody of a queue group on the shard they were sent to (law S15).
//!
//! ```text
//! home --Publication--> shard: nobody of groups g, h left --Bounce(g, h)--> home: the next shard for
//!                                                                                 each, or a member here
//! ```
//!
//! A message bounces once for all its groups, with its bytes, so that home keeps nothing of what it
//! sends.

use coilgun_core::router::GroupNames;
use coilgun_protocol::buffer::{BlockRange, Chunk};
use coilgun_protocol::model::{Delivery, ShardId, Timestamp};

use super::arriving::arrived;
use super::crossing::{is_inline, publication};
use super::shedding::ATTEMPTS;
use super::turn::Shard;
use crate::env::Env;
use crate::mesh::{Message, Payload, Publication};
use crate::mutant::{self, Mutant};

/// Where a message for some groups goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    /// Back to where it was published.
    Home,
    /// To the next shard that has members.
    Onward,
}

impl<E: Env> Shard<E> {
    /// Sends a message back to its home for the groups of which nobody is left here.
    pub(super) fn send_back(
        &mut self,
        home: ShardId,
        it: &Publication<'_>,
        message: &Delivery<'_>,
    ) {
        if self.plan.bounced().is_empty() || mutant::is_active(Mutant::LostBounce) {
            return;
        }
        let mut run = std::mem::take(&mut self.group_names);
        run.clear();
        let mut bounced = self.plan.bounced().iter().copied().peekable();
        for (number, name) in GroupNames::new(it.groups).enumerate() {
            if bounced.next_if_eq(&(number as u16)).is_some() {
                GroupNames::push(&mut run, name);
                self.counters.bounces += 1;
            }
        }
        let mut tried = it.tried;
        tried.insert(self.mesh.shard());
        let back = Publication { tried, ..publication(it.namespace, it.from, message) };
        self.say_publication((home, Direction::Home), back, &run, message.payload);
        self.group_names = run;
    }

    /// Sends a message for some groups outside of what publishers may use. Returns whether it is on its
    /// way: it is not if it has to be lent and too much is lent already.
    fn say_publication(
        &mut self,
        (to, direction): (ShardId, Direction),
        it: Publication<'_>,
        groups: &[u8],
        payload: Chunk<'_>,
    ) -> bool {
        let texts = it.subject.len() + it.reply.len() + it.headers.len() + it.sender.len();
        let travels = if is_inline(texts, payload.len()) {
            Some(Payload::Inline(payload.bytes()))
        } else {
            payload.range().and_then(|range| self.mesh.lend(to, range))
        };
        let Some(payload) = travels else {
            self.mesh.count_unsent();
            return false;
        };
        let publication = Publication { groups, payload, ..it };
        let message = match direction {
            Direction::Home => Message::Bounce(publication),
            Direction::Onward => Message::Publication(publication),
        };
        self.mesh.say(to, &message);
        true
    }

    /// A message of ours found nobody of some groups on the shard that was picked: the next one for
    /// each, if any.
    pub(super) fn on_bounce(
        &mut self,
        now: Timestamp,
        from: ShardId,
        parcel: &BlockRange,
        it: &Publication<'_>,
    ) {
        let lent = self.mesh.payload_block(from, &it.payload);
        let message = arrived(parcel, lent.as_ref(), it);
        let mut onward: Vec<(ShardId, bool, Vec<u8>)> = Vec::new();
        for group in GroupNames::new(it.groups) {
            let Some(shard) = self.pick_again(now, it, &message, group) else { continue };
            match onward.iter_mut().find(|(to, ..)| *to == shard) {
                Some((.., run)) => GroupNames::push(run, group),
                None => {
                    let mut run = Vec::new();
                    GroupNames::push(&mut run, group);
                    onward.push((shard, self.plan.went_plainly(shard), run));
                }
            }
        }
        for (shard, plain_went, run) in onward {
            let tried = it.tried;
            let again =
                Publication { tried, plain_went, ..publication(it.namespace, it.from, &message) };
            if self.say_publication((shard, Direction::Onward), again, &run, message.payload) {
                self.extend_answers(it.from, shard);
            } else {
                self.add_receivers(it.from, 0, true);
            }
        }
    }

    /// Delivers a message to a member of this shard, or says on which one to look for a member next.
    fn pick_again(
        &mut self,
        now: Timestamp,
        it: &Publication<'_>,
        message: &Delivery<'_>,
        group: &[u8],
    ) -> Option<ShardId> {
        self.has_cut = false;
        for attempt in 1..=ATTEMPTS {
            let Shard { net, plan, router, settings, .. } = self;
            let high = settings.outbox_high_bytes;
            let has_room = |target| super::credit::has_room(net, high, target);
            let (publisher, namespace) = (it.from.client, it.namespace);
            let planned = router
                .plan_bounced(publisher, namespace, it.subject, group, it.tried, has_room, plan);
            planned.expect("its subject was checked when it was published");
            if self.plan_has_room() || !self.relieve_arrived(now, attempt == ATTEMPTS) {
                break;
            }
        }
        let (receivers, is_starved) = self.deliver_arrived(now, *message);
        self.add_receivers(it.from, receivers, is_starved);
        self.plan.group_picks().first().map(|pick| pick.shard)
    }
}
