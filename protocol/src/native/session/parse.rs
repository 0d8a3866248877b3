//! A native client's frames into commands.

use super::super::control::{Hello, SubscribeRequest};
use super::super::error::DecodeError;
use super::super::features::Features;
use super::super::framer::{Frame, FrameRules, Framing, next_frame};
use super::super::hot::{read_credit, read_publish, read_token, read_unsubscribe};
use super::super::operation::{Operation, Peer};
use super::machine::NativeSession;
use super::state::State;
use super::streams::{
    create_stream, delete_stream, describe_stream, follow, follow_credit, list_streams, unfollow,
};
use crate::model::{
    Barrier, Close, Command, Commands, ErrorCode, Headers, Open, OpenFlags, Publish, PublishFlags,
    Span, Subscribe, Ticket,
};
use crate::session::{Consumed, SessionError};

impl NativeSession {
    /// Turns the whole frames at the front of `bytes[begin..]` into commands.
    pub(super) fn read_frames(
        &mut self,
        bytes: &[u8],
        begin: usize,
        commands: &mut Commands,
    ) -> Result<Consumed, SessionError> {
        let mut at = begin;
        // Ends because each turn takes at least a header from the bytes.
        while at < bytes.len() {
            if self.ignores_input() {
                return Ok(Consumed { bytes: bytes.len(), need: 0 });
            }
            if commands.is_full() {
                return Ok(Consumed { bytes: at, need: 0 });
            }
            let frame = match next_frame(&bytes[at..], &self.rules)? {
                Framing::Complete(frame) => frame,
                Framing::Incomplete { need } => return Ok(Consumed { bytes: at, need }),
            };
            if frame.operation() == Operation::Publish && self.is_past_hello() {
                let publish = self.publish(&frame, at)?;
                commands.push(Command::Publish(publish));
            } else if frame.operation() == Operation::Append && self.is_past_hello() {
                let append = self.append(&frame, at)?;
                commands.push(Command::Stream(append));
            } else if let Some(command) = self.read_control(&frame, bytes)? {
                commands.push(command);
            }
            at += frame.bytes().len();
            self.traffic.take_in(frame.bytes().len());
        }
        Ok(Consumed { bytes: at, need: 0 })
    }

    #[inline]
    fn ignores_input(&self) -> bool {
        matches!(self.state, State::Leaving | State::Ended)
    }

    #[inline]
    fn is_past_hello(&self) -> bool {
        matches!(self.state, State::Opening | State::Open)
    }

    /// A PUBLISH frame that begins at `at` of the chunk.
    #[inline]
    fn publish(&self, frame: &Frame<'_>, at: usize) -> Result<Publish, DecodeError> {
        let (head, parts) = read_publish(frame)?;
        if parts.payload > self.config.payload_bytes_max as usize {
            let bytes_max = self.config.payload_bytes_max;
            return Err(DecodeError::PayloadTooLarge { bytes: parts.payload as u64, bytes_max });
        }
        let subject = at + frame.body_offset();
        let reply = subject + parts.subject;
        let headers = reply + parts.reply;
        let payload = headers + parts.headers;
        if parts.headers > 0 {
            if parts.headers > self.config.headers_bytes_max as usize {
                let bytes_max = self.config.headers_bytes_max;
                return Err(DecodeError::HeadersTooLarge {
                    bytes: parts.headers as u64,
                    bytes_max,
                });
            }
            Headers::parse(&frame.bytes()[headers - at..payload - at])?;
        }
        Ok(Publish {
            subject: Span::chunk(subject, parts.subject),
            reply: Span::chunk(reply, parts.reply),
            headers: Span::chunk(headers, parts.headers),
            payload: Span::chunk(payload, parts.payload),
            ticket: Ticket(head.correlation()),
            correlation: Ticket(head.correlation()),
            deadline_ms: head.deadline_ms(),
            flags: PublishFlags(frame.flags()),
        })
    }

    /// Any other frame, inside the chunk `bytes`: at most one command.
    fn read_control(
        &mut self,
        frame: &Frame<'_>,
        bytes: &[u8],
    ) -> Result<Option<Command>, DecodeError> {
        let operation = frame.operation();
        let is_hello = operation == Operation::Hello;
        if is_hello == self.is_past_hello() {
            let expected = if is_hello { "any frame but a second HELLO" } else { "HELLO" };
            return Err(DecodeError::Handshake { operation, expected });
        }
        Ok(match operation {
            Operation::Hello => Some(Command::Open(self.hello(frame, bytes)?)),
            Operation::Subscribe => Some(Command::Subscribe(self.subscribe(frame, bytes)?)),
            Operation::Unsubscribe => Some(Command::Unsubscribe(read_unsubscribe(frame)?)),
            Operation::Credit => {
                self.require_credit(operation)?;
                Some(Command::AddCredit(read_credit(frame)?))
            }
            Operation::Ping => Some(Command::Barrier(Barrier { token: read_token(frame) })),
            Operation::Pong => None,
            Operation::Goodbye => {
                self.state.leave();
                Some(Command::Close(Close { code: ErrorCode::Ok }))
            }
            Operation::StreamCreate => Some(create_stream(frame, bytes)?),
            Operation::StreamDelete => Some(delete_stream(frame, bytes)?),
            Operation::StreamList => Some(list_streams(frame)?),
            Operation::StreamDescribe => Some(describe_stream(frame, bytes)?),
            Operation::Follow => Some(follow(frame, bytes)?),
            Operation::FollowCredit => Some(follow_credit(frame)),
            Operation::Unfollow => Some(unfollow(frame)),
            Operation::Publish
            | Operation::Append
            | Operation::Welcome
            | Operation::Deliver
            | Operation::Outcome
            | Operation::Error
            | Operation::GoAway
            | Operation::Notice
            | Operation::StreamDescribed
            | Operation::StreamListed
            | Operation::Appended
            | Operation::Records
            | Operation::FollowEnded => {
                unreachable!("the framer lets no {operation} of a client come here")
            }
        })
    }

    fn hello(&mut self, frame: &Frame<'_>, bytes: &[u8]) -> Result<Open, DecodeError> {
        let hello = Hello::decode(frame.head())?;
        self.features = hello.features.shared_with(self.config.features());
        self.rules = FrameRules::messages(Peer::Client, self.config.payload_bytes_max)
            .with_features(self.features);
        self.state.change(State::Opening);
        let wanted = [
            (hello.no_echo, OpenFlags::NO_ECHO),
            (hello.once_per_message, OpenFlags::ONCE_PER_MESSAGE),
            (self.features.contains(Features::SENDER_NAMES), OpenFlags::SENDER_NAMES),
        ];
        let flags = wanted
            .iter()
            .filter(|(is_wanted, _)| *is_wanted)
            .fold(OpenFlags::default(), |flags, (_, flag)| flags.with(*flag));
        Ok(Open {
            namespace: span_in(bytes, hello.namespace),
            name: span_in(bytes, hello.name),
            primary: Span::EMPTY,
            user: span_in(bytes, hello.user),
            secret: span_in(bytes, hello.secret),
            flags,
            slow_consumer: hello.slow_consumer,
        })
    }

    fn subscribe(&self, frame: &Frame<'_>, bytes: &[u8]) -> Result<Subscribe, DecodeError> {
        let request = SubscribeRequest::decode(frame.head())?;
        if request.credit != SubscribeRequest::CREDIT_UNLIMITED {
            self.require_credit(frame.operation())?;
        }
        Ok(Subscribe {
            subscription: request.subscription,
            filter: span_in(bytes, request.filter),
            group: span_in(bytes, request.queue_group),
            ticket: request.correlation,
            credit: request.credit,
            deliveries_max: request.deliveries_max,
            visibility: request.visibility,
            slow_consumer: request.slow_consumer,
        })
    }

    fn require_credit(&self, operation: Operation) -> Result<(), DecodeError> {
        if self.features.contains(Features::CREDIT) {
            return Ok(());
        }
        Err(DecodeError::FeatureNotAgreed { operation, feature: "CREDIT" })
    }
}

/// Where `part`, which was cut out of `bytes`, lies in them.
pub(super) fn span_in(bytes: &[u8], part: &[u8]) -> Span {
    if part.is_empty() {
        return Span::EMPTY;
    }
    let offset = part
        .as_ptr()
        .addr()
        .checked_sub(bytes.as_ptr().addr())
        .filter(|offset| offset + part.len() <= bytes.len())
        .expect("the part was cut out of the bytes");
    Span::chunk(offset, part.len())
}
