//! The router does what the naive model does, whatever happens.

use std::cell::RefCell;

use coilgun_core::router::{
    ClientAttributes, Plan, Removal, RouteHint, Router, RouterLimits, Subscription,
};
use coilgun_protocol::model::{
    ClientId, ErrorCode, Filter, NamespaceId, OpenFlags, SlowConsumer, Subject, SubscriptionId,
    Visibility,
};
use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::model::{Model, ModelClient, Presence};
use crate::operations::{CLIENT_COUNT, Operation, SUBJECTS, operation};
use crate::world::SEEDS;

/// Small enough that every limit is met and that routes are forgotten all the time.
pub(crate) const TIGHT: RouterLimits = RouterLimits {
    queue_groups_per_shard: 100,
    subscriptions_per_client: 6,
    subscriptions_per_shard: 30,
    filter_bytes_per_shard: 1 << 20,
    routes_cached: 6,
    route_targets_cached: 8,
    targets_cached: 24,
};

/// What a run looked at.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Exercised {
    pub(crate) plans: u64,
    pub(crate) targets: u64,
    pub(crate) hits: u64,
    pub(crate) evictions: u64,
    pub(crate) invalidations: u64,
    pub(crate) picks: u64,
    pub(crate) contested: u64,
    pub(crate) missed: u64,
    pub(crate) starved: u64,
    pub(crate) by_name: u64,
    pub(crate) refused: u64,
    pub(crate) slices: u64,
    pub(crate) fair_rounds: u64,
}

/// A router and its model, side by side.
pub(crate) struct Trial {
    pub(crate) router: Router,
    model: Model,
    plan: Plan,
    hints: [RouteHint; CLIENT_COUNT],
    limits: RouterLimits,
    pub(crate) exercised: Exercised,
    /// Every plan as text.
    pub(crate) trace: Vec<String>,
}

impl Trial {
    pub(crate) fn new(seeds: [u64; 4], limits: RouterLimits) -> Trial {
        let mut router = Router::new(seeds, limits);
        let mut clients = Vec::new();
        for slot in 0..CLIENT_COUNT {
            let both = OpenFlags::NO_ECHO.with(OpenFlags::ONCE_PER_MESSAGE);
            let flags = match slot {
                3 => OpenFlags::NO_ECHO,
                4 => OpenFlags::ONCE_PER_MESSAGE,
                5 => both,
                _ => OpenFlags::default(),
            };
            let namespace = NamespaceId(if slot == 6 { 1 } else { 0 });
            let id = ClientId { slot: slot as u32, generation: 0 };
            router.add_client(
                id,
                ClientAttributes { namespace, flags, ..ClientAttributes::default() },
            );
            let presence = Presence::Present;
            clients.push(ModelClient { id, namespace, flags, name: None, presence });
        }
        Trial {
            router,
            model: Model::new(clients),
            plan: Plan::default(),
            hints: [RouteHint::default(); CLIENT_COUNT],
            limits,
            exercised: Exercised::default(),
            trace: Vec::new(),
        }
    }

    /// Lets it happen on both sides and compares.
    pub(crate) fn step(&mut self, operation: &Operation) -> Result<(), String> {
        self.apply(operation).map_err(|why| format!("{operation:?}: {why}"))?;
        self.router.invariants().map_err(|why| format!("{operation:?}: invariant: {why}"))?;
        let all = self.model.subscriptions.len() + self.model.leaving_count();
        same(all, self.router.counts().subscriptions)
    }

    fn apply(&mut self, operation: &Operation) -> Result<(), String> {
        match *operation {
            Operation::Churn { slot, budget } => return self.churn(slot, budget),
            Operation::Subscribe { slot, .. }
            | Operation::Unsubscribe { slot, .. }
            | Operation::AddCredit { slot, .. }
            | Operation::Name { slot, .. }
            | Operation::Publish { slot, .. }
            | Operation::Broadcast { slot, .. } => {
                if self.model.clients[slot].presence != Presence::Present {
                    return Ok(());
                }
            }
        }
        match *operation {
            Operation::Subscribe {
                slot,
                id,
                filter,
                group,
                credit,
                deliveries_max,
                visibility,
            } => {
                let id = SubscriptionId(id);
                let (filter, group) = (filter.as_bytes(), group.as_bytes());
                let slow_consumer = SlowConsumer::default();
                let wanted = Subscription {
                    id,
                    filter,
                    group,
                    credit,
                    deliveries_max,
                    visibility,
                    slow_consumer,
                };
                self.subscribe(slot, wanted)
            }
            Operation::Unsubscribe { slot, id, deliveries_max } => {
                self.unsubscribe(slot, id, deliveries_max)
            }
            Operation::AddCredit { slot, id, messages } => self.add_credit(slot, id, messages),
            Operation::Name { slot, name } => self.name(slot, name),
            Operation::Publish { slot, subject, full, commit } => {
                self.publish(slot, subject, full, commit)
            }
            Operation::Broadcast { slot, filter } => self.broadcast(slot, filter),
            Operation::Churn { .. } => Ok(()),
        }
    }

    fn subscribe(&mut self, slot: usize, wanted: Subscription<'_>) -> Result<(), String> {
        let expected = self.model.subscribe(slot, &wanted, &self.limits);
        self.exercised.refused += u64::from(expected.is_err());
        let id = self.model.clients[slot].id;
        same(expected, self.router.subscribe(id, wanted))
    }

    fn unsubscribe(&mut self, slot: usize, id: u64, deliveries_max: u32) -> Result<(), String> {
        let client = self.model.clients[slot].id;
        let found = self.router.unsubscribe(client, SubscriptionId(id), deliveries_max);
        let Some(one) = self.model.find(slot, id) else {
            return same(Err(ErrorCode::UnknownSubscription), found);
        };
        one.deliveries_max = deliveries_max;
        if one.delivered >= u64::from(deliveries_max) {
            self.model.subscriptions.retain(|one| one.slot != slot || one.id != id);
        }
        same(Ok(()), found)
    }

    fn add_credit(&mut self, slot: usize, id: u64, messages: u32) -> Result<(), String> {
        let client = self.model.clients[slot].id;
        let found = self.router.add_credit(client, SubscriptionId(id), messages);
        let Some(one) = self.model.find(slot, id) else {
            return same(Err(ErrorCode::UnknownSubscription), found);
        };
        one.credit = one.credit.saturating_add(messages);
        same(Ok(()), found)
    }

    fn name(&mut self, slot: usize, name: &'static str) -> Result<(), String> {
        let client = self.model.clients[slot].clone();
        let owner = self.model.clients.iter().find(|other| {
            other.namespace == client.namespace && other.name.as_deref() == Some(name)
        });
        let expected = match owner {
            _ if Subject::parse(name.as_bytes()).is_err() => Err(ErrorCode::InvalidName),
            Some(owner) if owner.id != client.id => Err(ErrorCode::NameTaken),
            Some(_) | None => Ok(()),
        };
        if expected.is_ok() {
            self.model.clients[slot].name = Some(name.to_owned());
        }
        same(expected, self.router.register_name(client.id, name.as_bytes()))
    }

    fn publish(
        &mut self,
        slot: usize,
        subject: &'static str,
        full: u8,
        commit: bool,
    ) -> Result<(), String> {
        let client = self.model.clients[slot].id;
        let has_room = |client: ClientId| full >> client.slot & 1 == 0;
        let text = subject.as_bytes();
        let found = self.router.plan(client, text, &mut self.hints[slot], has_room, &mut self.plan);
        if Subject::parse(text).is_err() {
            return same(Err(ErrorCode::InvalidSubject), found);
        }
        same(Ok(()), found)?;
        let (targets, is_starved) = (self.plan.targets(), self.plan.is_starved());
        self.trace.push(format!("{subject} {targets:?} {is_starved}"));
        let verdict = self.model.judge(slot, subject, full, targets, is_starved)?;
        self.exercised.plans += 1;
        self.exercised.targets += targets.len() as u64;
        self.exercised.picks += verdict.picks;
        self.exercised.contested += verdict.contested;
        self.exercised.starved += u64::from(is_starved);
        self.exercised.missed += targets.iter().filter(|target| target.missed > 0).count() as u64;
        let by_name = targets.iter().filter(|target| target.subscription == SubscriptionId::NAME);
        self.exercised.by_name += by_name.count() as u64;
        if commit {
            self.router.commit(&self.plan);
            self.model.commit(&verdict);
        }
        Ok(())
    }

    fn broadcast(&mut self, slot: usize, filter: &'static str) -> Result<(), String> {
        let sender = self.model.clients[slot].clone();
        let found = self.router.plan_broadcast(sender.id, filter.as_bytes(), &mut self.plan);
        let Ok(filter) = Filter::parse(filter.as_bytes()) else {
            return same(Err(ErrorCode::InvalidFilter), found);
        };
        same(Ok(()), found)?;
        let deaf = sender.flags.contains(OpenFlags::NO_ECHO);
        let mut named: Vec<(&str, ClientId)> = Vec::new();
        for client in &self.model.clients {
            let Some(name) = &client.name else { continue };
            let subject = Subject::parse(name.as_bytes()).map_err(|why| why.to_string())?;
            let is_meant = client.namespace == sender.namespace
                && filter.matches(subject, Visibility::ALL)
                && !(deaf && client.id == sender.id);
            if is_meant {
                named.push((name, client.id));
            }
        }
        named.sort();
        let expected: Vec<ClientId> = named.into_iter().map(|(_, client)| client).collect();
        let found: Vec<ClientId> = self.plan.targets().iter().map(|one| one.client).collect();
        self.router.commit(&self.plan);
        same(expected, found)
    }

    fn churn(&mut self, slot: usize, budget: usize) -> Result<(), String> {
        let client = &mut self.model.clients[slot];
        let left = match client.presence {
            Presence::Gone => {
                client.id.generation += 1;
                client.presence = Presence::Present;
                let ModelClient { namespace, flags, .. } = *client;
                self.router.add_client(
                    client.id,
                    ClientAttributes { namespace, flags, ..ClientAttributes::default() },
                );
                return Ok(());
            }
            Presence::Leaving(left) => left,
            Presence::Present => {
                client.name = None;
                let before = self.model.subscriptions.len();
                self.model.subscriptions.retain(|one| one.slot != slot);
                before - self.model.subscriptions.len()
            }
        };
        self.exercised.slices += 1;
        let left = left.saturating_sub(budget.max(1));
        let client = &mut self.model.clients[slot];
        client.presence = if left > 0 { Presence::Leaving(left) } else { Presence::Gone };
        let expected = if left > 0 { Removal::More } else { Removal::Done };
        same(expected, self.router.remove_client(client.id, budget))
    }

    /// Ends what would end by itself and lets the rest receive without limit, so that publishing
    /// changes nothing any more but turns.
    fn calm_down(&mut self) -> Result<(), String> {
        for one in self.model.subscriptions.clone() {
            let wants_once =
                self.model.clients[one.slot].flags.contains(OpenFlags::ONCE_PER_MESSAGE);
            if one.deliveries_max > 0 || wants_once {
                self.unsubscribe(one.slot, one.id, 0)?;
            } else {
                self.add_credit(one.slot, one.id, u32::MAX)?;
            }
        }
        Ok(())
    }

    /// While nothing changes, a queue group picks each of its members once before it picks any of
    /// them again.
    fn fair_round(&mut self, subject: &'static str) -> Result<(), String> {
        let is_there = |slot: &usize| self.model.clients[*slot].presence == Presence::Present;
        let Some(publisher) = (0..3).find(is_there) else { return Ok(()) };
        let matching = self.model.matching(publisher, subject);
        let members = |group| matching.iter().filter(move |one| one.group == group);
        let Some(group) = ["g", "h"].into_iter().find(|group| members(*group).count() > 1) else {
            return Ok(());
        };
        let mut expected: Vec<_> = members(group).map(|one| (one.slot, one.id)).collect();
        let mut picked = Vec::new();
        for _ in 0..expected.len() {
            self.publish(publisher, subject, 0, true)?;
            let targets = self.plan.targets().iter();
            let targets = targets.map(|one| (one.client.slot as usize, one.subscription.0));
            picked.extend(targets.filter(|one| expected.contains(one)));
        }
        picked.sort_unstable();
        expected.sort_unstable();
        self.exercised.fair_rounds += 1;
        same(expected, picked)
    }

    /// All of it.
    pub(crate) fn run(&mut self, operations: &[Operation]) -> Result<(), String> {
        for operation in operations {
            self.step(operation)?;
        }
        self.calm_down()?;
        for subject in SUBJECTS {
            self.fair_round(subject)?;
        }
        self.exercised.hits = self.router.counts().cache_hits;
        self.exercised.evictions = self.router.counts().cache_evictions;
        self.exercised.invalidations = self.router.counts().cache_invalidations;
        Ok(())
    }
}

fn same<T: PartialEq + core::fmt::Debug>(expected: T, found: T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}

/// Runs `cases` random histories; the same ones each time.
pub(crate) fn run_histories(cases: u32, shrink: bool) -> Result<Exercised, String> {
    let max_shrink_iters = if shrink { 10_000 } else { 0 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let total = RefCell::new(Exercised::default());
    let found = TestRunner::new_with_rng(config, rng).run(&vec(operation(), 1..400), |history| {
        let mut trial = Trial::new(SEEDS, TIGHT);
        trial.run(&history).map_err(TestCaseError::fail)?;
        total.borrow_mut().add(&trial.exercised);
        Ok(())
    });
    found.map_err(|why| why.to_string())?;
    Ok(total.into_inner())
}

impl Exercised {
    fn add(&mut self, more: &Exercised) {
        self.plans += more.plans;
        self.targets += more.targets;
        self.hits += more.hits;
        self.evictions += more.evictions;
        self.invalidations += more.invalidations;
        self.picks += more.picks;
        self.contested += more.contested;
        self.missed += more.missed;
        self.starved += more.starved;
        self.by_name += more.by_name;
        self.refused += more.refused;
        self.slices += more.slices;
        self.fair_rounds += more.fair_rounds;
    }
}

#[test]
fn the_router_agrees_with_the_naive_model() {
    let exercised = run_histories(600, true).unwrap_or_else(|why| panic!("{why}"));
    println!("{exercised:?}");
    for (what, count, minimum) in [
        ("plans", exercised.plans, 20_000),
        ("targets", exercised.targets, 20_000),
        ("cache hits", exercised.hits, 2_000),
        ("evictions", exercised.evictions, 2_000),
        ("invalidations", exercised.invalidations, 500),
        ("group picks", exercised.picks, 5_000),
        ("picks that passed over somebody", exercised.contested, 500),
        ("targets that missed something", exercised.missed, 200),
        ("starved plans", exercised.starved, 500),
        ("targets by name", exercised.by_name, 200),
        ("refused subscriptions", exercised.refused, 1_000),
        ("slices of removals", exercised.slices, 500),
        ("fair rounds", exercised.fair_rounds, 200),
    ] {
        assert!(count >= minimum, "{what}: {count} of at least {minimum}");
    }
}
