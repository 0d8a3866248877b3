//! A binary protocol through the doors: greeting, name, topics, messages to a name, broadcasts, and
//! acknowledgements in order.
//!
//! ```text
//!  Greeting --EB 01 00--> Naming --name--> Registering --Opened--> Open
//!      |                    |                   |                   |
//!      +--------------------+--- one byte ------+---- nothing ------+----> Over
//! ```

use coilgun_protocol::buffer::{Chunk, OutBuf};
use coilgun_protocol::model::{
    Barrier, Command, Commands, ErrorCode, Event, Open, OpenFlags, Publish, PublishFlags, Span,
    SubscriptionId, Ticket, Timestamp, limits,
};
use coilgun_protocol::session::{Consumed, Session, SessionError};

use super::elbus_frame::{Frame, HEADER_BYTES, Operation, RESULT_OK, Reading, read_frame};
use super::elbus_text::{NAME, TOPIC};
use super::elbus_topics::{TopicRun, Topics};
use super::replies::Replies;

/// What both sides say first: a magic number and a version.
const GREETING: [u8; 3] = [0xEB, 1, 0];
/// How often the server pings, in milliseconds.
const PING_MS: u64 = 2_500;

/// The server's side of one connection.
#[derive(Debug, Default)]
pub struct ElbusProbe {
    pub(super) state: State,
    pub(super) topics: Topics,
    pub(super) replies: Replies<Question>,
    /// A frame with many topics that is not done.
    run: Option<TopicRun>,
    next_ping: Option<Timestamp>,
    /// The beginning of a frame that is being written.
    pub(super) scratch: Vec<u8>,
}

/// Where the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    #[default]
    Greeting,
    Naming,
    Registering,
    Open,
    Over,
}

/// What an answer is owed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// Topics or receivers of which it does not matter whether there are any.
    Done { op_id: u32 },
    /// A message to one name.
    Message { op_id: u32 },
    /// A topic of SUBSCRIBE; its refusal is told if somebody waits for an acknowledgement.
    Subscribed { op_id: Option<u32>, subscription: SubscriptionId },
    /// A topic of UNSUBSCRIBE.
    Unsubscribed { subscription: SubscriptionId },
}

impl ElbusProbe {
    /// Takes what begins at `at`, if it is whole.
    fn take(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Taken, ErrorCode> {
        match self.state {
            State::Greeting => self.take_greeting(&bytes[at..], out),
            State::Naming => self.take_name(bytes, at, commands),
            State::Registering | State::Open => match self.run {
                Some(run) => Ok(self.take_topic(run, bytes, at, commands)),
                None => self.take_frame(bytes, at, commands),
            },
            State::Over => Ok(Taken::Bytes(bytes.len() - at)),
        }
    }

    fn take_greeting(&mut self, bytes: &[u8], out: &mut OutBuf) -> Result<Taken, ErrorCode> {
        let Some(greeting) = bytes.first_chunk::<{ GREETING.len() }>() else {
            return Ok(Taken::Needs(GREETING.len()));
        };
        if *greeting != GREETING {
            return Err(ErrorCode::UnsupportedVersion);
        }
        out.copy(&[RESULT_OK]);
        self.state = State::Naming;
        Ok(Taken::Bytes(GREETING.len()))
    }

    fn take_name(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Result<Taken, ErrorCode> {
        let Some(len) = bytes[at..].first_chunk::<2>() else { return Ok(Taken::Needs(2)) };
        let whole = 2 + usize::from(u16::from_le_bytes(*len));
        let Some(name) = bytes.get(at + 2..at + whole) else { return Ok(Taken::Needs(whole)) };
        if name.is_empty() || name.starts_with(b".") {
            return Err(ErrorCode::InvalidName);
        }
        if std::str::from_utf8(name).is_err() {
            self.state = State::Over;
            return Err(ErrorCode::MalformedFrame);
        }
        self.state = State::Registering;
        let name = translate(name, at + 2, commands, |name, text| NAME.subject(name, text));
        let flags = OpenFlags::ONCE_PER_MESSAGE.with(OpenFlags::SENDER_NAMES);
        commands.push(Command::Open(Open { name, flags, ..Open::default() }));
        Ok(Taken::Bytes(whole))
    }

    fn take_frame(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Result<Taken, ErrorCode> {
        let frame = match read_frame(&bytes[at..]) {
            Reading::Frame(frame) => frame,
            Reading::Ping => return Ok(Taken::Bytes(HEADER_BYTES)),
            Reading::Incomplete(need) => return Ok(Taken::Needs(need)),
            Reading::Unknown => return Err(ErrorCode::UnknownOperation),
            Reading::TooLong => return Err(ErrorCode::FrameTooLarge),
        };
        let run = match frame.operation {
            Operation::Subscribe => TopicRun::new(&frame, true),
            Operation::Unsubscribe => TopicRun::new(&frame, false),
            Operation::Publish | Operation::Message | Operation::Broadcast => {
                self.publish(&frame, bytes, at + HEADER_BYTES, commands)?;
                return Ok(Taken::Bytes(HEADER_BYTES + frame.body_bytes));
            }
        };
        let body = &bytes[at + HEADER_BYTES..at + HEADER_BYTES + frame.body_bytes];
        if std::str::from_utf8(body).is_err() {
            return Err(ErrorCode::MalformedFrame);
        }
        Ok(self.take_topic(run, bytes, at, commands))
    }

    /// A frame with a place to go to, a NUL, and a payload.
    fn publish(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        begin: usize,
        commands: &mut Commands,
    ) -> Result<(), ErrorCode> {
        let body = &bytes[begin..begin + frame.body_bytes];
        let nul = body.iter().position(|byte| *byte == 0).ok_or(ErrorCode::MalformedFrame)?;
        let place = &body[..nul];
        std::str::from_utf8(place).map_err(|_| ErrorCode::MalformedFrame)?;
        let op_id = frame.op_id;
        let (subject, question, mut flags) = match frame.operation {
            Operation::Message => {
                let to_name = |place: &[u8], text: &mut Vec<u8>| {
                    text.extend_from_slice(b"$NAME.");
                    NAME.subject(place, text);
                };
                let subject = translate(place, begin, commands, to_name);
                (subject, Question::Message { op_id }, PublishFlags::default())
            }
            Operation::Broadcast => {
                let mask =
                    translate(place, begin, commands, |place, text| NAME.filter(place, text));
                (mask, Question::Done { op_id }, PublishFlags::BROADCAST)
            }
            Operation::Publish | Operation::Subscribe | Operation::Unsubscribe => {
                let subject =
                    translate(place, begin, commands, |place, text| TOPIC.subject(place, text));
                (subject, Question::Done { op_id }, PublishFlags::default())
            }
        };
        let mut ticket = Ticket::NONE;
        if frame.wants_ack {
            ticket = self.replies.owe(question);
            flags = flags.with(PublishFlags::ACK);
        }
        if frame.is_realtime {
            flags = flags.with(PublishFlags::REALTIME);
        }
        let payload = Span::chunk(begin + nul + 1, body.len() - nul - 1);
        commands.push(Command::Publish(Publish {
            subject,
            payload,
            ticket,
            flags,
            ..Publish::default()
        }));
        Ok(())
    }

    /// Takes one topic of a frame, with what stands before it; the last needs room for two commands,
    /// because nobody asks again once the bytes are used up.
    fn take_topic(
        &mut self,
        run: TopicRun,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Taken {
        let begin = at + run.before;
        let Some(rest) = bytes.get(begin..begin + run.left) else {
            return Taken::Needs(run.before + run.left);
        };
        if commands.room() < 2 {
            return Taken::Full;
        }
        let nul = rest.iter().position(|byte| *byte == 0);
        let topic = &rest[..nul.unwrap_or(rest.len())];
        if let Some(command) = self.topic(run, topic, begin, commands) {
            commands.push(command);
        }
        self.run = nul.map(|nul| TopicRun { before: 1, left: run.left - nul - 1, ..run });
        if self.run.is_none()
            && let Some(op_id) = run.op_id
        {
            let Ticket(token) = self.replies.owe(Question::Done { op_id });
            commands.push(Command::Barrier(Barrier { token }));
        }
        Taken::Bytes(run.before + topic.len())
    }
}

/// How far one look at the bytes came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    /// These many bytes are used up.
    Bytes(usize),
    /// So many bytes are needed from here.
    Needs(usize),
    /// There is no room for the next command.
    Full,
}

/// Writes the native text of what lies at `at` of the chunk into the scratch text. What is too long
/// for any subject stays what it is, and is refused for its length.
pub(super) fn translate(
    text: &[u8],
    at: usize,
    commands: &mut Commands,
    native: impl Fn(&[u8], &mut Vec<u8>),
) -> Span {
    if text.len() > limits::SUBJECT_BYTES_MAX {
        return Span::chunk(at, text.len());
    }
    let scratch = commands.text_mut();
    let begin = scratch.len();
    native(text, scratch);
    Span::scratch(begin, scratch.len() - begin)
}

impl Session for ElbusProbe {
    fn on_open(&mut self, now: Timestamp, out: &mut OutBuf) {
        out.copy(&GREETING);
        self.next_ping = Some(now.plus_ms(PING_MS));
    }

    fn on_bytes(
        &mut self,
        _now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
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
                Err(code) => {
                    return Err(SessionError { code, detail: format!("the frame at byte {at}") });
                }
            }
        }
        Ok(Consumed { bytes: at, need: 0 })
    }

    fn on_sign_of_life(&mut self, _at: Timestamp) {}

    fn on_event(&mut self, _now: Timestamp, event: &Event<'_>, out: &mut OutBuf) {
        match event {
            Event::Opened(_) => {
                self.state = State::Open;
                out.copy(&[RESULT_OK]);
            }
            Event::Deliver(delivery) => self.write_delivery(delivery, out),
            Event::Outcome(outcome) => self.on_outcome(*outcome, out),
            Event::BarrierDone(done) => self.on_barrier(Ticket(done.token), out),
            Event::Notice(_) => {}
            Event::Closing(closing) => self.on_closing(*closing, out),
        }
    }

    fn on_tick(&mut self, now: Timestamp, _commands: &mut Commands, out: &mut OutBuf) {
        if self.state == State::Open {
            out.copy(&[0; 6]);
        }
        self.next_ping = Some(now.plus_ms(PING_MS));
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.next_ping
    }

    fn on_drain(&mut self, _out: &mut OutBuf) {}

    fn on_close(&mut self) {
        self.state = State::Over;
        self.next_ping = None;
    }
}
