//! What a client sends.

use super::super::control::{Hello, SubscribeRequest, TableTooLong};
use super::super::header::FrameHeader;
use super::super::hot::{
    PUBLISH_PREFIX_BYTES, Parts, credit_frame, publish_prefix_bytes, token_frame, unsubscribe_frame,
};
use super::super::operation::Operation;
use super::stream_frames::{StreamRequest, encode_stream_request};
use crate::model::limits::{
    BATCH_BYTES_MAX, PAYLOAD_BYTES_CEILING, STREAM_NAME_BYTES_MAX, SUBJECT_BYTES_MAX,
};
use crate::model::{AddCredit, Headers, PublishFlags, Ticket, Unsubscribe};

/// A frame of the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientFrame<'a> {
    /// The client says who it is.
    Hello(Hello<'a>),
    /// The client sends a message.
    Publish(PublishFrame<'a>),
    /// The client begins to receive.
    Subscribe(SubscribeRequest<'a>),
    /// The client stops receiving.
    Unsubscribe(Unsubscribe),
    /// The client lets a subscription receive more.
    Credit(AddCredit),
    /// The client does something with a stream.
    Stream(StreamRequest<'a>),
    /// The client wants to be sent what is waiting for it, and the end of the connection.
    Goodbye,
    /// The client asks for a barrier; the token comes back.
    Ping {
        /// Chosen by the client.
        token: u64,
    },
    /// The client gives a sign of life.
    Pong {
        /// As it came in the broker's PING.
        token: u64,
    },
}

/// A message of the client, as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PublishFrame<'a> {
    /// Comes back in OUTCOME, and travels with the message; none: no OUTCOME.
    pub correlation: Ticket,
    /// How many milliseconds a requester waits for the reply; 0: it does not say.
    pub deadline_ms: u32,
    /// What the publisher asks for.
    pub flags: PublishFlags,
    /// Native text of the subject; with [`PublishFlags::BROADCAST`], of a filter over client names.
    pub subject: &'a [u8],
    /// Native text of the subject for replies; empty: none.
    pub reply: &'a [u8],
    /// The headers; empty: none.
    pub headers: Headers<'a>,
    /// The payload, of at most the size that WELCOME names, which is not checked here.
    pub payload: &'a [u8],
}

/// Why a frame cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// The subject or the subject for replies is too long.
    #[error("a subject of {bytes} bytes; {SUBJECT_BYTES_MAX} is the limit")]
    SubjectTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The payload is larger than any broker accepts.
    #[error("a payload of {bytes} bytes; {PAYLOAD_BYTES_CEILING} is the limit of any broker")]
    PayloadTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The name of the stream is too long.
    #[error("a name of {bytes} bytes; {STREAM_NAME_BYTES_MAX} is the limit")]
    StreamNameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The batch is larger than any broker accepts.
    #[error("a batch of {bytes} bytes; {BATCH_BYTES_MAX} is the limit of any broker")]
    BatchTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The values do not fit a control frame.
    #[error(transparent)]
    TableTooLong(#[from] TableTooLong),
}

/// Appends a frame to `out`.
///
/// # Errors
/// If a part is longer than any broker accepts; `out` is unchanged then.
pub fn encode_frame(frame: &ClientFrame<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match frame {
        ClientFrame::Hello(hello) => hello.encode(out)?,
        ClientFrame::Subscribe(request) => request.encode(out)?,
        ClientFrame::Publish(publish) => {
            out.extend_from_slice(&publish_prefix(publish)?);
            for part in publish.parts() {
                out.extend_from_slice(part);
            }
        }
        ClientFrame::Unsubscribe(unsubscribe) => {
            out.extend_from_slice(&unsubscribe_frame(unsubscribe));
        }
        ClientFrame::Credit(credit) => out.extend_from_slice(&credit_frame(credit)),
        ClientFrame::Stream(request) => encode_stream_request(request, out)?,
        ClientFrame::Goodbye => {
            let operation = Operation::Goodbye;
            let header = FrameHeader { length: 0, operation, flags: 0, head_len: 0 };
            out.extend_from_slice(&header.encode());
        }
        ClientFrame::Ping { token } => {
            out.extend_from_slice(&token_frame(Operation::Ping, *token));
        }
        ClientFrame::Pong { token } => {
            out.extend_from_slice(&token_frame(Operation::Pong, *token));
        }
    }
    Ok(())
}

impl<'a> PublishFrame<'a> {
    /// What follows the prefix, in order: subject, reply, headers, payload.
    #[must_use]
    pub fn parts(&self) -> [&'a [u8]; 4] {
        [self.subject, self.reply, self.headers.block(), self.payload]
    }
}

/// Header and head of a PUBLISH frame, for who sends the parts behind it without copying them.
///
/// # Errors
/// If a part is longer than any broker accepts.
pub fn publish_prefix(
    publish: &PublishFrame<'_>,
) -> Result<[u8; PUBLISH_PREFIX_BYTES], EncodeError> {
    let [subject, reply, headers, payload] = publish.parts().map(<[u8]>::len);
    let longest = subject.max(reply);
    if longest > SUBJECT_BYTES_MAX {
        return Err(EncodeError::SubjectTooLong { bytes: longest });
    }
    if payload > PAYLOAD_BYTES_CEILING {
        return Err(EncodeError::PayloadTooLarge { bytes: payload });
    }
    let parts = Parts { sender: 0, subject, reply, headers, payload };
    Ok(publish_prefix_bytes(parts, publish.correlation, publish.deadline_ms, publish.flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_broker_accepts_is_not_sent() {
        let long = vec![b'a'; SUBJECT_BYTES_MAX + 1];
        let mut out = vec![7];
        for publish in [
            PublishFrame { subject: &long, ..PublishFrame::default() },
            PublishFrame { subject: b"a", reply: &long, ..PublishFrame::default() },
        ] {
            let refused = encode_frame(&ClientFrame::Publish(publish), &mut out);
            assert_eq!(refused, Err(EncodeError::SubjectTooLong { bytes: long.len() }));
        }
        assert_eq!(out, [7]);
        let fits = PublishFrame { subject: &long[1..], ..PublishFrame::default() };
        assert!(publish_prefix(&fits).is_ok());
    }
}
