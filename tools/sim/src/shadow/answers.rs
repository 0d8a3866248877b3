//! What the model demands of answers: WELCOME, OUTCOME, PONG, and the end of a connection.

use coilgun_protocol::model::ErrorCode;

use super::facts::{Asked, ClientNumber, MessageNumber, Moment, Question, SubscriptionNumber};
use super::model::Shadow;
use crate::finding::{Finding, demand};

impl Shadow {
    /// A client is in.
    pub fn on_welcome(&mut self, client: ClientNumber) {
        let at = self.tick();
        let facts = &mut self.clients[client.0];
        facts.opened = Some(at);
        if let Some(number) = facts.subscriptions.first() {
            let subscription = &mut self.subscriptions[number.0];
            if subscription.wanted.id == 0 {
                subscription.acked = subscription.acked.or(Some(at));
            }
        }
    }

    /// A client was told that messages for it were dropped.
    pub fn on_notice(&mut self, client: ClientNumber, code: u16, count: u64) {
        if code == ErrorCode::DroppedNewest as u16 {
            self.clients[client.0].dropped_newest += count;
        }
    }

    /// The broker ended a connection, and said why.
    ///
    /// # Errors
    /// If there was no reason.
    pub fn on_error(&mut self, client: ClientNumber, code: u16) -> Result<(), Finding> {
        let at = self.tick();
        let facts = &mut self.clients[client.0];
        facts.error = Some(code);
        let taken = code == ErrorCode::NameTaken as u16 && !facts.manners.name.is_empty();
        let is_fair = facts.may_be_cut_off || facts.leaving.is_some() || taken;
        let text = || format!("client {} was told {code}", client.0);
        demand(is_fair, "nobody is cut off without a reason", text)?;
        self.on_leaving(client);
        if taken {
            for number in self.clients[client.0].subscriptions.clone() {
                self.end(number, at);
            }
        }
        Ok(())
    }

    /// A client was told what became of something.
    ///
    /// # Errors
    /// If it did not ask, or the answer is none that it may get.
    pub fn on_outcome(
        &mut self,
        client: ClientNumber,
        correlation: u64,
        code: u16,
        receivers: u32,
    ) -> Result<(), Finding> {
        let at = self.tick();
        let text = || format!("client {} correlation {correlation} code {code}", client.0);
        let asked = self.clients[client.0].asked.remove(&correlation);
        let Some(Asked { question, .. }) = asked else {
            return Err(Finding::new("nobody is answered twice or unasked", text()));
        };
        let is_ok = code == ErrorCode::Ok as u16;
        match question {
            Question::Subscribe(number) => {
                demand(is_ok, "a subscription within the limits is granted", text)?;
                let acked = &mut self.subscriptions[number.0].acked;
                *acked = acked.or(Some(at));
            }
            Question::Unsubscribe(number) => {
                // It may have ended by itself before.
                let had_limit = self.subscription(number).is_limited();
                let may_be_unknown = had_limit && code == ErrorCode::UnknownSubscription as u16;
                demand(is_ok || may_be_unknown, "a subscription can be ended", text)?;
                self.end(number, at);
            }
            Question::Publish(number) | Question::Request(number) => {
                let published = &self.message(number).published;
                let is_nobody =
                    code == ErrorCode::NoResponders as u16 || code == ErrorCode::NoCredit as u16;
                let is_fair = is_ok && published.wants_ack
                    || is_nobody && published.is_request && receivers == 0;
                demand(is_fair, "an outcome says what can be", text)?;
                self.messages[number.0].outcome = Some((at, code, receivers));
                self.finish(number, at);
            }
        }
        Ok(())
    }

    /// A client was told that everything it said before a PING has taken effect.
    ///
    /// # Errors
    /// If that is not so.
    pub fn on_pong(&mut self, client: ClientNumber, token: u64) -> Result<(), Finding> {
        let at = self.tick();
        let text = || format!("client {} token {token}", client.0);
        let facts = &mut self.clients[client.0];
        let Some((_, said)) = facts.pings.pop_front().filter(|(first, _)| *first == token) else {
            return Err(Finding::new("every PING has one PONG, in order", text()));
        };
        facts.proven = said;
        let owed =
            |asked: &Asked| asked.at < said && !matches!(asked.question, Question::Request(_));
        let is_owed = facts.asked.values().any(owed);
        demand(!is_owed, "S12: outcomes come before the PONG behind them", text)?;
        facts.asked.retain(|_, asked| asked.at > said);
        let subscriptions = facts.subscriptions.clone();
        for message in facts.under_way.clone() {
            if self.message(message).begun < said {
                self.finish(message, at);
            }
        }
        for number in subscriptions {
            let subscription = &mut self.subscriptions[number.0];
            if subscription.begun < said {
                subscription.acked = subscription.acked.or(Some(at));
            }
            self.compare_due(number, said)?;
        }
        Ok(())
    }

    /// A strict subscription has everything by now that took effect before its client said PING.
    fn compare_due(&mut self, number: SubscriptionNumber, said: Moment) -> Result<(), Finding> {
        if !self.is_strict(self.subscription(number)) {
            return Ok(());
        }
        let due = std::mem::take(&mut self.subscriptions[number.0].due);
        let (past, later): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|message| self.message(*message).done.is_some_and(|done| done < said));
        self.subscriptions[number.0].due = later;
        for message in past {
            demand(self.was_received(message, number), "who was there gets the message", || {
                format!("message {} by subscription {}", message.0, number.0)
            })?;
        }
        Ok(())
    }

    /// Whether a subscription got a message, or its client did, if once is enough for it.
    pub(super) fn was_received(
        &self,
        message: MessageNumber,
        subscription: SubscriptionNumber,
    ) -> bool {
        let client = self.subscription(subscription).client;
        let once = self.client(client).manners.wants_once;
        self.message(message).received.iter().any(|other| {
            *other == subscription || once && self.subscription(*other).client == client
        })
    }

    /// The broker closed a connection, or said that it will send nothing more.
    ///
    /// # Errors
    /// If there was no reason.
    pub fn on_closed(&mut self, client: ClientNumber, was_reset: bool) -> Result<(), Finding> {
        let facts = self.client(client);
        // Why a name was not granted is in an ERROR that may not have been read yet.
        let has_no_name = !facts.manners.name.is_empty() && facts.opened.is_none();
        let is_fair = was_reset || facts.may_be_cut_off || facts.leaving.is_some() || has_no_name;
        demand(is_fair, "nobody is cut off without a reason", || {
            format!("client {} was closed", client.0)
        })?;
        self.on_leaving(client);
        Ok(())
    }
}
