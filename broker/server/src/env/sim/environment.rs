//! The simulated world as a shard's environment.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;

use coilgun_protocol::buffer::{Pool, Region};
use coilgun_protocol::model::{ShardId, Timestamp};
use coilgun_storage::disk::sim::SimDisk;

use super::port::SimPort;
use super::ring::SimRing;
use super::world::SimWorld;
use crate::env::Env;

/// What discarded memory holds: whoever still looks at it shall notice.
const DISCARDED: u8 = 0xDF;

/// [`Env`] in a simulated world.
#[derive(Clone, Debug)]
pub struct SimEnv {
    world: SimWorld,
    shard: ShardId,
    shard_count: usize,
}

impl SimEnv {
    /// The view of `world` of its only shard.
    #[must_use]
    pub fn new(world: SimWorld) -> SimEnv {
        SimEnv::in_mesh(world, ShardId::new(0), 1)
    }

    /// The view of `world` of one of `shard_count` shards.
    ///
    /// # Panics
    /// If there is no such shard.
    #[must_use]
    pub fn in_mesh(world: SimWorld, shard: ShardId, shard_count: usize) -> SimEnv {
        assert!(shard.index() < shard_count, "shards are numbered below their count");
        SimEnv { world, shard, shard_count }
    }

    /// The shard's end of the simulated lanes. The first one of a world decides how many shards there
    /// are, until all ends are gone.
    ///
    /// # Panics
    /// If the shard has one already, or the other shards were told another count.
    #[must_use]
    pub fn port(&self) -> SimPort {
        SimPort::new(self.world.clone(), self.shard, self.shard_count)
    }
}

impl Env for SimEnv {
    type Ring = SimRing;
    type Mesh = SimPort;
    type Disk = SimDisk;

    fn disk(&self, directory: &Path) -> SimDisk {
        self.world.disk(directory)
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.world.spawn(task);
    }

    fn doorbell(&self) -> Rc<dyn Fn()> {
        // Whoever steps the world gives every shard its turn.
        Rc::new(|| {})
    }

    fn region(&mut self, len: usize) -> io::Result<Region> {
        Ok(Region::heap(len))
    }

    fn ring(&mut self, receive: &Pool) -> io::Result<SimRing> {
        Ok(SimRing::new(self.world.clone(), receive.clone()))
    }

    unsafe fn discard(&mut self, base: NonNull<u8>, len: usize) {
        self.world.count_discarded(len);
        // SAFETY: the caller promises that nobody refers to the bytes, and they are mapped.
        unsafe { base.write_bytes(DISCARDED, len) };
    }

    fn now(&mut self) -> Timestamp {
        self.world.run_tasks();
        self.world.now()
    }

    fn wall_clock_ns(&self) -> u64 {
        self.world.now().0
    }

    fn peer_address(&self, _socket: RawFd) -> Option<SocketAddr> {
        // An address that is nobody's (RFC 5737).
        Some(SocketAddr::from(([192, 0, 2, 1], 7)))
    }

    fn random(&mut self) -> u64 {
        self.world.random()
    }
}
