//! What the model demands when everything is over, because only then it knows who stayed.

use std::collections::BTreeSet;

use coilgun_protocol::model::ErrorCode;

use super::facts::{
    Candidate, ClientFacts, MessageFacts, MessageNumber, Moment, Reach, SubscriptionFacts,
    SubscriptionNumber,
};
use super::model::Shadow;
use crate::finding::{Finding, demand};

impl Shadow {
    /// Compares everything that could not be compared before. `is_audited`: everybody who is left got a
    /// message at the end of everything, and so was told what it missed.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn verdict(&self, is_audited: bool) -> Result<(), Finding> {
        for (number, message) in self.messages.iter().enumerate() {
            self.judge_groups(number, message)?;
            self.judge_outcome(number, message)?;
        }
        for (number, subscription) in self.subscriptions.iter().enumerate().filter(|_| is_audited) {
            self.judge_missed(number, subscription)?;
        }
        self.judge_names()
    }

    /// One delivery for each group that had a member throughout, if nobody went who may have got it.
    fn judge_groups(&self, number: usize, message: &MessageFacts) -> Result<(), Finding> {
        let Some(done) = message.done else { return Ok(()) };
        for group in self.groups_of(message) {
            let members = || self.members(message, group);
            let has_member = members().any(|it| self.is_sure(it, done));
            let all_read = members().all(|it| {
                let facts = self.subscription(it.subscription);
                !self.may_drop(facts) && self.client(facts.client).proven > done
            });
            let got = members().any(|it| self.was_received_at(number, it));
            demand(!has_member || !all_read || got, "a group with a member gets it", || {
                format!("message {number} for group {group}")
            })?;
        }
        Ok(())
    }

    fn was_received_at(&self, number: usize, candidate: &Candidate) -> bool {
        self.was_received(MessageNumber(number), candidate.subscription)
    }

    /// Whether a candidate was there from before the message until it was done, and ready for it.
    fn is_sure(&self, candidate: &Candidate, done: Moment) -> bool {
        let facts = self.subscription(candidate.subscription);
        self.stayed(candidate, done) && self.is_strict(facts)
    }

    /// Whether a candidate was there from before the message until then.
    fn stayed(&self, candidate: &Candidate, until: Moment) -> bool {
        let facts = self.subscription(candidate.subscription);
        candidate.was_there
            && facts.ending.is_none_or(|ending| ending > until)
            && !facts.is_limited()
            && self.client(facts.client).proven > until
    }

    fn groups_of<'a>(&'a self, message: &'a MessageFacts) -> BTreeSet<&'a str> {
        let candidates = message.candidates.iter();
        candidates.filter_map(|it| self.subscription(it.subscription).group()).collect()
    }

    fn members<'a>(
        &'a self,
        message: &'a MessageFacts,
        group: &'a str,
    ) -> impl Iterator<Item = &'a Candidate> {
        let is_member =
            move |it: &&Candidate| self.subscription(it.subscription).group() == Some(group);
        message.candidates.iter().filter(is_member)
    }

    /// An outcome counts those who were there, and only who may have been there; it does not say that
    /// nobody is there while somebody is.
    fn judge_outcome(&self, number: usize, message: &MessageFacts) -> Result<(), Finding> {
        let Some((at, code, receivers)) = message.outcome else { return Ok(()) };
        let text = || format!("message {number}: code {code}, {receivers} receivers");
        if code == ErrorCode::NoResponders as u16 {
            let has_responder = message.candidates.iter().any(|it| self.stayed(it, at));
            return demand(!has_responder, "no_responders only if nobody is there", text);
        }
        let sure = self.sure_receivers(message, at);
        if code == ErrorCode::NoCredit as u16 {
            return demand(sure == 0, "no_credit only if nobody has credit", text);
        }
        let plain = message.candidates.iter();
        let plain = plain.filter(|it| self.subscription(it.subscription).group().is_none()).count();
        let most = plain + self.groups_of(message).len();
        let is_right = (sure..=most).contains(&(receivers as usize));
        demand(is_right, "an ack counts the receivers", || {
            format!("{} instead of {sure}..={most}", text())
        })
    }

    /// How many deliveries a message must have been put on its way to.
    fn sure_receivers(&self, message: &MessageFacts, done: Moment) -> usize {
        let (mut plain, mut groups, mut clients) = (0, BTreeSet::new(), BTreeSet::new());
        for candidate in message.candidates.iter().filter(|it| self.is_sure(it, done)) {
            let facts = self.subscription(candidate.subscription);
            if let Some(group) = facts.group() {
                // A member may be picked that has the message already, or that has no room and lets
                // it be dropped.
                if !self.members(message, group).any(|it| self.may_end_it(it)) {
                    groups.insert(group);
                }
            } else if self.client(facts.client).manners.wants_once {
                clients.insert(facts.client);
            } else {
                plain += 1;
            }
        }
        plain + groups.len() + clients.len()
    }

    /// Whether a message for a queue group may end with this member, although it does not receive it.
    fn may_end_it(&self, candidate: &Candidate) -> bool {
        let facts = self.subscription(candidate.subscription);
        self.client(facts.client).manners.wants_once || self.may_drop(facts)
    }

    /// What a subscription did not get, it was told that it missed.
    fn judge_missed(&self, number: usize, facts: &SubscriptionFacts) -> Result<(), Finding> {
        let told = facts.delivered + facts.missed;
        // Deliveries that were dropped while they waited count as well, and are told by nobody then.
        let may_drop = self.may_drop(facts);
        let has_ended = facts.wanted.deliveries_max.is_some_and(|most| may_drop || told >= most);
        // A delivery that was dropped because far too much waited counts as well: the last one is told by
        // a notice only, which is not held against the number of the subscription.
        let dropped = self.client(facts.client).dropped_newest;
        let has_ended =
            has_ended || facts.wanted.deliveries_max.is_some_and(|most| told + dropped >= most);
        // Who wants it once may have got it, and been told, under another of its subscriptions.
        let is_once = self.client(facts.client).manners.wants_once;
        if facts.ending.is_some() || facts.may_have_ended || has_ended || is_once {
            return Ok(());
        }
        let proven = self.client(facts.client).proven;
        let is_gone = |at: &&MessageNumber| {
            let message = self.message(**at);
            let is_past = message.done.is_some_and(|done| done < proven);
            is_past && !self.was_received(**at, SubscriptionNumber(number))
        };
        let gone = facts.due.iter().filter(is_gone).count() as u64;
        demand(gone <= facts.missed, "what was missed is told", || {
            format!("subscription {number}: {gone} are gone, {} were told", facts.missed)
        })
    }

    /// No two clients have one name at a time.
    fn judge_names(&self) -> Result<(), Finding> {
        for (number, first) in self.clients.iter().enumerate() {
            for second in self.clients[number + 1..].iter().filter(|it| it.begun > first.begun) {
                let both = same_name(first, second)
                    && first.opened.is_some_and(|opened| opened < second.begun)
                    && second.opened.is_some_and(|opened| opened < first.proven);
                demand(!both, "S16: a name has one owner", || first.manners.name.clone())?;
            }
        }
        Ok(())
    }

    /// Who was told that its name is taken while nobody had it; true of one shard only, since several
    /// learn late that a name is free.
    ///
    /// # Errors
    /// If there is somebody.
    pub fn judge_taken_names(&self) -> Result<(), Finding> {
        let taken = |client: &&ClientFacts| client.error == Some(ErrorCode::NameTaken as u16);
        for client in self.clients.iter().filter(taken) {
            let has_owner = self.clients.iter().any(|other| {
                other.begun != client.begun
                    && same_name(other, client)
                    && other.gone.is_none_or(|gone| gone > client.begun)
            });
            demand(has_owner, "S16: a free name is granted", || client.manners.name.clone())?;
        }
        Ok(())
    }

    /// Subscriptions that are reached by a filter, for who wants to know how many there were.
    #[must_use]
    pub fn filter_count(&self) -> usize {
        self.subscriptions.iter().filter(|it| it.wanted.reach != Reach::Name).count()
    }
}

fn same_name(first: &ClientFacts, second: &ClientFacts) -> bool {
    !first.manners.name.is_empty()
        && first.manners.name == second.manners.name
        && first.manners.namespace == second.manners.namespace
}
