//! Clients that come, and vanish or misbehave.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use coilgun_server::net::ListenAddress;

use super::report::Amounts;
use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::traffic::connection::{Connection, Received};
use crate::traffic::native_load::{NativeClient, Publishing, publish_template};
use crate::traffic::poller::wait_readable;

/// How long the broker may take to cut off who sends nonsense, in nanoseconds.
const CUT_OFF_NS_MAX: u64 = 10_000_000_000;
/// Connections of a burst.
const BURST: usize = 500;
/// Bytes of a payload of a visitor.
const PAYLOAD_BYTES: usize = 200;
/// An operation that no version of the protocol has.
const UNKNOWN_OPERATION: u8 = 0x7f;
/// The operation PUBLISH.
const PUBLISH: u8 = 0x02;

/// What a visitor does after it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Visit {
    /// Subscribes, publishes and closes, with what it is owed unread.
    Close,
    /// The same, but resets the connection.
    Reset,
    /// The same, but ends its own side and waits for the broker's end.
    HalfClose,
    /// Begins with something that is not the protocol.
    WrongPreface,
    /// Sends a frame of an operation there is not.
    UnknownOperation,
    /// Announces a frame that is longer than any may be.
    Oversized,
    /// Sends half a frame and ends its side.
    Truncated,
    /// Sends noise.
    Noise,
}

const VISITS: [Visit; 8] = [
    Visit::Close,
    Visit::WrongPreface,
    Visit::Reset,
    Visit::UnknownOperation,
    Visit::HalfClose,
    Visit::Oversized,
    Visit::Truncated,
    Visit::Noise,
];

/// Everybody who comes and goes.
#[derive(Debug)]
pub struct Visitors {
    address: ListenAddress,
    visit_count: usize,
    frame: Vec<u8>,
    noise: u64,
    dripping: Option<(Connection, Vec<u8>, usize)>,
    amounts: Amounts,
}

impl Visitors {
    /// Nobody has come yet.
    ///
    /// # Errors
    /// If no broker accepts what they publish.
    pub fn new(address: &ListenAddress) -> Result<Visitors, BenchError> {
        let frame = publish_template(0, PAYLOAD_BYTES, Publishing::to("soak.visit"))?;
        Ok(Visitors {
            address: address.clone(),
            visit_count: 0,
            frame: frame.bytes().to_vec(),
            noise: 0x9e37_79b9_7f4a_7c15,
            dripping: None,
            amounts: Amounts::default(),
        })
    }

    /// What they have done; messages and stalled readers are not theirs.
    #[must_use]
    pub fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// The next visit from its beginning to its end, and one byte more of a frame that drips.
    ///
    /// # Errors
    /// If a visitor cannot connect, or the broker does not cut off who sends nonsense.
    pub fn next_visit(&mut self) -> Result<(), BenchError> {
        let visit = VISITS[self.visit_count % VISITS.len()];
        self.visit_count += 1;
        match visit {
            Visit::Close | Visit::Reset | Visit::HalfClose => self.vanish(visit)?,
            Visit::WrongPreface
            | Visit::UnknownOperation
            | Visit::Oversized
            | Visit::Truncated
            | Visit::Noise => self.send_nonsense(visit)?,
        }
        self.drip()
    }

    /// Opens many connections, and closes them.
    ///
    /// # Errors
    /// If the broker does not accept them.
    pub fn burst(&mut self) -> Result<(), BenchError> {
        let mut clients = Vec::with_capacity(BURST);
        for _ in 0..BURST {
            clients.push(NativeClient::open_idle(&self.address)?);
        }
        self.amounts.connections += BURST as u64;
        self.amounts.bursts += 1;
        Ok(())
    }

    fn vanish(&mut self, visit: Visit) -> Result<(), BenchError> {
        let mut client = self.connect()?;
        client.subscribe("soak.visit")?;
        let (mut connection, _) = client.into_parts();
        connection.output().extend_from_slice(&self.frame);
        connection.flush().map_err(BenchError::system("sending as a visitor"))?;
        let descriptor = connection.descriptor();
        match visit {
            Visit::Reset => {
                reset_on_close(descriptor).map_err(BenchError::system("resetting a socket"))?;
            }
            Visit::HalfClose => {
                end_own_side(descriptor).map_err(BenchError::system("half closing a socket"))?;
                await_end(&mut connection, visit)?;
            }
            Visit::Close
            | Visit::WrongPreface
            | Visit::UnknownOperation
            | Visit::Oversized
            | Visit::Truncated
            | Visit::Noise => {}
        }
        self.amounts.vanished += 1;
        Ok(())
    }

    fn send_nonsense(&mut self, visit: Visit) -> Result<(), BenchError> {
        let mut connection = if visit == Visit::WrongPreface {
            self.amounts.connections += 1;
            Connection::with_input(&self.address, 4096)
                .map_err(|error| BenchError::Connect { address: self.address.clone(), error })?
        } else {
            self.connect()?.into_parts().0
        };
        let bytes = match visit {
            Visit::WrongPreface => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            Visit::Oversized => vec![0xff, 0xff, 0xff, 0x7f, PUBLISH, 0, 24, 0],
            Visit::Truncated => self.frame[..self.frame.len() / 2].to_vec(),
            Visit::Noise => self.noise_bytes(),
            Visit::UnknownOperation | Visit::Close | Visit::Reset | Visit::HalfClose => {
                vec![0, 0, 0, 0, UNKNOWN_OPERATION, 0, 0, 0]
            }
        };
        connection.output().extend_from_slice(&bytes);
        // It may be cut off while it still sends.
        let sent = connection.flush();
        if visit == Visit::Truncated && sent.is_ok() {
            end_own_side(connection.descriptor())
                .map_err(BenchError::system("half closing a socket"))?;
        }
        await_end(&mut connection, visit)?;
        self.amounts.nonsense += 1;
        Ok(())
    }

    /// Sends one byte more of a good frame with a bad one behind it.
    fn drip(&mut self) -> Result<(), BenchError> {
        let Some((mut connection, bytes, at)) = self.dripping.take() else {
            let (connection, _) = self.connect()?.into_parts();
            let mut bytes = self.frame[..self.frame.len().min(60)].to_vec();
            // The frame ends where its bytes end; behind it comes an operation there is not.
            let rest = u32::try_from(bytes.len() - 8).expect("a visitor's frame is short");
            bytes[..4].copy_from_slice(&rest.to_le_bytes());
            bytes.extend([0, 0, 0, 0, UNKNOWN_OPERATION, 0, 0, 0]);
            self.dripping = Some((connection, bytes, 0));
            return Ok(());
        };
        connection.output().push(bytes[at]);
        connection.flush().map_err(BenchError::system("dripping"))?;
        if at + 1 == bytes.len() {
            await_end(&mut connection, Visit::UnknownOperation)?;
            self.amounts.nonsense += 1;
        } else {
            self.dripping = Some((connection, bytes, at + 1));
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<NativeClient, BenchError> {
        self.amounts.connections += 1;
        NativeClient::open_idle(&self.address)
    }

    /// Bytes without any sense whose first frame breaks the protocol: its operation has a bit that
    /// no client's has.
    fn noise_bytes(&mut self) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..600)
            .map(|_| {
                self.noise ^= self.noise << 13;
                self.noise ^= self.noise >> 7;
                self.noise ^= self.noise << 17;
                self.noise as u8
            })
            .collect();
        bytes[4] |= 0xc0;
        bytes
    }
}

/// Waits until the broker has ended a connection, whatever it says before.
fn await_end(connection: &mut Connection, visit: Visit) -> Result<(), BenchError> {
    let ends_at = monotonic_ns() + CUT_OFF_NS_MAX;
    // Ends because time runs out.
    while monotonic_ns() < ends_at {
        match connection.receive() {
            // A reset is an end, too.
            Ok(Received::End) | Err(_) => return Ok(()),
            Ok(Received::Bytes) => connection.consume(connection.input().len()),
            Ok(Received::Nothing) => {
                wait_readable(connection.descriptor(), Duration::from_millis(50))
                    .map_err(BenchError::system("waiting for a socket"))?;
            }
        }
    }
    Err(BenchError::Refused(format!("nothing for 10 s to a visitor that did this: {visit:?}")))
}

/// Lets the closing of a socket reset its connection.
fn reset_on_close(descriptor: RawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let bytes = size_of_val(&linger) as libc::socklen_t;
    // SAFETY: the structure lives through the call, and its size is given.
    let result = unsafe {
        let linger = (&raw const linger).cast();
        libc::setsockopt(descriptor, libc::SOL_SOCKET, libc::SO_LINGER, linger, bytes)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Says that nothing more is sent on a socket.
fn end_own_side(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::shutdown(descriptor, libc::SHUT_WR) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
