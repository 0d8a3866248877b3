//! What a connection may use beside the base of the protocol.

/// A set of features: one bit each on the wire, whose meaning never changes.
///
/// The client asks with the bits it wants, the broker answers with those it grants, and a feature
/// is in force if its bit is in both. Bits that a side does not know are ignored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Features(pub u64);

impl Features {
    /// Subscriptions may be given credit: a limit in SUBSCRIBE, and CREDIT.
    pub const CREDIT: Features = Features(1);
    /// DELIVER carries the name of the client that published the message.
    pub const SENDER_NAMES: Features = Features(1 << 1);
    /// The broker sends NOTICE.
    pub const NOTICES: Features = Features(1 << 2);
    /// The frames of streams may be used.
    pub const STREAMS: Features = Features(1 << 3);
    /// Every feature this version knows.
    pub const KNOWN: Features = Features(
        Features::CREDIT.0 | Features::SENDER_NAMES.0 | Features::NOTICES.0 | Features::STREAMS.0,
    );

    /// Whether every bit of `other` is set.
    #[inline]
    #[must_use]
    pub fn contains(self, other: Features) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn without(self, other: Features) -> Features {
        Features(self.0 & !other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub fn shared_with(self, other: Features) -> Features {
        Features(self.0 & other.0)
    }
}
