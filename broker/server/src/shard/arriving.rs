//! What arrives from other shards (laws S11, S15, S19).
//!
//! ```text
//! ring --> parcel --> message --> plan of this shard --> outboxes
//!                        |            |
//!                        |            +-- nobody of a group left: Bounce, back to its home
//!                        +-- the home waits for it: Settled
//! ```
//!
//! What arrives is copied before the turn ends: into the outboxes, or, where it is large and several
//! want it, once into a block that they refer to. So no reader, however slow, keeps what another shard
//! lent, and nothing that the kernel sends lies in memory of another shard.
//!
//! Nothing that arrives waits for a reader: who is behind and holds its publishers back gets it all the
//! same, its outbox may then hold what was under way beside what it may hold otherwise, and the other
//! shards are told that their publishers have to wait.

use coilgun_core::router::{Arrival, GroupNames, Target};
use coilgun_protocol::buffer::{BlockRange, Chunk};
use coilgun_protocol::model::{
    ClientId, Delivery, ErrorCode, Event, PublishFlags, Remedy, ShardId, SubscriptionId, Timestamp,
    limits,
};

use super::credit::{OVERLAP_SHARE, has_reserve};
use super::publish::{deliver, shown};
use super::shedding::ATTEMPTS;
use super::turn::Shard;
use crate::env::Env;
use crate::mesh::{Mesh, Message, Payload, Publication, run_within, within};

/// Payloads from this size on are not copied for each of several readers: at least a quarter of the
/// block that is taken for them is used.
const LANDED_BYTES_MIN: usize = limits::BLOCK_BYTES / 4;
/// Routes that are remembered for the publishers of one shard.
pub(super) const ARRIVAL_HINTS: usize = 64;
/// Parcels of one shard that are looked at in one turn (law S23).
const PARCELS_PER_TURN: usize = 16;

impl<E: Env> Shard<E> {
    /// Takes in what came from other shards. Returns how many parcels there were.
    pub(super) fn run_mesh(&mut self, now: Timestamp) -> usize {
        let mut count = 0;
        for from in self.mesh.others().iter() {
            if self.mesh.take_back(from) && self.mesh.has_waiters(from) {
                let mut waiters = self.mesh.take_waiters(from);
                self.go_on(&mut waiters);
            }
            for _ in 0..PARCELS_PER_TURN {
                let Some(parcel) = self.mesh.next_parcel(from) else { break };
                count += 1;
                for message in Mesh::<E::Mesh>::messages(&parcel) {
                    self.on_message(now, from, &parcel, &message);
                }
            }
            self.confirm_interest(from);
        }
        count
    }

    fn on_message(
        &mut self,
        now: Timestamp,
        from: ShardId,
        parcel: &BlockRange,
        message: &Message<'_>,
    ) {
        match message {
            Message::Publication(it) => self.on_publication(now, from, parcel, it),
            Message::Bounce(it) => self.on_bounce(now, from, parcel, it),
            Message::Interest { sequence, interest } => {
                self.on_interest(from, *sequence, interest);
            }
            Message::InterestApplied { sequence } => {
                self.on_interest_applied(now, from, *sequence);
            }
            Message::Barrier(to) => {
                let settled = Message::Settled { to: *to, receivers: 0, is_starved: false };
                self.mesh.say(from, &settled);
            }
            Message::Settled { to, receivers, is_starved } => {
                self.on_settled(now, *to, *receivers, *is_starved);
            }
            Message::NameClaim(claim) => self.on_name_claim(from, claim),
            Message::NameVerdict { claim, code } => self.on_name_verdict(claim, *code),
            Message::NameFreed { namespace, name } => {
                self.on_name_freed(from, *namespace, name);
            }
            Message::Connection(connection) => self.on_connection(now, connection),
            Message::NameEvicted { namespace, name } => self.on_eviction(*namespace, name),
            Message::Asked { client, text } => self.on_asked(from, *client, text),
            Message::Told { client, text } => self.on_told(from, *client, text),
            Message::Append(it) => self.on_append(now, from, parcel, it),
            Message::Appended { client, appended } => self.on_appended(now, *client, *appended),
            Message::Records(it) => self.on_records(now, from, parcel, it),
            Message::StreamWord { text } => self.on_stream_word(from, text),
            Message::CountersWanted { client } => self.on_counters_wanted(from, *client),
            Message::Counters { client, text } => self.on_counters(from, *client, text),
        }
    }

    /// A message whose home decided that somebody here gets it.
    fn on_publication(
        &mut self,
        now: Timestamp,
        from: ShardId,
        parcel: &BlockRange,
        it: &Publication<'_>,
    ) {
        let lent = self.mesh.payload_block(from, &it.payload);
        let message = arrived(parcel, lent.as_ref(), it);
        let planned = self.plan_arrived(now, from, it);
        planned.expect("its home checked the subject");
        let (receivers, starved) = self.deliver_arrived(now, message);
        let mut bounced = self.plan.bounced().iter();
        let is_starved = starved || bounced.any(|place| self.plan.is_bounced_starved(*place));
        self.send_back(from, it, &message);
        if it.from.number > 0 {
            self.mesh.say(from, &Message::Settled { to: it.from, receivers, is_starved });
        }
    }

    fn plan_arrived(
        &mut self,
        now: Timestamp,
        from: ShardId,
        it: &Publication<'_>,
    ) -> Result<(), ErrorCode> {
        self.has_cut = false;
        for attempt in 1..=ATTEMPTS {
            let Shard { net, plan, router, settings, arrival_hints, .. } = self;
            if it.flags.contains(PublishFlags::BROADCAST) {
                router.plan_arrived_broadcast(it.namespace, it.subject, plan)?;
            } else {
                let high = settings.outbox_high_bytes;
                let has_room = |target| super::credit::has_room(net, high, target);
                let arrival = Arrival {
                    namespace: it.namespace,
                    subject: it.subject,
                    is_plain: it.is_plain,
                    plain_went: it.plain_went,
                    only_to: it.flags.contains(PublishFlags::ONLY_TO).then_some(it.reply),
                    groups: GroupNames::new(it.groups),
                };
                let publisher = it.from.client.slot as usize % ARRIVAL_HINTS;
                let hint = &mut arrival_hints[from.index() * ARRIVAL_HINTS + publisher];
                router.plan_arrival(&arrival, hint, has_room, plan)?;
            }
            if self.plan_has_room() || !self.relieve_arrived(now, attempt == ATTEMPTS) {
                break;
            }
        }
        Ok(())
    }

    /// Does what the policies of the targets without room say, but lets nobody wait. Returns whether to
    /// plan again.
    #[cold]
    pub(super) fn relieve_arrived(&mut self, now: Timestamp, is_last: bool) -> bool {
        let full: Vec<(Target, Remedy)> = self.targets_without_room();
        let mut plan_again = false;
        for (target, remedy) in &full {
            if self.has_room(target.client) {
                continue;
            }
            plan_again |= match remedy {
                Remedy::DropNewest => false,
                Remedy::Wait(ms) => {
                    self.press(now, target.client, (*ms).into());
                    self.to_press.push(*target);
                    false
                }
                Remedy::Disconnect => !is_last && self.cut_off(target.client),
                Remedy::DropOldest => self.drop_oldest(target.client),
            };
        }
        if plan_again && !is_last {
            self.to_press.clear();
            return true;
        }
        // Both lists are in the order of the plan, so one look at each is enough.
        let mut full = full.iter();
        self.drop_newest_unless(|target| {
            let found = full.find(|(it, _)| it == target);
            found.is_some_and(|(_, remedy)| matches!(remedy, Remedy::Wait(_)))
        });
        false
    }

    /// Puts an arrived message into the outboxes of the plan. Returns how many got it, and whether
    /// nobody did but somebody would have liked to.
    pub(super) fn deliver_arrived(&mut self, now: Timestamp, message: Delivery<'_>) -> (u32, bool) {
        let landed = self.land(message.payload);
        let payload = match &landed {
            Some(range) => range.chunk(),
            None => Chunk::plain(message.payload.bytes()),
        };
        let mut message = Event::Deliver(shown(Delivery { payload, ..message }));
        self.counters.missed_for_credit += self.plan.missed_count() as u64;
        self.router.commit(&self.plan);
        // Publishers on each shard had so much under way when they were told to wait.
        let shares = OVERLAP_SHARE * self.mesh.shard_count();
        let Shard { clients, net, plan, router, settings, counters, .. } = self;
        let limit = shares * settings.outbox_high_bytes;
        let (receivers, dropped) = deliver(now, plan, router, clients, net, limit, &mut message);
        counters.dropped_newest += dropped;
        counters.deliveries += u64::from(receivers);
        self.press_remote();
        (receivers, self.plan.has_starved() || self.has_cut || dropped > 0)
    }

    /// Copies a large payload that several want into a block of this shard, for their outboxes to refer
    /// to. A smaller one, or one for a single reader, is copied into the outboxes, so that nobody keeps
    /// a block for a few bytes; so is every one while memory is short.
    fn land(&mut self, payload: Chunk<'_>) -> Option<BlockRange> {
        let (bytes, pools) = (payload.bytes(), self.net.pools());
        if bytes.len() < LANDED_BYTES_MIN || self.plan.targets().len() < 2 {
            return None;
        }
        let fits_small = bytes.len() <= pools.small.block_bytes();
        let pool = if fits_small { &pools.small } else { &pools.large };
        if !has_reserve(pool) {
            return None;
        }
        let block = pool.take().filter(|block| block.capacity() >= bytes.len())?;
        self.counters.hop_copies += 1;
        // SAFETY: the block was just taken, nothing else refers to it.
        unsafe { block.unwritten(0, bytes.len()) }.copy_from_slice(bytes);
        Some(BlockRange::new(block, 0, bytes.len()))
    }

    /// Tells other shards that their publishers have to wait for those that were found full.
    pub(super) fn press_remote(&mut self) {
        while let Some(target) = self.to_press.pop() {
            if let Some(client) = self.clients.get_mut(target.client) {
                client.presses = true;
                self.counters.pressures += 1;
                self.router.press(&target);
            }
        }
    }

    /// Whoever waits for a client of this shard on other ones need not any more.
    pub(super) fn unpress(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && std::mem::take(&mut client.presses)
        {
            self.router.unpress(id);
        }
    }
}

/// A message that arrived, as its receivers will see it.
pub(super) fn arrived<'a>(
    parcel: &'a BlockRange,
    lent: Option<&'a BlockRange>,
    it: &Publication<'a>,
) -> Delivery<'a> {
    let (payload, tail) = match (&it.payload, lent) {
        (Payload::Inline(bytes), _) => {
            let run = it.subject.len() + it.reply.len() + it.headers.len() + bytes.len();
            let tail = Chunk::plain(run_within(parcel, it.subject, run).bytes());
            (within(parcel, bytes), Some(tail))
        }
        (Payload::Lent(..), lent) => (lent.map(BlockRange::chunk).unwrap_or_default(), None),
    };
    Delivery {
        subscription: SubscriptionId::NAME,
        subject: it.subject,
        reply: it.reply,
        headers: it.headers,
        payload,
        tail,
        sender: it.sender,
        correlation: it.correlation,
        deadline_ms: it.deadline_ms,
        flags: it.flags,
        missed: 0,
    }
}
