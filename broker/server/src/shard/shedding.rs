//! A message for which somebody has no room (laws S18, S19).
//!
//! ```text
//! plan --full?--> remedy of each target without room
//!                   wait         the message waits whole; nothing else is done
//!                   disconnect   the reader is cut off           \\
//!                   drop oldest  room is made in its outbox       > plan again
//!                   drop newest  it is taken out of the plan     /
//! ```
//!
//! All or nothing still holds: a target that stays in the plan gets the message with all others, or
//! the message waits. Nobody is dropped for while somebody else has to be waited for, so that a
//! message that waits and comes back is not counted twice.

use coilgun_core::router::Target;
use coilgun_protocol::model::{ClientId, Remedy, SlowConsumer, SubscriptionId, Timestamp};

use super::turn::Shard;
use crate::env::Env;

/// The part of an outbox that is freed at once where the oldest messages are dropped, so that not
/// every message has to look for a victim of its own.
const FREED_SHARE: usize = 16;

/// How often a message is planned anew after room was made, before those who have none even so do
/// not get it.
pub(super) const ATTEMPTS: usize = 8;

/// What is to be done with a message for which somebody had no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relief {
    /// It waits for this client, so many milliseconds at most.
    Waits(ClientId, u16),
    /// It is planned anew.
    PlanAgain,
    /// It goes to those who are left in the plan.
    Deliver,
}

impl<E: Env> Shard<E> {
    /// Whether every target of the plan has room.
    #[inline]
    pub(super) fn plan_has_room(&self) -> bool {
        self.plan.targets().iter().all(|it| self.has_room(it.client))
    }

    /// Does what the policies of the targets without room say.
    #[cold]
    pub(super) fn relieve(&mut self, now: Timestamp, is_last: bool) -> Relief {
        let full = self.targets_without_room();
        if let Some(waits) = self.wait_for_any(now, &full) {
            return waits;
        }
        if is_last {
            // The plan is carried out now: nothing may change that it was made from.
            self.drop_newest();
            return Relief::Deliver;
        }
        let mut makes_room = false;
        for (target, remedy) in &full {
            // One client may be several targets, and have been dealt with already.
            makes_room |= self.has_room(target.client);
            if self.has_room(target.client) {
                continue;
            }
            makes_room |= match remedy {
                Remedy::Wait(_) | Remedy::DropNewest => false,
                Remedy::Disconnect => self.cut_off(target.client),
                Remedy::DropOldest => self.drop_oldest(target.client),
            };
        }
        if makes_room {
            return Relief::PlanAgain;
        }
        self.drop_newest();
        Relief::Deliver
    }

    /// The targets of the plan that have no room, with what is to be done about each.
    pub(super) fn targets_without_room(&self) -> Vec<(Target, Remedy)> {
        let full = self.plan.targets().iter().filter(|target| !self.has_room(target.client));
        full.map(|target| (*target, self.remedy(target))).collect()
    }

    /// If anybody has to be waited for: the time of all those begins now, so that several readers that
    /// hang cost their publishers one time and not one after another.
    fn wait_for_any(&mut self, now: Timestamp, full: &[(Target, Remedy)]) -> Option<Relief> {
        let mut first = None;
        for (target, remedy) in full {
            if let Remedy::Wait(ms) = remedy {
                self.press(now, target.client, (*ms).into());
                first = first.or(Some(Relief::Waits(target.client, *ms)));
            }
        }
        first
    }

    /// Takes those who have no room out of the plan.
    fn drop_newest(&mut self) {
        self.drop_newest_unless(|_| false);
    }

    /// Takes those who have no room, and are not to be spared, out of the plan.
    pub(super) fn drop_newest_unless(&mut self, mut is_spared: impl FnMut(&Target) -> bool) {
        let Shard { net, plan, clients, settings, counters, .. } = self;
        plan.shed(|target| {
            let has_room = super::credit::has_room(net, settings.outbox_high_bytes, target.client);
            if has_room || is_spared(target) {
                return true;
            }
            if let Some(client) = clients.get_mut(target.client) {
                counters.dropped_newest += 1;
                client.slow_mut().on_dropped_newest(target.subscription);
            }
            false
        });
    }

    /// The fault [`HalfFanOut`](crate::mutant::Mutant::HalfFanOut): those who have no room are simply left out.
    #[cold]
    pub(super) fn leave_out_the_full(&mut self) {
        let Shard { net, plan, settings, .. } = self;
        let high = settings.outbox_high_bytes;
        plan.shed(|target| super::credit::has_room(net, high, target.client));
    }

    /// What is to be done about a target without room.
    fn remedy(&self, target: &Target) -> Remedy {
        let Some(client) = self.clients.get(target.client) else { return Remedy::DropNewest };
        self.slow_consumer(target, client.slow_consumer).remedy(client.lapsed)
    }

    /// The policy for a target: its subscription's, or its client's if it is meant by name.
    fn slow_consumer(&self, target: &Target, of_client: SlowConsumer) -> SlowConsumer {
        self.router.slow_consumer_of(target).unwrap_or(of_client)
    }

    /// Cuts off a reader that is too slow. Returns whether it was there.
    pub(super) fn cut_off(&mut self, id: ClientId) -> bool {
        let Some(socket) = self.net.socket(id) else { return false };
        if self.clients.get(id).is_none() {
            return false;
        }
        self.counters.slow_consumers += 1;
        self.has_cut = true;
        self.counters.discarded_bytes += socket.outbox().pending_bytes() as u64;
        self.net.close(id);
        self.remove(id);
        true
    }

    /// Drops what waits longest for a client. Returns whether it has room now.
    pub(super) fn drop_oldest(&mut self, id: ClientId) -> bool {
        let wanted = (self.settings.outbox_high_bytes / FREED_SHARE).max(1);
        let Shard { net, clients, counters, .. } = self;
        let Some(client) = clients.get_mut(id) else { return false };
        let slow = client.slow_mut();
        let freed = net.drop_oldest(id, wanted, |tag| {
            counters.dropped_oldest += 1;
            slow.on_dropped_oldest(SubscriptionId(tag.owner), tag.messages);
        });
        freed > 0 && self.has_room(id)
    }
}
