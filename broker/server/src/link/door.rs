//! Where a shard hears of its connections inside the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use coilgun_protocol::link::LinkRefused;
use coilgun_protocol::model::{ClientId, ShardId};
use crossbeam::queue::ArrayQueue;

use super::broker_end::BrokerEnd;
use super::client_end::ClientEnd;
use super::origin::LinkOrigin;
use super::pipe::Pipe;
use crate::env::Waker;
use crate::mutant::{self, Mutant};

/// Connections inside the process that one shard may have.
pub const LINKS_MAX: usize = 1024;

/// The doors of all shards of a broker, by their numbers.
pub type Doors = Arc<[Arc<Door>]>;

/// The door of one shard.
#[derive(Debug)]
pub struct Door {
    /// Connections on which something has happened, each at most once.
    rung: ArrayQueue<Arc<Pipe>>,
    waker: Waker,
    is_open: AtomicBool,
    count: Arc<AtomicUsize>,
}

impl Door {
    /// The door of the shard that `waker` wakes.
    #[must_use]
    pub fn new(waker: Waker) -> Door {
        Door {
            rung: ArrayQueue::new(LINKS_MAX),
            waker,
            is_open: AtomicBool::new(true),
            count: Arc::default(),
        }
    }

    /// Whether the shard takes new connections.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Makes a connection to the shard, which was counted for it.
    ///
    /// # Errors
    /// If the shard has as many as it may, and hears nothing of this one; or if it takes none any more.
    pub fn connect(self: &Arc<Door>, origin: LinkOrigin) -> Result<ClientEnd, LinkRefused> {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if before >= LINKS_MAX {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(LinkRefused::Full);
        }
        let pipe = Arc::new(Pipe::new(origin, Arc::clone(&self.count)));
        let end = ClientEnd::new(pipe, Arc::clone(self));
        end.ring();
        // Either this sees that the door was closed, or whoever closed it sees the connection.
        fence(Ordering::SeqCst);
        self.is_open().then_some(end).ok_or(LinkRefused::Ended)
    }

    /// Tells the shard that something has happened on a connection.
    pub(super) fn ring(&self, pipe: &Arc<Pipe>) {
        if pipe.is_rung.swap(true, Ordering::AcqRel) || mutant::is_active(Mutant::NoDoorbell) {
            return;
        }
        let refused = self.rung.push(Arc::clone(pipe)).is_err();
        assert!(!refused, "S24: the queue has a place for every connection");
        self.waker.wake();
    }
}

/// The shard's side of its door. When it is dropped every connection that it has not handed out ends.
#[derive(Debug)]
pub struct LinkPort(Arc<Door>);

/// What a doorbell was rung for.
#[derive(Debug)]
pub(crate) enum Rung {
    /// A new connection.
    New(BrokerEnd),
    /// Something happened on one that the shard knows.
    Known(ClientId),
}

impl LinkPort {
    /// The side of the shard `shard` behind one of `doors`, for that shard only.
    ///
    /// # Panics
    /// If there is no such door.
    #[must_use]
    pub fn new(doors: &Doors, shard: ShardId) -> LinkPort {
        LinkPort(Arc::clone(&doors[shard.index()]))
    }

    /// The next connection on which something has happened. What happens on it from now on is told
    /// again.
    pub(crate) fn next(&self) -> Option<Rung> {
        let pipe = self.0.rung.pop()?;
        // Reads what the client wrote before it rang, or is seen by the next one who rings.
        pipe.is_rung.swap(false, Ordering::AcqRel);
        Some(pipe.name().map_or_else(|| Rung::New(BrokerEnd::new(pipe)), Rung::Known))
    }

    /// How many connections wait to be looked at.
    pub(crate) fn rung_count(&self) -> usize {
        self.0.rung.len()
    }

    /// Takes no new connections any more. Those that came before are still handed out.
    pub(crate) fn close(&self) {
        self.0.is_open.store(false, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}

impl Drop for LinkPort {
    fn drop(&mut self) {
        self.close();
        // Ends because nobody connects through a closed door, and whoever rings on a connection that
        // has ended learns that it has.
        while self.next().is_some() {}
    }
}
