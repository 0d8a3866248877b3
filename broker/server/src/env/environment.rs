//! The seam between a shard and its world.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;

use coilgun_protocol::buffer::{Pool, Region};
use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::Disk;

use crate::mesh::MeshPort;
use crate::net::Ring;

/// The world around one shard.
pub trait Env {
    /// The network ring.
    type Ring: Ring;

    /// The shard's end of the mesh.
    type Mesh: MeshPort;

    /// The disk that the logs of this shard are on.
    type Disk: Disk;

    /// The directory of one log.
    fn disk(&self, directory: &Path) -> Self::Disk;

    /// Runs a task beside the turns, on the same thread, until it ends or the shard does.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// What a task calls to let the shard have a turn, if it sleeps.
    fn doorbell(&self) -> Rc<dyn Fn()>;

    /// Memory for a pool, zeroed.
    ///
    /// # Errors
    /// If there is none.
    fn region(&mut self, len: usize) -> io::Result<Region>;

    /// The shard's one network ring, which will receive into the blocks of `receive`.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn ring(&mut self, receive: &Pool) -> io::Result<Self::Ring>;

    /// Gives the memory of `len` bytes at `base` back to the system until they are used again; they
    /// hold zeroes or what they held before then.
    ///
    /// # Safety
    /// The bytes lie in memory from [`Env::region`], and nobody refers to any of them.
    unsafe fn discard(&mut self, base: NonNull<u8>, len: usize);

    /// The time; read once per turn (law S27).
    fn now(&mut self) -> Timestamp;

    /// Wall time in nanoseconds since 1970, for what people read; 0 if the clock stands before that.
    fn wall_clock_ns(&self) -> u64;

    /// The address of whoever is connected to this TCP socket, if it still is.
    fn peer_address(&self, socket: RawFd) -> Option<SocketAddr>;

    /// A random number.
    fn random(&mut self) -> u64;
}
