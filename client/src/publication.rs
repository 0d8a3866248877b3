//! A message on its way out.

use std::borrow::Cow;

use coilgun_protocol::model::{
    Filter, Header, Headers, InvalidHeaders, PublishFlags, Subject, Ticket, encode_header,
};
use coilgun_protocol::native::PublishFrame;

use crate::error::ClientError;
use crate::message::Message;

/// A message on its way out: where it goes, and what it carries.
///
/// ```
/// use coilgun_client::Publication;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let order = Publication::to("orders.new")
///     .with_header("Trace-Id", b"7")?
///     .with_payload(b"one table");
/// assert_eq!(order.subject(), b"orders.new");
/// assert_eq!(Publication::to_name("press.7").subject(), b"$NAME.press.7");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication<'a> {
    subject: Cow<'a, [u8]>,
    reply: Cow<'a, [u8]>,
    headers: Vec<u8>,
    payload: &'a [u8],
    correlation: Ticket,
    flags: PublishFlags,
}

impl<'a> Publication<'a> {
    /// A message to everybody who wants what is published to `subject`.
    #[must_use]
    pub fn to(subject: &'a (impl AsRef<[u8]> + ?Sized)) -> Publication<'a> {
        Publication::new(Cow::Borrowed(subject.as_ref()), PublishFlags::default())
    }

    /// A message to the one client of this name.
    #[must_use]
    pub fn to_name(name: &str) -> Publication<'a> {
        let subject = format!("$NAME.{name}").into_bytes();
        Publication::new(Cow::Owned(subject), PublishFlags::default())
    }

    /// A message to every client whose name the mask matches; the mask is a filter over names, in
    /// which `*` and `>` match any.
    #[must_use]
    pub fn broadcast(mask: &'a (impl AsRef<[u8]> + ?Sized)) -> Publication<'a> {
        Publication::new(Cow::Borrowed(mask.as_ref()), PublishFlags::BROADCAST)
    }

    /// A reply to a message, or nothing if the message wants none. The number of the message goes
    /// back with the reply.
    #[must_use]
    pub fn reply_to(message: &'a Message) -> Option<Publication<'a>> {
        let subject = Cow::Borrowed(message.reply()?);
        let mut reply = Publication::new(subject, PublishFlags::default());
        reply.correlation = message.correlation();
        Some(reply)
    }

    fn new(subject: Cow<'a, [u8]>, flags: PublishFlags) -> Publication<'a> {
        Publication {
            subject,
            reply: Cow::Borrowed(&[]),
            headers: Vec::new(),
            payload: &[],
            correlation: Ticket::NONE,
            flags,
        }
    }

    /// The same with this payload.
    #[must_use]
    pub fn with_payload(mut self, payload: &'a (impl AsRef<[u8]> + ?Sized)) -> Publication<'a> {
        self.payload = payload.as_ref();
        self
    }

    /// The same with this subject for replies.
    #[must_use]
    pub fn with_reply(mut self, reply: &'a (impl AsRef<[u8]> + ?Sized)) -> Publication<'a> {
        self.reply = Cow::Borrowed(reply.as_ref());
        self
    }

    /// The same with one header more, behind those there are.
    ///
    /// # Errors
    /// If the name is none, or the headers grow beyond what a message may carry.
    pub fn with_header(mut self, name: &str, value: &[u8]) -> Result<Self, InvalidHeaders> {
        encode_header(Header { name: name.as_bytes(), value }, &mut self.headers)?;
        Headers::parse(&self.headers)?;
        Ok(self)
    }

    /// The same with the sign that more replies to the same request follow this one.
    #[must_use]
    pub fn with_more(mut self) -> Publication<'a> {
        self.flags = self.flags.with(PublishFlags::MORE);
        self
    }

    /// Where it goes, as native text: a subject, or the mask of a broadcast.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Where it goes, for people.
    pub(crate) fn subject_text(&self) -> String {
        String::from_utf8_lossy(&self.subject).into_owned()
    }

    /// What the broker would end the connection or drop the message for is an error here already.
    pub(crate) fn check(&self, payload_bytes_max: usize) -> Result<(), ClientError> {
        if self.flags.contains(PublishFlags::BROADCAST) {
            check_filter(&self.subject)?;
        } else {
            check_subject(&self.subject)?;
        }
        if !self.reply.is_empty() {
            check_subject(&self.reply)?;
        }
        if self.payload.len() > payload_bytes_max {
            let (bytes, bytes_max) = (self.payload.len(), payload_bytes_max);
            return Err(ClientError::PayloadTooLarge { bytes, bytes_max });
        }
        Ok(())
    }

    /// The frame, with the flags of the call that sends it.
    pub(crate) fn frame(&self, flags: PublishFlags) -> PublishFrame<'_> {
        PublishFrame {
            correlation: self.correlation,
            deadline_ms: 0,
            flags: self.flags.with(flags),
            subject: &self.subject,
            reply: &self.reply,
            headers: Headers::parse(&self.headers).expect("each header was checked"),
            payload: self.payload,
        }
    }
}

/// Checks the text of a subject.
fn check_subject(text: &[u8]) -> Result<(), ClientError> {
    let invalid = |reason| ClientError::InvalidSubject { text: for_people(text), reason };
    Subject::parse(text).map(|_| ()).map_err(invalid)
}

/// Checks the text of a filter.
pub(crate) fn check_filter(text: &[u8]) -> Result<(), ClientError> {
    let invalid = |reason| ClientError::InvalidFilter { text: for_people(text), reason };
    Filter::parse(text).map(|_| ()).map_err(invalid)
}

/// A text for an error: cut before it fills a screen.
fn for_people(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(256)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_would_not_take_is_refused_here() {
        let max = 3;
        assert!(Publication::to("a.b").with_payload(b"abc").check(max).is_ok());
        let wild = Publication::to("a.*").check(max).expect_err("a wildcard");
        assert!(wild.to_string().starts_with("\"a.*\" is no subject"), "{wild}");
        assert!(Publication::broadcast("a.*").check(max).is_ok());
        assert!(Publication::broadcast("a..b").check(max).is_err());
        assert!(Publication::to("a").with_reply("b c").check(max).is_err());
        let large = Publication::to("a").with_payload(b"abcd").check(max);
        assert!(matches!(large, Err(ClientError::PayloadTooLarge { bytes: 4, bytes_max: 3 })));
        assert!(Publication::to("a").with_header("a b", b"").is_err());
        assert!(Publication::to_name("two words").check(max).is_err());
    }

    #[test]
    fn headers_beyond_the_limit_are_refused_one_by_one() {
        let value = vec![0; 60_000];
        let one = Publication::to("a").with_header("a", &value).expect("it fits");
        assert_eq!(one.with_header("b", &value), Err(InvalidHeaders::TooLong));
    }
}
