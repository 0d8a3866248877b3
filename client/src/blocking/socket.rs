//! The socket of a client, TCP or UNIX, which never blocks except in [`Socket::wait`].

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::address::Address;
use crate::blocking::clock::Deadline;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What a socket can do without waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Readiness {
    /// There are bytes, the end, or an error to read.
    pub(crate) readable: bool,
    /// There is room for bytes, or an error to find by writing.
    pub(crate) writable: bool,
}

impl Socket {
    /// Connects. A UNIX socket answers at once, whatever the deadline says.
    pub(crate) fn connect(address: &Address, deadline: &Deadline) -> io::Result<Socket> {
        match address {
            Address::Tcp(authority) => connect_tcp(authority, deadline),
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Socket::Unix(stream))
            }
            #[cfg(feature = "in-process")]
            Address::InProcess(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the blocking client connects over sockets only",
            )),
        }
    }

    /// Waits until the socket is readable or, if asked for, writable, or the deadline is over. A
    /// signal may end the wait early.
    pub(crate) fn wait(&self, for_room: bool, deadline: &Deadline) -> io::Result<Readiness> {
        let room = if for_room { libc::POLLOUT } else { 0 };
        let events = libc::POLLIN | room;
        let mut polled = libc::pollfd { fd: self.descriptor(), events, revents: 0 };
        // SAFETY: `polled` is one valid pollfd, alive and not shared during the call, and the count
        // says one; the descriptor is open because `self` owns it.
        let count = unsafe { libc::poll(&raw mut polled, 1, deadline.poll_ms()) };
        if count < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
            polled.revents = 0;
        }
        let ended = libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;
        Ok(Readiness {
            readable: polled.revents & (libc::POLLIN | ended) != 0,
            writable: polled.revents & (libc::POLLOUT | ended) != 0,
        })
    }

    /// Reads what is there, up to the length of `room`; 0 is the end.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(room),
            Socket::Unix(stream) => stream.read(room),
        }
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }

    fn descriptor(&self) -> RawFd {
        match self {
            Socket::Tcp(stream) => stream.as_raw_fd(),
            Socket::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

/// Tries every address the host has, in the order the system gives them.
fn connect_tcp(authority: &str, deadline: &Deadline) -> io::Result<Socket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in authority.to_socket_addrs()? {
        let left = deadline.remaining().unwrap_or(Duration::MAX);
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time to connect is over"));
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                // Frames are small and answers are waited for: they must not wait for each other.
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(Socket::Tcp(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
