//! What a session wants done: the one door in.
//!
//! A session turns a chunk of bytes into a list of small commands that point into the chunk (laws
//! S28, S34). Dispatch carries them out, in order, while it still holds the chunk. A command holds
//! no reference and no owned bytes, and is at most 64 bytes.

use super::error_code::ErrorCode;
use super::flags::{OpenFlags, PublishFlags, Visibility};
use super::ids::{SubscriptionId, Ticket};
use super::limits::COMMANDS_PER_SLICE;
use super::slow_consumer::SlowConsumerWish;
use super::span::Span;
use super::stream_command::StreamCommand;

/// One thing to do for a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Let the client in; answered by `Event::Opened` or `Event::Closing`. It comes before every
    /// other command but [`Command::Close`], and once: otherwise the connection ends with
    /// [`ErrorCode::HandshakeExpected`].
    Open(Open),
    /// Send a message to whoever wants it; answered by `Event::Outcome` where one is owed.
    Publish(Publish),
    /// Begin to receive; answered by `Event::Outcome` if it carries a ticket.
    Subscribe(Subscribe),
    /// Stop receiving; answered by `Event::Outcome` if it carries a ticket.
    Unsubscribe(Unsubscribe),
    /// Receive nothing any more that matches a filter, whatever the client subscribes to, or receive it
    /// again; answered by `Event::Outcome` if it carries a ticket.
    Exclude(Exclude),
    /// Let a subscription receive more.
    AddCredit(AddCredit),
    /// Answer with `Event::BarrierDone` once everything before it has taken effect everywhere.
    Barrier(Barrier),
    /// Do something with a stream.
    Stream(StreamCommand),
    /// End the connection after what is still to be sent was sent.
    Close(Close),
}

/// Let a client in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Open {
    /// Name of the namespace; empty: the default one.
    pub namespace: Span,
    /// Name of the client; empty: none.
    pub name: Span,
    /// Name of the client whose secondary this one is: it is let in only while a client has that name,
    /// and ends with it. Empty: it is a primary itself.
    pub primary: Span,
    /// Name of the user; empty: none.
    pub user: Span,
    /// Password or token; empty: none.
    pub secret: Span,
    /// How the client wants to be treated.
    pub flags: OpenFlags,
    /// What shall happen to messages for it that it does not read fast enough.
    pub slow_consumer: SlowConsumerWish,
}

/// Send a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Publish {
    /// Native text of the subject; with [`PublishFlags::BROADCAST`], of a filter over client names.
    /// Not checked by the session: the router checks it where it does not know it yet.
    pub subject: Span,
    /// Native text of the subject for replies, not checked; empty: none. With
    /// [`PublishFlags::ONLY_TO`], the name of the client that may get it: there are no replies then.
    pub reply: Span,
    /// A checked block of headers; empty: none.
    pub headers: Span,
    /// The payload.
    pub payload: Span,
    /// Comes back in the outcome; nobody but the session sees it.
    pub ticket: Ticket,
    /// Travels with the message: the number by which a requester knows a reply; none where the
    /// protocol has no such number.
    pub correlation: Ticket,
    /// How many milliseconds a requester waits for the reply; 0: it does not say.
    pub deadline_ms: u32,
    /// What the publisher asks for.
    pub flags: PublishFlags,
}

/// Begin to receive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribe {
    /// The client's number for the subscription.
    pub subscription: SubscriptionId,
    /// Native text of the filter, not checked.
    pub filter: Span,
    /// Name of the queue group; empty: none.
    pub group: Span,
    /// Answer with the outcome under this ticket.
    pub ticket: Ticket,
    /// How many messages may be delivered before more credit is needed; `u32::MAX`: no limit.
    pub credit: u32,
    /// The subscription ends after this many deliveries; 0: it does not.
    pub deliveries_max: u32,
    /// What a leading wildcard may see.
    pub visibility: Visibility,
    /// What shall happen to its messages while its client does not read fast enough.
    pub slow_consumer: SlowConsumerWish,
}

/// Stop receiving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsubscribe {
    /// The client's number for the subscription.
    pub subscription: SubscriptionId,
    /// Answer with the outcome under this ticket.
    pub ticket: Ticket,
    /// The subscription ends once it has had this many deliveries since it began; 0: at once.
    pub deliveries_max: u32,
}

/// Begin to leave out what matches a filter, or end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exclude {
    /// Native text of the filter, not checked. A leading wildcard of it stands for every subject.
    pub filter: Span,
    /// Answer with the outcome under this ticket.
    pub ticket: Ticket,
    /// Begin; otherwise the exclusion with this very text ends, if there is one.
    pub begins: bool,
}

/// Let a subscription receive more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddCredit {
    /// The client's number for the subscription.
    pub subscription: SubscriptionId,
    /// How many messages more.
    pub messages: u32,
}

/// Ask for a sign that everything before it has taken effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Barrier {
    /// Comes back in the answer.
    pub token: u64,
}

/// End the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Close {
    /// Why.
    pub code: ErrorCode,
}

const _: () = assert!(size_of::<Command>() <= 64, "a command is one cache line at most");

/// The list a session fills and dispatch empties; one per shard, used again and again.
#[derive(Debug, Default)]
pub struct Commands {
    list: Vec<Command>,
    text: Vec<u8>,
}

impl Commands {
    /// Adds a command.
    ///
    /// # Panics
    /// If the list is full: a session asks [`Commands::is_full`] first.
    pub fn push(&mut self, command: Command) {
        assert!(!self.is_full(), "a session stops at a full list");
        self.list.push(command);
    }

    /// Whether the session must stop and leave the rest of the chunk for later (law S23).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many commands more the list takes: a session asks before it begins with what becomes
    /// several commands.
    #[must_use]
    pub fn room(&self) -> usize {
        COMMANDS_PER_SLICE - self.list.len()
    }

    /// The commands so far, in order.
    #[must_use]
    pub fn list(&self) -> &[Command] {
        &self.list
    }

    /// Translated texts, to which scratch spans refer.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where a gateway writes a text it has to translate; spans into it are made with
    /// [`Span::scratch`].
    pub fn text_mut(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
    }
}
