//! What becomes of an entry: it is refused, or put into a commit group that becomes durable.

use std::rc::Rc;

use crate::format::{Append, LogPosition};

/// Why an entry was not taken. Nothing of it was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The open commit group is full, or its segment is not prepared yet: it has room again when
    /// the journal has moved on.
    #[error("the journal has no room at the moment")]
    NoRoom,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// No commit group is large enough for it.
    #[error("it is larger than a commit group")]
    TooLarge,
    /// A write failed, or the journal was closed.
    #[error("the journal takes nothing any more")]
    Closed,
}

/// The number of the commit group that an entry was put into: once a group with this number is durable,
/// the entry is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GroupNumber(pub u64);

/// A batch, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchPlace {
    /// Its head.
    pub head: Append,
    /// How long its body is, in bytes.
    pub body_bytes: u32,
    /// The byte of the commit group at which its entry stands.
    pub byte: u32,
    /// How many bytes its entry takes up.
    pub entry_bytes: u32,
}

/// A commit group that has become durable.
pub struct DurableGroup<B> {
    /// Its number.
    pub number: GroupNumber,
    /// Where it stands.
    pub position: LogPosition,
    /// Its bytes.
    pub bytes: Rc<B>,
    /// Its batches in order.
    pub batches: Vec<BatchPlace>,
    /// How much memory its bytes hold.
    pub(super) held_bytes: usize,
}
