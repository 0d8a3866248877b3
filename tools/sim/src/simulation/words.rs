//! What clients say, word by word: each is told to the model, traced, and queued to be written.

use coilgun_protocol::model::{
    AddCredit, PublishFlags, SlowConsumerPolicy, SlowConsumerWish, SubscriptionId, Ticket,
    Unsubscribe, Visibility,
};
use coilgun_protocol::native::{ClientFrame, Features, Hello, PublishFrame, SubscribeRequest};

use super::state::Simulation;
use crate::client::Client;
use crate::profile::NAMESPACES;
use crate::shadow::{Manners, Published, SubscriptionNumber, Wanted, payload};

/// Whether messages of a subscription with this policy may be dropped.
pub(super) fn may_drop(policy: SlowConsumerPolicy) -> bool {
    match policy {
        SlowConsumerPolicy::Disconnect | SlowConsumerPolicy::Backpressure => false,
        SlowConsumerPolicy::DropNewest
        | SlowConsumerPolicy::DropOldest
        | SlowConsumerPolicy::BackpressureDropNewest
        | SlowConsumerPolicy::BackpressureDropOldest => true,
    }
}

fn wish(policy: Option<SlowConsumerPolicy>) -> SlowConsumerWish {
    SlowConsumerWish { policy, backpressure_ms: None }
}

impl Simulation {
    /// A client connects to a shard and says HELLO. Returns which one it is.
    pub(super) fn connect(
        &mut self,
        shard: usize,
        window: usize,
        manners: Manners,
        policy: Option<SlowConsumerPolicy>,
    ) -> usize {
        let id = self.cluster.connect(shard, window);
        let number = self.shadow.on_hello(manners);
        let manners = &self.shadow.client(number).manners;
        let mut client = Client::new(number, self.world.clone(), id);
        client.queue(&ClientFrame::Hello(Hello {
            namespace: NAMESPACES[manners.namespace].as_bytes(),
            name: manners.name.as_bytes(),
            features: Features::KNOWN,
            no_echo: manners.is_without_echo,
            once_per_message: manners.wants_once,
            slow_consumer: wish(policy),
            ..Hello::default()
        }));
        self.trace.line(format_args!(
            "{} client {} connects to shard {shard} window {window} policy {policy:?} {manners:?}",
            self.round, number.0
        ));
        self.tally.connections += 1;
        self.clients.push(client);
        self.clients.len() - 1
    }

    /// A client subscribes.
    pub(super) fn subscribe(
        &mut self,
        at: usize,
        wanted: Wanted,
        policy: Option<SlowConsumerPolicy>,
        correlation: u64,
    ) {
        let client = &mut self.clients[at];
        let plain = SubscribeRequest::plain(SubscriptionId(wanted.id), wanted.filter.as_bytes());
        let number = self.shadow.on_subscribe(client.number, wanted.clone(), correlation);
        client.queue(&ClientFrame::Subscribe(SubscribeRequest {
            correlation: Ticket(correlation),
            queue_group: self.shadow.subscription(number).group().unwrap_or_default().as_bytes(),
            credit: wanted.credit.map_or(u32::MAX, |credit| credit as u32),
            deliveries_max: wanted.deliveries_max.unwrap_or(0) as u32,
            visibility: if wanted.sees_inboxes { Visibility::INBOX } else { Visibility::PLAIN },
            slow_consumer: wish(policy),
            ..plain
        }));
        self.trace.line(format_args!(
            "{} client {at} subscribes {} under {correlation}: {wanted:?}",
            self.round, number.0
        ));
        self.tally.subscriptions += 1;
    }

    /// A client ends a subscription, at once or after so many deliveries.
    pub(super) fn unsubscribe(&mut self, at: usize, id: u64, deliveries_max: Option<u64>) {
        let Some(number) = self.shadow.find(self.clients[at].number, id) else { return };
        let correlation = if deliveries_max.is_none() { self.next_correlation() } else { 0 };
        self.shadow.on_unsubscribe(number, deliveries_max.is_none(), correlation);
        let client = &mut self.clients[at];
        client.queue(&ClientFrame::Unsubscribe(Unsubscribe {
            subscription: SubscriptionId(id),
            ticket: Ticket(correlation),
            deliveries_max: deliveries_max.unwrap_or(0) as u32,
        }));
        if deliveries_max.is_none() {
            client.subscriptions.retain(|other| *other != id);
        }
        self.trace.line(format_args!(
            "{} client {at} unsubscribes {} under {correlation} after {deliveries_max:?}",
            self.round, number.0
        ));
    }

    /// A client lets a subscription receive more.
    pub(super) fn add_credit(&mut self, at: usize, number: SubscriptionNumber, messages: u64) {
        self.shadow.on_credit(number, messages);
        let subscription = SubscriptionId(self.shadow.subscription(number).wanted.id);
        let messages = messages as u32;
        self.clients[at].queue(&ClientFrame::Credit(AddCredit { subscription, messages }));
        let round = self.round;
        self.trace.line(format_args!("{round} client {at} credit {messages} for {}", number.0));
    }

    /// A client publishes.
    pub(super) fn publish(&mut self, at: usize, published: Published) {
        let client = &mut self.clients[at];
        let number = self.shadow.on_publish(client.number, published.clone());
        let flags = [
            (published.wants_ack, PublishFlags::ACK),
            (published.is_request, PublishFlags::REQUEST),
            (published.is_broadcast, PublishFlags::BROADCAST),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        client.queue(&ClientFrame::Publish(PublishFrame {
            correlation: Ticket(published.correlation),
            flags: flags.fold(PublishFlags::default(), |all, (_, flag)| all.with(*flag)),
            subject: published.subject.as_bytes(),
            reply: published.reply.as_bytes(),
            payload: &payload(number, published.len),
            ..PublishFrame::default()
        }));
        let round = self.round;
        self.trace.line(format_args!("{round} client {at} publishes {}: {published:?}", number.0));
        self.tally.messages += 1;
    }

    /// A client asks for a barrier.
    pub(super) fn ping(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let token = client.next_token();
        self.shadow.on_ping(client.number, token);
        client.queue(&ClientFrame::Ping { token });
        self.trace.line(format_args!("{} client {at} pings {token}", self.round));
    }

    /// A client says good-bye.
    pub(super) fn say_goodbye(&mut self, at: usize) {
        let client = &mut self.clients[at];
        self.shadow.on_leaving(client.number);
        client.queue(&ClientFrame::Goodbye);
        self.trace.line(format_args!("{} client {at} says good-bye", self.round));
    }

    /// A client closes its half of the connection, once everything is written.
    pub(super) fn end_half(&mut self, at: usize) {
        let client = &mut self.clients[at];
        self.shadow.on_leaving(client.number);
        client.has_ended = true;
        if client.unwritten() == 0 {
            self.world.end(client.socket.id());
        }
        self.trace.line(format_args!("{} client {at} ends its half", self.round));
    }

    /// A client goes without a word.
    pub(super) fn reset(&mut self, at: usize) {
        let client = &mut self.clients[at];
        self.shadow.on_leaving(client.number);
        client.has_ended = true;
        self.world.reset(client.socket.id());
        self.trace.line(format_args!("{} client {at} is reset", self.round));
    }
}
