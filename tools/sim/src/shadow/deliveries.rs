//! What the model demands of a delivery, at once.

use coilgun_protocol::model::PublishFlags;
use coilgun_protocol::native::DeliverFrame;

use super::facts::{ClientNumber, MessageNumber, SubscriptionNumber, payload};
use super::model::Shadow;
use crate::finding::{Finding, demand};

impl Shadow {
    /// A client read a delivery. Returns which message it was.
    ///
    /// # Errors
    /// If it should not have been made, or is not what was published.
    pub fn on_deliver(
        &mut self,
        client: ClientNumber,
        frame: &DeliverFrame<'_>,
    ) -> Result<MessageNumber, Finding> {
        self.tick();
        let who = || format!("client {} subscription {}", client.0, frame.subscription.0);
        let number = self
            .number_of(frame)
            .ok_or_else(|| Finding::new("only what was published is delivered", who()))?;
        self.compare(number, frame)?;
        let subscription = self
            .find(client, frame.subscription.0)
            .ok_or_else(|| Finding::new("only subscriptions get messages", who()))?;
        let text = || format!("message {} to {}", number.0, who());
        let facts = self.subscription(subscription);
        demand(facts.ended.is_none(), "nothing comes after the end of a subscription", text)?;
        let message = self.message(number);
        let is_candidate = message.candidates.iter().any(|it| it.subscription == subscription);
        demand(is_candidate, "only who asked for it in time gets a message", text)?;
        self.count_once(client, number, subscription)?;
        self.keep_order(number, subscription)?;
        let facts = &mut self.subscriptions[subscription.0];
        facts.delivered += 1;
        facts.missed += u64::from(frame.missed);
        let told = facts.delivered + facts.missed;
        demand(told <= facts.candidates, "nobody misses more than there was", text)?;
        let has_credit = facts.wanted.credit.is_none_or(|credit| facts.delivered <= credit);
        demand(has_credit, "nobody gets more than its credit", text)?;
        let most = facts.wanted.deliveries_max.unwrap_or(u64::MAX);
        let is_in_time = facts.may_have_ended || facts.delivered <= most;
        demand(is_in_time, "a subscription ends after its last delivery", text)?;
        self.messages[number.0].received.push(subscription);
        self.learn(number);
        Ok(number)
    }

    /// Who reads a message knows that what its publisher said before is in force (law S13).
    fn learn(&mut self, number: MessageNumber) {
        let now = self.now;
        let message = &self.messages[number.0];
        for subscription in &self.clients[message.publisher.0].subscriptions {
            let facts = &mut self.subscriptions[subscription.0];
            if facts.begun < message.begun {
                facts.acked = facts.acked.or(Some(now));
            }
        }
    }

    fn number_of(&self, frame: &DeliverFrame<'_>) -> Option<MessageNumber> {
        let bytes = frame.payload.first_chunk::<4>()?;
        let number = u32::from_le_bytes(*bytes) as usize;
        (number < self.messages.len()).then_some(MessageNumber(number))
    }

    /// Compares a delivery with what was published.
    fn compare(&self, number: MessageNumber, frame: &DeliverFrame<'_>) -> Result<(), Finding> {
        let message = self.message(number);
        let published = &message.published;
        let is_request = frame.flags.contains(PublishFlags::REQUEST);
        let is_same = frame.payload == payload(number, published.len)
            && frame.subject == published.subject.as_bytes()
            && frame.reply == published.reply.as_bytes()
            && frame.sender == self.client(message.publisher).manners.name.as_bytes()
            && frame.correlation.0 == published.correlation
            && is_request == published.is_request;
        demand(is_same, "a message arrives as it was published", || {
            format!("message {}: {published:?} became {frame:?}", number.0)
        })
    }

    /// At most once: per subscription, per queue group, and per client that wants it so.
    fn count_once(
        &self,
        client: ClientNumber,
        number: MessageNumber,
        subscription: SubscriptionNumber,
    ) -> Result<(), Finding> {
        let message = self.message(number);
        let (facts, namespace) = (self.subscription(subscription), self.namespace_of(subscription));
        let text = |other: &SubscriptionNumber| {
            format!("message {} to subscriptions {} and {}", number.0, other.0, subscription.0)
        };
        for other in &message.received {
            demand(*other != subscription, "at most once", || text(other))?;
            let others = self.subscription(*other);
            let same_group = facts.group().is_some()
                && facts.group() == others.group()
                && namespace == self.namespace_of(*other);
            demand(!same_group, "one delivery for each queue group", || text(other))?;
            // When the message of a group has bounced, nobody remembers who has it already: it is guessed
            // from what they are subscribed to by then.
            let has_group = facts.group().is_some() || others.group().is_some();
            let has_bounced = !self.is_alone && has_group;
            let wants_once = self.client(client).manners.wants_once && !has_bounced;
            let again = others.client == client && wants_once;
            demand(!again, "once for who wants it once", || text(other))?;
        }
        Ok(())
    }

    /// Messages of one publisher come in the order in which it published them.
    fn keep_order(
        &mut self,
        number: MessageNumber,
        subscription: SubscriptionNumber,
    ) -> Result<(), Finding> {
        let MessageNumber(at) = number;
        let (publisher, sequence) = (self.messages[at].publisher, self.messages[at].sequence);
        let facts = &mut self.subscriptions[subscription.0];
        let is_ordered = facts.group().is_none() || self.is_alone;
        let before = facts.last.insert(publisher, sequence).unwrap_or(0);
        demand(before < sequence || !is_ordered, "the order of a publisher is kept", || {
            format!("subscription {}: {before} before {sequence}", subscription.0)
        })
    }

    pub(super) fn namespace_of(&self, subscription: SubscriptionNumber) -> usize {
        self.client(self.subscription(subscription).client).manners.namespace
    }
}
