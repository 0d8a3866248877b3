//! Numbers that look random and follow from a seed.

/// The generator `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): small, fast, and good enough to
/// choose mutations. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of one execution of one target. Each execution has its own, so that one of them
    /// can be repeated without those before it.
    pub(crate) fn for_execution(seed: u64, target: &str, execution: u64) -> Random {
        // FNV-1a, so that targets with the same seeds see different mutations.
        let name = target.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut mixer = Random(seed ^ name);
        let start = mixer.next() ^ execution.wrapping_mul(0xd134_2543_de82_ef95);
        Random(start)
    }

    /// The next number, any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to but not including `bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "there must be something to choose from");
        let wide = u128::from(self.next()) * bound as u128;
        usize::try_from(wide >> 64).expect("the quotient is below the bound")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = Random(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn executions_and_targets_have_sequences_of_their_own() {
        let first = |seed, target, execution| Random::for_execution(seed, target, execution).next();
        assert_eq!(first(1, "a", 0), first(1, "a", 0));
        let mut all = vec![first(1, "a", 0), first(1, "a", 1), first(1, "b", 0), first(2, "a", 0)];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_every_value() {
        let mut random = Random::for_execution(1, "bound", 0);
        let mut seen = [0; 7];
        for _ in 0..7_000 {
            seen[random.below(7)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
    }
}
