//! The clients of a shard, as far as routes are concerned.

use coilgun_protocol::model::{ClientId, NamespaceId, OpenFlags};

use super::exclusions::Exclusions;
use super::presses::Presses;
use super::slab::Key;
use super::subscriptions::Entry;
use crate::security::IdentityId;

/// What a client is to the router from its first to its last moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientAttributes {
    /// Where it publishes and subscribes.
    pub namespace: NamespaceId,
    /// How it wants to be treated; the router looks at `NO_ECHO` and `ONCE_PER_MESSAGE`.
    pub flags: OpenFlags,
    /// What it may do.
    pub identity: IdentityId,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    /// Slot and generation.
    pub(super) id: ClientId,
    /// What it is.
    pub(super) attributes: ClientAttributes,
    /// Its name in its namespace; empty: none.
    pub(super) name: Box<[u8]>,
    /// Native name of the client whose secondary it is; empty: it is a primary.
    pub(super) primary: Box<[u8]>,
    /// What it leaves out of its subscriptions.
    pub(super) exclusions: Exclusions,
    /// Its youngest subscription; they form a list.
    pub(super) first: Key<Entry>,
    /// How many there are.
    pub(super) subscription_count: usize,
    /// Its subscriptions that the publishers of other shards have to wait for.
    pub(super) presses: Presses,
    /// The plan that has this client as a target already, for those who want a message once.
    pub(super) planned: u64,
    /// How far its removal is.
    pub(super) presence: Presence,
}

/// Whether a client is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// It is.
    Present,
    /// It is being removed; whatever is left of it is in no route and gets into none.
    Leaving,
}

impl Client {
    /// Whether the client does not want what it published itself.
    #[inline]
    pub(super) fn wants_no_echo(&self) -> bool {
        self.attributes.flags.contains(OpenFlags::NO_ECHO)
    }

    /// Whether the client wants each message once only.
    #[inline]
    pub(super) fn wants_once(&self) -> bool {
        self.attributes.flags.contains(OpenFlags::ONCE_PER_MESSAGE)
    }

    /// Whether it has this name, or is a secondary of whoever has it.
    pub(super) fn belongs_to(&self, name: &[u8]) -> bool {
        *self.name == *name || (!self.primary.is_empty() && *self.primary == *name)
    }

    /// Marks the client as a target of what has the number `mark`; says whether it was not before.
    pub(super) fn mark(&mut self, mark: u64) -> bool {
        core::mem::replace(&mut self.planned, mark) != mark
    }
}

/// All clients, by slot.
#[derive(Debug, Default)]
pub(super) struct Clients {
    slots: Vec<Option<Client>>,
    len: usize,
    leaving_count: usize,
}

impl Clients {
    /// Takes a client in.
    ///
    /// # Panics
    /// If its slot is taken.
    pub(super) fn insert(&mut self, id: ClientId, attributes: ClientAttributes) {
        let slot = id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        assert!(self.slots[slot].is_none(), "slot {slot} is used again after its removal is done");
        self.slots[slot] = Some(Client {
            id,
            attributes,
            name: Box::default(),
            primary: Box::default(),
            exclusions: Exclusions::default(),
            first: Key::NONE,
            subscription_count: 0,
            presses: Presses::default(),
            planned: 0,
            presence: Presence::Present,
        });
        self.len += 1;
    }

    /// The client, if it is there or still being removed.
    pub(super) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.slots.get_mut(id.slot as usize)?.as_mut().filter(|client| client.id == id)
    }

    /// The client, if it is there and not being removed.
    pub(super) fn present_or_gone(&mut self, id: ClientId) -> Option<&mut Client> {
        self.get_mut(id).filter(|client| client.presence == Presence::Present)
    }

    /// The client.
    ///
    /// # Panics
    /// If it was not added, or its removal has begun.
    #[inline]
    pub(super) fn present(&self, id: ClientId) -> &Client {
        match self.slots.get(id.slot as usize) {
            Some(Some(client)) if client.id == id && client.presence == Presence::Present => client,
            Some(_) | None => panic!("client {id} was not added, or is being removed"),
        }
    }

    /// The client, to be changed.
    ///
    /// # Panics
    /// If it was not added, or its removal has begun.
    pub(super) fn present_mut(&mut self, id: ClientId) -> &mut Client {
        match self.slots.get_mut(id.slot as usize) {
            Some(Some(client)) if client.id == id && client.presence == Presence::Present => client,
            Some(_) | None => panic!("client {id} was not added, or is being removed"),
        }
    }

    /// The client in this slot, present or leaving.
    ///
    /// # Panics
    /// If the slot is empty; a slot that a subscription names is not.
    pub(super) fn in_slot(&self, slot: u32) -> &Client {
        self.slots[slot as usize].as_ref().expect("a subscription has a client")
    }

    /// The client in this slot, present or leaving, to be changed.
    ///
    /// # Panics
    /// If the slot is empty; a slot that a subscription names is not.
    pub(super) fn in_slot_mut(&mut self, slot: u32) -> &mut Client {
        self.slots[slot as usize].as_mut().expect("a subscription has a client")
    }

    /// Begins the removal of a client that is present.
    pub(super) fn begin_leaving(&mut self, id: ClientId) {
        self.present_mut(id).presence = Presence::Leaving;
        self.leaving_count += 1;
    }

    /// Ends the removal of a client that is leaving.
    ///
    /// # Panics
    /// If it has subscriptions left.
    pub(super) fn finish_leaving(&mut self, id: ClientId) {
        let client = self.slots[id.slot as usize].take().expect("a client that leaves is there");
        assert!(client.id == id && client.presence == Presence::Leaving, "its removal has begun");
        assert_eq!(client.subscription_count, 0, "a client leaves after its subscriptions");
        self.leaving_count -= 1;
        self.len -= 1;
    }

    /// Gives each client that is present another identity.
    pub(super) fn change_identities(
        &mut self,
        identity_of: impl Fn(ClientId, IdentityId) -> IdentityId,
    ) {
        for client in self.slots.iter_mut().flatten() {
            if client.presence == Presence::Present {
                client.attributes.identity = identity_of(client.id, client.attributes.identity);
            }
        }
    }

    /// Whether any client is being removed.
    pub(super) fn any_leaving(&self) -> bool {
        self.leaving_count > 0
    }

    /// How many clients there are, including those that are being removed.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All clients, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.slots.iter().flatten()
    }
}
