//! A socket that is written to and read by hand: what a client cannot do better than.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use coilgun_protocol::model::SubscriptionId;
use coilgun_protocol::native::{
    ClientFrame, Features, Hello, Incoming, Preface, ServerFrame, ServerReader, SubscribeRequest,
    encode_frame,
};
use coilgun_server::net::ListenAddress;

use crate::error::BenchError;

/// How long the broker may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Room for what one read brings.
const INPUT_BYTES: usize = 64 * 1024;
/// The same where frames hold batches of records.
const STREAM_INPUT_BYTES: usize = 4 * 1024 * 1024;

/// One blocking TCP connection that speaks the native protocol.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    reader: ServerReader,
    input: Vec<u8>,
    /// Up to where the input was read.
    start: usize,
    filled: usize,
}

impl RawConnection {
    /// Connects, subscribes to a filter unless it is empty, and waits until that is in force.
    ///
    /// # Errors
    /// If the broker cannot be reached or refuses.
    pub fn open(address: &ListenAddress, filter: &[u8]) -> Result<RawConnection, BenchError> {
        let mut hello = Vec::new();
        if !filter.is_empty() {
            let subscribe = SubscribeRequest::plain(SubscriptionId(1), filter);
            encode_frame(&ClientFrame::Subscribe(subscribe), &mut hello)?;
        }
        let features = Features::CREDIT.with(Features::SENDER_NAMES);
        RawConnection::open_with(address, features, &hello, INPUT_BYTES)
    }

    /// Connects, to append to streams and to read them.
    ///
    /// # Errors
    /// As [`RawConnection::open`].
    pub fn open_for_streams(address: &ListenAddress) -> Result<RawConnection, BenchError> {
        RawConnection::open_with(address, Features::STREAMS, &[], STREAM_INPUT_BYTES)
    }

    fn open_with(
        address: &ListenAddress,
        features: Features,
        more: &[u8],
        input_bytes: usize,
    ) -> Result<RawConnection, BenchError> {
        let ListenAddress::Tcp(socket) = address else {
            return Err(BenchError::Argument(format!("{address} is no TCP address")));
        };
        let connect = || {
            let stream = TcpStream::connect(socket)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let failed = |error| BenchError::Connect { address: address.clone(), error };
        let stream = connect().map_err(failed)?;
        let (reader, input) = (ServerReader::default(), vec![0; input_bytes]);
        let mut raw = RawConnection { stream, reader, input, start: 0, filled: 0 };
        let mut hello = Preface::OURS.encode().to_vec();
        encode_frame(&ClientFrame::Hello(Hello { features, ..Hello::default() }), &mut hello)?;
        hello.extend_from_slice(more);
        encode_frame(&ClientFrame::Ping { token: 1 }, &mut hello)?;
        raw.write(&hello)?;
        raw.read_until(|frame| matches!(frame, ServerFrame::Pong { .. }).then_some(()))?;
        Ok(raw)
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.stream.write_all(bytes).map_err(BenchError::system("writing to the broker"))
    }

    /// Reads until `wanted` finds what it wants in a frame.
    ///
    /// # Errors
    /// If the connection breaks or ends, or says nothing for long.
    pub fn read_until<T>(
        &mut self,
        mut wanted: impl FnMut(&ServerFrame<'_>) -> Option<T>,
    ) -> Result<T, BenchError> {
        // Ends because every read brings bytes, or fails in time.
        loop {
            let mut found = None;
            // Ends because every item takes bytes away.
            while found.is_none() {
                match self.reader.read(&self.input[self.start..self.filled])? {
                    Incoming::Incomplete { .. } => break,
                    Incoming::Preface { used, .. } => self.start += used,
                    Incoming::Frame { frame, used } => {
                        found = wanted(&frame);
                        self.start += used;
                    }
                }
            }
            if let Some(found) = found {
                return Ok(found);
            }
            self.input.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
            let room = &mut self.input[self.filled..];
            let count =
                self.stream.read(room).map_err(BenchError::system("reading from the broker"))?;
            if count == 0 {
                return Err(BenchError::Argument("the broker ended a connection".to_owned()));
            }
            self.filled += count;
        }
    }

    /// The same connection, to be ended by another thread.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn handle(&self) -> Result<TcpStream, BenchError> {
        self.stream.try_clone().map_err(BenchError::system("duplicating a descriptor"))
    }
}
