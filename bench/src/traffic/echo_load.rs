//! The load's side of the echo: bare payloads of one length.

use coilgun_server::net::ListenAddress;

use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::traffic::connection::Connection;
use crate::traffic::lane::{FrameTemplate, Lane, Then};
use crate::traffic::load::{Load, Wire};

/// Cuts what comes back into payloads.
#[derive(Clone, Copy, Debug)]
pub struct EchoWire {
    payload_bytes: usize,
}

impl EchoWire {
    /// All payloads have this length.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn new(payload_bytes: usize) -> EchoWire {
        assert!(payload_bytes > 0, "a payload without bytes cannot be told from none");
        EchoWire { payload_bytes }
    }

    /// Shows whole payloads at the front of `bytes` in order, and returns how many bytes they took.
    ///
    /// # Errors
    /// As `on_payload`.
    pub fn split<E>(
        self,
        bytes: &[u8],
        on_payload: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let whole = bytes.chunks_exact(self.payload_bytes);
        let consumed = bytes.len() - whole.remainder().len();
        for payload in whole {
            on_payload(payload)?;
        }
        Ok(consumed)
    }
}

/// Opens `connection_count` connections to an echo server, each with a lane back to itself whose
/// frames have `frame_bytes`.
///
/// # Errors
/// If a connection cannot be made.
pub fn open_echo(
    address: &ListenAddress,
    connection_count: usize,
    frame_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let mut connections = Vec::new();
    let mut lanes = Vec::new();
    for index in 0..connection_count {
        let connection = Connection::open(address, frame_bytes)
            .map_err(|error| BenchError::Connect { address: address.clone(), error })?;
        connections.push((connection, Wire::Echo(EchoWire::new(frame_bytes))));
        let number = u16::try_from(index).expect("there are fewer connections than 65,536");
        let frame = FrameTemplate::bare(number, frame_bytes);
        lanes.push(Lane::new(frame, index, index, Then::Done { restart: index }));
    }
    Load::new(connections, lanes, interrupt.clone())
}
