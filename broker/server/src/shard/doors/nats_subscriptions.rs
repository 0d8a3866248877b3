//! Subscriptions whose protocol names them by any text, and that end after so many deliveries.
//!
//! The router knows numbers; a text gets one when it is first used. A text that is given up and
//! used again gets another, so that what is still on its way under the old number is told apart.

use std::collections::BTreeMap;

use coilgun_protocol::model::SubscriptionId;

/// One connection's subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_sid: BTreeMap<Vec<u8>, u64>,
    by_number: BTreeMap<u64, Entry>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    sid: Vec<u8>,
    delivered: u64,
    /// It ends after so many deliveries; 0: it does not.
    deliveries_max: u32,
}

impl Subscriptions {
    /// Begins a subscription, unless its text is in use.
    pub(super) fn begin(&mut self, sid: &[u8]) -> Option<SubscriptionId> {
        if self.by_sid.contains_key(sid) {
            return None;
        }
        self.last += 1;
        self.by_sid.insert(sid.to_vec(), self.last);
        let entry = Entry { sid: sid.to_vec(), delivered: 0, deliveries_max: 0 };
        self.by_number.insert(self.last, entry);
        Some(SubscriptionId(self.last))
    }

    /// The number of a text that is in use.
    pub(super) fn number(&self, sid: &[u8]) -> Option<SubscriptionId> {
        self.by_sid.get(sid).copied().map(SubscriptionId)
    }

    /// From now on the text may be used for another subscription.
    pub(super) fn give_up(&mut self, sid: &[u8]) {
        self.by_sid.remove(sid);
    }

    /// The router ends it once it has had so many deliveries; 0: it has ended it.
    pub(super) fn limit(&mut self, number: SubscriptionId, deliveries_max: u32) {
        if let Some(entry) = self.by_number.get_mut(&number.0) {
            entry.deliveries_max = deliveries_max;
            if entry.delivered >= u64::from(deliveries_max) {
                self.forget(number);
            }
        }
    }

    /// Writes the text of a subscription that gets a message, and counts the message.
    pub(super) fn deliver(&mut self, number: SubscriptionId, sid: &mut Vec<u8>) -> bool {
        let Some(entry) = self.by_number.get_mut(&number.0) else { return false };
        sid.extend_from_slice(&entry.sid);
        entry.delivered += 1;
        if entry.deliveries_max > 0 && entry.delivered >= u64::from(entry.deliveries_max) {
            self.forget(number);
        }
        true
    }

    /// It is over.
    pub(super) fn forget(&mut self, number: SubscriptionId) {
        if let Some(entry) = self.by_number.remove(&number.0)
            && self.by_sid.get(&entry.sid) == Some(&number.0)
        {
            self.by_sid.remove(&entry.sid);
        }
    }
}
