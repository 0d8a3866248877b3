//! Shards by number, and sets of them.

use super::limits::SHARDS_MAX;

/// One shard of a broker, by its number from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ShardId(u8);

impl ShardId {
    /// The shard with this number.
    ///
    /// # Panics
    /// If the number is not below [`SHARDS_MAX`].
    #[must_use]
    pub const fn new(number: usize) -> ShardId {
        assert!(number < SHARDS_MAX, "there are at most 64 shards");
        ShardId(number as u8)
    }

    /// Its number.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl core::fmt::Display for ShardId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "shard {}", self.0)
    }
}

/// A set of shards: one bit for each (law S17).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShardSet(u64);

impl ShardSet {
    /// No shard.
    pub const EMPTY: ShardSet = ShardSet(0);

    /// Just this shard.
    #[must_use]
    pub const fn of(shard: ShardId) -> ShardSet {
        ShardSet(1 << shard.0)
    }

    /// The first `count` shards.
    ///
    /// # Panics
    /// If there cannot be as many.
    #[must_use]
    pub const fn first(count: usize) -> ShardSet {
        assert!(count <= SHARDS_MAX, "there are at most 64 shards");
        if count == SHARDS_MAX { ShardSet(u64::MAX) } else { ShardSet((1 << count) - 1) }
    }

    /// The set with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> ShardSet {
        ShardSet(bits)
    }

    /// Its bits, that of shard 0 lowest.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether no shard is in it.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many shards are in it.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the shard is in it.
    #[inline]
    #[must_use]
    pub const fn contains(self, shard: ShardId) -> bool {
        self.0 >> shard.0 & 1 == 1
    }

    /// Puts the shard in.
    #[inline]
    pub const fn insert(&mut self, shard: ShardId) {
        self.0 |= 1 << shard.0;
    }

    /// Takes the shard out.
    #[inline]
    pub const fn remove(&mut self, shard: ShardId) {
        self.0 &= !(1 << shard.0);
    }

    /// The shards in one of the two.
    #[inline]
    #[must_use]
    pub const fn union(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 | other.0)
    }

    /// The shards in both.
    #[inline]
    #[must_use]
    pub const fn intersection(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 & other.0)
    }

    /// The shards that are not in the other.
    #[inline]
    #[must_use]
    pub const fn without(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 & !other.0)
    }

    /// The shards, by number.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = ShardId> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let number = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (number < u64::BITS).then_some(ShardId(number as u8))
        })
    }
}

impl core::fmt::Debug for ShardSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter().map(ShardId::index)).finish()
    }
}

const _: () = assert!(SHARDS_MAX == u64::BITS as usize, "a set has a bit for each");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = ShardSet::EMPTY;
        for number in [63, 0, 7, 7] {
            set.insert(ShardId::new(number));
        }
        let numbers = |set: ShardSet| set.iter().map(ShardId::index).collect::<Vec<_>>();
        assert_eq!((numbers(set), set.len()), (vec![0, 7, 63], 3));
        set.remove(ShardId::new(0));
        assert!(!set.contains(ShardId::new(0)) && set.contains(ShardId::new(63)));
        assert_eq!(numbers(set.without(ShardSet::of(ShardId::new(63)))), [7]);
        assert_eq!(numbers(set.intersection(ShardSet::first(8))), [7]);
        assert_eq!(set.union(ShardSet::first(2)).len(), 4);
        assert_eq!(ShardSet::first(64).len(), 64);
        assert_eq!(ShardSet::from_bits(set.bits()), set);
        assert_eq!(ShardSet::first(0), ShardSet::EMPTY);
    }
}
