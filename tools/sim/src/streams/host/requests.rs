//! What a host is asked for, and what it answers at once.

use coilgun_core::stream::{
    Ack, AppendRefusal, AppendRequest, AtomicRefusal, Placed, ProducerPosition, Requester,
};
use coilgun_protocol::model::{
    AckLevel, Offset, PartitionId, ProducerEpoch, ProducerId, ProducerSequence,
};
use coilgun_storage::format::{Append, BodyKind, Head, entry_bytes};
use coilgun_storage::journal::Refused;

/// A batch with its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) partition: PartitionId,
    /// How many records, at least one.
    pub(crate) count: u32,
    pub(crate) body: &'a [u8],
    pub(crate) body_kind: BodyKind,
    pub(crate) producer: Option<ProducerPosition>,
    /// The offset that the first record must get.
    pub(crate) expected: Option<Offset>,
    pub(crate) level: AckLevel,
    pub(crate) requester: Requester,
}

/// What became of an append at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AppendOutcome {
    /// It has its offsets and is in the journal; effects answer it.
    Placed(Placed),
    /// It is a duplicate of a pending one; effects answer it.
    Waits,
    /// It was stored before.
    Duplicate(Ack),
    /// It came before, and nobody knows whether it stays.
    OutcomeUnknown,
    /// The partition does not take it.
    Refused(AppendRefusal),
    /// The journal does not take it; nothing has changed.
    NotTaken(NotTaken),
}

/// What became of an atomic append at once. What was placed is in the list that the caller gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum AppendAtomicOutcome {
    /// All parts have their offsets and are in the journal; effects answer them.
    Placed,
    /// All parts came before: those in the list are answered, the others wait and effects answer them.
    Duplicates(Vec<(usize, Ack)>),
    /// None is appended.
    Refused(AtomicRefusal),
    /// The journal does not take them; nothing has changed.
    NotTaken(NotTaken),
}

/// Why nothing was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotTaken {
    /// There is no such partition.
    NoPartition,
    /// The journal refuses. After [`Refused::NoRoom`] and [`Refused::Full`] the request may wait and be
    /// made again.
    Journal(Refused),
}

impl Batch<'_> {
    /// What its partition is asked.
    pub(super) fn request(&self) -> AppendRequest {
        AppendRequest {
            count: self.count,
            bytes: self.body.len(),
            producer: self.producer,
            expected: self.expected,
            level: self.level,
            requester: self.requester,
        }
    }

    /// How many bytes it takes up in the journal.
    pub(super) fn entry_bytes(&self) -> usize {
        entry_bytes(Append::BYTES, self.body.len())
    }

    /// Its envelope in the log; `atomic_with`: how many entries behind it stand and fall with it.
    pub(super) fn head(&self, placed: &Placed, atomic_with: usize) -> Append {
        let nobody = ProducerPosition {
            producer: ProducerId::NONE,
            epoch: ProducerEpoch::default(),
            sequence: ProducerSequence::default(),
        };
        let producer = self.producer.unwrap_or(nobody);
        Append {
            partition: placed.partition.0,
            base_offset: placed.base_offset.0,
            producer: producer.producer.0,
            producer_sequence: producer.sequence.0,
            append_time_ms: placed.append_time.0,
            incarnation: placed.incarnation.0,
            count: self.count,
            producer_epoch: producer.epoch.0,
            body_kind: self.body_kind.number(),
            atomic_with: u16::try_from(atomic_with).expect("an append has fewer parts"),
            ..Append::default()
        }
    }
}
