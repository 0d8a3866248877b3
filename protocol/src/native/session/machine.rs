//! One native connection, as the broker sees it.

use super::super::control::{ErrorFrame, GoAway, Welcome};
use super::super::features::Features;
use super::super::framer::FrameRules;
use super::super::hot::{notice_frame, token_frame};
use super::super::operation::{Operation, Peer};
use super::super::preface::{PREFACE_BYTES, Preface};
use super::config::NativeConfig;
use super::idle::{Idle, Silence};
use super::state::State;
use crate::buffer::{Chunk, OutBuf};
use crate::model::limits::DRAIN_MS_MAX;
use crate::model::{Close, Closing, Command, Commands, ErrorCode, Event, Opened, Timestamp};
use crate::session::{Consumed, Session, SessionError, Traffic};

/// The broker's side of one native connection.
#[derive(Debug)]
pub struct NativeSession {
    pub(super) config: NativeConfig,
    pub(super) state: State,
    pub(super) idle: Idle,
    /// What frames may come now.
    pub(super) rules: FrameRules,
    /// The features in force, known once HELLO was read.
    pub(super) features: Features,
    pub(super) traffic: Traffic,
    /// The version in force, known once the preface was read.
    version: u16,
}

impl NativeSession {
    /// A session for a connection that was just accepted.
    ///
    /// # Panics
    /// If a setting is out of its range.
    #[must_use]
    pub fn new(config: NativeConfig) -> NativeSession {
        config.assert_in_range();
        NativeSession {
            config,
            state: State::AwaitPreface,
            idle: Idle::new(),
            rules: FrameRules::handshake(Peer::Client),
            features: Features::default(),
            traffic: Traffic::default(),
            version: 0,
        }
    }

    /// Reads the client's preface and answers it.
    fn on_preface(&mut self, bytes: &[u8], out: &mut OutBuf) -> Result<Consumed, SessionError> {
        let Some(preface) = Preface::decode(bytes, Peer::Client)? else {
            let need = if bytes.is_empty() { 0 } else { PREFACE_BYTES };
            return Ok(Consumed { bytes: 0, need });
        };
        out.copy(&Preface::OURS.encode());
        self.version = preface.negotiate(Peer::Client)?;
        self.state.change(State::AwaitHello);
        Ok(Consumed { bytes: PREFACE_BYTES, need: 0 })
    }

    /// Reads whatever the state allows from the front of the chunk.
    fn read(
        &mut self,
        input: Chunk<'_>,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
        let begin = match self.state {
            State::AwaitPreface => {
                let consumed = self.on_preface(input.bytes(), out)?;
                if consumed.bytes == 0 {
                    return Ok(consumed);
                }
                consumed.bytes
            }
            State::AwaitHello | State::Opening | State::Open | State::Leaving | State::Ended => 0,
        };
        self.read_frames(input.bytes(), begin, commands)
    }

    /// Lets the client in, or notes that it left while the broker decided.
    fn on_opened(&mut self, now: Timestamp, opened: Opened, out: &mut OutBuf) {
        match self.state {
            State::Opening => self.state.change(State::Open),
            State::Leaving => {}
            State::AwaitPreface | State::AwaitHello | State::Open | State::Ended => {
                panic!("a client is let in once, after its HELLO; this one is {:?}", self.state)
            }
        }
        self.idle.on_sign_of_life(now);
        let mut frame = Vec::new();
        Welcome {
            software: self.config.software,
            version: self.version,
            client: opened.client,
            features: self.features,
            payload_bytes_max: self.config.payload_bytes_max,
            ping_interval_ms: self.config.ping_interval_ms,
        }
        .encode(&mut frame)
        .expect("the software's name was compared with its limit");
        out.copy(&frame);
    }

    /// Writes the last frame, if the other side can read one and there is something to say.
    fn on_closing(&mut self, closing: Closing<'_>, out: &mut OutBuf) {
        match self.state {
            State::AwaitPreface | State::Ended => {}
            State::AwaitHello | State::Opening | State::Open | State::Leaving => {
                write_closing(closing, out);
            }
        }
        self.state.change(State::Ended);
    }

    /// Whether what happened is still written to the client.
    fn may_write(&self) -> bool {
        match self.state {
            State::Open | State::Leaving => true,
            State::Ended => false,
            State::AwaitPreface | State::AwaitHello | State::Opening => {
                panic!("nothing is owed to a client that is {:?}", self.state)
            }
        }
    }
}

/// GOAWAY where the broker shuts down, nothing where the client wanted it so, ERROR otherwise.
fn write_closing(closing: Closing<'_>, out: &mut OutBuf) {
    let Closing { code, detail } = closing;
    if code == ErrorCode::Ok {
        return;
    }
    let mut frame = Vec::new();
    if code == ErrorCode::ShuttingDown {
        GoAway { code: code as u16, detail, drain_ms: 0 }.encode(&mut frame);
    } else {
        ErrorFrame::new(code, detail).encode(&mut frame);
    }
    out.copy(&frame);
}

impl Session for NativeSession {
    fn on_open(&mut self, now: Timestamp, _out: &mut OutBuf) {
        self.idle.on_open(now);
    }

    fn on_bytes(
        &mut self,
        now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
        if !input.is_empty() {
            self.idle.on_sign_of_life(now);
        }
        let read = self.read(input, commands, out);
        if read.is_err() {
            self.state.leave();
        }
        read
    }

    fn on_sign_of_life(&mut self, at: Timestamp) {
        self.idle.on_sign_of_life_at(at);
    }

    fn on_event(&mut self, now: Timestamp, event: &Event<'_>, out: &mut OutBuf) {
        let before = out.pending_bytes();
        match event {
            Event::Opened(opened) => self.on_opened(now, *opened, out),
            Event::Closing(closing) => self.on_closing(*closing, out),
            Event::Deliver(delivery) => {
                if self.may_write() {
                    self.write_delivery(delivery, out);
                }
            }
            Event::Outcome(outcome) => {
                if self.may_write() {
                    self.write_outcome(outcome, out);
                }
            }
            Event::BarrierDone(done) => {
                if self.may_write() {
                    out.copy(&token_frame(Operation::Pong, done.token));
                }
            }
            Event::Stream(event) => {
                if self.may_write() {
                    self.write_stream_event(event, out);
                }
            }
            Event::Notice(notice) => {
                if self.may_write() && self.features.contains(Features::NOTICES) {
                    out.copy(&notice_frame(notice));
                }
            }
        }
        if out.pending_bytes() > before {
            self.traffic.say(out.pending_bytes() - before);
        }
    }

    fn on_tick(&mut self, now: Timestamp, commands: &mut Commands, out: &mut OutBuf) {
        if commands.is_full() {
            return;
        }
        let code = match self.state {
            State::AwaitPreface | State::AwaitHello if now >= self.idle.handshake_deadline() => {
                ErrorCode::HandshakeTimeout
            }
            State::Open => match self.idle.on_tick(now, self.config.ping_interval_ms) {
                Silence::Bearable => return,
                Silence::Ask { token } => {
                    return out.copy(&token_frame(Operation::Ping, token));
                }
                Silence::Stale => ErrorCode::StaleConnection,
            },
            State::AwaitPreface
            | State::AwaitHello
            | State::Opening
            | State::Leaving
            | State::Ended => return,
        };
        self.state.leave();
        commands.push(Command::Close(Close { code }));
    }

    fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::AwaitPreface | State::AwaitHello => Some(self.idle.handshake_deadline()),
            State::Open => self.idle.silence_deadline(self.config.ping_interval_ms),
            State::Opening | State::Leaving | State::Ended => None,
        }
    }

    fn on_drain(&mut self, out: &mut OutBuf) {
        match self.state {
            State::AwaitHello | State::Opening | State::Open | State::Leaving => {
                let code = ErrorCode::ShuttingDown;
                let mut frame = Vec::new();
                let (detail, drain_ms) = (code.text(), DRAIN_MS_MAX as u32);
                GoAway { code: code as u16, detail, drain_ms }.encode(&mut frame);
                out.copy(&frame);
            }
            State::AwaitPreface | State::Ended => {}
        }
    }

    fn on_close(&mut self) {
        self.state.change(State::Ended);
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

const _: () = assert!(DRAIN_MS_MAX <= u32::MAX as u64, "GOAWAY says it in 32 bits");
