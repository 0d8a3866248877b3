//! Clients that the publishers of other shards have to wait for (law S19).

use coilgun_protocol::model::ClientId;

use super::plan::Target;
use super::records::{Record, RecordName};
use super::slab::Key;
use super::state::Router;
use super::subscriptions::Entry;

/// Subscriptions that are looked at when nobody shall wait for their client any more: nearly always
/// all that were waited for, and little enough for as many clients as there can be in a turn.
const UNPRESSED_AT_ONCE: usize = 32;

impl Router {
    /// Lets publishers on other shards wait for what this target wants, or for its client's name,
    /// until [`Router::unpress`]; it is announced if that is news. A target whose subscription has
    /// ended presses nobody, and neither does any where there is one shard only.
    pub fn press(&mut self, target: &Target) {
        if !self.is_meshed {
            return;
        }
        let Some(client) = self.clients.present_or_gone(target.client) else { return };
        let Some(key) = target.entry.some() else {
            self.mark_name(target.client, true);
            return;
        };
        let is_there = self.subscriptions.get(key).is_some_and(|entry| {
            entry.id == target.subscription && entry.client == target.client.slot
        });
        if !is_there {
            return;
        }
        if self.subscriptions.entry(key).is_pressed {
            client.presses.renew(key, &mut self.press_places);
            return;
        }
        client.presses.add(key, &mut self.press_places);
        self.subscriptions.entry_mut(key).is_pressed = true;
        let record = self.record_of_entry(key);
        let pressed = &mut self.records.record_mut(record).local_pressed;
        *pressed += 1;
        if *pressed == 1 {
            self.announce(record);
        }
    }

    /// Lets nobody wait for the client any more: it has room again, patience with it has lapsed, or
    /// it leaves. It may have very many subscriptions that were waited for: this looks at a few of
    /// them, and [`Router::unpress_more`] at the others (law S23).
    pub fn unpress(&mut self, client: ClientId) {
        let Some(pressing) = self.clients.present_or_gone(client) else { return };
        pressing.presses.release_all();
        self.mark_name(client, false);
        for _ in 0..UNPRESSED_AT_ONCE {
            if !self.release_next(client) {
                return;
            }
        }
        let presses = &mut self.clients.present_mut(client).presses;
        if presses.has_any_to_release() && !core::mem::replace(&mut presses.is_queued, true) {
            self.unpressing.push_back(client);
        }
    }

    /// Goes on with what [`Router::unpress`] left, `budget` subscriptions at most, and those first that
    /// were left first. Returns how many steps that took: 0 if nothing was left; otherwise there may
    /// be more for another turn. What is [pressed](Router::press) again meanwhile stays pressed.
    pub fn unpress_more(&mut self, budget: usize) -> usize {
        for step in 0..budget {
            let Some(client) = self.unpressing.front().copied() else { return step };
            if !self.release_next(client) {
                self.unpressing.pop_front();
                // It may be gone, and another one have its slot.
                if let Some(client) = self.clients.get_mut(client) {
                    client.presses.is_queued = false;
                }
            }
        }
        budget
    }

    /// Lets nobody wait for one of the client's subscriptions. Says whether there was any to release.
    fn release_next(&mut self, client: ClientId) -> bool {
        let Some(client) = self.clients.get_mut(client) else { return false };
        let next = client.presses.next_to_release(&mut self.press_places);
        if let Some(key) = next {
            self.unpress_entry(key);
        }
        next.is_some()
    }

    /// Takes back what a subscription pressed that ends.
    pub(super) fn unpress_ended(&mut self, key: Key<Entry>) {
        let entry = self.subscriptions.entry(key);
        if !entry.is_pressed {
            return;
        }
        let presses = &mut self.clients.in_slot_mut(entry.client).presses;
        presses.remove(key, &mut self.press_places);
        self.unpress_entry(key);
    }

    fn unpress_entry(&mut self, key: Key<Entry>) {
        self.subscriptions.entry_mut(key).is_pressed = false;
        let record = self.record_of_entry(key);
        let pressed = &mut self.records.record_mut(record).local_pressed;
        *pressed -= 1;
        if *pressed == 0 {
            self.announce(record);
        }
    }

    /// Notes whether publishers have to wait for the client's name, if it has one.
    fn mark_name(&mut self, client: ClientId, is_pressed: bool) {
        let named = self.clients.present(client);
        let namespace = named.attributes.namespace;
        let Some(known) = self.directory.get_mut(namespace, &named.name) else { return };
        if core::mem::replace(&mut known.is_pressed, is_pressed) != is_pressed {
            let name = named.name.clone();
            self.announce_name(namespace, &name);
        }
    }

    fn record_of_entry(&self, key: Key<Entry>) -> Key<Record> {
        let Entry { node, group, visibility, .. } = *self.subscriptions.entry(key);
        let found = self.records.find(RecordName { node, group, visibility });
        found.expect("a subscription of one of several has a record")
    }
}
