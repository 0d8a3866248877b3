//! The connection of a client, over TCP, UNIX or within the process, which never blocks except in
//! [`Socket::wait`].

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::address::Address;
use crate::blocking::clock::Deadline;
#[cfg(feature = "in-process")]
use crate::blocking::in_process::InProcessSocket;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "in-process")]
    InProcess(InProcessSocket),
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
    /// Connects. A UNIX socket and a broker in this process answer at once, whatever the deadline
    /// says.
    pub(crate) fn connect(address: &Address, deadline: &Deadline) -> io::Result<Socket> {
        match address {
            Address::Tcp(authority) => connect_tcp(authority, deadline),
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Socket::Unix(stream))
            }
            #[cfg(feature = "in-process")]
            Address::InProcess(broker) => {
                let link = broker.connector().connect().map_err(io::Error::other)?;
                Ok(Socket::InProcess(InProcessSocket::new(link)))
            }
        }
    }

    /// Waits until the socket is readable or, if asked for, writable, or the deadline is over. A
    /// signal may end the wait early.
    pub(crate) fn wait(&mut self, for_room: bool, deadline: &Deadline) -> io::Result<Readiness> {
        match self {
            Socket::Tcp(stream) => poll(stream.as_raw_fd(), for_room, deadline),
            Socket::Unix(stream) => poll(stream.as_raw_fd(), for_room, deadline),
            #[cfg(feature = "in-process")]
            Socket::InProcess(socket) => Ok(socket.wait(for_room, deadline)),
        }
    }

    /// Reads what is there, up to the length of `room`; 0 is the end.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(room),
            Socket::Unix(stream) => stream.read(room),
            #[cfg(feature = "in-process")]
            Socket::InProcess(socket) => socket.read(room),
        }
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
            #[cfg(feature = "in-process")]
            Socket::InProcess(socket) => socket.write(bytes),
        }
    }
}

/// Waits for a descriptor of the system.
fn poll(descriptor: RawFd, for_room: bool, deadline: &Deadline) -> io::Result<Readiness> {
    let room = if for_room { libc::POLLOUT } else { 0 };
    let events = libc::POLLIN | room;
    let mut polled = libc::pollfd { fd: descriptor, events, revents: 0 };
    // SAFETY: `polled` is one valid pollfd, alive and not shared during the call, and the count says
    // one; the descriptor is open because the caller owns its socket.
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

/// Tries every address the host has, in the order the system gives them.
fn connect_tcp(authority: &str, deadline: &Deadline) -> io::Result<Socket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let addresses: Vec<_> = authority.to_socket_addrs()?.collect();
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.remaining().unwrap_or(Duration::MAX);
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time to connect is over"));
        }
        // One that never answers must not take the time of all those behind it.
        let behind = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let share = (left / behind).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(address, share) {
            // Where nobody listens, the system may choose the very port as ours, and connect us to
            // ourselves; a broker that wants it back could not have it.
            Ok(stream) if is_to_itself(&stream)? => {
                last = io::ErrorKind::ConnectionRefused.into();
            }
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

/// Whether both ends of a connection are one and the same.
fn is_to_itself(stream: &TcpStream) -> io::Result<bool> {
    Ok(stream.local_addr()? == stream.peer_addr()?)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_to_itself_is_known() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.expect("a runtime");
        let itself = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
            let address = socket.local_addr().expect("it is bound");
            socket.connect(address).await.expect("the system allows it")
        });
        assert!(is_to_itself(&itself.into_std().expect("it is one")).expect("it stands"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let other = TcpStream::connect(address).expect("somebody listens");
        assert!(!is_to_itself(&other).expect("it stands"));
    }
}
