//! A message that arrived.

use std::borrow::Cow;

use coilgun_protocol::model::{Headers, PublishFlags, SubscriptionId, Ticket, Timestamp};
use coilgun_protocol::native::DeliverFrame;

use crate::error::ClientError;

/// The header of a reply that says that the request failed, and why, as NATS services name it.
pub const HANDLER_ERROR: &str = "Nats-Service-Error";
/// The header with the number of such a failure.
pub const HANDLER_ERROR_CODE: &str = "Nats-Service-Error-Code";

/// A message that arrived: it owns its bytes, all of them in one piece.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    subscription: SubscriptionId,
    correlation: Ticket,
    deadline_ms: u32,
    missed: u32,
    flags: PublishFlags,
    /// When it was read, on the clock of its client.
    arrived: Timestamp,
    /// Sender, subject, reply, headers and payload, in this order.
    bytes: Vec<u8>,
    /// Where each part but the payload ends.
    ends: [usize; 4],
}

impl Message {
    /// Copies a message out of its frame.
    pub(crate) fn new(frame: &DeliverFrame<'_>) -> Message {
        let headers = frame.headers.block();
        let parts = [frame.sender, frame.subject, frame.reply, headers, frame.payload];
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        let mut ends = [0; 5];
        for (part, end) in parts.iter().zip(&mut ends) {
            bytes.extend_from_slice(part);
            *end = bytes.len();
        }
        let [sender, subject, reply, headers, _payload] = ends;
        Message {
            subscription: frame.subscription,
            correlation: frame.correlation,
            deadline_ms: frame.deadline_ms,
            missed: frame.missed,
            flags: frame.flags,
            arrived: Timestamp::default(),
            bytes,
            ends: [sender, subject, reply, headers],
        }
    }

    /// The subscription it came for; [`SubscriptionId::NAME`]: it was sent to this client's name.
    #[must_use]
    pub fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// Name of the client that published it, if it has one.
    #[must_use]
    pub fn sender(&self) -> Option<&[u8]> {
        not_empty(&self.bytes[..self.ends[0]])
    }

    /// Native text of the subject it was published to.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.bytes[self.ends[0]..self.ends[1]]
    }

    /// The subject for people: bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn subject_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.subject())
    }

    /// Native text of the subject for replies, if there is one.
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        not_empty(&self.bytes[self.ends[1]..self.ends[2]])
    }

    /// The headers, in order.
    ///
    /// # Panics
    /// Never: they were checked when they arrived.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers::parse(&self.bytes[self.ends[2]..self.ends[3]])
            .expect("the headers were checked when they arrived")
    }

    /// The value of the first header of this name; case matters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().iter().find(|header| header.name == name.as_bytes()).map(|it| it.value)
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.ends[3]..]
    }

    /// The payload, without the rest.
    #[must_use]
    pub fn into_payload(mut self) -> Vec<u8> {
        self.bytes.drain(..self.ends[3]);
        self.bytes
    }

    /// The number its publisher gave it, which a reply carries back; none: it gave none.
    #[must_use]
    pub fn correlation(&self) -> Ticket {
        self.correlation
    }

    /// How many milliseconds the requester waits for a reply; 0: it does not say.
    #[must_use]
    pub fn deadline_ms(&self) -> u32 {
        self.deadline_ms
    }

    /// How many messages this subscription missed since the one before: it had no credit, or they
    /// were dropped by the broker or by this client because nobody took them out in time.
    #[must_use]
    pub fn missed(&self) -> u32 {
        self.missed
    }

    /// Whether its publisher waits for a reply.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.flags.contains(PublishFlags::REQUEST)
    }

    /// Whether more replies to the same request follow this one.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.flags.contains(PublishFlags::MORE)
    }

    /// The same with the time at which it was read.
    pub(crate) fn arrived_at(mut self, now: Timestamp) -> Message {
        self.arrived = now;
        self
    }

    /// When it was read, on the clock of its client.
    #[cfg(any(feature = "async", feature = "blocking"))]
    pub(crate) fn arrived(&self) -> Timestamp {
        self.arrived
    }

    /// What went wrong, if this is a reply that says so by the header [`HANDLER_ERROR`], as
    /// [`ClientError::Handler`].
    #[must_use]
    pub fn handler_error(&self) -> Option<ClientError> {
        let text = self.header(HANDLER_ERROR)?;
        let code = self.header(HANDLER_ERROR_CODE).unwrap_or(b"");
        let code = str::from_utf8(code).ok().and_then(|code| code.parse().ok()).unwrap_or(500);
        Some(ClientError::Handler { code, text: String::from_utf8_lossy(text).into_owned() })
    }

    /// The same, but that so many more messages were missed before it.
    pub(crate) fn with_missed(mut self, dropped: u32) -> Message {
        self.missed = self.missed.saturating_add(dropped);
        self
    }

    /// Bytes it holds in memory beside its own fields.
    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }
}

fn not_empty(part: &[u8]) -> Option<&[u8]> {
    (!part.is_empty()).then_some(part)
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Message")
            .field("subscription", &self.subscription)
            .field("subject", &self.subject_text())
            .field("payload_bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_comes_out_as_it_went_in() {
        let mut block = Vec::new();
        let header = coilgun_protocol::model::Header { name: b"Trace", value: b"7" };
        coilgun_protocol::model::encode_header(header, &mut block).expect("a header");
        let mut frame = DeliverFrame {
            subscription: SubscriptionId(3),
            correlation: Ticket(9),
            deadline_ms: 250,
            missed: 2,
            flags: PublishFlags::REQUEST,
            sender: b"press",
            subject: b"a.b",
            reply: b"_INBOX.1",
            headers: Headers::parse(&block).expect("headers"),
            payload: b"ink",
        };
        let message = Message::new(&frame);
        assert_eq!(message.sender(), Some(&b"press"[..]));
        assert_eq!(message.subject_text(), "a.b");
        assert_eq!(message.reply(), Some(&b"_INBOX.1"[..]));
        assert_eq!(message.header("Trace"), Some(&b"7"[..]));
        assert_eq!(message.header("trace"), None);
        assert_eq!(message.payload(), b"ink");
        assert_eq!((message.correlation(), message.missed()), (Ticket(9), 2));
        assert!(message.is_request() && !message.has_more());
        assert_eq!(message.into_payload(), b"ink");
        (frame.sender, frame.reply, frame.payload) = (b"", b"", b"");
        let bare = Message::new(&frame);
        assert_eq!((bare.sender(), bare.reply(), bare.payload()), (None, None, &b""[..]));
    }
}
