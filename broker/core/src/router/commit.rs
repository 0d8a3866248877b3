//! Carrying a plan out.

use super::plan::{Pick, Plan, Settlement, Target};
use super::state::Router;
use super::subscriptions::UNLIMITED;
use crate::mutant::{self, Mutant};

impl Router {
    /// Carries out a plan whose targets all get the message: counts the deliveries, takes the
    /// credit, ends the subscriptions that have had their last delivery, moves the turns of queue
    /// groups on, and counts what subscriptions without credit miss. A plan without targets is
    /// carried out as well, for the sake of the latter.
    ///
    /// # Panics
    /// If the router has changed since the plan was made: if anything was subscribed, unsubscribed,
    /// named or removed, got credit, or another plan was carried out that took credit. Between plan
    /// and commit there is room for reservations only.
    #[inline]
    pub fn commit(&mut self, plan: &Plan) {
        match plan.settlement {
            Settlement::Nothing => return,
            Settlement::Deliveries | Settlement::Everything => {}
        }
        assert_eq!(plan.revision, self.revision, "a plan is carried out before anything changes");
        match plan.settlement {
            Settlement::Nothing => {}
            Settlement::Deliveries => {
                for target in &plan.targets {
                    self.subscriptions.count_delivery(target.entry);
                }
            }
            Settlement::Everything => self.commit_each(plan),
        }
    }

    fn commit_each(&mut self, plan: &Plan) {
        self.revision += 1;
        for key in &plan.missed {
            let entry = self.subscriptions.entry_mut(*key);
            entry.missed = entry.missed.saturating_add(1);
        }
        for target in &plan.targets {
            self.settle(target);
        }
        for pick in &plan.picks {
            self.move_turn_on(pick);
        }
        // Ends because nothing is added here.
        while let Some(key) = self.ended.pop() {
            self.end(key);
        }
    }

    /// Takes the credit for one delivery.
    fn settle(&mut self, target: &Target) {
        let Some(key) = target.entry.some() else { return };
        let delivered = self.subscriptions.count_delivery(key);
        let entry = self.subscriptions.entry_mut(key);
        if entry.credit != UNLIMITED {
            let has_credit = entry.credit > 0 || mutant::is_active(Mutant::IgnoredCredit);
            assert!(has_credit, "only subscriptions with credit are targets");
            entry.credit = entry.credit.saturating_sub(1);
        }
        entry.missed = 0;
        if entry.deliveries_max > 0 && delivered >= u64::from(entry.deliveries_max) {
            self.ended.push(key);
        }
    }

    /// Makes it the turn of the member behind the one that was picked, and, where this shard picked
    /// among several, that of the next of all members.
    fn move_turn_on(&mut self, pick: &Pick) {
        if mutant::is_active(Mutant::StuckTurn) {
            return;
        }
        if let Some((_, entry)) = pick.member {
            self.pick_count += 1;
            self.subscriptions.entry_mut(entry).picked = self.pick_count;
        }
        if pick.among_shards {
            self.groups.count_pick(pick.key);
        }
        if let Some(route) = self.cache.route_of_build(pick.route, pick.build) {
            let group = &mut route.groups[pick.group];
            if let Some((member, _)) = pick.member {
                group.turn = (member + 1) % group.count;
            }
            if pick.among_shards {
                group.shard_turn = (group.shard_turn + 1) % group.weight;
            }
        }
    }
}
