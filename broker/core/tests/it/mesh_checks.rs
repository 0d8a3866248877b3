//! What several shards deliver, compared with the naive model of all of them as one.

use std::collections::{BTreeMap, BTreeSet};

use coilgun_protocol::model::{Filter, OpenFlags, Subject, SubscriptionId, Visibility};

use crate::mesh_operations::CLIENTS_PER_SHARD;
use crate::mesh_trial::{Followed, MeshTrial};
use crate::model::{ModelClient, Verdict};

impl MeshTrial {
    /// Compares what was delivered with the model, and lets the model take its credit.
    pub(crate) fn take_deliveries(&mut self) -> Result<(), String> {
        for delivered in core::mem::take(&mut self.mesh.delivered) {
            let message = &mut self.followed[delivered.ticket];
            self.exercised.deliveries += delivered.targets.len() as u64;
            let mut verdict = Verdict::default();
            for target in &delivered.targets {
                let client = delivered.shard * CLIENTS_PER_SHARD + target.client.slot as usize;
                let is_across = delivered.shard != message.publisher / CLIENTS_PER_SHARD;
                self.exercised.across += u64::from(is_across);
                if target.subscription == SubscriptionId::NAME {
                    ensure(!message.by_name.contains(&client), || "twice by name".to_owned())?;
                    message.by_name.push(client);
                    self.exercised.by_name += 1;
                    continue;
                }
                let matching = self.model.matching(message.publisher, &message.subject);
                let one = matching.iter().find(|one| {
                    one.slot == client
                        && one.id == target.subscription.0
                        && one.credit > 0
                        && self.model.clients[client].id == target.client
                });
                let one = one.ok_or_else(|| format!("nobody wants {target:?}"))?;
                let is_new = !message.delivered.contains(&one.sequence)
                    && (one.group.is_empty() || !message.groups.contains(&one.group));
                ensure(is_new, || format!("{message:?} twice to {one:?}"))?;
                message.delivered.push(one.sequence);
                if !one.group.is_empty() {
                    message.groups.push(one.group.clone());
                    self.exercised.group_deliveries += 1;
                }
                verdict.delivered.push(one.sequence);
            }
            self.model.commit(&verdict);
        }
        Ok(())
    }

    /// Lets everything arrive. Who was known throughout and could have a message has it then.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        // Ends like `Mesh::settle`; deliveries are looked at after each round.
        self.mesh.settle();
        self.take_deliveries()?;
        for message in &self.followed {
            let is_deaf = |client: usize| {
                client == message.publisher
                    && self.model.clients[client].flags.contains(OpenFlags::NO_ECHO)
            };
            for one in self.model.matching(message.publisher, &message.subject) {
                let is_sure = message.known.contains(&one.sequence)
                    && one.credit == u32::MAX
                    && !is_deaf(one.slot);
                let has_it = if one.group.is_empty() {
                    message.delivered.contains(&one.sequence)
                } else {
                    message.groups.contains(&one.group)
                };
                ensure(!is_sure || has_it, || format!("{one:?} has not got {message:?}"))?;
            }
        }
        self.exercised.bounces = self.mesh.bounces;
        self.followed.clear();
        self.mesh.messages.clear();
        self.known = self.model.subscriptions.iter().map(|one| one.sequence).collect();
        Ok(())
    }

    /// When everything has arrived, exactly those get a message who ought to.
    pub(crate) fn publish_exactly(
        &mut self,
        client: usize,
        subject: &'static str,
    ) -> Result<(), String> {
        let deaf = self.deaf(client);
        let matching = self.model.matching(client, subject).into_iter();
        let hearing = matching.filter(|one| Some(one.slot) != deaf && one.credit > 0);
        let mut plain = Vec::new();
        let mut groups: BTreeMap<String, u32> = BTreeMap::new();
        for one in hearing {
            if one.group.is_empty() {
                plain.push(one.sequence);
            } else {
                *groups.entry(one.group.clone()).or_default() += 1;
            }
        }
        let expected_names = self.owners(client, |name| {
            subject.strip_prefix("$NAME.").is_some_and(|meant| meant == name)
        });
        let ticket = self.publish(client, subject)?;
        self.mesh.settle();
        self.take_deliveries()?;
        let message = &self.followed[ticket];
        let found: BTreeSet<u64> = message.delivered.iter().copied().collect();
        let missing = plain.iter().find(|sequence| !found.contains(sequence));
        ensure(missing.is_none(), || format!("{subject} lacks {missing:?}"))?;
        let mut of_groups = message.groups.clone();
        of_groups.sort();
        let expected: Vec<String> = groups.into_keys().collect();
        same(&expected, &of_groups)?;
        same(&(plain.len() + expected.len()), &found.len())?;
        let mut by_name = message.by_name.clone();
        by_name.sort_unstable();
        same(&expected_names, &by_name)?;
        self.exercised.exact += 1;
        self.settle()
    }

    pub(crate) fn broadcast_exactly(
        &mut self,
        client: usize,
        filter: &'static str,
    ) -> Result<(), String> {
        let parsed = Filter::parse(filter.as_bytes()).map_err(|why| why.to_string())?;
        let expected = self.owners(client, |name| {
            Subject::parse(name.as_bytes()).is_ok_and(|name| parsed.matches(name, Visibility::ALL))
        });
        let (number, from) = self.place(client);
        let namespace = self.model.clients[client].namespace;
        self.followed.push(Followed { publisher: client, ..Followed::default() });
        self.mesh.broadcast(number, from, namespace, filter);
        self.mesh.settle();
        // It is no subject, so that it must not be looked at as one later.
        for delivered in &self.mesh.delivered {
            let by_name = delivered.targets.iter();
            let base = delivered.shard * CLIENTS_PER_SHARD;
            let by_name = by_name.map(|target| base + target.client.slot as usize);
            self.followed[0].by_name.extend(by_name);
        }
        self.mesh.delivered.clear();
        self.mesh.messages.clear();
        let mut found = self.followed.pop().map(|message| message.by_name).unwrap_or_default();
        found.sort_unstable();
        let deaf = self.deaf(client);
        let expected: Vec<usize> =
            expected.into_iter().filter(|owner| Some(*owner) != deaf).collect();
        same(&expected, &found)
    }

    /// The clients of the client's namespace whose name is wanted, but for itself if it is deaf.
    pub(crate) fn owners(&self, client: usize, is_wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        let namespace = self.model.clients[client].namespace;
        let deaf = self.deaf(client);
        let owns = |(_, owner): &(usize, &ModelClient)| {
            owner.namespace == namespace && owner.name.as_deref().is_some_and(&is_wanted)
        };
        let all = self.model.clients.iter().enumerate().filter(owns);
        all.map(|(owner, _)| owner).filter(|owner| Some(*owner) != deaf).collect()
    }

    pub(crate) fn deaf(&self, client: usize) -> Option<usize> {
        self.model.clients[client].flags.contains(OpenFlags::NO_ECHO).then_some(client)
    }
}

pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn same<T: PartialEq + core::fmt::Debug>(expected: &T, found: &T) -> Result<(), String> {
    ensure(expected == found, || format!("expected {expected:?}, found {found:?}"))
}
