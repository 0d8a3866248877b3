//! Small numbers with a meaning, so that no two of them are ever mixed up.

/// A connection on its home shard: a slot in a table and the generation of that slot.
///
/// A slot is used again after its connection is gone; the generation tells the two apart, so that
/// whatever still names the old one is recognised as stale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId {
    /// Index into the home shard's connection table.
    pub slot: u32,
    /// How often the slot was used before, wrapping.
    pub generation: u32,
}

impl core::fmt::Display for ClientId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// A namespace in the broker's table of namespaces; 0 is `default`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NamespaceId(pub u16);

impl NamespaceId {
    /// The namespace a client is in when it asks for none.
    pub const DEFAULT: NamespaceId = NamespaceId(0);
}

/// The number a client gives to one of its subscriptions; unique per connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubscriptionId(pub u64);

impl SubscriptionId {
    /// What reaches a client by its name (`$NAME.<name>`) arrives under this number, which no
    /// subscription may take.
    pub const NAME: SubscriptionId = SubscriptionId(0);
}

/// A number a session puts on a command to recognise the event that answers it.
///
/// Sessions choose it; nobody else looks at it. 0 means that no answer is expected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ticket(pub u64);

impl Ticket {
    /// No answer is expected.
    pub const NONE: Ticket = Ticket(0);

    /// Whether an answer is expected.
    #[must_use]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }
}
