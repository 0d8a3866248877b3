//! Routers that hear of each other late, compared with the naive model of all of them as one: exactly
//! when everything has arrived, and within the promises while it is under way.

use std::collections::BTreeSet;

use coilgun_core::router::{
    ClientAttributes, Removal, RouteHint, RouterLimits, Subscription, arbiter_of,
};
use coilgun_protocol::model::{ClientId, NamespaceId, OpenFlags, SlowConsumer, SubscriptionId};

use crate::mesh::{Mesh, shard};
use crate::mesh_checks::ensure;
use crate::mesh_operations::{CLIENTS_PER_SHARD, MESH_SUBJECTS, MeshOperation};
use crate::model::{Model, ModelClient, Presence};
use crate::property::TIGHT;

/// What a run looked at.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct MeshExercised {
    pub(crate) messages: u64,
    pub(crate) exact: u64,
    pub(crate) deliveries: u64,
    pub(crate) across: u64,
    pub(crate) group_deliveries: u64,
    pub(crate) bounces: u64,
    pub(crate) by_name: u64,
    pub(crate) names_taken: u64,
    pub(crate) presses: u64,
}

/// A message whose deliveries are followed.
#[derive(Clone, Default, Debug)]
pub(crate) struct Followed {
    pub(crate) publisher: usize,
    pub(crate) subject: String,
    /// Subscriptions everybody knew of when it was published, by sequence.
    pub(crate) known: BTreeSet<u64>,
    /// Subscriptions that got it, by sequence.
    pub(crate) delivered: Vec<u64>,
    /// Queue groups that got it.
    pub(crate) groups: Vec<String>,
    /// Clients that got it by name.
    pub(crate) by_name: Vec<usize>,
}

/// Routers and the model, side by side.
pub(crate) struct MeshTrial {
    pub(crate) mesh: Mesh,
    /// All shards as one; its slots are the clients of all shards.
    pub(crate) model: Model,
    /// The subscriptions every shard has heard of.
    pub(crate) known: BTreeSet<u64>,
    hints: Vec<RouteHint>,
    pub(crate) followed: Vec<Followed>,
    pub(crate) exercised: MeshExercised,
}

impl MeshTrial {
    pub(crate) fn new(shard_count: usize) -> MeshTrial {
        let limits = RouterLimits { subscriptions_per_shard: 1000, ..TIGHT };
        let mut mesh = Mesh::empty(shard_count, limits);
        let mut clients = Vec::new();
        for number in 0..shard_count {
            for slot in 0..CLIENTS_PER_SHARD {
                let flags = if slot == 1 { OpenFlags::NO_ECHO } else { OpenFlags::default() };
                // One shard has a namespace that nobody else is in.
                let is_apart = slot == 2 && number == 0;
                let namespace = NamespaceId(u16::from(is_apart));
                let id = ClientId { slot: slot as u32, generation: 0 };
                mesh.routers[number].add_client(
                    id,
                    ClientAttributes { namespace, flags, ..ClientAttributes::default() },
                );
                let presence = Presence::Present;
                clients.push(ModelClient { id, namespace, flags, name: None, presence });
            }
        }
        MeshTrial {
            hints: vec![RouteHint::default(); clients.len()],
            mesh,
            model: Model::new(clients),
            known: BTreeSet::new(),
            followed: Vec::new(),
            exercised: MeshExercised::default(),
        }
    }

    fn step(&mut self, operation: &MeshOperation) -> Result<(), String> {
        self.apply(operation).map_err(|why| format!("{operation:?}: {why}"))?;
        for (number, router) in self.mesh.routers.iter().enumerate() {
            router.invariants().map_err(|why| format!("{operation:?}: shard {number}: {why}"))?;
        }
        Ok(())
    }

    fn apply(&mut self, operation: &MeshOperation) -> Result<(), String> {
        let (clients, shards) = (self.model.clients.len(), self.mesh.routers.len());
        match *operation {
            MeshOperation::Subscribe { client, .. } => {
                if let Some(client) = present(&self.model, client) {
                    self.subscribe(client, operation);
                }
            }
            MeshOperation::Unsubscribe { client, id } => {
                if let Some(client) = present(&self.model, client) {
                    self.unsubscribe(client, id);
                }
            }
            MeshOperation::AddCredit { client, id } => {
                if let Some(client) = present(&self.model, client)
                    && let Some(one) = self.model.find(client, id)
                {
                    one.credit = one.credit.saturating_add(2);
                    let (number, from) = self.place(client);
                    let added = self.mesh.routers[number].add_credit(from, SubscriptionId(id), 2);
                    assert_eq!(added, Ok(()));
                }
            }
            MeshOperation::Name { client, name } => {
                if let Some(client) = present(&self.model, client) {
                    return self.name(client, name);
                }
            }
            MeshOperation::Churn { client, budget } => self.churn(client % clients, budget),
            MeshOperation::Press { client, subject } => {
                if let Some(client) = present(&self.model, client) {
                    self.press(client, subject);
                }
            }
            MeshOperation::Unpress { client } => {
                if let Some(client) = present(&self.model, client) {
                    let (number, from) = self.place(client);
                    self.mesh.routers[number].unpress(from);
                }
            }
            MeshOperation::Publish { client, subject } => {
                if let Some(client) = present(&self.model, client) {
                    return self.publish(client, subject).map(|_| ());
                }
            }
            MeshOperation::Announce { shard, count } => {
                for _ in 0..count {
                    self.mesh.announce(shard % shards);
                }
            }
            MeshOperation::Carry { from, to, count } => {
                for _ in 0..count {
                    self.mesh.carry(from % shards, to % shards);
                    self.take_deliveries()?;
                }
            }
            MeshOperation::Settle { client, subject, broadcast } => {
                self.settle()?;
                if let Some(client) = present(&self.model, client) {
                    self.publish_exactly(client, subject)?;
                    self.broadcast_exactly(client, broadcast)?;
                }
            }
        }
        Ok(())
    }

    /// The shard of a client, and what it is there.
    pub(crate) fn place(&self, client: usize) -> (usize, ClientId) {
        (client / CLIENTS_PER_SHARD, self.model.clients[client].id)
    }

    fn subscribe(&mut self, client: usize, operation: &MeshOperation) {
        let MeshOperation::Subscribe {
            id, filter, group, credit, deliveries_max, visibility, ..
        } = *operation
        else {
            return;
        };
        let wanted = Subscription {
            id: SubscriptionId(id),
            filter: filter.as_bytes(),
            group: group.as_bytes(),
            credit,
            deliveries_max,
            visibility,
            slow_consumer: SlowConsumer::default(),
        };
        let limits = RouterLimits { subscriptions_per_shard: 1000, ..TIGHT };
        let expected = self.model.subscribe(client, &wanted, &limits);
        let (number, from) = self.place(client);
        assert_eq!(self.mesh.routers[number].subscribe(from, wanted), expected);
    }

    fn unsubscribe(&mut self, client: usize, id: u64) {
        let (number, from) = self.place(client);
        let ended = self.mesh.routers[number].unsubscribe(from, SubscriptionId(id), 0);
        assert_eq!(ended.is_ok(), self.model.find(client, id).is_some());
        self.model.subscriptions.retain(|one| (one.slot, one.id) != (client, id));
    }

    fn name(&mut self, client: usize, name: &'static str) -> Result<(), String> {
        let (number, from) = self.place(client);
        let namespace = self.model.clients[client].namespace;
        if self.model.clients[client].name.as_deref() == Some(name) {
            return Ok(());
        }
        let arbiter = arbiter_of(namespace, name.as_bytes(), self.mesh.routers.len()).index();
        // Asking the arbiter takes no time here; that a name is free does.
        let claimed =
            self.mesh.routers[arbiter].claim_name(namespace, name.as_bytes(), shard(number));
        let has_owner = self
            .model
            .clients
            .iter()
            .any(|other| other.namespace == namespace && other.name.as_deref() == Some(name));
        if claimed.is_err() {
            self.exercised.names_taken += 1;
            return Ok(());
        }
        ensure(!has_owner, || format!("{name} has two owners"))?;
        self.model.clients[client].name = Some(name.to_owned());
        let named = self.mesh.routers[number].register_name(from, name.as_bytes());
        ensure(named == Ok(()), || format!("{name}: {named:?}"))
    }

    fn churn(&mut self, client: usize, budget: usize) {
        let (number, mut from) = self.place(client);
        match self.model.clients[client].presence {
            Presence::Gone => {
                from.generation += 1;
                let back = &mut self.model.clients[client];
                back.id = from;
                back.presence = Presence::Present;
                let ModelClient { namespace, flags, .. } = *back;
                let attributes =
                    ClientAttributes { namespace, flags, ..ClientAttributes::default() };
                self.mesh.routers[number].add_client(from, attributes);
                return;
            }
            Presence::Present | Presence::Leaving(_) => {}
        }
        self.model.subscriptions.retain(|one| one.slot != client);
        let leaver = &mut self.model.clients[client];
        leaver.name = None;
        leaver.presence = match self.mesh.routers[number].remove_client(from, budget) {
            Removal::Done => Presence::Gone,
            Removal::More => Presence::Leaving(0),
        };
    }

    /// Lets the publishers of other shards wait for those of the client's own shard who would get
    /// this.
    fn press(&mut self, client: usize, subject: &'static str) {
        let (number, from) = self.place(client);
        let Mesh { routers, plan, .. } = &mut self.mesh;
        let hint = &mut RouteHint::default();
        let planned = routers[number].plan(from, subject.as_bytes(), hint, |_| true, plan);
        assert_eq!(planned, Ok(()));
        let targets = plan.targets().to_vec();
        for target in &targets {
            routers[number].press(target);
        }
        self.exercised.presses += targets.len() as u64;
    }

    /// Publishes; returns the place among the messages that are followed.
    pub(crate) fn publish(
        &mut self,
        client: usize,
        subject: &'static str,
    ) -> Result<usize, String> {
        let (number, from) = self.place(client);
        let namespace = self.model.clients[client].namespace;
        self.followed.push(Followed {
            publisher: client,
            subject: subject.to_owned(),
            known: self.known.clone(),
            ..Followed::default()
        });
        self.exercised.messages += 1;
        let hint = &mut self.hints[client];
        let ticket = self.mesh.publish(number, from, namespace, subject, hint);
        assert_eq!(ticket, self.followed.len() - 1);
        self.take_deliveries()?;
        Ok(ticket)
    }

    /// When all clients are gone and everybody has heard, nothing is left of what they wanted.
    fn leave_nothing(&mut self) -> Result<(), String> {
        for client in 0..self.model.clients.len() {
            let (number, from) = self.place(client);
            // Ends because each slice takes a subscription at least.
            while self.mesh.routers[number].remove_client(from, 3) == Removal::More {}
        }
        self.mesh.settle();
        for (number, router) in self.mesh.routers.iter().enumerate() {
            let counts = router.counts();
            let left = (counts.records, counts.remote_interest, counts.names, counts.clients);
            ensure(left == (0, 0, 0, 0), || format!("shard {number} keeps {counts:?}"))?;
            // One root for each namespace.
            ensure(counts.trie_nodes <= 2, || format!("shard {number} keeps {counts:?}"))?;
            router.invariants()?;
        }
        Ok(())
    }

    /// All of it, and then every subject from every shard.
    pub(crate) fn run(&mut self, operations: &[MeshOperation]) -> Result<(), String> {
        for operation in operations {
            self.step(operation)?;
        }
        self.settle()?;
        for number in 0..self.mesh.routers.len() {
            let all = number * CLIENTS_PER_SHARD..(number + 1) * CLIENTS_PER_SHARD;
            let is_there =
                |client: &usize| self.model.clients[*client].presence == Presence::Present;
            let Some(client) = all.into_iter().find(is_there) else { continue };
            for subject in MESH_SUBJECTS {
                self.publish_exactly(client, subject)?;
            }
        }
        self.leave_nothing()
    }
}

/// The client of this number, if it is there.
fn present(model: &Model, client: usize) -> Option<usize> {
    let client = client % model.clients.len();
    (model.clients[client].presence == Presence::Present).then_some(client)
}
