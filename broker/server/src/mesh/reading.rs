//! Bytes of a parcel into messages.

use coilgun_core::router::{Interest, Wanted};
use coilgun_protocol::model::{
    ClientId, ErrorCode, NamespaceId, PublishFlags, ShardSet, Ticket, Visibility,
};

use super::message::{Connection, Kind, Message, NameClaim, Payload, Publication, ReplyTo};
use super::stream_message;

/// The messages of a parcel, in order.
#[derive(Clone, Debug)]
pub(super) struct Messages<'a> {
    left: &'a [u8],
}

impl<'a> Messages<'a> {
    /// Those in these bytes.
    pub(super) fn new(parcel: &'a [u8]) -> Messages<'a> {
        Messages { left: parcel }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        if self.left.is_empty() {
            return None;
        }
        let mut reader = Reader { left: self.left };
        let message = reader.length().and_then(|len| {
            let (one, rest) = self.left.split_at_checked(len)?;
            self.left = rest;
            Reader { left: &one[size_of::<u32>()..] }.message()
        });
        Some(message.expect("shards of one process understand each other"))
    }
}

/// Reads from the front. Nothing: there is less than there should be, or a number means nothing.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(len)?;
        self.left = left;
        Some(taken)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.left.split_first_chunk::<N>()?;
        self.left = left;
        Some(*taken)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    #[inline]
    fn length(&mut self) -> Option<usize> {
        self.u32().map(|len| len as usize).filter(|len| *len > size_of::<u32>())
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    #[inline]
    fn message(&mut self) -> Option<Message<'a>> {
        let byte = self.u8()?;
        let message = match Kind::of(byte)? {
            Kind::Publication => Message::Publication(self.publication()?),
            Kind::Bounce => Message::Bounce(self.publication()?),
            Kind::Interest => {
                let sequence = self.u64()?;
                Message::Interest { sequence, interest: self.interest()? }
            }
            Kind::InterestApplied => Message::InterestApplied { sequence: self.u64()? },
            Kind::Barrier => Message::Barrier(self.reply_to()?),
            Kind::Settled => {
                let is_starved = self.u8()? != 0;
                let receivers = self.u32()?;
                Message::Settled { to: self.reply_to()?, receivers, is_starved }
            }
            Kind::NameClaim => Message::NameClaim(self.claim()?),
            Kind::NameVerdict => {
                let code = ErrorCode::from_number(self.u16()?)?;
                Message::NameVerdict { claim: self.claim()?, code }
            }
            Kind::NameFreed => {
                let namespace = NamespaceId(self.u16()?);
                Message::NameFreed { namespace, name: self.text()? }
            }
            Kind::NameEvicted => {
                let namespace = NamespaceId(self.u16()?);
                Message::NameEvicted { namespace, name: self.text()? }
            }
            Kind::Connection => Message::Connection(self.connection()?),
            Kind::Asked => {
                let client = self.reply_to()?.client;
                Message::Asked { client, text: self.text()? }
            }
            Kind::Told => {
                let client = self.reply_to()?.client;
                Message::Told { client, text: self.text()? }
            }
            Kind::CountersWanted => Message::CountersWanted { client: self.reply_to()?.client },
            Kind::Counters => {
                let client = self.reply_to()?.client;
                Message::Counters { client, text: self.text()? }
            }
            Kind::Append => Message::Append(stream_message::read_append(self)?),
            Kind::Appended => {
                let client = self.reply_to()?.client;
                Message::Appended { client, appended: stream_message::read_appended(self)? }
            }
            Kind::Records => Message::Records(stream_message::read_records(self)?),
            Kind::StreamWord => Message::StreamWord { text: self.text()? },
        };
        Some(message)
    }

    #[inline]
    fn publication(&mut self) -> Option<Publication<'a>> {
        let [plain, place, flags] = self.array()?;
        let namespace = NamespaceId(self.u16()?);
        let tried = ShardSet::from_bits(self.u64()?);
        let from = self.reply_to()?;
        let correlation = Ticket(self.u64()?);
        let deadline_ms = self.u32()?;
        let lent = if place > 0 {
            (usize::from_ne_bytes(self.array()?), self.u32()?, self.u32()?)
        } else {
            (0, 0, 0)
        };
        let mut lens = [0; 6];
        for len in &mut lens {
            *len = self.u32()? as usize;
        }
        let [groups, sender, subject, reply, headers, inline] = lens;
        Some(Publication {
            namespace,
            is_plain: plain & 1 != 0,
            plain_went: plain & 2 != 0,
            groups: self.take(groups)?,
            tried,
            from,
            sender: self.take(sender)?,
            subject: self.take(subject)?,
            reply: self.take(reply)?,
            headers: self.take(headers)?,
            payload: match place {
                0 => Payload::Inline(self.take(inline)?),
                _ => Payload::Lent(lent.0, lent.1, lent.2),
            },
            correlation,
            deadline_ms,
            flags: PublishFlags(flags),
        })
    }

    /// A payload by itself.
    pub(super) fn payload(&mut self) -> Option<Payload<'a>> {
        let place = self.u8()?;
        let (base, len, loan) = (usize::from_ne_bytes(self.array()?), self.u32()?, self.u32()?);
        let inline = self.text()?;
        Some(match place {
            0 => Payload::Inline(inline),
            _ => Payload::Lent(base, len, loan),
        })
    }

    fn interest(&mut self) -> Option<Interest<'a>> {
        let namespace = NamespaceId(self.u16()?);
        let count = self.u32()?;
        let is_pressed = self.u8()? != 0;
        let [kind, visibility] = self.array()?;
        let wanted = match kind {
            0 => Wanted::Filter {
                filter: self.text()?,
                visibility: Visibility(visibility),
                group: self.text()?,
            },
            _ => Wanted::Name(self.text()?),
        };
        Some(Interest { namespace, wanted, count, is_pressed })
    }

    #[inline]
    pub(super) fn reply_to(&mut self) -> Option<ReplyTo> {
        let (slot, generation) = (self.u32()?, self.u32()?);
        Some(ReplyTo { client: ClientId { slot, generation }, number: self.u64()? })
    }

    fn claim(&mut self) -> Option<NameClaim<'a>> {
        let client = self.reply_to()?.client;
        let namespace = NamespaceId(self.u16()?);
        let replaces = self.u8()? != 0;
        Some(NameClaim { client, namespace, name: self.text()?, replaces })
    }

    fn connection(&mut self) -> Option<Connection> {
        let [is_unix, is_surplus] = self.array()?;
        Some(Connection {
            descriptor: i32::from_ne_bytes(self.array()?),
            listener: self.u32()?,
            is_unix: is_unix != 0,
            is_surplus: is_surplus != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(message: &Message<'_>) -> Vec<u8> {
        let mut bytes = vec![0xEE; message.encoded_len()];
        message.encode(&mut bytes);
        bytes
    }

    fn publication(payload: Payload<'_>) -> Publication<'_> {
        Publication {
            namespace: NamespaceId(3),
            is_plain: true,
            plain_went: true,
            groups: b"\x01\0g",
            tried: ShardSet::from_bits(0b101),
            from: ReplyTo { client: ClientId { slot: 7, generation: 9 }, number: 11 },
            sender: b"me",
            subject: b"orders.eu",
            reply: b"inbox",
            headers: b"h",
            payload,
            correlation: Ticket(13),
            deadline_ms: 15,
            flags: PublishFlags::ACK,
        }
    }

    #[test]
    fn s11_every_message_reads_back() {
        let client = ClientId { slot: 1, generation: 2 };
        let to = ReplyTo { client, number: 3 };
        let namespace = NamespaceId(4);
        let claim = NameClaim { client, namespace, name: b"name", replaces: true };
        let filter =
            Wanted::Filter { filter: b"a.*", visibility: Visibility::SYSTEM, group: b"workers" };
        let interest =
            |wanted| Interest { namespace: NamespaceId(5), wanted, count: 6, is_pressed: true };
        let messages = [
            Message::Publication(publication(Payload::Inline(b"payload"))),
            Message::Publication(publication(Payload::Lent(0x1000, 70_000, 5))),
            Message::Bounce(publication(Payload::Lent(0x2000, 1, 6))),
            Message::Interest { sequence: 8, interest: interest(filter) },
            Message::Interest { sequence: 9, interest: interest(Wanted::Name(b"n")) },
            Message::InterestApplied { sequence: 10 },
            Message::Barrier(to),
            Message::Settled { to, receivers: 12, is_starved: true },
            Message::NameClaim(claim),
            Message::NameVerdict { claim, code: ErrorCode::NameTaken },
            Message::NameFreed { namespace: NamespaceId(1), name: b"free" },
            Message::Connection(Connection {
                descriptor: 14,
                listener: 1,
                is_unix: true,
                is_surplus: false,
            }),
            Message::NameEvicted { namespace: NamespaceId(1), name: b"e" },
            Message::Asked { client, text: b"?" },
            Message::Told { client, text: b"!" },
            Message::CountersWanted { client },
            Message::Counters { client, text: b"{}" },
            Message::Append(stream_message::samples::append(Payload::Inline(b"records"))),
            Message::Append(stream_message::samples::append(Payload::Lent(0x3000, 9, 7))),
            Message::Appended { client, appended: stream_message::samples::appended() },
            Message::Records(stream_message::samples::records(Payload::Inline(b"records"))),
            Message::StreamWord { text: b"word" },
        ];
        let parcel: Vec<u8> = messages.iter().flat_map(encoded).collect();
        let read: Vec<String> =
            Messages::new(&parcel).map(|message| format!("{message:?}")).collect();
        let written: Vec<String> = messages.iter().map(|message| format!("{message:?}")).collect();
        assert_eq!(read, written);
        let kinds: std::collections::BTreeSet<u8> =
            messages.iter().map(|message| encoded(message)[4]).collect();
        assert_eq!(kinds.len(), Kind::ALL.len(), "no kind was left out");
    }

    #[test]
    fn the_texts_of_a_publication_are_one_run() {
        let parcel = encoded(&Message::Publication(publication(Payload::Inline(b"payload"))));
        let run = b"orders.euinboxhpayload";
        assert!(parcel.windows(run.len()).any(|window| window == run));
    }
}
