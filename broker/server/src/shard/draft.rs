//! A message before it is delivered, and what became of it on its own shard.

use coilgun_core::security::Usage;
use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{Delivery, Publish, PublishFlags};

use super::dispatch::bytes;

/// As much of a message as planning needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) subject: &'a [u8],
    pub(super) reply: &'a [u8],
    pub(super) headers_bytes: usize,
    pub(super) payload_bytes: usize,
    pub(super) flags: PublishFlags,
}

impl<'a> Draft<'a> {
    /// That of a message as it was published.
    #[inline]
    pub(super) fn of(publish: &Publish, chunk: Chunk<'a>, text: &'a [u8]) -> Draft<'a> {
        Draft {
            subject: bytes(publish.subject, chunk, text),
            reply: bytes(publish.reply, chunk, text),
            headers_bytes: publish.headers.len(),
            payload_bytes: publish.payload.len(),
            flags: publish.flags,
        }
    }

    /// What its publisher wants to do with it.
    pub(super) fn usage(&self) -> Usage {
        let has_reply = !self.reply.is_empty() && !self.flags.contains(PublishFlags::ONLY_TO);
        let is_request = self.flags.contains(PublishFlags::REQUEST) || has_reply;
        if is_request { Usage::Request } else { Usage::Publish }
    }

    /// That of an answer of the broker itself.
    pub(super) fn of_answer(answer: &Delivery<'a>) -> Draft<'a> {
        let Delivery { subject, reply, flags, .. } = *answer;
        let (headers_bytes, payload_bytes) = (answer.headers.len(), answer.payload.len());
        Draft { subject, reply, headers_bytes, payload_bytes, flags }
    }
}

/// What became of a message on its own shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    /// Deliveries.
    pub(super) receivers: u32,
    /// Somebody would have got it, had it credit or room, or was cut off because it had none; it counts if
    /// nobody got it anywhere.
    pub(super) is_starved: bool,
    /// In how many messages it goes to other shards.
    pub(super) crossing: u32,
}
