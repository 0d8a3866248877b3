//! A shard's end of everything between it and the others.

use std::io;
use std::ptr::NonNull;

use coilgun_protocol::buffer::{BlockRange, Chunk, Pool};
use coilgun_protocol::model::{ClientId, ShardId, ShardSet, Span, limits};

use super::message::{Message, Payload};
use super::peer::{Need, Peer};
use super::port::{MeshPort, PARCEL_BYTES, PARCELS_MAX};
use super::reading::Messages;
use crate::env::Env;

/// What a mesh counts; plain numbers of one thread (law S27).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MeshCounters {
    /// Published messages handed to another shard, once for each.
    pub hops: u64,
    /// Payloads copied into parcels.
    pub payload_copies: u64,
    /// Parcels handed over.
    pub parcels: u64,
    /// Doorbells rung: at most one for each destination and turn.
    pub doorbells: u64,
    /// Most parcels that were lent to one shard at the same time.
    pub parcels_lent_max: u64,
    /// Times a published message found no room.
    pub ring_full: u64,
    /// Messages that were not sent because memory was out.
    pub unsent: u64,
}

/// A shard's end of the mesh.
#[derive(Debug)]
pub struct Mesh<P> {
    port: P,
    /// By number of the shard; none for this one.
    peers: Vec<Option<Peer>>,
    others: ShardSet,
    counters: MeshCounters,
}

impl<P: MeshPort> Mesh<P> {
    /// The end of a shard; at most `high_bytes` are under way to it from all others together, unless
    /// each sends one message that is larger than its part.
    ///
    /// # Errors
    /// If there is no memory for parcels.
    pub fn new<E: Env<Mesh = P>>(env: &mut E, port: P, high_bytes: usize) -> io::Result<Mesh<P>> {
        let count = port.shard_count();
        let mut others = ShardSet::first(count);
        others.remove(port.shard());
        let share = high_bytes / others.len().max(1);
        let bytes_max = share.clamp(limits::BLOCK_BYTES, limits::MESH_BYTES_IN_FLIGHT_MAX);
        let mut peers = Vec::with_capacity(count);
        for number in 0..count {
            peers.push(if others.contains(ShardId::new(number)) {
                let memory = env.region(PARCELS_MAX * PARCEL_BYTES)?;
                Some(Peer::new(memory, bytes_max))
            } else {
                None
            });
        }
        Ok(Mesh { port, peers, others, counters: MeshCounters::default() })
    }

    /// The number of this shard.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.port.shard()
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.peers.len()
    }

    /// All other shards.
    #[inline]
    #[must_use]
    pub fn others(&self) -> ShardSet {
        self.others
    }

    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> MeshCounters {
        self.counters
    }

    #[inline]
    pub(super) fn peer(&self, shard: ShardId) -> &Peer {
        self.peers[shard.index()].as_ref().expect("a shard says nothing to itself")
    }

    #[inline]
    pub(super) fn peer_mut(&mut self, shard: ShardId) -> &mut Peer {
        self.peers[shard.index()].as_mut().expect("a shard says nothing to itself")
    }

    /// Whether there is room for a message to a shard (law S18).
    #[inline]
    pub fn has_room(&mut self, to: ShardId, need: Need) -> bool {
        let has_room = self.peer(to).has_room(need);
        self.counters.ring_full += u64::from(!has_room);
        has_room
    }

    /// Whether a small message of so many bytes can be sent to a shard, whatever was published.
    #[must_use]
    pub fn has_place(&self, to: ShardId, bytes: usize) -> bool {
        self.peer(to).has_place(bytes)
    }

    /// Sends a message; the caller saw that there is room.
    #[inline]
    pub fn send(&mut self, to: ShardId, message: &Message<'_>) {
        if let Message::Publication(it) = message {
            self.counters.hops += 1;
            let is_copied = matches!(it.payload, Payload::Inline(bytes) if !bytes.is_empty());
            self.counters.payload_copies += u64::from(is_copied);
        }
        self.peer_mut(to).send(message);
    }

    /// Counts a message that could not be sent because memory was out.
    pub fn count_unsent(&mut self) {
        self.counters.unsent += 1;
    }

    /// Says something small; it always finds its way.
    pub fn say(&mut self, to: ShardId, message: &Message<'_>) {
        self.peer_mut(to).say(message);
    }

    /// Lends the block of a payload that fits no parcel. Nothing, if too many are lent already.
    pub fn lend(&mut self, to: ShardId, payload: BlockRange) -> Option<Payload<'static>> {
        let (base, len, loan) = self.peer_mut(to).lend(payload)?;
        Some(Payload::Lent(base, len, loan))
    }

    /// Takes in the loans that came back from a shard. Returns whether there were any.
    pub fn take_back(&mut self, from: ShardId) -> bool {
        let mut any = false;
        while let Some(loan) = self.port.take_back(from) {
            self.peer_mut(from).take_back(loan);
            any = true;
        }
        any
    }

    /// The next parcel from a shard.
    pub fn next_parcel(&mut self, from: ShardId) -> Option<BlockRange> {
        let parcel = self.port.pop(from)?;
        Some(self.peer_mut(from).borrow(parcel.base, parcel.len, parcel.loan))
    }

    /// The messages of a parcel.
    pub fn messages(parcel: &BlockRange) -> impl Iterator<Item = Message<'_>> {
        Messages::new(parcel.bytes())
    }

    /// The block in which the payload of an arrived message lies, if it did not come in its parcel.
    pub fn payload_block(&mut self, from: ShardId, payload: &Payload<'_>) -> Option<BlockRange> {
        match payload {
            Payload::Inline(_) => None,
            Payload::Lent(base, len, loan) => {
                let base = NonNull::new(std::ptr::with_exposed_provenance_mut(*base));
                base.map(|base| self.peer_mut(from).borrow(base, *len, *loan))
            }
        }
    }

    /// Puts a publisher into the list of those that wait for room to a shard.
    pub fn wait_for_room(&mut self, to: ShardId, client: ClientId) {
        self.peer_mut(to).waiters.push(client);
    }

    /// Puts a publisher into the list of those that wait for a reader on a shard.
    pub fn wait_for_reader(&mut self, on: ShardId, client: ClientId) {
        self.peer_mut(on).pressed.push(client);
    }

    /// Takes out those that wait for room to a shard.
    pub fn take_waiters(&mut self, to: ShardId) -> Vec<ClientId> {
        std::mem::take(&mut self.peer_mut(to).waiters)
    }

    /// Takes out those that wait for a reader on a shard.
    pub fn take_pressed(&mut self, on: ShardId) -> Vec<ClientId> {
        std::mem::take(&mut self.peer_mut(on).pressed)
    }

    /// Whether anybody waits for room to a shard.
    #[must_use]
    pub fn has_waiters(&self, to: ShardId) -> bool {
        !self.peer(to).waiters.is_empty()
    }

    /// Hands over what was said in this turn, with at most one doorbell for each shard (law S17), and
    /// gives back what nobody here holds any more. `wants_all_loans`: be woken when any loan comes
    /// back.
    pub fn flush(&mut self, wants_all_loans: bool) {
        for shard in self.others.iter() {
            let Mesh { port, peers, counters, .. } = self;
            let Some(peer) = &mut peers[shard.index()] else { continue };
            if peer.has_output() {
                let count = peer.hand_over(|parcel| port.push(shard, parcel));
                counters.parcels += count as u64;
                let lent = peer.parcels_lent() as u64;
                counters.parcels_lent_max = counters.parcels_lent_max.max(lent);
                if count > 0 {
                    counters.doorbells += 1;
                    port.wake(shard);
                }
            }
            // Behind what was said: who sees that there is room again sees first that a reader has none.
            while !peer.is_refused()
                && let Some(loan) = peer.next_return()
            {
                port.give_back(shard, loan);
            }
            let wants = wants_all_loans || peer.needs_loans();
            if wants != peer.wants_loans {
                peer.wants_loans = wants;
                port.want_loans(shard, wants);
            }
        }
    }

    /// Whether a parcel found the ring full; the next turn tries again.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.peers.iter().flatten().any(Peer::is_refused)
    }

    /// Whether something waits to be taken in: looked at before sleeping (law S24).
    pub fn has_work(&mut self) -> bool {
        self.port.has_work()
    }

    /// Whether nothing is under way from here, and nothing of others is held here.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.peers.iter().flatten().all(Peer::is_quiet)
    }

    /// As [`MeshPort::agree_to_end`].
    pub fn agree_to_end(&mut self, ended: bool) -> bool {
        self.port.agree_to_end(ended)
    }

    /// As [`MeshPort::lost`].
    #[must_use]
    pub fn lost(&self) -> Option<ShardId> {
        self.port.lost()
    }

    /// Where parcels come from, for memory that nobody needs to go back to the system.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> + Clone {
        self.peers.iter().flatten().map(Peer::pool)
    }
}

/// The part of a parcel that these bytes, which lie in it, are.
#[inline]
#[must_use]
pub fn within<'a>(parcel: &'a BlockRange, part: &[u8]) -> Chunk<'a> {
    run_within(parcel, part, part.len())
}

/// The `len` bytes of a parcel from where `begin`, which lies in it, begins.
#[inline]
#[must_use]
pub fn run_within<'a>(parcel: &'a BlockRange, begin: &[u8], len: usize) -> Chunk<'a> {
    if len == 0 {
        return Chunk::default();
    }
    let offset = begin.as_ptr().addr() - parcel.bytes().as_ptr().addr();
    parcel.chunk().slice(Span::chunk(offset, len))
}
