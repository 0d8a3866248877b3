//! One WebSocket, from its handshake to its end.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::Waker;

use coilgun_protocol::link::{Link, LinkConnector, LinkRefused};
use coilgun_protocol::model::Timestamp;
use mio::net::TcpStream;
use tungstenite::handshake::server::{NoCallback, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket};

use super::wakers::LinkWaker;
use crate::link::{Connector, LinkOrigin};

/// Bytes of the link that go into one message.
const PIECE_BYTES: usize = 16 * 1024;
/// Bytes that wait to be written at the most: one piece, and what tungstenite adds.
const WRITE_BYTES_MAX: usize = 4 * PIECE_BYTES;
/// How often each direction is moved before other connections have their turn.
const ROUNDS_MAX: usize = 64;
/// How long the last words of a connection may take.
const CLOSE_MS: u64 = 1_000;

/// Where a connection stands.
enum Stage {
    /// Its request comes in, or the answer goes out.
    Handshaking(Box<MidHandshake<ServerHandshake<TcpStream, NoCallback>>>),
    /// Bytes in, bytes out.
    Open(Box<Open>),
    /// The last words go out; what comes is thrown away.
    Closing(Box<Closing>),
    /// It is over.
    Over,
}

struct Open {
    socket: WebSocket<TcpStream>,
    link: Box<dyn Link>,
    /// What came and found no room in the link, from this byte on.
    held: (Bytes, usize),
    /// Something was written and not taken by the system.
    is_blocked: bool,
}

/// A connection whose last words go out. The library reads nothing of it any more: after a frame that it
/// refused it cannot.
struct Closing {
    socket: WebSocket<TcpStream>,
    /// The last words are out, and the client knows that nothing follows.
    is_said: bool,
}

/// One connection.
pub(super) struct Connection {
    stage: Stage,
    /// When it is over if nothing changes; none: it may last.
    pub(super) ends_at: Option<Timestamp>,
    waker: Arc<LinkWaker>,
    connector: Connector,
    peer: SocketAddr,
    room: Box<[u8]>,
}

/// How far one look at a connection came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// Nothing more can be done until something happens.
    Waits,
    /// There is more to do.
    GoesOn,
    /// It is over.
    Over,
}

impl Connection {
    /// A connection that was accepted from `peer`, whose messages may have so many bytes.
    pub(super) fn new(
        now: Timestamp,
        (stream, peer): (TcpStream, SocketAddr),
        connector: Connector,
        waker: LinkWaker,
        ends_at: Timestamp,
        message_bytes_max: usize,
    ) -> Connection {
        let config = WebSocketConfig::default()
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max))
            .read_buffer_size(PIECE_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BYTES_MAX);
        let mut connection = Connection {
            stage: Stage::Over,
            ends_at: Some(ends_at),
            waker: Arc::new(waker),
            connector,
            peer,
            room: vec![0; PIECE_BYTES].into(),
        };
        connection.on_handshake(now, tungstenite::accept_with_config(stream, Some(config)));
        connection
    }

    /// Its socket, if it still has one.
    pub(super) fn stream_mut(&mut self) -> Option<&mut TcpStream> {
        match &mut self.stage {
            Stage::Handshaking(handshake) => Some(handshake.get_mut().get_mut()),
            Stage::Open(open) => Some(open.socket.get_mut()),
            Stage::Closing(closing) => Some(closing.socket.get_mut()),
            Stage::Over => None,
        }
    }

    fn on_handshake(
        &mut self,
        now: Timestamp,
        result: Result<
            WebSocket<TcpStream>,
            HandshakeError<ServerHandshake<TcpStream, NoCallback>>,
        >,
    ) {
        self.stage = match result {
            Ok(socket) => self.open(now, socket),
            Err(HandshakeError::Interrupted(handshake)) => Stage::Handshaking(Box::new(handshake)),
            // It was answered as HTTP has it, or is not worth an answer.
            Err(HandshakeError::Failure(_)) => Stage::Over,
        };
    }

    fn open(&mut self, now: Timestamp, socket: WebSocket<TcpStream>) -> Stage {
        let origin = LinkOrigin { address: Some(self.peer), ..self.connector.origin() };
        match self.connector.clone().from_there(origin).connect() {
            Ok(link) => {
                self.ends_at = None;
                let held = (Bytes::new(), 0);
                Stage::Open(Box::new(Open { socket, link, held, is_blocked: false }))
            }
            Err(LinkRefused::Full) => {
                self.close(now, socket, CloseCode::Again, "too many connections")
            }
            Err(LinkRefused::Ended) => self.close(now, socket, CloseCode::Away, "the broker ends"),
        }
    }

    fn close(
        &mut self,
        now: Timestamp,
        mut socket: WebSocket<TcpStream>,
        code: CloseCode,
        reason: &str,
    ) -> Stage {
        self.ends_at = Some(now.plus_ms(CLOSE_MS));
        match socket.close(Some(CloseFrame { code, reason: reason.into() })) {
            Err(error) if !is_blocked(&error) => Stage::Over,
            Ok(()) | Err(_) => Stage::Closing(Box::new(Closing { socket, is_said: false })),
        }
    }

    /// Does what is possible without waiting.
    pub(super) fn look(&mut self, now: Timestamp) -> Look {
        self.waker.seen();
        if let Stage::Handshaking(_) = self.stage
            && let Stage::Handshaking(handshake) = std::mem::replace(&mut self.stage, Stage::Over)
        {
            self.on_handshake(now, handshake.handshake());
        }
        match &mut self.stage {
            Stage::Handshaking(_) => Look::Waits,
            Stage::Open(_) => self.look_at_open(now),
            Stage::Closing(closing) => match closing.round(&mut self.room) {
                Ok(true) => Look::GoesOn,
                Ok(false) => Look::Waits,
                Err(_) => {
                    self.stage = Stage::Over;
                    Look::Over
                }
            },
            Stage::Over => Look::Over,
        }
    }

    fn look_at_open(&mut self, now: Timestamp) -> Look {
        let Stage::Open(open) = &mut self.stage else { return Look::Over };
        let waker = Arc::clone(&self.waker).into();
        for _ in 0..ROUNDS_MAX {
            match open.round_or_wait(&mut self.room, &waker) {
                Ok(true) => {}
                Ok(false) => return Look::Waits,
                Err(end) => return self.end(now, end),
            }
        }
        Look::GoesOn
    }

    /// Ends it from this side, or because the other one has.
    fn end(&mut self, now: Timestamp, end: End) -> Look {
        let Stage::Open(open) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Look::Over;
        };
        if let End::Says(code, reason) = end {
            self.stage = self.close(now, open.socket, code, reason);
        }
        match self.stage {
            Stage::Closing(_) => Look::GoesOn,
            Stage::Handshaking(_) | Stage::Open(_) | Stage::Over => Look::Over,
        }
    }
}

/// Why a connection ends.
enum End {
    /// The client has ended it, or it is broken.
    Gone,
    /// The broker ends it, for this reason.
    Says(CloseCode, &'static str),
}

impl Open {
    /// Moves something in each direction, if it can. Returns whether it did.
    fn round(&mut self, room: &mut [u8]) -> Result<bool, End> {
        Ok(self.move_in()? | self.move_out(room)?)
    }

    /// The same, and if there is nothing to move, has the link wake the thread when there is. Returns
    /// whether to look again at once.
    fn round_or_wait(&mut self, room: &mut [u8], waker: &Waker) -> Result<bool, End> {
        if self.round(room)? {
            return Ok(true);
        }
        let for_room = self.held.1 < self.held.0.len();
        if !self.link.wake(waker, for_room) {
            return Ok(false);
        }
        // Bytes that the client does not take are no reason to look again: its socket says when it does.
        Ok(self.round(room)? || !self.is_blocked)
    }

    /// Moves what the client sent into the link.
    fn move_in(&mut self) -> Result<bool, End> {
        let (bytes, at) = &mut self.held;
        if *at < bytes.len() {
            let count = self.link.send(&bytes[*at..]).map_err(|_| ended_by_broker())?;
            *at += count;
            return Ok(count > 0);
        }
        match self.socket.read() {
            Ok(Message::Binary(bytes)) => {
                self.held = (bytes, 0);
                Ok(true)
            }
            Ok(Message::Text(_)) => {
                Err(End::Says(CloseCode::Unsupported, "elbus travels in binary messages"))
            }
            // The library answers both.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                Ok(true)
            }
            Err(error) if is_blocked(&error) => Ok(false),
            Err(Error::Capacity(_)) => Err(End::Says(CloseCode::Size, "the message is too long")),
            Err(Error::Protocol(_) | Error::Utf8(_)) => {
                Err(End::Says(CloseCode::Protocol, "that is no WebSocket"))
            }
            Err(_) => Err(End::Gone),
        }
    }

    /// Moves what the broker sent to the client.
    fn move_out(&mut self, room: &mut [u8]) -> Result<bool, End> {
        if self.is_blocked {
            match self.socket.flush() {
                Ok(()) => self.is_blocked = false,
                Err(error) if is_blocked(&error) => return Ok(false),
                Err(_) => return Err(End::Gone),
            }
        }
        let count = self.link.receive(room).map_err(|_| ended_by_broker())?;
        if count == 0 {
            return Ok(false);
        }
        let piece = Message::Binary(Bytes::copy_from_slice(&room[..count]));
        match self.socket.send(piece) {
            Ok(()) => Ok(true),
            Err(error) if is_blocked(&error) => {
                // It waits inside of the library, which holds it until it is flushed.
                self.is_blocked = true;
                Ok(true)
            }
            Err(_) => Err(End::Gone),
        }
    }
}

fn ended_by_broker() -> End {
    End::Says(CloseCode::Away, "the broker has ended the connection")
}

impl Closing {
    /// Says the last words, or throws away what comes behind them. Returns whether there is more to do.
    fn round(&mut self, room: &mut [u8]) -> io::Result<bool> {
        if !self.is_said {
            match self.socket.flush() {
                Ok(()) => {}
                Err(error) if is_blocked(&error) => return Ok(false),
                Err(error) => return Err(io::Error::other(error)),
            }
            self.is_said = true;
            // What the client still sends must not destroy what is on its way to it.
            self.socket.get_mut().shutdown(Shutdown::Write)?;
        }
        match self.socket.get_mut().read(room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_blocked(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}
