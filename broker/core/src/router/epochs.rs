//! Which remembered routes a change of a wildcard filter makes worthless (law S33).

use coilgun_protocol::model::NamespaceId;

/// Buckets of first tokens. More would make a change hit fewer bystanders; with 256 they take 2 KiB,
/// and a change of one first token hits another one with a chance of 1 in 256.
const BUCKET_COUNT: usize = 256;

/// A number that no route was ever built under.
pub(super) const NEVER: u64 = u64::MAX;

/// Counts changes, per namespace and per bucket of first tokens.
#[derive(Debug)]
pub(super) struct Epochs {
    namespaces: Vec<u64>,
    first_tokens: Box<[u64; BUCKET_COUNT]>,
}

impl Epochs {
    /// Nothing has changed yet.
    pub(super) fn new() -> Epochs {
        Epochs { namespaces: Vec::new(), first_tokens: Box::new([0; BUCKET_COUNT]) }
    }

    /// Makes the namespace known.
    pub(super) fn open(&mut self, namespace: NamespaceId) {
        let needed = usize::from(namespace.0) + 1;
        if self.namespaces.len() < needed {
            self.namespaces.resize(needed, 0);
        }
    }

    /// What a route built now is stamped with. Both counts only grow, so their sum is the same
    /// exactly as long as neither has changed.
    #[inline]
    pub(super) fn stamp(&self, namespace: NamespaceId, bucket: u8) -> u64 {
        self.namespaces[usize::from(namespace.0)] + self.first_tokens[usize::from(bucket)]
    }

    /// Every route of the namespace is worthless.
    pub(super) fn bump_namespace(&mut self, namespace: NamespaceId) {
        self.namespaces[usize::from(namespace.0)] += 1;
    }

    /// Every route whose first token is in this bucket is worthless.
    pub(super) fn bump_first_token(&mut self, bucket: u8) {
        self.first_tokens[usize::from(bucket)] += 1;
    }
}

/// The bucket of a text by its first token and namespace, by the FNV-1a hash of Fowler, Noll and Vo
/// folded to 8 bits.
///
/// Not keyed, on purpose: which bystanders a change hits decides when routes are built anew, and
/// that must be the same whatever keys the tables have (law S22). Whoever aims for collisions gains
/// no more than by subscribing to the token itself.
pub(super) fn bucket(namespace: NamespaceId, text: &[u8]) -> u8 {
    let first = text.split(|byte| *byte == b'.').next().unwrap_or_default();
    let mut hash: u32 = 0x811c_9dc5;
    for byte in namespace.0.to_le_bytes().iter().chain(first) {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    (hash ^ (hash >> 8) ^ (hash >> 16) ^ (hash >> 24)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_look_at_the_first_token_only_and_spread() {
        let namespace = NamespaceId(3);
        assert_eq!(bucket(namespace, b"orders"), bucket(namespace, b"orders.eu.*"));
        let mut used = [false; BUCKET_COUNT];
        for number in 0..2000 {
            used[usize::from(bucket(namespace, format!("t{number}.x").as_bytes()))] = true;
        }
        assert!(used.iter().filter(|used| **used).count() > 240);
    }

    #[test]
    fn a_stamp_holds_until_one_of_its_counts_moves() {
        let mut epochs = Epochs::new();
        epochs.open(NamespaceId(1));
        let stamp = epochs.stamp(NamespaceId(1), 7);
        epochs.bump_namespace(NamespaceId(0));
        epochs.bump_first_token(8);
        assert_eq!(epochs.stamp(NamespaceId(1), 7), stamp);
        epochs.bump_first_token(7);
        assert_ne!(epochs.stamp(NamespaceId(1), 7), stamp);
        let stamp = epochs.stamp(NamespaceId(1), 7);
        epochs.bump_namespace(NamespaceId(1));
        assert_ne!(epochs.stamp(NamespaceId(1), 7), stamp);
    }
}
