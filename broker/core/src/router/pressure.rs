//! Clients that the publishers of other shards have to wait for (law S19).

use coilgun_protocol::model::ClientId;

use super::plan::Target;
use super::records::{Record, RecordName};
use super::slab::Key;
use super::state::Router;
use super::subscriptions::Entry;

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
        if !is_there || self.subscriptions.entry(key).is_pressed {
            return;
        }
        client.pressed.push(key);
        self.subscriptions.entry_mut(key).is_pressed = true;
        let record = self.record_of_entry(key);
        let pressed = &mut self.records.record_mut(record).local_pressed;
        *pressed += 1;
        if *pressed == 1 {
            self.announce(record);
        }
    }

    /// Lets nobody wait for the client any more: it has room again, patience with it has lapsed, or
    /// it leaves. Takes as long as it has subscriptions that were waited for.
    pub fn unpress(&mut self, client: ClientId) {
        let Some(pressing) = self.clients.present_or_gone(client) else { return };
        let mut pressed = core::mem::take(&mut pressing.pressed);
        for key in pressed.drain(..) {
            self.unpress_entry(key);
        }
        // Its memory is used again.
        let pressing = self.clients.present_mut(client);
        pressing.pressed = pressed;
        self.mark_name(client, false);
    }

    /// Takes back what a subscription pressed that ends.
    pub(super) fn unpress_ended(&mut self, key: Key<Entry>) {
        let entry = self.subscriptions.entry(key);
        if !entry.is_pressed {
            return;
        }
        let pressed = &mut self.clients.in_slot_mut(entry.client).pressed;
        pressed.retain(|other| *other != key);
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
