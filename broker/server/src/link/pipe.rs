//! What the two ends of one connection share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use atomic_waker::AtomicWaker;
use coilgun_protocol::model::ClientId;
use crossbeam::utils::CachePadded;

use super::byte_ring::ByteRing;
use super::origin::LinkOrigin;
use super::wait_flags::WaitFlags;

/// Bytes that each direction of a connection holds.
pub(super) const RING_BYTES: usize = 256 * 1024;

/// The client waits for something to receive.
pub(super) const FOR_BYTES: u8 = 1;
/// The client waits for room to send.
pub(super) const FOR_ROOM: u8 = 2;

/// The name of a connection that no shard has taken yet.
const UNNAMED: u64 = u64::MAX;

/// What the two ends of one connection share.
#[derive(Debug)]
pub(super) struct Pipe {
    /// Written by the client, read by the shard.
    pub(super) to_broker: ByteRing,
    /// Written by the shard, read by the client.
    pub(super) to_client: ByteRing,
    /// It stands in the shard's queue of doorbells.
    pub(super) is_rung: CachePadded<AtomicBool>,
    client_gone: AtomicBool,
    broker_gone: AtomicBool,
    /// What the client waits for: [`FOR_BYTES`], [`FOR_ROOM`].
    client_waits: CachePadded<WaitFlags>,
    client_waker: AtomicWaker,
    /// The shard has something to send and found no room.
    broker_waits: CachePadded<WaitFlags>,
    /// What the shard calls the connection; only the shard reads and writes it.
    name: AtomicU64,
    /// Where it comes from.
    pub(super) origin: LinkOrigin,
    /// How many connections the shard has; this is one of them.
    count: Arc<AtomicUsize>,
}

impl Pipe {
    /// A connection that was counted in `count`, and takes itself off when it is gone.
    pub(super) fn new(origin: LinkOrigin, count: Arc<AtomicUsize>) -> Pipe {
        Pipe {
            to_broker: ByteRing::new(RING_BYTES),
            to_client: ByteRing::new(RING_BYTES),
            is_rung: CachePadded::default(),
            client_gone: AtomicBool::new(false),
            broker_gone: AtomicBool::new(false),
            client_waits: CachePadded::new(WaitFlags::new()),
            client_waker: AtomicWaker::new(),
            broker_waits: CachePadded::new(WaitFlags::new()),
            name: AtomicU64::new(UNNAMED),
            origin,
            count,
        }
    }

    /// What the shard calls it; nothing if the shard has not taken it.
    pub(super) fn name(&self) -> Option<ClientId> {
        let name = self.name.load(Ordering::Relaxed);
        (name != UNNAMED).then_some(ClientId { slot: (name >> 32) as u32, generation: name as u32 })
    }

    /// The shard gives it a name. Slots have 24 bits, so no name looks like none.
    pub(super) fn set_name(&self, id: ClientId) {
        let name = u64::from(id.slot) << 32 | u64::from(id.generation);
        self.name.store(name, Ordering::Relaxed);
    }

    /// Whether the client is gone; what it sent before can be read then.
    pub(super) fn is_client_gone(&self) -> bool {
        self.client_gone.load(Ordering::Acquire)
    }

    /// Whether the shard has ended the connection; what it sent before can be read then.
    pub(super) fn is_broker_gone(&self) -> bool {
        self.broker_gone.load(Ordering::Acquire)
    }

    /// The client goes.
    pub(super) fn end_by_client(&self) {
        self.client_gone.store(true, Ordering::Release);
    }

    /// The shard ends the connection, and whoever waits on the other side learns it.
    pub(super) fn end_by_broker(&self) {
        if !self.broker_gone.swap(true, Ordering::AcqRel) {
            self.tell_client(FOR_BYTES | FOR_ROOM);
        }
    }

    /// The client says what it waits for, and has to look once more afterwards.
    pub(super) fn client_waits(&self, waker: &core::task::Waker, what: u8) {
        self.client_waker.register(waker);
        self.client_waits.wait_for(what);
    }

    /// Wakes the client if it waits for any of these; said by the shard after it did them.
    pub(super) fn tell_client(&self, what: u8) {
        if self.client_waits.take(what) {
            self.client_waker.wake();
        }
    }

    /// The shard waits for much room to send, and has to look once more afterwards.
    pub(super) fn broker_waits(&self) {
        self.broker_waits.wait_for(FOR_ROOM);
    }

    /// Whether the client, which has just received, must ring because the shard waits for room.
    pub(super) fn must_ring_for_room(&self) -> bool {
        self.to_client.has_much_room() && self.broker_waits.take(FOR_ROOM)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
