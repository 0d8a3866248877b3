//! The real world: Linux.

use std::future::Future;
use std::io;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{FromRawFd, RawFd};
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;

use coilgun_protocol::buffer::{Pool, Region};
use coilgun_protocol::model::Timestamp;
use coilgun_storage::disk::DirectDisk;

use super::memory::KeptMemory;
use super::uring::UringRing;
use super::wake::Waker;
use super::{Env, memory};
use crate::mesh::ThreadPort;

/// [`Env`] on a Linux kernel.
#[derive(Debug)]
pub struct LinuxEnv {
    waker: Waker,
    /// What keeps memory mapped that other shards may read, if there are any.
    kept: Option<KeptMemory>,
}

impl LinuxEnv {
    /// The world of the shard that `waker` wakes, which lends nothing to other shards.
    #[must_use]
    pub fn new(waker: Waker) -> LinuxEnv {
        LinuxEnv { waker, kept: None }
    }

    /// The world of the shard that `port` belongs to. Its memory stays mapped until every port of
    /// the fabric is gone.
    #[must_use]
    pub fn in_mesh(port: &ThreadPort) -> LinuxEnv {
        LinuxEnv { waker: port.waker().clone(), kept: Some(port.memory().clone()) }
    }
}

impl Env for LinuxEnv {
    type Ring = UringRing;
    type Mesh = ThreadPort;
    type Disk = DirectDisk;

    fn disk(&self, directory: &Path) -> DirectDisk {
        DirectDisk::new(directory)
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        glommio::spawn_local(task).detach();
    }

    fn doorbell(&self) -> Rc<dyn Fn()> {
        let waker = self.waker.clone();
        Rc::new(move || waker.wake())
    }

    fn region(&mut self, len: usize) -> io::Result<Region> {
        match &self.kept {
            Some(kept) => kept.map(len),
            None => memory::map(len),
        }
    }

    fn ring(&mut self, receive: &Pool) -> io::Result<UringRing> {
        UringRing::new(self.waker.descriptor(), receive.block_count())
    }

    unsafe fn discard(&mut self, base: NonNull<u8>, len: usize) {
        // SAFETY: the caller promises that nobody refers to the bytes.
        unsafe { memory::discard(base, len) };
    }

    fn now(&mut self) -> Timestamp {
        monotonic_now()
    }

    fn wall_clock_ns(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX))
    }

    fn peer_address(&self, socket: RawFd) -> Option<SocketAddr> {
        // SAFETY: the descriptor is open: its connection has not ended. It is not closed here.
        let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(socket) });
        stream.peer_addr().ok()
    }

    fn random(&mut self) -> u64 {
        let mut bytes = [0u8; 8];
        // SAFETY: eight bytes that live through the call.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        assert_eq!(got, 8, "the kernel has random numbers");
        u64::from_ne_bytes(bytes)
    }
}

/// The time by the clock that all shards read; it never goes back.
#[must_use]
pub fn monotonic_now() -> Timestamp {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a structure that lives through the call; the monotonic clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Timestamp(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Wall time, in milliseconds since 1970; 0 if the clock stands before that.
#[must_use]
pub fn wall_clock_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX))
}
