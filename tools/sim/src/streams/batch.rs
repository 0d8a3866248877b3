//! What is produced: batches whose bytes say which they are.

use coilgun_storage::format::Append;

/// Longest body, in bytes: with the smallest commit group that a simulation has, four still fit.
const BODY_BYTES_MAX: usize = 1_500;

/// Which batch of which producer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Identity {
    /// Who, not 0.
    pub(super) producer: u64,
    /// How often it began anew.
    pub(super) epoch: u32,
    /// Which of its records the first one is.
    pub(super) sequence: u64,
}

/// A batch as it is sent, and as often as it is sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// Its partition.
    pub(super) partition: u64,
    /// How many records.
    pub(super) count: u32,
    /// The number of its body.
    pub(super) body: u64,
    /// Whose it is; nobody's if its producer does not say.
    pub(super) identity: Option<Identity>,
    /// The offset that it must get.
    pub(super) expected: Option<u64>,
}

impl Identity {
    /// Whose batch stands in the log.
    pub(super) fn of(head: &Append) -> Option<Identity> {
        (head.producer != 0).then_some(Identity {
            producer: head.producer,
            epoch: head.producer_epoch,
            sequence: head.producer_sequence,
        })
    }
}

/// The body with this number, which no other has; always the same.
pub(super) fn body(number: u64) -> Vec<u8> {
    let mixed = hash(&number.to_le_bytes());
    // Mostly small, so that many share a commit group; now and then half a block.
    let bytes_max = if mixed.is_multiple_of(6) { BODY_BYTES_MAX } else { 150 };
    let length = 8 + (mixed / 8) as usize % (bytes_max - 8);
    let mut bytes = vec![mixed as u8; length];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// FNV-1a (Fowler, Noll and Vo), of 64 bits.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
