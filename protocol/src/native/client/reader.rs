//! What a client reads.

use super::super::append::read_appended;
use super::super::control::{ErrorFrame, GoAway, StreamDescribedFrame, StreamListedFrame, Welcome};
use super::super::error::DecodeError;
use super::super::follow::{read_follow_ended, read_records};
use super::super::framer::{Frame, FrameRules, Framing, next_frame};
use super::super::hot::{
    DeliverFrame, NoticeFrame, OutcomeFrame, read_deliver, read_notice, read_outcome, read_token,
};
use super::super::operation::{Operation, Peer};
use super::super::preface::{PREFACE_BYTES, Preface};
use super::stream_frames::StreamFrame;

/// Reads the broker's bytes in order: its preface, WELCOME, and whatever follows.
#[derive(Clone, Copy, Debug)]
pub struct ServerReader {
    stage: Stage,
    rules: FrameRules,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Preface,
    Welcome,
    Open,
}

/// What is at the front of the broker's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Incoming<'a> {
    /// The broker's preface, and the version both speak.
    Preface {
        /// The version in force.
        version: u16,
        /// Bytes it took.
        used: usize,
    },
    /// A frame.
    Frame {
        /// What it says.
        frame: ServerFrame<'a>,
        /// Bytes it took.
        used: usize,
    },
    /// Nothing yet: so many bytes are needed, counted from the front, until more can be said.
    Incomplete {
        /// Bytes needed in all; more than there are.
        need: usize,
    },
}

/// A frame of the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerFrame<'a> {
    /// The broker lets the client in.
    Welcome(Welcome<'a>),
    /// A message for the client.
    Deliver(DeliverFrame<'a>),
    /// What became of a frame of the client.
    Outcome(OutcomeFrame),
    /// Something happened to the connection, which goes on.
    Notice(NoticeFrame),
    /// Something about a stream.
    Stream(StreamFrame<'a>),
    /// The connection ends, and why.
    Error(ErrorFrame<'a>),
    /// The connection is about to end although nothing is wrong with it.
    GoAway(GoAway<'a>),
    /// The broker asks for a sign of life; the answer is PONG with the same token.
    Ping {
        /// Chosen by the broker.
        token: u64,
    },
    /// Everything the client sent before its PING has taken effect.
    Pong {
        /// As it was in the client's PING.
        token: u64,
    },
}

impl Default for ServerReader {
    fn default() -> Self {
        ServerReader { stage: Stage::Preface, rules: FrameRules::handshake(Peer::Server) }
    }
}

impl ServerReader {
    /// Reads what is at the front of `bytes`. Who calls drops as many bytes as were used, or keeps
    /// all and comes back with more.
    ///
    /// # Errors
    /// If the bytes break the protocol; nothing can be read from this connection any more.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<Incoming<'a>, DecodeError> {
        if self.stage == Stage::Preface {
            return self.read_preface(bytes);
        }
        let frame = match next_frame(bytes, &self.rules)? {
            Framing::Complete(frame) => frame,
            Framing::Incomplete { need } => return Ok(Incoming::Incomplete { need }),
        };
        let used = frame.bytes().len();
        self.check_order(frame.operation())?;
        let frame = read_server_frame(&frame)?;
        if let ServerFrame::Welcome(welcome) = frame {
            self.rules = FrameRules::messages(Peer::Server, welcome.payload_bytes_max)
                .with_features(welcome.features);
            self.stage = Stage::Open;
        }
        Ok(Incoming::Frame { frame, used })
    }

    fn read_preface<'a>(&mut self, bytes: &'a [u8]) -> Result<Incoming<'a>, DecodeError> {
        let Some(preface) = Preface::decode(bytes, Peer::Server)? else {
            return Ok(Incoming::Incomplete { need: PREFACE_BYTES });
        };
        let version = preface.negotiate(Peer::Server)?;
        self.stage = Stage::Welcome;
        Ok(Incoming::Preface { version, used: PREFACE_BYTES })
    }

    /// WELCOME comes first and once; before it only what ends the connection.
    fn check_order(&self, operation: Operation) -> Result<(), DecodeError> {
        let is_open = self.stage == Stage::Open;
        match operation {
            Operation::Error | Operation::GoAway => Ok(()),
            Operation::Welcome if !is_open => Ok(()),
            Operation::Welcome => Err(DecodeError::Handshake {
                operation,
                expected: "any frame but a second WELCOME",
            }),
            Operation::Hello
            | Operation::Publish
            | Operation::Subscribe
            | Operation::Unsubscribe
            | Operation::Credit
            | Operation::Goodbye
            | Operation::Ping
            | Operation::Pong
            | Operation::Deliver
            | Operation::Outcome
            | Operation::Notice
            | Operation::StreamCreate
            | Operation::StreamDelete
            | Operation::StreamList
            | Operation::StreamDescribe
            | Operation::Append
            | Operation::Follow
            | Operation::FollowCredit
            | Operation::Unfollow
            | Operation::StreamDescribed
            | Operation::StreamListed
            | Operation::Appended
            | Operation::Records
            | Operation::FollowEnded => {
                if is_open {
                    return Ok(());
                }
                Err(DecodeError::Handshake { operation, expected: "WELCOME" })
            }
        }
    }
}

/// What a whole frame says.
fn read_server_frame<'a>(frame: &Frame<'a>) -> Result<ServerFrame<'a>, DecodeError> {
    Ok(match frame.operation() {
        Operation::Welcome => ServerFrame::Welcome(Welcome::decode(frame.head())?),
        Operation::Deliver => ServerFrame::Deliver(read_deliver(frame)?),
        Operation::Outcome => ServerFrame::Outcome(read_outcome(frame)?),
        Operation::Notice => ServerFrame::Notice(read_notice(frame)?),
        Operation::Records => ServerFrame::Stream(StreamFrame::Records(read_records(frame)?)),
        Operation::Appended => ServerFrame::Stream(StreamFrame::Appended(read_appended(frame)?)),
        Operation::FollowEnded => {
            ServerFrame::Stream(StreamFrame::FollowEnded(read_follow_ended(frame)?))
        }
        Operation::StreamDescribed => {
            let described = StreamDescribedFrame::decode(frame.head())?;
            ServerFrame::Stream(StreamFrame::Described(described))
        }
        Operation::StreamListed => {
            let listed = StreamListedFrame::decode(frame.head())?;
            ServerFrame::Stream(StreamFrame::Listed(listed))
        }
        Operation::Error => ServerFrame::Error(ErrorFrame::decode(frame.head())?),
        Operation::GoAway => ServerFrame::GoAway(GoAway::decode(frame.head())?),
        Operation::Ping => ServerFrame::Ping { token: read_token(frame) },
        Operation::Pong => ServerFrame::Pong { token: read_token(frame) },
        operation @ (Operation::Hello
        | Operation::Publish
        | Operation::Subscribe
        | Operation::Unsubscribe
        | Operation::Credit
        | Operation::Goodbye
        | Operation::StreamCreate
        | Operation::StreamDelete
        | Operation::StreamList
        | Operation::StreamDescribe
        | Operation::Append
        | Operation::Follow
        | Operation::FollowCredit
        | Operation::Unfollow) => {
            return Err(DecodeError::Direction { operation, sender: Peer::Server });
        }
    })
}
