//! How a parked shard is woken: a [`SleepFlag`] says whether it must be, and an eventfd does it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::sleep_flag::SleepFlag;

/// Wakes one shard. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    event: OwnedFd,
    sleeping: SleepFlag,
}

impl Waker {
    /// A waker with an eventfd of its own.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn new() -> io::Result<Waker> {
        // SAFETY: eventfd takes two numbers and returns a new descriptor or an error.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let event = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Waker(Arc::new(Inner { event, sleeping: SleepFlag::new() })))
    }

    /// Wakes the shard if it sleeps. Call it after the work was put where the shard will look.
    pub fn wake(&self) {
        if self.0.sleeping.needs_wake_up() {
            let one = 1u64.to_ne_bytes();
            // SAFETY: eight bytes that live through the call. The only possible failure is a
            // counter that is full, and then the shard is being woken anyway.
            unsafe { libc::write(self.0.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// Says that the shard is about to sleep. It must look at its queues once more afterwards.
    pub fn announce_sleep(&self) {
        self.0.sleeping.announce_sleep();
    }

    /// Says that the shard is awake, after it has waited in its own ring: that takes back what the
    /// eventfd has gathered.
    pub fn end_nap(&self) {
        self.0.sleeping.end_sleep();
    }

    /// Says that the shard is awake, and takes back what the eventfd has gathered.
    pub fn end_sleep(&self) {
        self.0.sleeping.end_sleep();
        take_back(self.0.event.as_raw_fd());
    }

    /// The eventfd, for a ring to write to and an executor to wait for.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor()
    }
}

/// Takes back what an eventfd that does not block has gathered.
pub(super) fn take_back(event: RawFd) {
    let mut count = [0u8; 8];
    // SAFETY: eight bytes that live through the call. If there was nothing to read the call fails at
    // once, which is just as well.
    unsafe { libc::read(event, count.as_mut_ptr().cast(), count.len()) };
}
