//! Messages between shards into bytes.

use coilgun_core::router::{Interest, Wanted};

use super::message::{ALIGNMENT, Message, NameClaim, Payload, Publication, ReplyTo};
use super::stream_message;

/// Where the parts of a message go, one behind the other.
pub(super) trait Parts {
    fn put(&mut self, part: &[u8]);
}

/// Only counts.
struct Length(usize);

impl Parts for Length {
    #[inline]
    fn put(&mut self, part: &[u8]) {
        self.0 += part.len();
    }
}

/// Writes, from the front.
struct Filling<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl Parts for Filling<'_> {
    #[inline]
    fn put(&mut self, part: &[u8]) {
        self.room[self.at..self.at + part.len()].copy_from_slice(part);
        self.at += part.len();
    }
}

impl Message<'_> {
    /// How many bytes it takes in a parcel.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        let mut length = Length(0);
        write(self, 0, &mut length);
        length.0.next_multiple_of(ALIGNMENT)
    }

    /// Writes it into room of exactly [`Message::encoded_len`] bytes.
    #[inline]
    pub(super) fn encode(&self, room: &mut [u8]) {
        let len = u32::try_from(room.len()).expect("a message is smaller than a parcel");
        let mut filling = Filling { room, at: 0 };
        write(self, len, &mut filling);
        let end = filling.at;
        filling.room[end..].fill(0);
    }
}

#[inline]
fn write(message: &Message<'_>, len: u32, to: &mut impl Parts) {
    to.put(&len.to_ne_bytes());
    to.put(&[message.kind() as u8]);
    match message {
        Message::Publication(it) | Message::Bounce(it) => write_publication(it, to),
        Message::Interest { sequence, interest } => {
            to.put(&sequence.to_ne_bytes());
            write_interest(interest, to);
        }
        Message::InterestApplied { sequence } => to.put(&sequence.to_ne_bytes()),
        Message::Barrier(reply_to) => write_reply_to(*reply_to, to),
        Message::Settled { to: reply_to, receivers, is_starved } => {
            to.put(&[u8::from(*is_starved)]);
            to.put(&receivers.to_ne_bytes());
            write_reply_to(*reply_to, to);
        }
        Message::NameClaim(claim) => write_claim(claim, to),
        Message::NameVerdict { claim, code } => {
            to.put(&(*code as u16).to_ne_bytes());
            write_claim(claim, to);
        }
        Message::NameFreed { namespace, name } | Message::NameEvicted { namespace, name } => {
            to.put(&namespace.0.to_ne_bytes());
            write_text(name, to);
        }
        Message::Connection(it) => {
            to.put(&[u8::from(it.is_unix), u8::from(it.is_surplus)]);
            to.put(&it.descriptor.to_ne_bytes());
            to.put(&it.listener.to_ne_bytes());
        }
        Message::CountersWanted { client } => {
            write_reply_to(ReplyTo { client: *client, number: 0 }, to);
        }
        Message::Counters { client, text }
        | Message::Asked { client, text }
        | Message::Told { client, text } => {
            write_reply_to(ReplyTo { client: *client, number: 0 }, to);
            write_text(text, to);
        }
        Message::Append(it) => stream_message::write_append(it, to),
        Message::Appended { client, appended } => {
            write_reply_to(ReplyTo { client: *client, number: 0 }, to);
            stream_message::write_appended(appended, to);
        }
        Message::Records(it) => stream_message::write_records(it, to),
        Message::StreamWord { text } => write_text(text, to),
    }
}

/// The texts stand behind each other at the end, in the order of a native frame, so that a session
/// can take subject to payload as one run.
#[inline]
fn write_publication(it: &Publication<'_>, to: &mut impl Parts) {
    let (place, inline, lent) = place_of(it.payload);
    let plain = u8::from(it.is_plain) | u8::from(it.plain_went) << 1;
    to.put(&[plain, place, it.flags.0]);
    to.put(&it.namespace.0.to_ne_bytes());
    to.put(&it.tried.bits().to_ne_bytes());
    write_reply_to(it.from, to);
    to.put(&it.correlation.0.to_ne_bytes());
    to.put(&it.deadline_ms.to_ne_bytes());
    if place > 0 {
        to.put(&lent.0.to_ne_bytes());
        to.put(&lent.1.to_ne_bytes());
        to.put(&lent.2.to_ne_bytes());
    }
    let texts = [it.groups, it.sender, it.subject, it.reply, it.headers, inline];
    for text in texts {
        to.put(&(text.len() as u32).to_ne_bytes());
    }
    for text in texts {
        to.put(text);
    }
}

/// Where a payload lies: 0 and its bytes, or 1 and what is lent.
pub(super) fn place_of(payload: Payload<'_>) -> (u8, &[u8], (usize, u32, u32)) {
    match payload {
        Payload::Inline(bytes) => (0, bytes, (0, 0, 0)),
        Payload::Lent(base, len, loan) => (1, &[], (base, len, loan)),
    }
}

/// A payload by itself.
pub(super) fn write_payload(payload: Payload<'_>, to: &mut impl Parts) {
    let (place, inline, lent) = place_of(payload);
    to.put(&[place]);
    to.put(&lent.0.to_ne_bytes());
    to.put(&lent.1.to_ne_bytes());
    to.put(&lent.2.to_ne_bytes());
    write_text(inline, to);
}

fn write_interest(interest: &Interest<'_>, to: &mut impl Parts) {
    to.put(&interest.namespace.0.to_ne_bytes());
    to.put(&interest.count.to_ne_bytes());
    to.put(&[u8::from(interest.is_pressed)]);
    match interest.wanted {
        Wanted::Filter { filter, visibility, group } => {
            to.put(&[0, visibility.0]);
            write_text(filter, to);
            write_text(group, to);
        }
        Wanted::Name(name) => {
            to.put(&[1, 0]);
            write_text(name, to);
        }
    }
}

#[inline]
pub(super) fn write_reply_to(it: ReplyTo, to: &mut impl Parts) {
    to.put(&it.client.slot.to_ne_bytes());
    to.put(&it.client.generation.to_ne_bytes());
    to.put(&it.number.to_ne_bytes());
}

fn write_claim(claim: &NameClaim<'_>, to: &mut impl Parts) {
    write_reply_to(ReplyTo { client: claim.client, number: 0 }, to);
    to.put(&claim.namespace.0.to_ne_bytes());
    to.put(&[u8::from(claim.replaces)]);
    write_text(claim.name, to);
}

#[inline]
pub(super) fn write_text(text: &[u8], to: &mut impl Parts) {
    to.put(&(text.len() as u32).to_ne_bytes());
    to.put(text);
}
