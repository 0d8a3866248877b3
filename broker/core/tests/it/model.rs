//! The router as it would be without any cleverness: a list of subscriptions, all of them looked at
//! for every message.

use std::collections::{BTreeMap, BTreeSet};

use coilgun_core::router::{RouterLimits, Subscription, Target};
use coilgun_protocol::model::{
    ClientId, ErrorCode, Filter, FilterToken, NamespaceId, OpenFlags, Subject, Visibility,
};

/// A client of the model.
#[derive(Clone, Debug)]
pub(crate) struct ModelClient {
    pub(crate) id: ClientId,
    pub(crate) namespace: NamespaceId,
    pub(crate) flags: OpenFlags,
    pub(crate) name: Option<String>,
    pub(crate) presence: Presence,
}

/// Whether a client of the model is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    Present,
    /// So many subscriptions still take up room.
    Leaving(usize),
    Gone,
}

/// A subscription of the model.
#[derive(Clone, Debug)]
pub(crate) struct ModelSubscription {
    pub(crate) sequence: u64,
    pub(crate) slot: usize,
    pub(crate) id: u64,
    filter: String,
    pub(crate) group: String,
    pub(crate) credit: u32,
    pub(crate) delivered: u64,
    pub(crate) deliveries_max: u32,
    missed: u32,
    visibility: Visibility,
}

/// The naive router.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) clients: Vec<ModelClient>,
    /// In the order they came.
    pub(crate) subscriptions: Vec<ModelSubscription>,
    last_sequence: u64,
}

/// What the naive router says about one message.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// The subscriptions that get it, by sequence; a client that is meant by name has none.
    pub(crate) delivered: Vec<u64>,
    /// The plain subscriptions that miss it.
    pub(crate) missed: Vec<u64>,
    /// How many groups picked a member.
    pub(crate) picks: u64,
    /// How many of them had to pass over a member for lack of credit or room.
    pub(crate) contested: u64,
}

impl Model {
    pub(crate) fn new(clients: Vec<ModelClient>) -> Model {
        Model { clients, subscriptions: Vec::new(), last_sequence: 0 }
    }

    pub(crate) fn subscribe(
        &mut self,
        slot: usize,
        wanted: &Subscription<'_>,
        limits: &RouterLimits,
    ) -> Result<(), ErrorCode> {
        let own = self.subscriptions.iter().filter(|subscription| subscription.slot == slot);
        let own_ids: Vec<u64> = own.map(|subscription| subscription.id).collect();
        if wanted.id.0 == 0 || own_ids.contains(&wanted.id.0) {
            return Err(ErrorCode::SubscriptionTaken);
        }
        let filter = Filter::parse(wanted.filter).map_err(|_| ErrorCode::InvalidFilter)?;
        if filter.tokens().next() == Some(FilterToken::Literal(b"$NAME")) {
            return Err(ErrorCode::ReservedSubject);
        }
        if wanted.group.contains(&b' ') {
            return Err(ErrorCode::InvalidQueueGroup);
        }
        let all = self.subscriptions.len() + self.leaving_count();
        if own_ids.len() >= limits.subscriptions_per_client {
            return Err(ErrorCode::TooManySubscriptions);
        }
        if all >= limits.subscriptions_per_shard {
            return Err(ErrorCode::SubscriptionsExhausted);
        }
        self.last_sequence += 1;
        self.subscriptions.push(ModelSubscription {
            sequence: self.last_sequence,
            slot,
            id: wanted.id.0,
            filter: String::from_utf8_lossy(wanted.filter).into_owned(),
            group: String::from_utf8_lossy(wanted.group).into_owned(),
            credit: wanted.credit,
            delivered: 0,
            deliveries_max: wanted.deliveries_max,
            missed: 0,
            visibility: wanted.visibility,
        });
        Ok(())
    }

    pub(crate) fn find(&mut self, slot: usize, id: u64) -> Option<&mut ModelSubscription> {
        self.subscriptions.iter_mut().find(|one| one.slot == slot && one.id == id)
    }

    pub(crate) fn leaving_count(&self) -> usize {
        let left = |client: &ModelClient| match client.presence {
            Presence::Leaving(left) => left,
            Presence::Present | Presence::Gone => 0,
        };
        self.clients.iter().map(left).sum()
    }

    /// The subscriptions that match, in the order they came.
    pub(crate) fn matching(&self, publisher: usize, subject: &str) -> Vec<&ModelSubscription> {
        let subject = Subject::parse(subject.as_bytes()).expect("the text is a subject");
        let namespace = self.clients[publisher].namespace;
        let matches = |one: &&ModelSubscription| {
            let filter = Filter::parse(one.filter.as_bytes()).expect("it was accepted");
            self.clients[one.slot].namespace == namespace && filter.matches(subject, one.visibility)
        };
        self.subscriptions.iter().filter(matches).collect()
    }

    /// Whether `targets` is what must come of this message: exactly where there is no choice, and
    /// within the rules where a queue group chooses.
    pub(crate) fn judge(
        &self,
        publisher: usize,
        subject: &str,
        full: u8,
        targets: &[Target],
        is_starved: bool,
    ) -> Result<Verdict, String> {
        let mut judge = Judge {
            model: self,
            deaf: self.clients[publisher].flags.contains(OpenFlags::NO_ECHO).then_some(publisher),
            full,
            left: targets,
            once: BTreeSet::new(),
            any_starved: false,
            verdict: Verdict::default(),
        };
        judge.name(publisher, subject)?;
        let matching = self.matching(publisher, subject);
        for one in matching.iter().filter(|one| one.group.is_empty()) {
            judge.plain(one)?;
        }
        let mut groups: BTreeMap<&str, Vec<&ModelSubscription>> = BTreeMap::new();
        for one in matching.iter().filter(|one| !one.group.is_empty()) {
            groups.entry(&one.group).or_default().push(one);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|members| members[0].sequence);
        for members in &groups {
            judge.group(members)?;
        }
        if !judge.left.is_empty() {
            return Err(format!("more targets than wanted: {:?}", judge.left));
        }
        if is_starved != (judge.any_starved && targets.is_empty()) {
            return Err(format!("starved: {is_starved}"));
        }
        Ok(judge.verdict)
    }

    /// Carries out what was found right.
    pub(crate) fn commit(&mut self, verdict: &Verdict) {
        for one in &mut self.subscriptions {
            if verdict.missed.contains(&one.sequence) {
                one.missed += 1;
            }
            if verdict.delivered.contains(&one.sequence) {
                one.delivered += 1;
                one.missed = 0;
                if one.credit != u32::MAX {
                    one.credit -= 1;
                }
            }
        }
        self.subscriptions.retain(|one| {
            one.deliveries_max == 0
                || !verdict.delivered.contains(&one.sequence)
                || one.delivered < u64::from(one.deliveries_max)
        });
    }
}

struct Judge<'a> {
    model: &'a Model,
    deaf: Option<usize>,
    full: u8,
    left: &'a [Target],
    once: BTreeSet<usize>,
    any_starved: bool,
    verdict: Verdict,
}

impl Judge<'_> {
    fn name(&mut self, publisher: usize, subject: &str) -> Result<(), String> {
        let Some(name) = subject.strip_prefix("$NAME.") else { return Ok(()) };
        let namespace = self.model.clients[publisher].namespace;
        let owner = self.model.clients.iter().position(|client| {
            client.namespace == namespace && client.name.as_deref() == Some(name)
        });
        match owner {
            Some(slot) if self.deaf != Some(slot) => {
                self.once.insert(slot);
                self.take(slot, 0, 0)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn plain(&mut self, one: &ModelSubscription) -> Result<(), String> {
        if self.deaf == Some(one.slot) {
            return Ok(());
        }
        if one.credit == 0 {
            self.any_starved = true;
            self.verdict.missed.push(one.sequence);
            return Ok(());
        }
        if self.has_it_already(one.slot) {
            return Ok(());
        }
        self.once.insert(one.slot);
        self.verdict.delivered.push(one.sequence);
        self.take(one.slot, one.id, one.missed)
    }

    fn group(&mut self, members: &[&ModelSubscription]) -> Result<(), String> {
        let hearing: Vec<_> =
            members.iter().copied().filter(|one| self.deaf != Some(one.slot)).collect();
        let with_credit: Vec<_> = hearing.iter().copied().filter(|one| one.credit > 0).collect();
        let with_room: Vec<_> =
            with_credit.iter().copied().filter(|one| self.full >> one.slot & 1 == 0).collect();
        let allowed = if with_room.is_empty() { &with_credit } else { &with_room };
        if allowed.is_empty() {
            self.any_starved |= !hearing.is_empty();
            return Ok(());
        }
        self.verdict.picks += 1;
        self.verdict.contested += u64::from(allowed.len() < hearing.len());
        let is_next = |one: &&&ModelSubscription| {
            self.left.first().is_some_and(|target| {
                target.client == self.model.clients[one.slot].id && target.subscription.0 == one.id
            })
        };
        match allowed.iter().find(is_next).copied() {
            Some(one) if !self.has_it_already(one.slot) => {
                self.once.insert(one.slot);
                self.verdict.delivered.push(one.sequence);
                self.take(one.slot, one.id, one.missed)
            }
            // The member that was picked has the message already and wants it once.
            None if allowed.iter().any(|one| self.has_it_already(one.slot)) => Ok(()),
            Some(_) | None => Err(format!("{:?} is none of {allowed:?}", self.left.first())),
        }
    }

    fn has_it_already(&self, slot: usize) -> bool {
        self.model.clients[slot].flags.contains(OpenFlags::ONCE_PER_MESSAGE)
            && self.once.contains(&slot)
    }

    fn take(&mut self, slot: usize, id: u64, missed: u32) -> Result<(), String> {
        let client = self.model.clients[slot].id;
        match self.left.split_first() {
            Some((target, rest))
                if (target.client, target.subscription.0, target.missed)
                    == (client, id, missed) =>
            {
                self.left = rest;
                Ok(())
            }
            Some(_) | None => {
                let found = self.left.first();
                Err(format!("expected {client} {id} with {missed} missed, found {found:?}"))
            }
        }
    }
}
