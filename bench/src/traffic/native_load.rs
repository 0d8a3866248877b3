//! The load's side of the native protocol: handshake, subscriptions, frames.

use coilgun_protocol::model::{ErrorCode, PublishFlags, SubscriptionId, Ticket};
use coilgun_protocol::native::{
    ClientFrame, Hello, Incoming, OutcomeFrame, Preface, PublishFrame, ServerFrame, ServerReader,
    SubscribeRequest, encode_frame,
};
use coilgun_server::net::ListenAddress;

use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::traffic::connection::{ANSWER_MS_MAX, Connection, Flushed};
use crate::traffic::lane::FrameTemplate;
use crate::traffic::message::{MessageError, payload_template};

/// Room for what a native frame of the load has beside its payload.
const FRAME_ROOM_BYTES: usize = 1024;

/// From this bit on, the slot of a client's number says on which shard it lives.
const SHARD_BIT: u32 = 24;

/// Bytes of the input buffer of a connection that is told little.
const IDLE_INPUT_BYTES: usize = 4 * 1024;

/// Reads the broker's frames.
#[derive(Clone, Debug, Default)]
pub struct NativeWire {
    reader: ServerReader,
    /// Tokens of the broker's questions for a sign of life that are not answered yet.
    asked: Vec<u64>,
}

impl NativeWire {
    /// Shows the payloads of whole frames at the front of `bytes` in order, and returns how many
    /// bytes the frames took.
    ///
    /// # Errors
    /// If the broker breaks the protocol, refuses something or says goodbye, and as `on_payload`.
    pub fn split(
        &mut self,
        bytes: &[u8],
        on_payload: &mut impl FnMut(&[u8]) -> Result<(), MessageError>,
    ) -> Result<usize, BenchError> {
        let mut at = 0;
        // Ends because every item takes bytes away.
        loop {
            match self.reader.read(&bytes[at..])? {
                Incoming::Incomplete { .. } => return Ok(at),
                Incoming::Preface { used, .. } => at += used,
                Incoming::Frame { frame: ServerFrame::Deliver(deliver), used } => {
                    on_payload(deliver.payload)?;
                    at += used;
                }
                Incoming::Frame { frame, used } => {
                    self.on_other_frame(&frame)?;
                    at += used;
                }
            }
        }
    }

    /// Takes in whole frames at the front of `bytes` for a client that only sends requests. Returns how
    /// many bytes they took, and whether one says that nobody serves a request.
    ///
    /// # Errors
    /// If the broker breaks the protocol or says goodbye.
    pub fn look_for_unserved(&mut self, bytes: &[u8]) -> Result<(usize, bool), BenchError> {
        let (mut at, mut is_unserved) = (0, false);
        // Ends because every item takes bytes away.
        loop {
            match self.reader.read(&bytes[at..])? {
                Incoming::Incomplete { .. } => return Ok((at, is_unserved)),
                Incoming::Preface { used, .. } => at += used,
                Incoming::Frame { frame, used } => {
                    at += used;
                    match frame {
                        ServerFrame::Outcome(outcome) => {
                            is_unserved |= outcome.error_code() == Some(ErrorCode::NoResponders);
                        }
                        ServerFrame::Ping { .. }
                        | ServerFrame::Pong { .. }
                        | ServerFrame::Notice(_)
                        | ServerFrame::Stream(_)
                        | ServerFrame::Error(_)
                        | ServerFrame::GoAway(_)
                        | ServerFrame::Welcome(_)
                        | ServerFrame::Deliver(_) => self.on_other_frame(&frame)?,
                    }
                }
            }
        }
    }

    /// Whether the broker waits for a sign of life.
    #[must_use]
    pub fn has_answers(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Appends the signs of life that are owed to `out`.
    pub fn take_answers(&mut self, out: &mut Vec<u8>) {
        for token in self.asked.drain(..) {
            encode_frame(&ClientFrame::Pong { token }, out).expect("a PONG has one length");
        }
    }

    /// Whatever is neither a message nor an answer that was waited for.
    fn on_other_frame(&mut self, frame: &ServerFrame<'_>) -> Result<(), BenchError> {
        match frame {
            ServerFrame::Ping { token } => self.asked.push(*token),
            ServerFrame::Outcome(outcome) => check_outcome(outcome)?,
            ServerFrame::Pong { .. } | ServerFrame::Notice(_) => {}
            ServerFrame::Error(error) => {
                return Err(BenchError::Refused(format!("{}: {}", error.name, error.detail)));
            }
            ServerFrame::GoAway(go_away) => {
                return Err(BenchError::Refused(format!("go away: {}", go_away.detail)));
            }
            ServerFrame::Welcome(_) | ServerFrame::Deliver(_) | ServerFrame::Stream(_) => {
                return Err(BenchError::Refused(format!("{frame:?}, which was not expected")));
            }
        }
        Ok(())
    }
}

fn check_outcome(outcome: &OutcomeFrame) -> Result<(), BenchError> {
    if outcome.is_ok() {
        return Ok(());
    }
    let text = match outcome.error_code() {
        Some(code) => code.to_string(),
        None => format!("error {}", outcome.code),
    };
    Err(BenchError::Refused(text))
}

/// A native connection that has shaken hands, before it becomes part of a load.
#[derive(Debug)]
pub struct NativeClient {
    connection: Connection,
    wire: NativeWire,
    subscription_count: u64,
    shard: usize,
}

impl NativeClient {
    /// Connects and shakes hands, for payloads of up to `payload_bytes`.
    ///
    /// # Errors
    /// If the broker does not answer, refuses, or accepts no payload that large.
    pub fn open(address: &ListenAddress, payload_bytes: usize) -> Result<NativeClient, BenchError> {
        let connection = Connection::open(address, payload_bytes + FRAME_ROOM_BYTES)
            .map_err(|error| BenchError::Connect { address: address.clone(), error })?;
        NativeClient::shake_hands(connection, payload_bytes)
    }

    /// Connects and shakes hands, to say little or nothing afterwards.
    ///
    /// # Errors
    /// As [`NativeClient::open`].
    pub fn open_idle(address: &ListenAddress) -> Result<NativeClient, BenchError> {
        let connection = Connection::with_input(address, IDLE_INPUT_BYTES)
            .map_err(|error| BenchError::Connect { address: address.clone(), error })?;
        NativeClient::shake_hands(connection, 0)
    }

    fn shake_hands(
        connection: Connection,
        payload_bytes: usize,
    ) -> Result<NativeClient, BenchError> {
        let wire = NativeWire::default();
        let mut client = NativeClient { connection, wire, subscription_count: 0, shard: 0 };
        let hello = Hello {
            software: concat!("coilgun-bench/", env!("CARGO_PKG_VERSION")),
            ..Hello::default()
        };
        client.connection.output().extend_from_slice(&Preface::OURS.encode());
        client.send(&ClientFrame::Hello(hello))?;
        let (accepted, slot) = client.await_answer(|frame| match frame {
            ServerFrame::Welcome(welcome) => {
                Ok(Some((welcome.payload_bytes_max as usize, welcome.client.slot)))
            }
            ServerFrame::Error(error) => {
                Err(BenchError::Refused(format!("{}: {}", error.name, error.detail)))
            }
            ServerFrame::Deliver(_)
            | ServerFrame::Outcome(_)
            | ServerFrame::Notice(_)
            | ServerFrame::Stream(_)
            | ServerFrame::GoAway(_)
            | ServerFrame::Ping { .. }
            | ServerFrame::Pong { .. } => Ok(None),
        })?;
        if accepted < payload_bytes {
            let text = format!("{accepted} bytes of payload are the limit, not {payload_bytes}");
            return Err(BenchError::Refused(text));
        }
        client.shard = (slot >> SHARD_BIT) as usize;
        Ok(client)
    }

    /// The shard of the broker on which the connection lives.
    #[must_use]
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Subscribes, and returns when the subscription stands.
    ///
    /// # Errors
    /// If the broker does not answer, or refuses.
    pub fn subscribe(&mut self, filter: &str) -> Result<(), BenchError> {
        self.subscription_count += 1;
        let number = self.subscription_count;
        let request = SubscribeRequest {
            correlation: Ticket(number),
            ..SubscribeRequest::plain(SubscriptionId(number), filter.as_bytes())
        };
        self.send(&ClientFrame::Subscribe(request))?;
        self.await_answer(|frame| match frame {
            ServerFrame::Outcome(outcome) => {
                check_outcome(outcome)?;
                Ok((outcome.correlation == Ticket(number)).then_some(()))
            }
            ServerFrame::Error(error) => {
                Err(BenchError::Refused(format!("{}: {}", error.name, error.detail)))
            }
            ServerFrame::Welcome(_)
            | ServerFrame::Deliver(_)
            | ServerFrame::Notice(_)
            | ServerFrame::Stream(_)
            | ServerFrame::GoAway(_)
            | ServerFrame::Ping { .. }
            | ServerFrame::Pong { .. } => Ok(None),
        })
    }

    /// The connection and its wire, for a load.
    #[must_use]
    pub fn into_parts(self) -> (Connection, NativeWire) {
        (self.connection, self.wire)
    }

    fn send(&mut self, frame: &ClientFrame<'_>) -> Result<(), BenchError> {
        encode_frame(frame, self.connection.output())?;
        match self.connection.flush().map_err(BenchError::system("sending"))? {
            Flushed::All => Ok(()),
            Flushed::Blocked => {
                Err(BenchError::Refused("nothing: it does not read a handshake".to_owned()))
            }
        }
    }

    /// Reads frames until `answer` finds what it looks for.
    fn await_answer<T>(
        &mut self,
        mut answer: impl FnMut(&ServerFrame<'_>) -> Result<Option<T>, BenchError>,
    ) -> Result<T, BenchError> {
        let ends_at = monotonic_ns() + ANSWER_MS_MAX * 1_000_000;
        // Ends because every item takes bytes away, and because time runs out.
        loop {
            match self.wire.reader.read(self.connection.input())? {
                Incoming::Preface { used, .. } => self.connection.consume(used),
                Incoming::Frame { frame, used } => {
                    let found = answer(&frame)?;
                    self.connection.consume(used);
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Incoming::Incomplete { .. } => self.connection.receive_until(ends_at)?,
            }
        }
    }
}

/// How the messages of a lane are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publishing<'a> {
    /// The subject.
    pub subject: &'a str,
    /// The subject for replies; empty: none.
    pub reply: &'a str,
    /// What the publisher asks for.
    pub flags: PublishFlags,
    /// Travels with each message; [`Ticket::NONE`]: nothing does.
    pub correlation: Ticket,
}

impl<'a> Publishing<'a> {
    /// To a subject, and nothing else.
    #[must_use]
    pub fn to(subject: &'a str) -> Publishing<'a> {
        let (flags, correlation) = (PublishFlags::default(), Ticket::NONE);
        Publishing { subject, reply: "", flags, correlation }
    }
}

/// The PUBLISH frame of a lane's messages.
///
/// # Errors
/// If no broker accepts such a frame.
pub fn publish_template(
    lane: u16,
    payload_bytes: usize,
    publishing: Publishing<'_>,
) -> Result<FrameTemplate, BenchError> {
    let payload = payload_template(lane, payload_bytes);
    let publish = PublishFrame {
        correlation: publishing.correlation,
        flags: publishing.flags,
        subject: publishing.subject.as_bytes(),
        reply: publishing.reply.as_bytes(),
        payload: &payload,
        ..PublishFrame::default()
    };
    let mut frame = Vec::new();
    encode_frame(&ClientFrame::Publish(publish), &mut frame)?;
    Ok(FrameTemplate::new(frame, payload_bytes))
}
