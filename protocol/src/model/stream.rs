//! What streams are counted in: partitions, offsets, producers, followers, and how far an append has
//! come.

/// A partition, in every namespace and on every log of a broker.
///
/// Numbers begin at 1 and are never used again, also not after the partition is gone (law L6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionId(pub u64);

impl core::fmt::Display for PartitionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// The partitions that are placed together, and the bounds of what can be appended at once (law L6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CoLocationGroupId(pub u64);

/// How often a partition was emptied. What was stored in an earlier incarnation is void (law L6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Incarnation(pub u32);

/// The place of a record in its partition, counted from 0; as an end, the place behind the last one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset `count` records further on.
    ///
    /// # Panics
    /// Beyond 2^64 records: at a billion in a second that takes 584 years.
    #[must_use]
    pub fn plus(self, count: u32) -> Offset {
        Offset(
            self.0.checked_add(u64::from(count)).expect("a partition never holds as many records"),
        )
    }
}

impl core::fmt::Display for Offset {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who produces, over all its connections. 0 is nobody: such appends are stored as often as they come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ProducerId(pub u64);

impl ProducerId {
    /// An append that says nothing about its producer.
    pub const NONE: ProducerId = ProducerId(0);
}

/// How often a producer began anew. A later one fences off all earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ProducerEpoch(pub u32);

/// Which record of a producer this is in its partition, counted from 0 in each epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ProducerSequence(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z, as the broker's clock says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixMs(pub u64);

/// How far an append must have come before its producer hears of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum AckLevel {
    /// No answer at all.
    None = 0,
    /// The owner of the partition gave it its offsets. It is not on the disk yet, a crash may lose
    /// it, and nobody can read it yet (law L16).
    Leader = 1,
    /// It is on the disk.
    #[default]
    Durable = 2,
}

impl AckLevel {
    /// Every level there is, by number.
    pub const ALL: [AckLevel; 3] = [AckLevel::None, AckLevel::Leader, AckLevel::Durable];

    /// The level with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<AckLevel> {
        AckLevel::ALL.into_iter().find(|level| *level as u8 == number)
    }

    /// Its name, as documents write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AckLevel::None => "none",
            AckLevel::Leader => "leader",
            AckLevel::Durable => "durable",
        }
    }
}

/// How the body of a batch is written. Its numbers are those of the wire and of the disk, and never
/// change their meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u16)]
pub enum BodyKind {
    /// Bytes that only the clients understand, as one record.
    Opaque = 0,
    /// Records as the native protocol writes them.
    Native = 1,
}

impl BodyKind {
    /// Every kind there is, by number.
    pub const ALL: [BodyKind; 2] = [BodyKind::Opaque, BodyKind::Native];

    /// The kind with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<BodyKind> {
        BodyKind::ALL.into_iter().find(|kind| *kind as u16 == number)
    }
}

/// The number a client gives to one of its followers; unique per connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FollowId(pub u64);

/// What a partition lets be done, as clients are told. Its numbers are those of the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum PartitionHealth {
    /// Appends and reads.
    #[default]
    Open = 0,
    /// Reads: it is not proven that nothing is missing at its end (law L8).
    ReadOnly = 1,
    /// Reads of what was durable when a write to its log failed (law L14).
    Poisoned = 2,
}

impl PartitionHealth {
    /// Every one there is, by number.
    pub const ALL: [PartitionHealth; 3] =
        [PartitionHealth::Open, PartitionHealth::ReadOnly, PartitionHealth::Poisoned];

    /// The one with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<PartitionHealth> {
        PartitionHealth::ALL.into_iter().find(|health| *health as u8 == number)
    }
}
