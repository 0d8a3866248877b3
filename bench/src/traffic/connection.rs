//! One nonblocking connection of the load, with its buffers and its counts.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use coilgun_server::net::ListenAddress;

use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::traffic::poller::wait_readable;

/// How long a broker may take to answer a handshake or a subscription.
pub const ANSWER_MS_MAX: u64 = 10_000;

/// Bytes of an input buffer, unless frames need more.
const INPUT_BYTES: usize = 256 * 1024;

/// One nonblocking connection.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    input: Vec<u8>,
    /// Where unread input begins and ends in `input`.
    input_start: usize,
    input_end: usize,
    output: Vec<u8>,
    /// How much of `output` is gone.
    output_sent: usize,
    traffic: Traffic,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What has gone through connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Successful sends.
    pub sends: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Successful receives.
    pub receives: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

/// How a flush went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// Nothing is left to send.
    All,
    /// The socket takes no more for now.
    Blocked,
}

/// How a receive went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// There is more input than before.
    Bytes,
    /// Nothing has arrived.
    Nothing,
    /// The other side sends nothing any more.
    End,
}

impl Connection {
    /// Connects, and has room for frames of `frame_bytes_max`.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn open(address: &ListenAddress, frame_bytes_max: usize) -> io::Result<Connection> {
        Connection::with_input(address, INPUT_BYTES.max(2 * frame_bytes_max))
    }

    /// Connects, and has `input_bytes` of room for what arrives.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn with_input(address: &ListenAddress, input_bytes: usize) -> io::Result<Connection> {
        let socket = match address {
            ListenAddress::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Socket::Tcp(stream)
            }
            ListenAddress::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Socket::Unix(stream)
            }
        };
        Ok(Connection {
            socket,
            input: vec![0; input_bytes],
            input_start: 0,
            input_end: 0,
            output: Vec::new(),
            output_sent: 0,
            traffic: Traffic::default(),
        })
    }

    /// Receives once.
    ///
    /// # Errors
    /// If the connection is broken, or the input buffer is full of a frame that never ends.
    pub fn receive(&mut self) -> io::Result<Received> {
        if self.input_end == self.input.len() {
            self.make_room()?;
        }
        let room = &mut self.input[self.input_end..];
        let result = match &mut self.socket {
            Socket::Tcp(stream) => stream.read(room),
            Socket::Unix(stream) => stream.read(room),
        };
        match result {
            Ok(0) => Ok(Received::End),
            Ok(count) => {
                self.input_end += count;
                self.traffic.receives += 1;
                self.traffic.received_bytes += count as u64;
                Ok(Received::Bytes)
            }
            Err(error) if is_later(&error) => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Receives something, as long as the time is not up, in nanoseconds of the monotonic clock.
    ///
    /// # Errors
    /// If nothing comes, or the connection is over.
    pub fn receive_until(&mut self, ends_at: u64) -> Result<(), BenchError> {
        // Ends because time runs out.
        loop {
            match self.receive().map_err(BenchError::system("receiving"))? {
                Received::Bytes => return Ok(()),
                Received::End => return Err(BenchError::Closed("broker")),
                Received::Nothing => {}
            }
            let left_ms = ends_at.saturating_sub(monotonic_ns()) / 1_000_000;
            if left_ms == 0 {
                return Err(BenchError::Refused("nothing in time".to_owned()));
            }
            wait_readable(self.descriptor(), Duration::from_millis(left_ms))
                .map_err(BenchError::system("waiting for a socket"))?;
        }
    }

    /// What was received and not consumed.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.input[self.input_start..self.input_end]
    }

    /// Drops input from the front.
    ///
    /// # Panics
    /// If there is less.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.input().len(), "only what was received can be consumed");
        self.input_start += count;
        if self.input_start == self.input_end {
            self.input_start = 0;
            self.input_end = 0;
        }
    }

    /// Where bytes to send are appended.
    #[must_use]
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.output.len() - self.output_sent
    }

    /// Sends what the socket takes.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush(&mut self) -> io::Result<Flushed> {
        // Ends because each turn sends bytes or returns.
        while self.output_sent < self.output.len() {
            let rest = &self.output[self.output_sent..];
            let result = match &mut self.socket {
                Socket::Tcp(stream) => stream.write(rest),
                Socket::Unix(stream) => stream.write(rest),
            };
            match result {
                Ok(count) => {
                    self.output_sent += count;
                    self.traffic.sends += 1;
                    self.traffic.sent_bytes += count as u64;
                }
                Err(error) if is_later(&error) => return Ok(Flushed::Blocked),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.output_sent = 0;
        Ok(Flushed::All)
    }

    /// What has gone through since the beginning.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The socket, to wait for it.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        match &self.socket {
            Socket::Tcp(stream) => stream.as_raw_fd(),
            Socket::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// Moves unread input to the front of its buffer.
    fn make_room(&mut self) -> io::Result<()> {
        if self.input_start == 0 {
            return Err(io::Error::other("a frame is larger than any the load asked for"));
        }
        self.input.copy_within(self.input_start..self.input_end, 0);
        self.input_end -= self.input_start;
        self.input_start = 0;
        Ok(())
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Traffic) {
        self.sends += other.sends;
        self.sent_bytes += other.sent_bytes;
        self.receives += other.receives;
        self.received_bytes += other.received_bytes;
    }
}

/// Whether a call may simply be made again later.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
