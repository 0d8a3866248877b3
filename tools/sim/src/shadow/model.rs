//! The model itself, and what it learns when clients write.

use super::facts::{
    Asked, Candidate, ClientFacts, ClientNumber, Manners, MessageFacts, MessageNumber, Moment,
    Published, Question, Reach, SubscriptionFacts, SubscriptionNumber, Wanted,
};
use super::subjects::{matches, sees};

/// Copies of one message for one client for which there is room in any case.
const COPIES_MAX: usize = 2;

/// Everything that clients said and were told, in order.
#[derive(Debug)]
pub struct Shadow {
    /// The broker has one shard, so that nothing is ever under way between shards.
    pub(super) is_alone: bool,
    pub(super) now: Moment,
    pub(super) clients: Vec<ClientFacts>,
    pub(super) subscriptions: Vec<SubscriptionFacts>,
    pub(super) messages: Vec<MessageFacts>,
    /// Subscriptions that are not known to have ended.
    live: Vec<SubscriptionNumber>,
    /// Messages that are not known to have taken effect.
    under_way: Vec<MessageNumber>,
}

impl Shadow {
    /// A model of a broker that did nothing yet.
    #[must_use]
    pub fn new(shard_count: usize) -> Shadow {
        Shadow {
            is_alone: shard_count == 1,
            now: Moment(0),
            clients: Vec::new(),
            subscriptions: Vec::new(),
            messages: Vec::new(),
            live: Vec::new(),
            under_way: Vec::new(),
        }
    }

    /// The next moment.
    pub(super) fn tick(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }

    /// A client.
    #[must_use]
    pub fn client(&self, client: ClientNumber) -> &ClientFacts {
        &self.clients[client.0]
    }

    /// A message.
    #[must_use]
    pub fn message(&self, message: MessageNumber) -> &MessageFacts {
        &self.messages[message.0]
    }

    /// A subscription.
    #[must_use]
    pub fn subscription(&self, subscription: SubscriptionNumber) -> &SubscriptionFacts {
        &self.subscriptions[subscription.0]
    }

    /// How many messages were published.
    #[must_use]
    pub fn message_count(&self) -> usize {
        self.messages.len()
    }

    /// A client's subscription under its own number for it.
    #[must_use]
    pub fn find(&self, client: ClientNumber, id: u64) -> Option<SubscriptionNumber> {
        let mut numbers = self.client(client).subscriptions.iter().rev().copied();
        numbers.find(|number| self.subscription(*number).wanted.id == id)
    }

    /// A client says HELLO.
    pub fn on_hello(&mut self, manners: Manners) -> ClientNumber {
        let at = self.tick();
        let client = ClientNumber(self.clients.len());
        let (name, may_drop) = (manners.name.clone(), manners.may_drop);
        self.clients.push(ClientFacts {
            manners,
            begun: at,
            opened: None,
            leaving: None,
            gone: None,
            proven: Moment(0),
            dropped_newest: 0,
            may_be_cut_off: false,
            overlaps: false,
            subscriptions: Vec::new(),
            pings: Default::default(),
            asked: Default::default(),
            under_way: Vec::new(),
            published: 0,
            error: None,
        });
        if !name.is_empty() {
            let wanted = Wanted {
                id: 0,
                filter: name,
                reach: Reach::Name,
                sees_inboxes: false,
                credit: None,
                deliveries_max: None,
                may_drop,
            };
            self.on_subscribe(client, wanted, 0);
        }
        client
    }

    /// A client says SUBSCRIBE; its outcome comes under `correlation`, unless that is 0.
    pub fn on_subscribe(
        &mut self,
        client: ClientNumber,
        wanted: Wanted,
        correlation: u64,
    ) -> SubscriptionNumber {
        let at = self.tick();
        let number = SubscriptionNumber(self.subscriptions.len());
        self.subscriptions.push(SubscriptionFacts {
            client,
            wanted,
            begun: at,
            acked: None,
            may_have_ended: false,
            ending: None,
            ended: None,
            delivered: 0,
            missed: 0,
            candidates: 0,
            due: Vec::new(),
            last: Default::default(),
        });
        self.clients[client.0].subscriptions.push(number);
        self.ask(client, correlation, at, Question::Subscribe(number));
        self.live.push(number);
        for at in 0..self.under_way.len() {
            self.consider(self.under_way[at], number);
        }
        number
    }

    /// A client says UNSUBSCRIBE: at once, or after so many deliveries.
    pub fn on_unsubscribe(
        &mut self,
        subscription: SubscriptionNumber,
        is_at_once: bool,
        correlation: u64,
    ) {
        let at = self.tick();
        let facts = &mut self.subscriptions[subscription.0];
        let client = facts.client;
        if !is_at_once {
            facts.may_have_ended = true;
        } else {
            facts.ending = facts.ending.or(Some(at));
            self.ask(client, correlation, at, Question::Unsubscribe(subscription));
        }
    }

    /// A client says CREDIT.
    pub fn on_credit(&mut self, subscription: SubscriptionNumber, messages: u64) {
        self.tick();
        if let Some(credit) = &mut self.subscriptions[subscription.0].wanted.credit {
            *credit += messages;
        }
    }

    /// A client says PUBLISH.
    pub fn on_publish(&mut self, client: ClientNumber, published: Published) -> MessageNumber {
        let at = self.tick();
        let number = MessageNumber(self.messages.len());
        let question = match (published.wants_ack, published.is_request) {
            (true, _) => Some(Question::Publish(number)),
            (false, true) => Some(Question::Request(number)),
            (false, false) => None,
        };
        if let Some(question) = question {
            self.ask(client, published.correlation, at, question);
        }
        let publisher = &mut self.clients[client.0];
        publisher.published += 1;
        publisher.under_way.push(number);
        self.messages.push(MessageFacts {
            publisher: client,
            sequence: publisher.published,
            published,
            begun: at,
            done: None,
            outcome: None,
            candidates: Vec::new(),
            received: Vec::new(),
        });
        self.under_way.push(number);
        for at in 0..self.live.len() {
            self.consider(number, self.live[at]);
        }
        number
    }

    /// A client says PING.
    pub fn on_ping(&mut self, client: ClientNumber, token: u64) {
        let at = self.tick();
        self.clients[client.0].pings.push_back((token, at));
    }

    /// A client begins to go, in whatever way.
    pub fn on_leaving(&mut self, client: ClientNumber) {
        let at = self.tick();
        let facts = &mut self.clients[client.0];
        facts.leaving = facts.leaving.or(Some(at));
        for number in &facts.subscriptions {
            let ending = &mut self.subscriptions[number.0].ending;
            *ending = ending.or(Some(at));
        }
    }

    /// The broker closed a client's connection.
    pub fn on_gone(&mut self, client: ClientNumber) {
        let at = self.tick();
        let facts = &mut self.clients[client.0];
        facts.gone = facts.gone.or(Some(at));
        for number in facts.subscriptions.clone() {
            self.end(number, at);
        }
    }

    /// From now on the broker may cut a client off.
    pub fn excuse(&mut self, client: ClientNumber) {
        self.clients[client.0].may_be_cut_off = true;
    }

    /// A subscription is known to have ended.
    pub(super) fn end(&mut self, subscription: SubscriptionNumber, at: Moment) {
        let facts = &mut self.subscriptions[subscription.0];
        facts.ending = facts.ending.or(Some(at));
        facts.ended = facts.ended.or(Some(at));
        self.live.retain(|number| *number != subscription);
    }

    /// A message is known to have taken effect: who was there has it, or it is on its way to them.
    pub(super) fn finish(&mut self, message: MessageNumber, at: Moment) {
        let facts = &mut self.messages[message.0];
        if facts.done.is_some() {
            return;
        }
        facts.done = Some(at);
        self.under_way.retain(|number| *number != message);
        self.clients[facts.publisher.0].under_way.retain(|number| *number != message);
        for candidate in &facts.candidates {
            let subscription = &mut self.subscriptions[candidate.subscription.0];
            let stays = subscription.ending.is_none() && subscription.group().is_none();
            if candidate.was_there && stays {
                subscription.due.push(message);
            }
        }
    }

    fn ask(&mut self, client: ClientNumber, correlation: u64, at: Moment, question: Question) {
        if correlation != 0 {
            self.clients[client.0].asked.insert(correlation, Asked { at, question });
        }
    }

    /// Notes that a subscription may get a message, if it may.
    fn consider(&mut self, message: MessageNumber, subscription: SubscriptionNumber) {
        if !self.may_get(message, subscription) {
            return;
        }
        let subscription_facts = &mut self.subscriptions[subscription.0];
        subscription_facts.candidates += 1;
        let facts = &mut self.messages[message.0];
        let was_there = subscription_facts.ending.is_none()
            && subscription_facts.acked.is_some_and(|acked| acked < facts.begun);
        facts.candidates.push(Candidate { subscription, was_there });
        let client = subscription_facts.client;
        let copies = facts.candidates.iter();
        let copies = copies.filter(|it| self.subscriptions[it.subscription.0].client == client);
        self.clients[client.0].overlaps |= copies.count() > COPIES_MAX;
    }

    /// Whether messages for a subscription may be dropped, and it is told so.
    pub(super) fn may_drop(&self, facts: &SubscriptionFacts) -> bool {
        // What was under way when publishers on other shards were told to wait is counted once, however
        // many copies it comes to.
        facts.wanted.may_drop || !self.is_alone && self.client(facts.client).overlaps
    }

    /// Whether a subscription gets everything that is meant for it, as long as its client is there.
    pub(super) fn is_strict(&self, facts: &SubscriptionFacts) -> bool {
        facts.wanted.credit.is_none() && !facts.is_limited() && !self.may_drop(facts)
    }

    fn may_get(&self, message: MessageNumber, subscription: SubscriptionNumber) -> bool {
        let (message, subscription) = (self.message(message), self.subscription(subscription));
        let publisher = self.client(message.publisher);
        let reader = self.client(subscription.client);
        let hears = message.publisher != subscription.client || !reader.manners.is_without_echo;
        if publisher.manners.namespace != reader.manners.namespace || !hears {
            return false;
        }
        let (wanted, published) = (&subscription.wanted, &message.published);
        match (&wanted.reach, published.is_broadcast) {
            (Reach::Name, true) => matches(&published.subject, &wanted.filter),
            (Reach::Name, false) => {
                published.subject.strip_prefix("$NAME.") == Some(&wanted.filter)
            }
            (Reach::Plain | Reach::Group(_), true) => false,
            (Reach::Plain | Reach::Group(_), false) => {
                sees(&wanted.filter, &published.subject, wanted.sees_inboxes)
            }
        }
    }
}
