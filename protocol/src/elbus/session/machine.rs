//! One elbus connection, as the broker sees it.

use super::config::ElbusConfig;
use super::question::{Asked, Question};
use super::topics::{Change, Taken, TopicRun, Topics, translate};
use crate::buffer::{Chunk, OutBuf};
use crate::elbus::code::ResultCode;
use crate::elbus::frame::{Frame, GREETING, HEADER_BYTES, Operation, Reading, read_frame};
use crate::elbus::server_frame::SERVER_HEADER_BYTES;
use crate::elbus::text::{NAME, TOPIC, primary_of};
use crate::model::{
    Close, Command, Commands, ErrorCode, Event, Open, OpenFlags, Publish, PublishFlags, Span,
    Ticket, Timestamp,
};
use crate::session::{Consumed, Session, SessionError, Traffic};

/// Where every client hears what the broker warns of.
const WARN_TOPIC: &[u8] = b".broker/warn";

/// The broker's side of one elbus connection.
#[derive(Debug)]
pub struct ElbusSession {
    pub(super) config: ElbusConfig,
    pub(super) state: State,
    pub(super) topics: Topics,
    /// A frame with many topics that is not done.
    pub(super) run: Option<TopicRun>,
    /// Names that are being translated.
    pub(super) scratch: Vec<u8>,
    pub(super) traffic: Traffic,
    opened_at: Timestamp,
    heard_at: Timestamp,
    pinged_at: Timestamp,
}

/// Where the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Greeting,
    Naming,
    Registering,
    Open,
    Over,
}

/// Why the bytes are nothing that a client says.
type Broken = (ErrorCode, &'static str);

impl ElbusSession {
    /// A session for a connection that was just accepted.
    ///
    /// # Panics
    /// If a setting is out of its range.
    #[must_use]
    pub fn new(config: ElbusConfig) -> ElbusSession {
        config.assert_in_range();
        ElbusSession {
            config,
            state: State::Greeting,
            topics: Topics::default(),
            run: None,
            scratch: Vec::new(),
            traffic: Traffic::default(),
            opened_at: Timestamp::default(),
            heard_at: Timestamp::default(),
            pinged_at: Timestamp::default(),
        }
    }

    /// Takes what begins at `at`, if it is whole.
    #[inline]
    fn take(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Taken, Broken> {
        match self.state {
            State::Registering | State::Open => match self.run {
                Some(run) => Ok(self.take_topic(run, bytes, at, commands)),
                None => self.take_frame(bytes, at, commands),
            },
            State::Greeting => self.take_greeting(&bytes[at..], out),
            State::Naming => self.take_name(bytes, at, commands),
            State::Over => Ok(Taken::Bytes(bytes.len() - at)),
        }
    }

    fn take_greeting(&mut self, bytes: &[u8], out: &mut OutBuf) -> Result<Taken, Broken> {
        let Some(greeting) = bytes.first_chunk::<{ GREETING.len() }>() else {
            return Ok(Taken::Needs(GREETING.len()));
        };
        if *greeting != GREETING {
            return Err((ErrorCode::UnsupportedVersion, "the greeting is not EB 01 00"));
        }
        out.copy(&[ResultCode::Ok as u8]);
        out.hurry();
        self.state = State::Naming;
        Ok(Taken::Bytes(GREETING.len()))
    }

    fn take_name(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Result<Taken, Broken> {
        let Some(len) = bytes[at..].first_chunk::<2>() else { return Ok(Taken::Needs(2)) };
        let whole = 2 + usize::from(u16::from_le_bytes(*len));
        let Some(name) = bytes.get(at + 2..at + whole) else { return Ok(Taken::Needs(whole)) };
        if name.is_empty() || name.starts_with(b".") {
            return Err((ErrorCode::InvalidName, "the name is empty or begins with a dot"));
        }
        if name.contains(&0) {
            return Err((ErrorCode::InvalidName, "the name has a NUL"));
        }
        let Ok(name) = core::str::from_utf8(name) else {
            self.state = State::Over;
            return Err((ErrorCode::MalformedFrame, "the name is no UTF-8"));
        };
        if commands.room() < 2 {
            return Ok(Taken::Full);
        }
        self.state = State::Registering;
        self.open(name, at + 2, commands);
        self.subscribe_by_itself(WARN_TOPIC, commands);
        Ok(Taken::Bytes(whole))
    }

    fn open(&self, text: &str, at: usize, commands: &mut Commands) {
        let to_native = |name: &[u8], native: &mut Vec<u8>| NAME.subject(name, native);
        let name = translate(text.as_bytes(), at, commands, to_native);
        let primary = match primary_of(text) {
            Some(primary) => translate(primary.as_bytes(), at, commands, to_native),
            None => Span::EMPTY,
        };
        let mut flags = OpenFlags::ONCE_PER_MESSAGE.with(OpenFlags::SENDER_NAMES);
        if self.config.force_register && primary.is_empty() {
            flags = flags.with(OpenFlags::REPLACE_NAMESAKE);
        }
        commands.push(Command::Open(Open { name, primary, flags, ..Open::default() }));
    }

    #[inline]
    fn take_frame(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Result<Taken, Broken> {
        let frame = match read_frame(&bytes[at..], self.config.body_bytes_max()) {
            Reading::Frame(frame) => frame,
            Reading::Ping => return Ok(Taken::Bytes(HEADER_BYTES)),
            Reading::Incomplete(need) => return Ok(Taken::Needs(need)),
            Reading::Unknown(_) => {
                return Err((ErrorCode::UnknownOperation, "there is no such operation"));
            }
            Reading::TooLong(_) => {
                return Err((ErrorCode::FrameTooLarge, "the body is longer than allowed"));
            }
        };
        self.traffic.take_in(frame.body_bytes);
        let begin = at + HEADER_BYTES;
        let body = &bytes[begin..begin + frame.body_bytes];
        if let Some(change) = Change::of(frame.operation) {
            check_text(body)?;
            return Ok(self.take_topic(TopicRun::new(&frame, change), bytes, at, commands));
        }
        let (place, rest) = cut(body)?;
        if frame.operation != Operation::Nop {
            check_text(place)?;
            publish(&frame, place, rest, begin, commands)?;
        }
        Ok(Taken::Bytes(HEADER_BYTES + frame.body_bytes))
    }
}

/// What stands before the first NUL of a body, and how many bytes stand behind it.
#[inline]
fn cut(body: &[u8]) -> Result<(&[u8], &[u8]), Broken> {
    let nul = body.iter().position(|byte| *byte == 0);
    let nul = nul.ok_or((ErrorCode::MalformedFrame, "there is no NUL behind the target"))?;
    Ok((&body[..nul], &body[nul + 1..]))
}

#[inline]
fn check_text(text: &[u8]) -> Result<(), Broken> {
    match core::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(_) => Err((ErrorCode::MalformedFrame, "a target or topic is no UTF-8")),
    }
}

/// A frame with a place to go to, a NUL, and a payload. The place lies at `begin` of the chunk, and
/// `rest` one byte behind it.
#[inline]
fn publish(
    frame: &Frame,
    place: &[u8],
    rest: &[u8],
    begin: usize,
    commands: &mut Commands,
) -> Result<(), Broken> {
    let mut message = Publish { ticket: Ticket::NONE, ..Publish::default() };
    let mut payload = (begin + place.len() + 1, rest.len());
    let mut question = Question::Published(Asked::by(frame));
    match frame.operation {
        Operation::Message => {
            message.subject = translate(place, begin, commands, |name, text| {
                text.extend_from_slice(b"$NAME.");
                NAME.subject(name, text);
            });
            question = Question::Message(Asked::by(frame));
        }
        Operation::Broadcast => {
            message.subject =
                translate(place, begin, commands, |mask, text| NAME.filter(mask, text));
            message.flags = PublishFlags::BROADCAST;
        }
        Operation::PublishFor => {
            let (receiver, behind) = cut(rest)?;
            check_text(receiver)?;
            message.subject =
                translate(place, begin, commands, |topic, text| TOPIC.subject(topic, text));
            message.reply = translate(receiver, payload.0, commands, |name, text| {
                NAME.subject(name, text);
            });
            message.flags = PublishFlags::ONLY_TO;
            payload = (payload.0 + receiver.len() + 1, behind.len());
        }
        Operation::Publish
        | Operation::Nop
        | Operation::Subscribe
        | Operation::Unsubscribe
        | Operation::Exclude
        | Operation::Unexclude => {
            message.subject =
                translate(place, begin, commands, |topic, text| TOPIC.subject(topic, text));
        }
    }
    if frame.qos.wants_ack() {
        message.ticket = question.ticket();
        message.flags = message.flags.with(PublishFlags::ACK);
    }
    if frame.qos.is_realtime() {
        message.flags = message.flags.with(PublishFlags::REALTIME);
    }
    message.payload = Span::chunk(payload.0, payload.1);
    commands.push(Command::Publish(message));
    Ok(())
}

impl Session for ElbusSession {
    fn on_open(&mut self, now: Timestamp, out: &mut OutBuf) {
        out.copy(&GREETING);
        out.hurry();
        (self.opened_at, self.heard_at, self.pinged_at) = (now, now, now);
    }

    fn on_bytes(
        &mut self,
        now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
        self.heard_at = now;
        let bytes = input.bytes();
        let mut at = 0;
        // Ends because every turn takes bytes: a frame, a topic of one, or a part of the handshake.
        while at < bytes.len() {
            if commands.is_full() {
                return Ok(Consumed { bytes: at, need: 0 });
            }
            match self.take(bytes, at, commands, out) {
                Ok(Taken::Bytes(len)) => at += len,
                Ok(Taken::Needs(need)) => return Ok(Consumed { bytes: at, need }),
                Ok(Taken::Full) => return Ok(Consumed { bytes: at, need: 0 }),
                Err((code, why)) => {
                    return Err(SessionError { code, detail: why.to_owned() });
                }
            }
        }
        Ok(Consumed { bytes: at, need: 0 })
    }

    fn on_sign_of_life(&mut self, at: Timestamp) {
        self.heard_at = self.heard_at.max(at);
    }

    fn on_event(&mut self, now: Timestamp, event: &Event<'_>, out: &mut OutBuf) {
        match event {
            Event::Deliver(delivery) => self.write_delivery(delivery, out),
            Event::Outcome(outcome) => self.on_outcome(outcome, out),
            Event::BarrierDone(done) => self.on_barrier(done.token, out),
            Event::Opened(_) => {
                self.state = State::Open;
                (self.heard_at, self.pinged_at) = (now, now);
                out.copy(&[ResultCode::Ok as u8]);
                out.hurry();
            }
            // The protocol has no word for it.
            Event::Notice(_) | Event::Stream(_) => {}
            Event::Closing(closing) => self.on_closing(closing, out),
        }
    }

    fn on_tick(&mut self, now: Timestamp, commands: &mut Commands, out: &mut OutBuf) {
        let close = |code| Command::Close(Close { code });
        match self.state {
            State::Over => {}
            State::Greeting | State::Naming | State::Registering => {
                if now >= self.opened_at.plus_ms(self.config.handshake_ms.into()) {
                    self.state = State::Over;
                    commands.push(close(ErrorCode::HandshakeTimeout));
                }
            }
            State::Open => {
                if self.idle_deadline().is_some_and(|at| now >= at) {
                    commands.push(close(ErrorCode::StaleConnection));
                } else if self.ping_deadline().is_some_and(|at| now >= at) {
                    self.pinged_at = now;
                    out.copy(&[0; SERVER_HEADER_BYTES]);
                }
            }
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Greeting | State::Naming | State::Registering => {
                Some(self.opened_at.plus_ms(self.config.handshake_ms.into()))
            }
            State::Open => {
                let deadlines = [self.ping_deadline(), self.idle_deadline()];
                deadlines.into_iter().flatten().min()
            }
            State::Over => None,
        }
    }

    fn on_drain(&mut self, _out: &mut OutBuf) {
        // The protocol has no word for it: `.broker` warns all that listen.
    }

    fn on_close(&mut self) {
        self.state = State::Over;
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl ElbusSession {
    fn ping_deadline(&self) -> Option<Timestamp> {
        let interval = self.config.ping_interval_ms;
        (interval > 0).then(|| self.pinged_at.plus_ms(interval.into()))
    }

    fn idle_deadline(&self) -> Option<Timestamp> {
        (self.config.idle_ms > 0).then(|| self.heard_at.plus_ms(self.config.idle_ms.into()))
    }
}
