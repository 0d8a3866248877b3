//! Routers of several shards, and what is under way between them: one queue for each ordered pair,
//! nothing overtakes anything in it, and it is emptied when a test says so.

use std::collections::VecDeque;

use coilgun_core::router::{
    Arrival, ClientAttributes, GroupNames, Interest, Plan, RouteHint, Router, RouterLimits, Target,
    Wanted,
};
use coilgun_protocol::model::{ClientId, NamespaceId, OpenFlags, ShardId, ShardSet, Visibility};

use crate::world::{SEEDS, client};

/// What is under way from one shard to another.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Interest {
        namespace: NamespaceId,
        wanted: OwnWanted,
        count: u32,
        is_pressed: bool,
    },
    /// A message for its plain targets or not, which may have it already, and for these queue groups.
    Message {
        ticket: usize,
        is_plain: bool,
        plain_went: bool,
        groups: Vec<u8>,
    },
    Broadcast {
        ticket: usize,
    },
    Bounce {
        ticket: usize,
        group: Vec<u8>,
    },
    FreedName {
        namespace: NamespaceId,
        name: Vec<u8>,
    },
}

/// What an announcement says, in its own memory.
#[derive(Clone, Debug)]
pub(crate) enum OwnWanted {
    Filter { filter: Vec<u8>, visibility: Visibility, group: Vec<u8> },
    Name(Vec<u8>),
}

/// A message of a client, until all is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) home: usize,
    pub(crate) publisher: ClientId,
    pub(crate) namespace: NamespaceId,
    /// The subject; for a broadcast the filter of names.
    pub(crate) subject: String,
    /// Which shards had nobody of a queue group.
    tried: Vec<(Vec<u8>, ShardSet)>,
}

/// What a shard's clients get of one message.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) ticket: usize,
    pub(crate) shard: usize,
    pub(crate) targets: Vec<Target>,
}

/// The shards.
pub(crate) struct Mesh {
    pub(crate) routers: Vec<Router>,
    pub(crate) plan: Plan,
    hints: Vec<RouteHint>,
    under_way: Vec<VecDeque<Parcel>>,
    pub(crate) messages: Vec<Message>,
    /// What was delivered since somebody looked.
    pub(crate) delivered: Vec<Delivered>,
    pub(crate) bounces: u64,
}

pub(crate) fn shard(number: usize) -> ShardId {
    ShardId::new(number)
}

impl Mesh {
    /// Shards without clients.
    pub(crate) fn empty(count: usize, limits: RouterLimits) -> Mesh {
        let router = |number| {
            let mut router = Router::new(SEEDS, limits);
            router.join_mesh(shard(number), count);
            router
        };
        Mesh {
            routers: (0..count).map(router).collect(),
            plan: Plan::default(),
            hints: vec![RouteHint::default(); count],
            under_way: vec![VecDeque::new(); count * count],
            messages: Vec::new(),
            delivered: Vec::new(),
            bounces: 0,
        }
    }

    /// Shards with `clients` clients each, in the default namespace.
    pub(crate) fn new(count: usize, clients: u32) -> Mesh {
        let mut mesh = Mesh::empty(count, RouterLimits::default());
        for number in 0..count {
            for slot in 0..clients {
                mesh.add(number, slot, OpenFlags::default());
            }
        }
        mesh
    }

    /// Adds a client to the default namespace of a shard.
    pub(crate) fn add(&mut self, number: usize, slot: u32, flags: OpenFlags) {
        let attributes = ClientAttributes { flags, ..ClientAttributes::default() };
        self.routers[number].add_client(client(slot), attributes);
    }

    /// Announces the oldest change of a shard, and the names its clients gave up. Says whether there
    /// was any.
    pub(crate) fn announce(&mut self, from: usize) -> bool {
        let count = self.routers.len();
        while let Some((namespace, name)) = self.routers[from].next_freed_name() {
            let arbiter = coilgun_core::router::arbiter_of(namespace, &name, count).index();
            if arbiter == from {
                self.routers[from].release_claim(namespace, &name, shard(from));
            } else {
                self.push(from, arbiter, Parcel::FreedName { namespace, name: name.into_vec() });
            }
        }
        let Some(interest) = self.routers[from].next_interest() else { return false };
        let Interest { namespace, count: members, is_pressed, .. } = interest;
        let wanted = match interest.wanted {
            Wanted::Filter { filter, visibility, group } => {
                let (filter, group) = (filter.to_vec(), group.to_vec());
                OwnWanted::Filter { filter, visibility, group }
            }
            Wanted::Name(name) => OwnWanted::Name(name.to_vec()),
        };
        let before = self.routers[from].interest_sequence();
        let number = self.routers[from].interest_announced();
        assert!(number >= 1 && number <= before, "{number} of {before}");
        assert_eq!(self.routers[from].interest_sequence(), before);
        for to in (0..count).filter(|to| *to != from) {
            let wanted = wanted.clone();
            self.push(from, to, Parcel::Interest { namespace, wanted, count: members, is_pressed });
        }
        true
    }

    fn push(&mut self, from: usize, to: usize, parcel: Parcel) {
        let count = self.routers.len();
        self.under_way[from * count + to].push_back(parcel);
    }

    /// Publishes; what other shards deliver comes later. Returns the message's number.
    pub(crate) fn publish(
        &mut self,
        home: usize,
        publisher: ClientId,
        namespace: NamespaceId,
        subject: &str,
        hint: &mut RouteHint,
    ) -> usize {
        let Mesh { routers, plan, .. } = self;
        let planned = routers[home].plan(publisher, subject.as_bytes(), hint, |_| true, plan);
        assert_eq!(planned, Ok(()));
        self.enter(home, publisher, namespace, subject);
        self.carry_out(home);
        for to in self.plan.shards().iter() {
            let mut groups = Vec::new();
            for pick in self.plan.group_picks().iter().filter(|pick| pick.shard == to) {
                GroupNames::push(&mut groups, self.routers[home].group_name(pick));
            }
            let is_plain = self.plan.plain_shards().contains(to);
            let ticket = self.messages.len() - 1;
            let plain_went = false;
            self.push(home, to.index(), Parcel::Message { ticket, is_plain, plain_went, groups });
        }
        self.messages.len() - 1
    }

    /// Broadcasts to the clients whose name matches.
    pub(crate) fn broadcast(
        &mut self,
        home: usize,
        publisher: ClientId,
        namespace: NamespaceId,
        filter: &str,
    ) -> usize {
        let Mesh { routers, plan, .. } = self;
        let planned = routers[home].plan_broadcast(publisher, filter.as_bytes(), plan);
        assert_eq!(planned, Ok(()));
        self.enter(home, publisher, namespace, filter);
        self.carry_out(home);
        for to in self.plan.plain_shards().iter() {
            let ticket = self.messages.len() - 1;
            self.push(home, to.index(), Parcel::Broadcast { ticket });
        }
        self.messages.len() - 1
    }

    fn enter(&mut self, home: usize, publisher: ClientId, namespace: NamespaceId, subject: &str) {
        let (subject, tried) = (subject.to_owned(), Vec::new());
        self.messages.push(Message { home, publisher, namespace, subject, tried });
    }

    fn carry_out(&mut self, number: usize) {
        self.carry_out_of(number, self.messages.len() - 1);
    }

    fn carry_out_of(&mut self, number: usize, ticket: usize) {
        self.routers[number].commit(&self.plan);
        let targets = self.plan.targets().to_vec();
        self.delivered.push(Delivered { ticket, shard: number, targets });
    }

    /// Lets the oldest parcel arrive. Says whether there was any.
    pub(crate) fn carry(&mut self, from: usize, to: usize) -> bool {
        let place = from * self.routers.len() + to;
        let Some(parcel) = self.under_way[place].pop_front() else { return false };
        match parcel {
            Parcel::Interest { namespace, wanted, count, is_pressed } => {
                let wanted = match &wanted {
                    OwnWanted::Filter { filter, visibility, group } => {
                        Wanted::Filter { filter, visibility: *visibility, group }
                    }
                    OwnWanted::Name(name) => Wanted::Name(name),
                };
                let interest = Interest { namespace, wanted, count, is_pressed };
                assert_eq!(self.routers[to].apply_interest(shard(from), &interest), Ok(()));
            }
            Parcel::Message { ticket, is_plain, plain_went, groups } => {
                self.arrive(to, ticket, (is_plain, plain_went), &groups);
            }
            Parcel::Broadcast { ticket } => {
                let Message { namespace, subject, .. } = self.messages[ticket].clone();
                let Mesh { routers, plan, .. } = self;
                let filter = subject.as_bytes();
                let planned = routers[to].plan_arrived_broadcast(namespace, filter, plan);
                assert_eq!(planned, Ok(()));
                self.carry_out_of(to, ticket);
            }
            Parcel::Bounce { ticket, group } => self.bounce(from, to, ticket, group),
            Parcel::FreedName { namespace, name } => {
                self.routers[to].release_claim(namespace, &name, shard(from));
            }
        }
        true
    }

    fn arrive(
        &mut self,
        to: usize,
        ticket: usize,
        (is_plain, plain_went): (bool, bool),
        groups: &[u8],
    ) {
        let Message { home, namespace, subject, .. } = self.messages[ticket].clone();
        let groups = GroupNames::new(groups);
        let subject = subject.as_bytes();
        let (only_to, kept) = (None, groups.clone());
        let arrival = Arrival { namespace, subject, is_plain, plain_went, only_to, groups };
        let Mesh { routers, plan, hints, .. } = self;
        let planned = routers[to].plan_arrival(&arrival, &mut hints[to], |_| true, plan);
        assert_eq!(planned, Ok(()));
        assert!(plan.shards().is_empty(), "nothing goes further");
        let bounced: Vec<Vec<u8>> = (0u16..)
            .zip(kept)
            .filter(|(place, _)| self.plan.bounced().contains(place))
            .map(|(_, name)| name.to_vec())
            .collect();
        assert_eq!(bounced.len(), self.plan.bounced().len());
        self.carry_out_of(to, ticket);
        for group in bounced {
            self.push(to, home, Parcel::Bounce { ticket, group });
        }
    }

    fn bounce(&mut self, from: usize, home: usize, ticket: usize, group: Vec<u8>) {
        self.bounces += 1;
        let message = &mut self.messages[ticket];
        let place = message.tried.iter().position(|(name, _)| *name == group);
        let place = place.unwrap_or_else(|| {
            message.tried.push((group.clone(), ShardSet::EMPTY));
            message.tried.len() - 1
        });
        message.tried[place].1.insert(shard(from));
        let tried = message.tried[place].1;
        let Message { publisher, namespace, subject, .. } = message.clone();
        let subject = subject.as_bytes();
        let Mesh { routers, plan, .. } = self;
        let planned = routers[home].plan_bounced(
            publisher,
            namespace,
            subject,
            &group,
            tried,
            |_| true,
            plan,
        );
        assert_eq!(planned, Ok(()));
        assert!(plan.targets().len() + plan.group_picks().len() <= 1, "one of the group");
        assert!(plan.plain_shards().is_empty());
        assert!(plan.shards().intersection(tried).is_empty(), "nobody is tried twice");
        self.carry_out_of(home, ticket);
        if let Some(pick) = self.plan.group_picks().first().copied() {
            let mut groups = Vec::new();
            GroupNames::push(&mut groups, self.routers[home].group_name(&pick));
            let (is_plain, plain_went) = (false, self.plan.went_plainly(pick.shard));
            let onward = Parcel::Message { ticket, is_plain, plain_went, groups };
            self.push(home, pick.shard.index(), onward);
        }
    }

    /// Lets everything be announced and arrive.
    pub(crate) fn settle(&mut self) {
        let count = self.routers.len();
        // Ends because what is under way causes nothing but deliveries and bounces, and a message
        // bounces once from each shard; deliveries end subscriptions, of which there are only so many.
        loop {
            let mut any = false;
            for number in 0..count {
                any |= self.announce(number);
            }
            for place in 0..count * count {
                any |= self.carry(place / count, place % count);
            }
            if !any {
                return;
            }
        }
    }

    /// Lets everything arrive, publishes, and lets that arrive. Returns shard, slot and number of the
    /// subscription of each delivery, in order.
    pub(crate) fn publish_settled(
        &mut self,
        home: usize,
        slot: u32,
        subject: &str,
    ) -> Vec<(usize, u32, u64)> {
        self.settle();
        self.delivered.clear();
        let namespace = NamespaceId::DEFAULT;
        self.publish(home, client(slot), namespace, subject, &mut RouteHint::default());
        self.settle();
        self.taken()
    }

    /// What was delivered since somebody looked: shard, slot and number of the subscription.
    pub(crate) fn taken(&mut self) -> Vec<(usize, u32, u64)> {
        for router in &self.routers {
            assert_eq!(router.invariants(), Ok(()));
        }
        let short = |one: &Delivered| {
            let number = one.shard;
            let targets = one.targets.clone().into_iter();
            targets.map(move |target| (number, target.client.slot, target.subscription.0))
        };
        let mut all: Vec<_> = self.delivered.iter().flat_map(short).collect();
        self.delivered.clear();
        all.sort_unstable();
        all
    }
}

#[test]
fn s15_where_nobody_was_ever_everything_bounces() {
    let mut mesh = Mesh::new(2, 1);
    let mut names = Vec::new();
    GroupNames::push(&mut names, b"g");
    GroupNames::push(&mut names, b"h");
    let Mesh { routers, plan, .. } = &mut mesh;
    let mut arrive = |namespace: u16, subject: &str| {
        let (namespace, subject) = (NamespaceId(namespace), subject.as_bytes());
        let groups = GroupNames::new(&names);
        let (is_plain, plain_went, only_to) = (true, false, None);
        let arrival = Arrival { namespace, subject, is_plain, plain_went, only_to, groups };
        let hint = &mut RouteHint::default();
        let planned = routers[1].plan_arrival(&arrival, hint, |_| true, plan);
        routers[1].commit(plan);
        (planned, plan.targets().len(), plan.bounced().to_vec())
    };
    for namespace in [0, 9] {
        assert_eq!(arrive(namespace, "a"), (Ok(()), 0, vec![0, 1]));
        let refused = Err(coilgun_protocol::model::ErrorCode::InvalidSubject);
        assert_eq!(arrive(namespace, "a.*"), (refused, 0, vec![]));
    }
    let Mesh { routers, plan, .. } = &mut mesh;
    assert_eq!(routers[1].plan_arrived_broadcast(NamespaceId(9), b">", plan), Ok(()));
    assert!(plan.targets().is_empty());
}
