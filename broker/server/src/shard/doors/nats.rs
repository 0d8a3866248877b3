//! A text protocol through the doors: INFO, CONNECT, PUB, SUB, UNSUB, PING, PONG, MSG, +OK, -ERR.
//!
//! Nothing has to be said before the first line: whoever says something else than CONNECT is let in
//! with the options a client has by default.

use coilgun_protocol::buffer::{Chunk, OutBuf};
use coilgun_protocol::model::{
    Barrier, Closing, Command, Commands, Delivery, ErrorCode, Event, Open, OpenFlags, Outcome,
    Publish, PublishFlags, SlowConsumerWish, Span, Subscribe, SubscriptionId, Ticket, Timestamp,
    Unsubscribe, Visibility, limits,
};
use coilgun_protocol::session::{Consumed, Session, SessionError, Traffic};

use super::nats_line::{Line, Options, Reading, read_line};
use super::nats_subscriptions::Subscriptions;
use super::replies::Replies;

/// What the server says first.
const INFO: &[u8] =
    b"INFO {\"server_id\":\"probe\",\"version\":\"2.10.0\",\"max_payload\":1048576}\r\n";
const OK: &[u8] = b"+OK\r\n";

/// The server's side of one connection.
#[derive(Debug, Default)]
pub struct NatsProbe {
    options: Options,
    /// `Command::Open` was handed out.
    is_opened: bool,
    /// CONNECT asked for it, and is answered when the client is in.
    owes_connect: bool,
    /// Nothing is read any more.
    is_over: bool,
    subscriptions: Subscriptions,
    replies: Replies<Question>,
    line: Vec<u8>,
}

/// What an answer is owed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    /// A line that is acknowledged if the client is verbose.
    Line { verbose: bool },
    /// SUB.
    Subscribe { verbose: bool, number: SubscriptionId },
    /// UNSUB.
    Unsubscribe { verbose: bool, number: SubscriptionId, deliveries_max: u32 },
    /// PING.
    Ping,
}

impl NatsProbe {
    /// Takes what begins at `at`, if it is whole. There is room for one command.
    fn take(
        &mut self,
        bytes: &[u8],
        at: usize,
        commands: &mut Commands,
    ) -> Result<Taken, ErrorCode> {
        let (line, len) = match read_line(bytes, at) {
            Reading::Line(line, len) => (line, len),
            Reading::Incomplete => return Ok(Taken::Needs(bytes.len() - at + 1)),
            Reading::Unknown => return Err(ErrorCode::UnknownOperation),
        };
        if !self.is_opened {
            let is_connect = self.open(line, commands);
            return Ok(Taken::Bytes(if is_connect { len } else { 0 }));
        }
        let Line::Publish { subject, reply, payload_bytes } = line else {
            self.on_line(bytes, line, commands);
            return Ok(Taken::Bytes(len));
        };
        if payload_bytes > limits::PAYLOAD_BYTES_DEFAULT {
            return Err(ErrorCode::PayloadTooLarge);
        }
        let whole = len + payload_bytes + 2;
        if bytes.len() - at < whole {
            return Ok(Taken::Needs(whole));
        }
        if &bytes[at + whole - 2..at + whole] != b"\r\n" {
            return Err(ErrorCode::UnknownOperation);
        }
        let payload = Span::chunk(at + len, payload_bytes);
        self.on_publish(Publish { subject, reply, payload, ..Publish::default() }, commands);
        Ok(Taken::Bytes(whole))
    }

    fn on_publish(&mut self, publish: Publish, commands: &mut Commands) {
        let verbose = self.options.verbose;
        let (ticket, flags) = if verbose {
            (self.replies.owe(Question::Line { verbose }), PublishFlags::ACK)
        } else {
            (Ticket::NONE, PublishFlags::default())
        };
        commands.push(Command::Publish(Publish { ticket, flags, ..publish }));
    }

    /// Any line without a payload.
    fn on_line(&mut self, bytes: &[u8], line: Line, commands: &mut Commands) {
        let verbose = self.options.verbose;
        let text = |span: Span| &bytes[span.offset()..span.end()];
        match line {
            Line::Connect(options) => {
                self.options = options;
                self.barrier(Question::Line { verbose: options.verbose }, commands);
            }
            Line::Ping => self.barrier(Question::Ping, commands),
            Line::Pong => {}
            Line::Subscribe { filter, group, sid } => match self.subscriptions.begin(text(sid)) {
                Some(number) => self.subscribe(number, filter, group, commands),
                None => self.barrier(Question::Line { verbose }, commands),
            },
            Line::Unsubscribe { sid, deliveries_max } => {
                let Some(number) = self.subscriptions.number(text(sid)) else {
                    return self.barrier(Question::Line { verbose }, commands);
                };
                if deliveries_max == 0 {
                    self.subscriptions.give_up(text(sid));
                }
                let question = Question::Unsubscribe { verbose, number, deliveries_max };
                let ticket = self.replies.owe(question);
                let it = Unsubscribe { subscription: number, ticket, deliveries_max };
                commands.push(Command::Unsubscribe(it));
            }
            Line::Publish { .. } => unreachable!("a line with a payload is taken elsewhere"),
        }
    }

    fn subscribe(
        &mut self,
        number: SubscriptionId,
        filter: Span,
        group: Span,
        commands: &mut Commands,
    ) {
        let verbose = self.options.verbose;
        let ticket = self.replies.owe(Question::Subscribe { verbose, number });
        commands.push(Command::Subscribe(Subscribe {
            subscription: number,
            filter,
            group,
            ticket,
            credit: u32::MAX,
            deliveries_max: 0,
            visibility: Visibility::ALL,
            slow_consumer: SlowConsumerWish::default(),
        }));
    }

    /// Answers in its turn what is no command.
    fn barrier(&mut self, question: Question, commands: &mut Commands) {
        let Ticket(token) = self.replies.owe(question);
        commands.push(Command::Barrier(Barrier { token }));
    }

    /// Lets the client in, and says whether its first line is used up by that.
    fn open(&mut self, line: Line, commands: &mut Commands) -> bool {
        let (options, is_connect) = match line {
            Line::Connect(options) => (options, true),
            Line::Publish { .. }
            | Line::Subscribe { .. }
            | Line::Unsubscribe { .. }
            | Line::Ping
            | Line::Pong => (Options::default(), false),
        };
        self.is_opened = true;
        self.options = options;
        self.owes_connect = is_connect && options.verbose;
        let flags = if options.echo { OpenFlags::default() } else { OpenFlags::NO_ECHO };
        commands.push(Command::Open(Open { flags, ..Open::default() }));
        is_connect
    }

    fn on_outcome(&mut self, outcome: Outcome, out: &mut OutBuf) {
        let Some(question) = self.replies.question(outcome.ticket) else { return };
        let verbose = match question {
            Question::Line { verbose } => verbose,
            Question::Subscribe { verbose, number } => {
                if outcome.code != ErrorCode::Ok {
                    self.subscriptions.forget(number);
                }
                verbose
            }
            Question::Unsubscribe { verbose, number, deliveries_max } => {
                self.subscriptions.limit(number, deliveries_max);
                verbose
            }
            Question::Ping => unreachable!("a barrier is not answered by an outcome"),
        };
        // Who ends a subscription that has just ended by itself has what it wants.
        let fine = [ErrorCode::Ok, ErrorCode::UnknownSubscription].contains(&outcome.code);
        let answer = match (fine, verbose) {
            (true, true) => OK.to_vec(),
            (true, false) => Vec::new(),
            (false, _) => error_line(outcome.code),
        };
        self.replies.answer(outcome.ticket, answer, out);
    }

    fn on_barrier(&mut self, ticket: Ticket, out: &mut OutBuf) {
        let answer: &[u8] = match self.replies.question(ticket) {
            Some(Question::Ping) => b"PONG\r\n",
            Some(Question::Line { verbose: true }) => OK,
            Some(
                Question::Line { verbose: false }
                | Question::Subscribe { .. }
                | Question::Unsubscribe { .. },
            ) => b"",
            None => return,
        };
        self.replies.answer(ticket, answer.to_vec(), out);
    }

    fn write_message(&mut self, delivery: &Delivery<'_>, out: &mut OutBuf) {
        self.line.clear();
        self.line.extend_from_slice(b"MSG ");
        self.line.extend_from_slice(delivery.subject);
        self.line.push(b' ');
        if !self.subscriptions.deliver(delivery.subscription, &mut self.line) {
            return;
        }
        self.line.push(b' ');
        if !delivery.reply.is_empty() {
            self.line.extend_from_slice(delivery.reply);
            self.line.push(b' ');
        }
        self.line.extend_from_slice(delivery.payload.len().to_string().as_bytes());
        self.line.extend_from_slice(b"\r\n");
        out.copy(&self.line);
        out.payload(delivery.payload);
        out.copy(b"\r\n");
    }

    fn on_closing(&mut self, closing: Closing<'_>, out: &mut OutBuf) {
        self.is_over = true;
        if closing.code != ErrorCode::Ok {
            out.copy(&error_line(closing.code));
        }
    }
}

/// How far one look at the bytes came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    /// These many bytes are used up.
    Bytes(usize),
    /// So many bytes are needed from here.
    Needs(usize),
}

/// What clients know some refusals by.
const ERROR_TEXTS: [(ErrorCode, &str); 7] = [
    (ErrorCode::UnknownOperation, "Unknown Protocol Operation"),
    (ErrorCode::InvalidSubject, "Invalid Subject"),
    (ErrorCode::InvalidFilter, "Invalid Subject"),
    (ErrorCode::ReservedSubject, "Invalid Subject"),
    (ErrorCode::PayloadTooLarge, "Maximum Payload Violation"),
    (ErrorCode::TooManyConnections, "maximum connections exceeded"),
    (ErrorCode::CredentialsNotAccepted, "Authorization Violation"),
];

fn error_line(code: ErrorCode) -> Vec<u8> {
    let known = ERROR_TEXTS.iter().find(|(known, _)| *known == code);
    let text = known.map_or(code.text(), |(_, text)| text);
    format!("-ERR '{text}'\r\n").into_bytes()
}

impl Session for NatsProbe {
    fn on_open(&mut self, _now: Timestamp, out: &mut OutBuf) {
        out.copy(INFO);
    }

    fn on_bytes(
        &mut self,
        _now: Timestamp,
        input: Chunk<'_>,
        commands: &mut Commands,
        _out: &mut OutBuf,
    ) -> Result<Consumed, SessionError> {
        let bytes = input.bytes();
        let mut at = 0;
        // Ends because every turn takes a line or lets the client in, which happens once.
        while at < bytes.len() && !self.is_over {
            if commands.room() == 0 {
                return Ok(Consumed { bytes: at, need: 0 });
            }
            match self.take(bytes, at, commands) {
                Ok(Taken::Bytes(len)) => at += len,
                Ok(Taken::Needs(need)) => return Ok(Consumed { bytes: at, need }),
                Err(code) => {
                    self.is_over = true;
                    return Err(SessionError { code, detail: format!("the line at byte {at}") });
                }
            }
        }
        Ok(Consumed { bytes: bytes.len(), need: 0 })
    }

    fn on_sign_of_life(&mut self, _at: Timestamp) {}

    fn on_event(&mut self, _now: Timestamp, event: &Event<'_>, out: &mut OutBuf) {
        match event {
            Event::Opened(_) => {
                if self.owes_connect {
                    out.copy(OK);
                }
            }
            Event::Deliver(delivery) => self.write_message(delivery, out),
            Event::Outcome(outcome) => self.on_outcome(*outcome, out),
            Event::BarrierDone(done) => self.on_barrier(Ticket(done.token), out),
            Event::Notice(_) | Event::Stream(_) => {}
            Event::Closing(closing) => self.on_closing(*closing, out),
        }
    }

    fn on_tick(&mut self, _now: Timestamp, _commands: &mut Commands, _out: &mut OutBuf) {}

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn on_drain(&mut self, out: &mut OutBuf) {
        out.copy(b"INFO {\"ldm\":true}\r\n");
    }

    fn on_close(&mut self) {
        self.is_over = true;
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
