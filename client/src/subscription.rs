//! What a client wants to receive.

use coilgun_protocol::model::{
    SlowConsumerPolicy, SlowConsumerWish, SubscriptionId, Ticket, Visibility,
};
use coilgun_protocol::native::SubscribeRequest;

/// How a subscription receives.
///
/// ```
/// use coilgun_client::SubscribeOptions;
///
/// let shared = SubscribeOptions::default().with_queue_group("presses").with_credit(100);
/// assert_eq!(shared.queue_group, "presses");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscribeOptions {
    /// Name of the queue group, whose members share the messages; empty: none.
    pub queue_group: String,
    /// How many messages may arrive before credit is added; none: no limit.
    pub credit: Option<u32>,
    /// The subscription ends after this many messages; 0: it does not.
    pub deliveries_max: u32,
    /// Which special subjects a leading wildcard sees.
    pub visibility: Visibility,
    /// What the broker shall do with its messages while the client does not read fast enough.
    pub slow_consumer: SlowConsumerWish,
    /// Most messages of it that wait in the client; at least one is taken. The blocking client has
    /// one queue for all, with the limits of its [`Options`](crate::Options).
    pub queue_messages_max: usize,
    /// Most bytes of such messages; one message of any size is taken even so.
    pub queue_bytes_max: usize,
    /// What happens when that is full.
    pub when_full: WhenFull,
}

/// What a client does with a message for which its queue has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// The message is dropped, and counted in what the next one says it [missed](crate::Message::missed).
    #[default]
    DropNewest,
    /// The client reads nothing from its connection until there is room, so that the policy for slow
    /// consumers decides that was declared to the broker. All subscriptions of the client wait, and
    /// so do its requests.
    StopReading,
}

impl Default for SubscribeOptions {
    /// No queue group, no limits at the broker, ordinary subjects; a queue of up to 65,536 messages or
    /// 64 MiB, which drops the newest.
    fn default() -> Self {
        SubscribeOptions {
            queue_group: String::new(),
            credit: None,
            deliveries_max: 0,
            visibility: Visibility::PLAIN,
            slow_consumer: SlowConsumerWish::default(),
            queue_messages_max: 65_536,
            queue_bytes_max: 64 * 1024 * 1024,
            when_full: WhenFull::default(),
        }
    }
}

impl SubscribeOptions {
    /// The same as a member of this queue group.
    #[must_use]
    pub fn with_queue_group(mut self, name: impl Into<String>) -> SubscribeOptions {
        self.queue_group = name.into();
        self
    }

    /// The same with room for so many messages until more credit is given.
    #[must_use]
    pub fn with_credit(mut self, messages: u32) -> SubscribeOptions {
        self.credit = Some(messages);
        self
    }

    /// The same with an end after so many messages; 0: without.
    #[must_use]
    pub fn with_deliveries_max(mut self, deliveries_max: u32) -> SubscribeOptions {
        self.deliveries_max = deliveries_max;
        self
    }

    /// The same with this visibility for leading wildcards.
    #[must_use]
    pub fn with_visibility(mut self, visibility: Visibility) -> SubscribeOptions {
        self.visibility = visibility;
        self
    }

    /// The same with this policy for messages that the client does not read fast enough.
    #[must_use]
    pub fn with_slow_consumer(mut self, policy: SlowConsumerPolicy) -> SubscribeOptions {
        self.slow_consumer.policy = Some(policy);
        self
    }

    /// The same with publishers that wait for this client at most so many milliseconds, where its
    /// policy is that they wait; no longer than the broker lets them.
    #[must_use]
    pub fn with_backpressure_ms(mut self, backpressure_ms: u16) -> SubscribeOptions {
        self.slow_consumer.backpressure_ms = Some(backpressure_ms);
        self
    }

    /// The same with a queue of at most so many messages and bytes, and this way out when it is full.
    #[must_use]
    pub fn with_queue(
        mut self,
        messages_max: usize,
        bytes_max: usize,
        when_full: WhenFull,
    ) -> SubscribeOptions {
        (self.queue_messages_max, self.queue_bytes_max) = (messages_max, bytes_max);
        self.when_full = when_full;
        self
    }

    /// The request under these numbers.
    pub(crate) fn request<'a>(
        &'a self,
        subscription: SubscriptionId,
        correlation: Ticket,
        filter: &'a [u8],
    ) -> SubscribeRequest<'a> {
        // The largest number means "no limit" on the wire; nobody counts that far.
        let unlimited = SubscribeRequest::CREDIT_UNLIMITED;
        SubscribeRequest {
            subscription,
            correlation,
            filter,
            queue_group: self.queue_group.as_bytes(),
            credit: self.credit.map_or(unlimited, |messages| messages.min(unlimited - 1)),
            deliveries_max: self.deliveries_max,
            visibility: self.visibility,
            slow_consumer: self.slow_consumer,
        }
    }
}

/// A subscription of one client: the number under which its messages arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subscription(SubscriptionId);

impl Subscription {
    #[cfg(any(feature = "async", feature = "blocking"))]
    pub(crate) fn new(id: SubscriptionId) -> Subscription {
        Subscription(id)
    }

    /// Its number, as [`Message::subscription`](crate::Message::subscription) says it.
    #[must_use]
    pub fn id(self) -> SubscriptionId {
        self.0
    }
}
