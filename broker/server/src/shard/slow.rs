//! What is remembered of a client that does not read fast enough.
//!
//! Only clients that messages were dropped for, or that have a policy by which messages may be dropped
//! while they wait, have one of these; all others pay one look at an empty pointer per delivery.

use std::collections::BTreeMap;

use coilgun_protocol::model::{ErrorCode, Notice, SubscriptionId, limits};

use crate::mutant::{self, Mutant};

/// What is remembered of one client.
#[derive(Debug, Default)]
pub(super) struct Slow {
    /// Messages that each subscription missed since its previous delivery.
    missed: BTreeMap<SubscriptionId, u32>,
    /// Messages dropped when they were published, of which the client was not told.
    newest: u64,
    /// Messages dropped while they waited, of which the client was not told.
    oldest: u64,
}

impl Slow {
    /// A message for a subscription was dropped when it was published.
    pub(super) fn on_dropped_newest(&mut self, subscription: SubscriptionId) {
        self.newest += 1;
        self.miss(subscription, 1);
    }

    /// A message for a subscription was dropped while it waited. `messages`: it, and those that it
    /// would have told are missing before it.
    pub(super) fn on_dropped_oldest(&mut self, subscription: SubscriptionId, messages: u32) {
        self.oldest += 1;
        self.miss(subscription, messages);
    }

    fn miss(&mut self, subscription: SubscriptionId, messages: u32) {
        if mutant::is_active(Mutant::UntoldDrop) {
            return;
        }
        // Numbers of subscriptions that have ended stay until they are used again; not for ever.
        let is_full = self.missed.len() >= limits::SUBSCRIPTIONS_PER_CLIENT_MAX;
        if is_full && !self.missed.contains_key(&subscription) {
            self.missed.clear();
        }
        let count = self.missed.entry(subscription).or_default();
        *count = count.saturating_add(messages);
    }

    /// How many messages a subscription missed, which is told with its next delivery.
    pub(super) fn take_missed(&mut self, subscription: SubscriptionId) -> u32 {
        self.missed.remove(&subscription).unwrap_or(0)
    }

    /// What the client has to be told now that there is room.
    pub(super) fn take_notices(&mut self) -> [Option<Notice>; 2] {
        let newest = std::mem::take(&mut self.newest);
        let oldest = std::mem::take(&mut self.oldest);
        [(ErrorCode::DroppedNewest, newest), (ErrorCode::DroppedOldest, oldest)]
            .map(|(code, count)| (count > 0).then_some(Notice { code, count }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_told_once() {
        let mut slow = Slow::default();
        slow.on_dropped_newest(SubscriptionId(1));
        slow.on_dropped_newest(SubscriptionId(2));
        slow.on_dropped_oldest(SubscriptionId(1), 4);
        assert_eq!(slow.take_missed(SubscriptionId(1)), 5);
        assert_eq!(slow.take_missed(SubscriptionId(1)), 0);
        let notice = |code, count| Some(Notice { code, count });
        assert_eq!(
            slow.take_notices(),
            [notice(ErrorCode::DroppedNewest, 2), notice(ErrorCode::DroppedOldest, 1)]
        );
        assert_eq!(slow.take_notices(), [None, None]);
        assert_eq!(slow.take_missed(SubscriptionId(2)), 1, "the subscription is told by itself");
    }
}
