//! A connection to a broker in this process, waited for by parking the thread.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::Thread;

use coilgun_protocol::link::Link;

use crate::blocking::clock::Deadline;
use crate::blocking::socket::Readiness;

/// A link that reads and writes as a socket that never blocks does.
pub(crate) struct InProcessSocket {
    link: Box<dyn Link>,
}

impl core::fmt::Debug for InProcessSocket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InProcessSocket").finish_non_exhaustive()
    }
}

/// Wakes the thread that waits.
struct Parked {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl InProcessSocket {
    pub(crate) fn new(link: Box<dyn Link>) -> InProcessSocket {
        InProcessSocket { link }
    }

    /// Waits until something is there, or the deadline is over. Which of both it is, bytes or room,
    /// the link does not say, so both are worth a try.
    pub(crate) fn wait(&mut self, for_room: bool, deadline: &Deadline) -> Readiness {
        let is_woken = AtomicBool::new(false);
        let parked = Arc::new(Parked { thread: std::thread::current(), is_woken });
        let waker = Waker::from(parked.clone());
        let mut is_ready = self.link.wake(&waker, for_room);
        // Ends at the deadline at the latest; a thread may also be unparked for no reason of ours.
        while !is_ready && !parked.is_woken.load(Ordering::Acquire) {
            match deadline.remaining() {
                Some(left) if left.is_zero() => break,
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
        is_ready |= parked.is_woken.load(Ordering::Acquire);
        Readiness { readable: is_ready, writable: is_ready }
    }

    /// As a socket: 0 is the end, and nothing to read is an error of its own.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.link.receive(room) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            Ok(count) => Ok(count),
            Err(_ended) => Ok(0),
        }
    }

    /// As a socket: no room is an error of its own.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.link.send(bytes) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            Ok(count) => Ok(count),
            Err(ended) => Err(io::Error::new(ErrorKind::BrokenPipe, ended)),
        }
    }
}
