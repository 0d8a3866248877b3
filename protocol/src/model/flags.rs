//! Sets of bits that travel with commands.

/// What a publisher asks for with one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PublishFlags(pub u8);

impl PublishFlags {
    /// Tell the publisher how many receivers the message reached.
    pub const ACK: PublishFlags = PublishFlags(1);
    /// The publisher waits for a reply: tell it at once where nobody can give one.
    pub const REQUEST: PublishFlags = PublishFlags(1 << 1);
    /// More replies to the same request follow this one.
    pub const MORE: PublishFlags = PublishFlags(1 << 2);
    /// The subject is a filter over client names: every client it matches gets the message.
    pub const BROADCAST: PublishFlags = PublishFlags(1 << 3);
    /// The publisher is in a hurry: receivers whose protocol can say so are told. It changes no order.
    pub const REALTIME: PublishFlags = PublishFlags(1 << 4);
    /// Of those who subscribe to the subject, only the client whose name stands in the place of the
    /// reply subject gets it, and its [secondaries](super::Open::primary); no queue group does.
    pub const ONLY_TO: PublishFlags = PublishFlags(1 << 5);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub fn contains(self, other: PublishFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: PublishFlags) -> PublishFlags {
        PublishFlags(self.0 | other.0)
    }
}

/// How a client wants to be treated for the life of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OpenFlags(pub u8);

impl OpenFlags {
    /// The client does not want to receive what it published itself.
    pub const NO_ECHO: OpenFlags = OpenFlags(1);
    /// One delivery per message, however many of the client's subscriptions match.
    pub const ONCE_PER_MESSAGE: OpenFlags = OpenFlags(1 << 1);
    /// The client wants to know the name of the client that published a message.
    pub const SENDER_NAMES: OpenFlags = OpenFlags(1 << 2);
    /// Whoever has the client's name already is cut off and loses it to this one.
    pub const REPLACE_NAMESAKE: OpenFlags = OpenFlags(1 << 3);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub fn contains(self, other: OpenFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: OpenFlags) -> OpenFlags {
        OpenFlags(self.0 | other.0)
    }
}

/// Which special subjects the leading wildcard of a filter may match (law S31).
///
/// A filter whose first token is literal is not limited by this: who names `$SRV.PING` gets it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Visibility(pub u8);

impl Visibility {
    /// Ordinary subjects only: what a native filter sees unless it asks for more.
    pub const PLAIN: Visibility = Visibility(0);
    /// Also subjects whose first token begins with `$`, but for `$NAME`, which no wildcard matches.
    pub const SYSTEM: Visibility = Visibility(1);
    /// Also inboxes: subjects whose first token is `_INBOX`.
    pub const INBOX: Visibility = Visibility(1 << 1);
    /// Also the announcements of an elbus broker: subjects whose first token is `.broker`.
    pub const BROKER: Visibility = Visibility(1 << 2);
    /// Every subject that any wildcard matches.
    pub const ALL: Visibility = Visibility(0b111);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub fn contains(self, other: Visibility) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Visibility) -> Visibility {
        Visibility(self.0 | other.0)
    }
}
