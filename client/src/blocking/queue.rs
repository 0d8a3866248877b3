//! Messages that wait for the caller, in the order in which they came.

use std::collections::{BTreeSet, VecDeque};

use coilgun_protocol::model::SubscriptionId;

use crate::error::ClientError;
use crate::message::Message;

/// A bounded queue, with the subscriptions whose messages get into it.
#[derive(Debug)]
pub(crate) struct Queue {
    messages: VecDeque<Message>,
    /// Messages that have just come and are not counted.
    arriving: VecDeque<Message>,
    bytes: usize,
    messages_max: usize,
    bytes_max: usize,
    /// The subscriptions of the caller.
    subscriptions: BTreeSet<SubscriptionId>,
}

impl Queue {
    /// An empty one with these limits; it holds at least one message.
    pub(crate) fn new(messages_max: usize, bytes_max: usize) -> Queue {
        Queue {
            messages: VecDeque::new(),
            arriving: VecDeque::new(),
            bytes: 0,
            messages_max: messages_max.max(1),
            bytes_max,
            // What is sent to the client's name comes without having been subscribed to.
            subscriptions: BTreeSet::from([SubscriptionId::NAME]),
        }
    }

    /// Where messages are put that come; [`Queue::settle`] counts them.
    pub(crate) fn arriving(&mut self) -> &mut VecDeque<Message> {
        &mut self.arriving
    }

    /// Puts what came behind what waits.
    pub(crate) fn settle(&mut self) {
        self.bytes += self.arriving.iter().map(Message::bytes_len).sum::<usize>();
        self.messages.append(&mut self.arriving);
    }

    /// The oldest message.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.bytes_len();
        Some(message)
    }

    /// The oldest message that came for this subscription.
    pub(crate) fn pop_of(&mut self, subscription: SubscriptionId) -> Option<Message> {
        let at = self.messages.iter().position(|it| it.subscription() == subscription)?;
        let message = self.messages.remove(at)?;
        self.bytes -= message.bytes_len();
        Some(message)
    }

    /// The subscription is given up, with all that waits for it.
    pub(crate) fn drop_all_of(&mut self, subscription: SubscriptionId) {
        self.forget(subscription);
        self.messages.retain(|it| it.subscription() != subscription);
        self.bytes = self.messages.iter().map(Message::bytes_len).sum();
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is room for a message of so many bytes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.messages.is_empty()
            || (self.messages.len() < self.messages_max && self.bytes + bytes <= self.bytes_max)
    }

    /// What is said where there is none.
    pub(crate) fn full(&self) -> ClientError {
        ClientError::QueueFull { messages: self.messages.len(), bytes: self.bytes }
    }

    /// The caller has a subscription.
    pub(crate) fn know(&mut self, subscription: SubscriptionId) {
        self.subscriptions.insert(subscription);
    }

    /// Whether the caller has this subscription.
    pub(crate) fn is_known(&self, subscription: SubscriptionId) -> bool {
        self.subscriptions.contains(&subscription)
    }

    /// The subscription has ended.
    pub(crate) fn forget(&mut self, subscription: SubscriptionId) {
        self.subscriptions.remove(&subscription);
    }
}
