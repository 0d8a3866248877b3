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
    /// How many messages may arrive before [`Client::add_credit`](crate::blocking::Client::add_credit) is
    /// needed; none: no limit.
    pub credit: Option<u32>,
    /// The subscription ends after this many messages; 0: it does not.
    pub deliveries_max: u32,
    /// Which special subjects a leading wildcard sees.
    pub visibility: Visibility,
    /// What the broker shall do with its messages while the client does not read fast enough.
    pub slow_consumer: SlowConsumerWish,
}

impl Default for SubscribeOptions {
    /// No queue group, no limits, ordinary subjects.
    fn default() -> Self {
        SubscribeOptions {
            queue_group: String::new(),
            credit: None,
            deliveries_max: 0,
            visibility: Visibility::PLAIN,
            slow_consumer: SlowConsumerWish::default(),
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
    pub(crate) fn new(id: SubscriptionId) -> Subscription {
        Subscription(id)
    }

    /// Its number, as [`Message::subscription`](crate::Message::subscription) says it.
    #[must_use]
    pub fn id(self) -> SubscriptionId {
        self.0
    }
}
