//! Connections on their way to the shard they will stay on (law S3).
//!
//! One shard accepts for all. It decides with the table of loads, and counts the connection for the
//! shard that gets it; that shard takes it off when the connection is over. The descriptor travels
//! before anything is received from it.

use std::os::fd::RawFd;

use coilgun_protocol::model::{ClientId, ShardId, Timestamp};

use super::busy::BusyMeter;
use super::draining::Draining;
use super::loads::LoadTable;
use super::placement::PlacementPolicy;
use super::settings::ListenerSettings;
use super::turn::Shard;
use crate::env::Env;
use crate::link::LinkPort;
use crate::mesh::{Connection, Message};
use crate::net::SocketKind;

/// A connection that was accepted and that no shard has, yet. Whoever holds it owns the descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The connected socket.
    pub descriptor: RawFd,
    /// What kind of socket it is.
    pub kind: SocketKind,
    /// Which listening socket it came through, by its place in the list of all.
    pub listener: usize,
    /// There is no room for it in the broker; it is told when it says who it is.
    pub is_surplus: bool,
}

/// Where a shard stands among the others.
#[derive(Debug)]
pub struct ShardPlace {
    shard: ShardId,
    policy: PlacementPolicy,
    loads: LoadTable,
    busy: BusyMeter,
}

impl ShardPlace {
    /// The place of `shard` among those of `loads`.
    ///
    /// # Panics
    /// If the table has no such shard.
    #[must_use]
    pub fn new(shard: ShardId, policy: PlacementPolicy, loads: LoadTable) -> ShardPlace {
        assert!(shard.index() < loads.shard_count(), "a shard has an entry in the table");
        ShardPlace { shard, policy, loads, busy: BusyMeter::default() }
    }

    /// Which shard it is.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.loads.shard_count()
    }

    /// A turn began, with work or without: now and then the others are told how busy this shard is.
    #[inline]
    pub(super) fn on_turn(&mut self, now: Timestamp, has_work: bool) {
        if let Some(share) = self.busy.on_turn(now, has_work)
            && self.loads.shard_count() > 1
        {
            self.loads.set_busy(self.shard, now, share);
        }
    }

    /// A connection of this shard is over.
    pub(super) fn forget(&self) {
        self.loads.remove_connection(self.shard);
    }

    /// Counts a connection that this shard accepted for itself. Returns whether there are as many as
    /// there may be without it.
    pub(super) fn take(&self, connections_max: usize) -> bool {
        let is_surplus = self.loads.connections() >= connections_max as u64;
        self.loads.add_connection(self.shard);
        is_surplus
    }
}

impl Default for ShardPlace {
    /// The only shard.
    fn default() -> ShardPlace {
        ShardPlace::new(ShardId::default(), PlacementPolicy::default(), LoadTable::new(1))
    }
}

impl<E: Env> Shard<E> {
    /// The same shard, one among others; to be said before it listens.
    #[must_use]
    pub fn placed(self, place: ShardPlace) -> Shard<E> {
        Shard { place, ..self }
    }

    /// Learns what holds on a listening socket on which another shard accepts. Every shard hears of
    /// all of them in the same order.
    pub fn know_listener(&mut self, settings: impl Into<ListenerSettings>) {
        self.listeners.push(settings.into());
    }

    /// A connection was accepted that may go to any shard: hands it over, or takes it.
    pub(super) fn place(&mut self, now: Timestamp, arrival: Arrival) {
        let ShardPlace { shard: ours, policy, loads, .. } = &self.place;
        let chosen = match self.draining {
            Draining::Serving => policy.choose(loads.loads(now)),
            Draining::Asking(_) | Draining::Closing(_) | Draining::Cutting => *ours,
        };
        let (ours, loads) = (*ours, loads.clone());
        let is_surplus = loads.connections() >= self.settings.connections_max as u64;
        let arrival = Arrival { is_surplus, ..arrival };
        if chosen != ours {
            loads.add_connection(chosen);
            return self.hand_over(chosen, arrival);
        }
        loads.add_connection(ours);
        self.adopt(now, arrival);
    }

    /// Takes a connection that was counted for this shard: from here on it lives here. Without a slot
    /// it is closed at once.
    pub fn adopt(&mut self, now: Timestamp, arrival: Arrival) {
        if self.draining == Draining::Cutting {
            self.net.refuse(arrival.descriptor);
            return self.place.forget();
        }
        match self.net.adopt(arrival.descriptor, arrival.kind, arrival.listener) {
            Some(id) => self.begin_session(now, id, arrival.is_surplus),
            None => {
                self.counters.refused += 1;
                self.place.forget();
            }
        }
    }

    /// Begins to take clients of this process, by each of these ways in; to be said when all listening
    /// sockets are known.
    pub fn serve_links(&mut self, port: LinkPort, ways_in: &[ListenerSettings]) {
        self.net.serve_links(port, self.listeners.len());
        self.listeners.extend_from_slice(ways_in);
    }

    /// A client of this process was connected here, and counted by whoever connected it.
    pub(super) fn on_linked(&mut self, now: Timestamp, id: ClientId) {
        if self.draining == Draining::Cutting {
            self.net.close(id);
            return self.place.forget();
        }
        self.begin_session(now, id, false);
    }

    /// Sends a connection to another shard.
    fn hand_over(&mut self, to: ShardId, arrival: Arrival) {
        let Arrival { descriptor, kind, listener, is_surplus } = arrival;
        let is_unix = kind == SocketKind::Unix;
        let listener = u32::try_from(listener).expect("there are few listening sockets");
        let connection = Connection { descriptor, listener, is_unix, is_surplus };
        self.mesh.say(to, &Message::Connection(connection));
    }

    /// Another shard accepted a connection that shall live here.
    pub(super) fn on_connection(&mut self, now: Timestamp, connection: &Connection) {
        let Connection { descriptor, listener, is_unix, is_surplus } = *connection;
        let kind = if is_unix { SocketKind::Unix } else { SocketKind::Tcp };
        self.adopt(now, Arrival { descriptor, kind, listener: listener as usize, is_surplus });
    }
}
