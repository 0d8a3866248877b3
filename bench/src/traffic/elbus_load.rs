//! The load's side of the protocol of elbus: handshake, subscriptions, frames.

use coilgun_protocol::elbus::{
    GREETING, Operation, Qos, ServerFrame, ServerReading, encode_frame, read_server_frame,
};
use coilgun_server::net::ListenAddress;

use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::traffic::connection::{ANSWER_MS_MAX, Connection, Flushed};
use crate::traffic::lane::{FrameTemplate, Lane, Then};
use crate::traffic::load::{Load, Wire};
use crate::traffic::message::{MessageError, payload_template};

/// Room for what a frame of the load has beside its payload.
const FRAME_ROOM_BYTES: usize = 1024;
/// Largest body of a frame that comes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// The code of an operation that was carried out.
const OK: u8 = 1;
/// Where everybody hears of the broker itself.
const OF_THE_BROKER: &[u8] = b".broker/";
/// The topic of the fan-out.
const TOPIC: &str = "bench/all";

/// Reads the broker's frames.
#[derive(Clone, Copy, Debug)]
pub struct ElbusWire;

impl ElbusWire {
    /// Shows the payloads of whole messages at the front of `bytes` in order, and returns how many
    /// bytes the frames took.
    ///
    /// # Errors
    /// If the broker breaks the protocol or refuses something, and as `on_payload`.
    pub fn split(
        self,
        bytes: &[u8],
        on_payload: &mut impl FnMut(&[u8]) -> Result<(), MessageError>,
    ) -> Result<usize, BenchError> {
        let mut at = 0;
        // Ends because every frame takes bytes away.
        while let Some((frame, used)) = next_frame(&bytes[at..])? {
            match frame {
                ServerFrame::Message { topic, payload, .. } => {
                    if !topic.is_some_and(|topic| topic.starts_with(OF_THE_BROKER)) {
                        on_payload(payload)?;
                    }
                }
                ServerFrame::Ack { code, .. } => check_code(code)?,
                ServerFrame::Ping => {}
            }
            at += used;
        }
        Ok(at)
    }
}

fn next_frame(bytes: &[u8]) -> Result<Option<(ServerFrame<'_>, usize)>, BenchError> {
    match read_server_frame(bytes, BODY_BYTES_MAX) {
        ServerReading::Frame(frame, used) => Ok(Some((frame, used))),
        ServerReading::Incomplete(_) => Ok(None),
        ServerReading::Malformed | ServerReading::TooLong(_) => {
            Err(BenchError::Refused("what is no frame of elbus".to_owned()))
        }
    }
}

fn check_code(code: u8) -> Result<(), BenchError> {
    if code == OK { Ok(()) } else { Err(BenchError::Refused(format!("0x{code:02x}"))) }
}

/// A connection that has shaken hands, before it becomes part of a load.
#[derive(Debug)]
struct ElbusClient {
    connection: Connection,
    ends_at: u64,
}

impl ElbusClient {
    /// Connects and shakes hands.
    fn open(
        address: &ListenAddress,
        name: &str,
        payload_bytes: usize,
    ) -> Result<ElbusClient, BenchError> {
        let connection = Connection::open(address, payload_bytes + FRAME_ROOM_BYTES)
            .map_err(|error| BenchError::Connect { address: address.clone(), error })?;
        let ends_at = monotonic_ns() + ANSWER_MS_MAX * 1_000_000;
        let mut client = ElbusClient { connection, ends_at };
        if client.take(GREETING.len())? != GREETING {
            return Err(BenchError::Refused("another greeting".to_owned()));
        }
        client.say(&GREETING)?;
        check_code(client.take(1)?[0])?;
        let len = u16::try_from(name.len()).expect("names of the load are short");
        client.say(&[&len.to_le_bytes(), name.as_bytes()].concat())?;
        check_code(client.take(1)?[0])?;
        Ok(client)
    }

    /// Subscribes, and returns when the subscription stands.
    fn subscribe(&mut self, topic: &str) -> Result<(), BenchError> {
        let mut frame = Vec::new();
        encode_frame(1, Operation::Subscribe, Qos::PROCESSED, &[topic.as_bytes()], &mut frame);
        self.say(&frame)?;
        // Ends because every frame takes bytes away, and because time runs out.
        loop {
            match next_frame(self.connection.input())? {
                Some((ServerFrame::Ack { code, .. }, used)) => {
                    self.connection.consume(used);
                    return check_code(code);
                }
                Some((ServerFrame::Message { .. } | ServerFrame::Ping, used)) => {
                    self.connection.consume(used);
                }
                None => self.connection.receive_until(self.ends_at)?,
            }
        }
    }

    /// Receives so many bytes.
    fn take(&mut self, count: usize) -> Result<Vec<u8>, BenchError> {
        // Ends because bytes come, or time runs out.
        while self.connection.input().len() < count {
            self.connection.receive_until(self.ends_at)?;
        }
        let bytes = self.connection.input()[..count].to_vec();
        self.connection.consume(count);
        Ok(bytes)
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.connection.output().extend_from_slice(bytes);
        match self.connection.flush().map_err(BenchError::system("sending"))? {
            Flushed::All => Ok(()),
            Flushed::Blocked => {
                Err(BenchError::Refused("nothing: it does not read a handshake".to_owned()))
            }
        }
    }
}

/// One publisher, and so many subscribers to what it publishes.
///
/// # Errors
/// If a connection or a subscription cannot be made.
pub fn open_elbus_fan_out(
    address: &ListenAddress,
    subscribers: usize,
    payload_bytes: usize,
    interrupt: &Interrupt,
) -> Result<Load, BenchError> {
    let open = |name: &str| ElbusClient::open(address, name, payload_bytes);
    let mut connections = vec![(open("bench.publisher")?.connection, Wire::Elbus(ElbusWire))];
    for number in 0..subscribers {
        let mut client = open(&format!("bench.subscriber.{number}"))?;
        client.subscribe(TOPIC)?;
        connections.push((client.connection, Wire::Elbus(ElbusWire)));
    }
    let payload = payload_template(0, payload_bytes);
    let mut frame = Vec::new();
    encode_frame(1, Operation::Publish, Qos::NO, &[TOPIC.as_bytes(), &payload], &mut frame);
    let frame = FrameTemplate::new(frame, payload_bytes);
    let lane = Lane::to_all(frame, 0, 1..1 + subscribers, Then::Done { restart: 0 });
    Load::new(connections, vec![lane], interrupt.clone())
}
