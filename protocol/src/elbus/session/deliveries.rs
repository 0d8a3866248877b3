//! Messages to a client.
//!
//! ```text
//! kind u8 | length u32 | realtime u8 | sender 00 [topic 00] | payload, copied or referenced
//! ```

use super::machine::ElbusSession;
use crate::buffer::OutBuf;
use crate::elbus::server_frame::{SERVER_HEADER_BYTES, ServerKind};
use crate::elbus::text::{NAME, TOPIC};
use crate::model::{Delivery, PublishFlags, SubscriptionId};

impl ElbusSession {
    #[inline]
    pub(super) fn write_delivery(&mut self, delivery: &Delivery<'_>, out: &mut OutBuf) {
        if delivery.flags.contains(PublishFlags::REALTIME) {
            out.hurry();
        }
        let (by_name, subject) = match delivery.subscription {
            SubscriptionId::NAME => (true, &[][..]),
            _ => (false, delivery.subject),
        };
        if !NAME.is_plain(delivery.sender) || !TOPIC.is_plain(subject) {
            return self.write_slowly(delivery, out);
        }
        let kind = kind(by_name, delivery.flags);
        let names = delivery.sender.len() + 1 + if by_name { 0 } else { subject.len() + 1 };
        let by_reference = out.references(delivery.payload);
        let copied = if by_reference { 0 } else { delivery.payload.len() };
        let run = SERVER_HEADER_BYTES + names + copied;
        if run > out.run_bytes_max() {
            return self.write_slowly(delivery, out);
        }
        let Some(room) = out.append(run) else { return };
        self.traffic.say(names + delivery.payload.len());
        let (head, rest) = room.split_at_mut(SERVER_HEADER_BYTES);
        head.copy_from_slice(&header(kind, names + delivery.payload.len(), delivery.flags));
        let (sender, rest) = rest.split_at_mut(delivery.sender.len());
        sender.copy_from_slice(delivery.sender);
        rest[0] = 0;
        let mut rest = &mut rest[1..];
        if !by_name {
            let (topic, behind) = rest.split_at_mut(subject.len());
            TOPIC.write_plain(subject, topic);
            behind[0] = 0;
            rest = &mut behind[1..];
        }
        if by_reference {
            out.payload(delivery.payload);
        } else {
            rest.copy_from_slice(delivery.payload.bytes());
            out.count_copy(copied);
        }
    }

    /// Writes a frame whose names are not spelled as in the native grammar, or that does not fit one
    /// run.
    #[cold]
    fn write_slowly(&mut self, delivery: &Delivery<'_>, out: &mut OutBuf) {
        let by_name = delivery.subscription == SubscriptionId::NAME;
        self.scratch.clear();
        // The sender of a message from a protocol without names is shown as the empty name.
        if !delivery.sender.is_empty() {
            NAME.text(delivery.sender, &mut self.scratch);
        }
        self.scratch.push(0);
        if !by_name {
            TOPIC.text(delivery.subject, &mut self.scratch);
            self.scratch.push(0);
        }
        let length = self.scratch.len() + delivery.payload.len();
        self.traffic.say(length);
        out.copy(&header(kind(by_name, delivery.flags), length, delivery.flags));
        out.copy(&self.scratch);
        out.payload(delivery.payload);
    }
}

#[inline]
fn kind(by_name: bool, flags: PublishFlags) -> ServerKind {
    match (by_name, flags.contains(PublishFlags::BROADCAST)) {
        (true, true) => ServerKind::Broadcast,
        (true, false) => ServerKind::Message,
        (false, _) => ServerKind::Publication,
    }
}

#[inline]
fn header(kind: ServerKind, length: usize, flags: PublishFlags) -> [u8; SERVER_HEADER_BYTES] {
    let [a, b, c, d] = (length as u32).to_le_bytes();
    [kind as u8, a, b, c, d, u8::from(flags.contains(PublishFlags::REALTIME))]
}
