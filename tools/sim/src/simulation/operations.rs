//! What the dice let clients do.

use coilgun_protocol::model::SlowConsumerPolicy;

use super::state::Simulation;
use super::words::may_drop;
use crate::client::Reading;
use crate::finding::Finding;
use crate::profile::NAMESPACES;
use crate::shadow::{Manners, Published, Reach, Wanted};

/// What is published to.
pub(super) const SUBJECTS: [&str; 6] = ["a", "a.b", "a.c", "b.b", "b.c.d", "c"];
/// What is subscribed to.
const FILTERS: [&str; 12] =
    ["a", "a.b", "a.c", "b.b", "b.c.d", "c", "*", "a.*", "*.b", "b.>", ">", "a.>"];
/// Names of queue groups.
const GROUPS: [&str; 2] = ["g", "h"];
/// Names of clients.
pub(super) const NAMES: [&str; 4] = ["n.1", "n.2", "m.1", "m.2"];

/// Who takes in less at a time may be found too slow.
const QUICK_WINDOW: usize = 15_000;

/// One kind of operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Publish,
    Ask,
    Subscribe,
    Unsubscribe,
    Credit,
    Ping,
    Connect,
    ReadSlowly,
    Leave,
    Jump,
    Stall,
    Hold,
}

/// How often each kind of operation comes, compared with the others.
const WEIGHTS: [(Kind, usize); 12] = [
    (Kind::Publish, 34),
    (Kind::Ask, 8),
    (Kind::Subscribe, 16),
    (Kind::Unsubscribe, 6),
    (Kind::Credit, 6),
    (Kind::Ping, 10),
    (Kind::Connect, 5),
    (Kind::ReadSlowly, 8),
    (Kind::Leave, 4),
    (Kind::Jump, 3),
    (Kind::Stall, 3),
    (Kind::Hold, 4),
];

impl Simulation {
    /// Carries out one operation.
    pub(super) fn operate(&mut self) -> Result<(), Finding> {
        let sum = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut left = self.dice.below(sum);
        let mut weights = WEIGHTS.into_iter();
        let kind = loop {
            let (kind, weight) = weights.next().expect("the weights add up to their sum");
            if left < weight {
                break kind;
            }
            left -= weight;
        };
        match kind {
            Kind::Connect => self.roll_client(),
            Kind::Jump => self.jump(),
            Kind::Stall => {
                let shard = self.dice.below(self.cluster.len());
                self.cluster.stall(shard, self.dice.between(1, 40));
            }
            Kind::Hold => {
                let shards = self.cluster.len();
                let (from, to) = (self.dice.below(shards), self.dice.below(shards));
                self.cluster.hold(from, to, self.dice.percent(50));
            }
            Kind::Publish
            | Kind::Ask
            | Kind::Subscribe
            | Kind::Unsubscribe
            | Kind::Credit
            | Kind::Ping
            | Kind::ReadSlowly
            | Kind::Leave => {
                if let Some(at) = self.somebody() {
                    self.let_client(at, kind);
                }
            }
        }
        Ok(())
    }

    fn let_client(&mut self, at: usize, kind: Kind) {
        match kind {
            Kind::Publish => self.roll_messages(at),
            Kind::Ask => self.roll_request(at),
            Kind::Subscribe => self.roll_subscription(at),
            Kind::Unsubscribe => {
                if let Some(id) = self.some_subscription(at) {
                    let in_time = self.profile.has_limits && self.dice.percent(30);
                    let most = in_time.then(|| self.dice.between(1, 5) as u64);
                    self.unsubscribe(at, id, most);
                }
            }
            Kind::Credit => self.roll_credit(at),
            Kind::Ping => self.ping(at),
            Kind::ReadSlowly => {
                let client = &mut self.clients[at];
                client.reading = match self.dice.below(3) {
                    0 => Reading::All,
                    1 => Reading::Pieces(self.dice.between(1, 3_000)),
                    _ => Reading::Deaf(self.round + self.dice.between(1, 400) as u64),
                };
                self.shadow.excuse(client.number);
            }
            Kind::Leave => match self.dice.below(3) {
                0 => self.say_goodbye(at),
                1 => self.end_half(at),
                _ => self.reset(at),
            },
            Kind::Connect | Kind::Jump | Kind::Stall | Kind::Hold => {}
        }
    }

    /// A client that still writes.
    pub(super) fn somebody(&self) -> Option<usize> {
        let writes = |at: &usize| {
            let client = &self.clients[*at];
            !client.has_ended && self.shadow.client(client.number).leaving.is_none()
        };
        let able: Vec<usize> = (0..self.clients.len()).filter(writes).collect();
        (!able.is_empty()).then(|| able[self.dice.below(able.len())])
    }

    fn some_subscription(&self, at: usize) -> Option<u64> {
        let ids = &self.clients[at].subscriptions;
        (!ids.is_empty()).then(|| ids[self.dice.below(ids.len())])
    }

    fn policy(&self) -> Option<SlowConsumerPolicy> {
        let has_one = self.profile.has_policies && self.dice.percent(50);
        let all = SlowConsumerPolicy::ALL;
        has_one.then(|| all[self.dice.below(all.len())])
    }

    /// One more client comes, unless there are many.
    pub(super) fn roll_client(&mut self) {
        if self.clients.len() >= self.profile.clients_max {
            return;
        }
        let named = self.dice.percent(40);
        let policy = self.policy();
        let manners = Manners {
            namespace: usize::from(self.dice.percent(15)) % NAMESPACES.len(),
            name: if named { self.dice.pick(&NAMES).to_owned() } else { String::new() },
            is_without_echo: self.dice.percent(25),
            wants_once: self.dice.percent(15),
            may_drop: policy.is_some_and(may_drop),
        };
        let shard = self.dice.below(self.cluster.len());
        let window = self.dice.between(500, self.profile.window_max);
        let at = self.connect(shard, window, manners, policy);
        // Where little fits into a window, half of what may wait takes longer than publishers do.
        if self.profile.has_policies || self.is_draining || window < QUICK_WINDOW {
            self.shadow.excuse(self.clients[at].number);
        }
        for _ in 0..self.dice.below(3) {
            self.roll_subscription(at);
        }
    }

    fn roll_subscription(&mut self, at: usize) {
        let grouped = self.dice.percent(40);
        let manners = &self.shadow.client(self.clients[at].number).manners;
        let of_client = manners.may_drop;
        // Who wants a message once gets it for any of its subscriptions: they all have one policy.
        let policy = self.policy().filter(|_| !manners.wants_once);
        let limited = self.profile.has_limits;
        let wanted = Wanted {
            id: self.clients[at].next_subscription(),
            filter: self.dice.pick(&FILTERS).to_owned(),
            reach: match grouped {
                true => Reach::Group(self.dice.pick(&GROUPS).to_owned()),
                false => Reach::Plain,
            },
            sees_inboxes: self.dice.percent(10),
            credit: (limited && self.dice.percent(30)).then(|| self.dice.below(6) as u64),
            deliveries_max: (limited && self.dice.percent(15))
                .then(|| self.dice.between(1, 4) as u64),
            may_drop: policy.map_or(of_client, may_drop),
        };
        let correlation = if self.dice.percent(70) { self.next_correlation() } else { 0 };
        self.subscribe(at, wanted, policy, correlation);
    }

    fn roll_credit(&mut self, at: usize) {
        let Some(id) = self.some_subscription(at) else { return };
        let Some(number) = self.shadow.find(self.clients[at].number, id) else { return };
        if self.shadow.subscription(number).wanted.credit.is_some() {
            let messages = self.dice.between(1, 8) as u64;
            self.add_credit(at, number, messages);
        }
    }

    fn len_of_payload(&self, is_large: bool) -> usize {
        match self.dice.below(10) {
            0 => self.dice.below(3_800),
            _ if is_large => 9_000 - self.dice.below(3_000),
            1..4 => self.dice.below(900),
            _ => self.dice.below(60),
        }
    }

    fn roll_messages(&mut self, at: usize) {
        let is_burst = self.dice.percent(30);
        let count = if is_burst { self.dice.between(2, 24) } else { 1 };
        let is_large = is_burst && self.dice.percent(30);
        let named = self.dice.percent(12);
        let broadcast = !named && self.dice.percent(6);
        let subject = match (named, broadcast) {
            (true, _) => format!("$NAME.{}", self.dice.pick(&NAMES)),
            (_, true) => self.dice.pick(&["n.*", "*.1", ">", "m.2"]).to_owned(),
            (false, false) => self.dice.pick(&SUBJECTS).to_owned(),
        };
        for _ in 0..count {
            let wants_ack = self.dice.percent(25);
            let published = Published {
                subject: subject.clone(),
                correlation: if wants_ack { self.next_correlation() } else { 0 },
                is_broadcast: broadcast,
                wants_ack,
                len: self.len_of_payload(is_large),
                ..Published::default()
            };
            self.publish(at, published);
        }
    }

    /// A client asks something and waits for replies at an inbox of its own, to which it subscribes
    /// right before if it has none.
    fn roll_request(&mut self, at: usize) {
        let inbox = format!("_INBOX.{at}");
        let client = &self.clients[at];
        let listens = client.subscriptions.iter().any(|id| {
            let number = self.shadow.find(client.number, *id);
            number.is_some_and(|it| self.shadow.subscription(it).wanted.filter == inbox)
        });
        if !listens {
            let wanted = Wanted {
                id: self.clients[at].next_subscription(),
                filter: inbox.clone(),
                reach: Reach::Plain,
                sees_inboxes: false,
                credit: None,
                deliveries_max: None,
                may_drop: self.shadow.client(self.clients[at].number).manners.may_drop,
            };
            self.subscribe(at, wanted, None, 0);
        }
        let named = self.dice.percent(25);
        let subject = match named {
            true => format!("$NAME.{}", self.dice.pick(&NAMES)),
            false => self.dice.pick(&SUBJECTS).to_owned(),
        };
        let published = Published {
            subject,
            reply: inbox,
            correlation: self.next_correlation(),
            is_request: true,
            wants_ack: self.dice.percent(30),
            len: self.dice.below(40),
            ..Published::default()
        };
        self.tally.requests += 1;
        self.publish(at, published);
    }

    /// Time jumps; whoever is there may be cut off for it.
    fn jump(&mut self) {
        if !self.profile.has_jumps {
            return;
        }
        let ms = [300, 2_000, 40_000][self.dice.below(3)];
        self.world.advance_ms(ms);
        self.clients.iter().for_each(|client| self.shadow.excuse(client.number));
        self.trace.line(format_args!("{} time jumps by {ms} ms", self.round));
    }
}
