//! One connection, as the shard sees it, and the table of all of them.

use std::collections::BTreeMap;

use coilgun_core::router::RouteHint;
use coilgun_protocol::model::{
    ClientId, FollowId, NamespaceId, ShardId, ShardSet, SlowConsumer, Timestamp,
};

use super::answers::Answers;
use super::asking::Inquiry;
use super::denials::Denials;
use super::held::Held;
use super::naming::Entrance;
use super::protocols::AnySession;
use super::rate::Bucket;
use super::settings::GuestRule;
use super::slow::Slow;
use super::streaming::StreamWish;
use super::totals::Gathered;
use super::waits::Wait;

/// One connection with a session.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) session: AnySession,
    /// Where its previous message found its route.
    pub(super) hint: RouteHint,
    /// The router knows it.
    pub(super) is_open: bool,
    /// There is no room for it; it is told when it says who it is.
    pub(super) is_surplus: bool,
    /// It stands in the queue of those with bytes or held commands to look at.
    pub(super) is_ready: bool,
    /// The deadline of its session that the shard watches.
    pub(super) watched: Option<Timestamp>,
    /// What its next command waits for.
    pub(super) waits: Option<Wait>,
    /// Where it publishes and subscribes, once it is let in.
    pub(super) namespace: NamespaceId,
    /// Whether it is let in without saying who it is.
    pub(super) guests: GuestRule,
    /// Whether it is looked up by its name.
    pub(super) is_listed: bool,
    /// Native name under which it was found.
    pub(super) listed_as: Option<Box<[u8]>>,
    /// There are things it may not do.
    pub(super) is_restricted: bool,
    /// What it was denied.
    pub(super) denials: Denials,
    /// Until when it has to be known who it is, if that is not known at once.
    pub(super) known_by: Timestamp,
    /// How far it is on its way in.
    pub(super) entrance: Entrance,
    /// The last change of what the shard wants that it caused (law S13).
    pub(super) interest: u64,
    /// Shards it has published to since its last barrier (law S12).
    pub(super) crossed: ShardSet,
    /// Answers it is owed that wait for other shards; nothing for most.
    pub(super) answers: Option<Box<Answers>>,
    /// Counters of all shards that it asked for.
    pub(super) gathered: Option<Box<Gathered>>,
    /// What it asked all shards.
    pub(super) inquiry: Option<Box<Inquiry>>,
    /// It has a name of its own that was announced.
    pub(super) is_announced: bool,
    /// Publishers on other shards wait for it.
    pub(super) presses: bool,
    /// Commands that wait.
    pub(super) held: Option<Box<Held>>,
    /// Those who wait for room in the outbox of this one.
    pub(super) waiters: Vec<ClientId>,
    /// Until when somebody waits for it at the longest.
    pub(super) pressed_until: Option<Timestamp>,
    /// They waited in vain, and it has not caught up since.
    pub(super) lapsed: bool,
    /// What happens to messages for it that it does not read fast enough, where no subscription
    /// says it.
    pub(super) slow_consumer: SlowConsumer,
    /// What is remembered if it does not; nothing for most.
    pub(super) slow: Option<Box<Slow>>,
    /// Appends that are not answered.
    pub(super) appends_owed: u32,
    /// Its followers, each with the shard that has its partition.
    pub(super) follows: BTreeMap<FollowId, ShardId>,
    /// What it wants of a stream.
    pub(super) stream_wish: Option<StreamWish>,
    /// How far it has used its rate up.
    pub(super) bucket: Bucket,
    /// It has sent too much and is not read until then.
    pub(super) throttled_until: Option<Timestamp>,
}

impl Client {
    pub(super) fn new(
        id: ClientId,
        session: AnySession,
        slow_consumer: SlowConsumer,
        is_surplus: bool,
    ) -> Client {
        Client {
            id,
            session,
            hint: RouteHint::default(),
            is_open: false,
            is_surplus,
            is_ready: false,
            watched: None,
            waits: None,
            namespace: NamespaceId::DEFAULT,
            guests: GuestRule::default(),
            is_listed: false,
            listed_as: None,
            is_restricted: false,
            denials: Denials::default(),
            known_by: Timestamp::default(),
            entrance: Entrance::Outside,
            interest: 0,
            crossed: ShardSet::EMPTY,
            answers: None,
            gathered: None,
            inquiry: None,
            is_announced: false,
            presses: false,
            held: None,
            waiters: Vec::new(),
            pressed_until: None,
            lapsed: false,
            slow_consumer,
            slow: None,
            appends_owed: 0,
            follows: BTreeMap::new(),
            stream_wish: None,
            bucket: Bucket::default(),
            throttled_until: None,
        }
    }

    /// Whether its bytes and commands may be looked at.
    pub(super) fn may_run(&self) -> bool {
        self.waits.is_none() && self.throttled_until.is_none()
    }

    /// What is remembered of it, from now on.
    pub(super) fn slow_mut(&mut self) -> &mut Slow {
        self.slow.get_or_insert_with(Box::default)
    }
}

/// Clients by the slots that the network gave their connections.
#[derive(Debug, Default)]
pub(super) struct Clients {
    by_slot: Vec<Option<Client>>,
    len: usize,
}

impl Clients {
    /// Puts a client into its slot.
    pub(super) fn insert(&mut self, client: Client) {
        let slot = client.id.slot as usize;
        if slot >= self.by_slot.len() {
            self.by_slot.resize_with(slot + 1, || None);
        }
        let before = self.by_slot[slot].replace(client);
        assert!(before.is_none(), "a slot is used again when its client is gone");
        self.len += 1;
    }

    /// The client of this name, unless it is gone.
    #[inline]
    pub(super) fn get(&self, id: ClientId) -> Option<&Client> {
        self.by_slot.get(id.slot as usize)?.as_ref().filter(|client| client.id == id)
    }

    /// The client of this name, to change it.
    #[inline]
    pub(super) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.by_slot.get_mut(id.slot as usize)?.as_mut().filter(|client| client.id == id)
    }

    /// Takes a client out.
    pub(super) fn remove(&mut self, id: ClientId) -> Option<Client> {
        self.get(id)?;
        self.len -= 1;
        self.by_slot[id.slot as usize].take()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All of them, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.by_slot.iter().flatten()
    }

    /// All of them, by slot, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.by_slot.iter_mut().flatten()
    }
}
