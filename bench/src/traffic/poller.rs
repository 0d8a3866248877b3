//! Waits for many sockets at once, with epoll (level-triggered).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Most sockets reported by one wait; the others are reported by the next one.
const READY_MAX: usize = 256;

/// Waits for many sockets at once.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

/// What to wait for, besides bytes that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Bytes to read.
    Read,
    /// Bytes to read, or room to write.
    ReadAndWrite,
}

/// A socket with which something can be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// The number it was added under.
    pub token: usize,
    /// Reading will not block; it may say that the other side is gone.
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
}

impl Poller {
    /// A poller without sockets.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn new() -> io::Result<Poller> {
        // SAFETY: takes a number and returns a new descriptor or an error.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Poller { epoll, events: Vec::with_capacity(READY_MAX) })
    }

    /// Adds a socket, which is forgotten when it is closed.
    ///
    /// # Errors
    /// If it was added before, or the system refuses.
    pub fn add(&self, socket: RawFd, token: usize, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, token, interest)
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// If the socket was not added.
    pub fn change(&self, socket: RawFd, token: usize, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, token, interest)
    }

    /// Waits until something is ready, a signal comes, or the time is up (in whole milliseconds),
    /// and puts what is ready into `ready`, in place of what was there.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout_ms = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the list has room for that many events, and lives through the call.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                READY_MAX as libc::c_int,
                timeout_ms,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        };
        // SAFETY: the system has filled in the first `count` events, at most as many as fit.
        unsafe { self.events.set_len(count) };
        ready.extend(self.events.iter().map(read_event));
        Ok(())
    }

    fn control(
        &self,
        operation: libc::c_int,
        socket: RawFd,
        token: usize,
        interest: Interest,
    ) -> io::Result<()> {
        let events = match interest {
            Interest::Read => libc::EPOLLIN,
            Interest::ReadAndWrite => libc::EPOLLIN | libc::EPOLLOUT,
        };
        let mut event = libc::epoll_event { events: events as u32, u64: token as u64 };
        // SAFETY: the event lives through the call.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, socket, &raw mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

fn read_event(event: &libc::epoll_event) -> Ready {
    let bits = event.events as i32;
    let broken = bits & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
    Ready {
        token: event.u64 as usize,
        readable: broken || bits & libc::EPOLLIN != 0,
        writable: broken || bits & libc::EPOLLOUT != 0,
    }
}

/// Waits until one descriptor can be read, a signal comes, or the time is up. Returns whether it
/// can be read.
///
/// # Errors
/// If the system refuses.
pub fn wait_readable(descriptor: RawFd, timeout: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    let timeout_ms = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: one structure that lives through the call.
    let count = unsafe { libc::poll(&raw mut poll, 1, timeout_ms) };
    if count < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error) };
    }
    Ok(count > 0)
}
