//! What is appended: batches whose bytes say which they are.

use coilgun_storage::disk::sim::Dice;
use coilgun_storage::format::Append;

/// Longest body, in bytes: with the smallest commit group that a simulation has it still fits.
pub(super) const BODY_BYTES_MAX: usize = 3_000;

/// One batch as the model knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Batch {
    /// Its partition.
    pub(super) partition: u64,
    /// The offset of its first record.
    pub(super) base_offset: u64,
    /// How many records.
    pub(super) count: u32,
    /// A hash of its body.
    pub(super) body_hash: u64,
}

impl Batch {
    /// What the log says of a batch.
    pub(super) fn of(head: &Append, body: &[u8]) -> Batch {
        Batch {
            partition: head.partition,
            base_offset: head.base_offset,
            count: head.count,
            body_hash: hash(body),
        }
    }
}

/// A body that no other batch has: `number` is in it.
pub(super) fn body(number: u64, dice: &mut Dice) -> Vec<u8> {
    // Mostly small, so that many share a commit group; now and then of several blocks.
    let bytes_max = if dice.chance(200) { BODY_BYTES_MAX } else { 200 };
    let length = 8 + dice.below(bytes_max - 8);
    let mut bytes = vec![dice.random() as u8; length];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// FNV-1a (Fowler, Noll and Vo), of 64 bits.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
