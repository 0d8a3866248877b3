//! Chance that can be repeated.

/// Random numbers that follow from a seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    pub fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "there is no number below 0");
        (self.random() % count as u64) as usize
    }

    /// Whether something that happens every other time happens now.
    pub fn coin(&mut self) -> bool {
        self.random().is_multiple_of(2)
    }

    /// Whether something that happens `per_mille` times in a thousand happens now.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        // Nothing is drawn for what never happens, so that switching a fault off changes no more than
        // that fault.
        per_mille > 0 && self.random() % 1000 < u64::from(per_mille)
    }

    /// Brings things into any order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = |seed| {
            let mut dice = Dice::new(seed);
            [dice.random(), dice.below(1000) as u64, dice.random()]
        };
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7), throws(8));
    }

    #[test]
    fn every_side_comes_up() {
        let mut dice = Dice::new(1);
        let mut seen = [0; 6];
        (0..600).for_each(|_| seen[dice.below(6)] += 1);
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
        assert_eq!((0..1000).filter(|_| dice.chance(0)).count(), 0);
        assert_eq!((0..1000).filter(|_| dice.chance(1000)).count(), 1000);
    }

    #[test]
    fn shuffling_loses_nothing_and_reaches_every_order() {
        let mut dice = Dice::new(2);
        let mut orders = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let mut things = [1, 2, 3];
            dice.shuffle(&mut things);
            orders.insert(things);
        }
        assert_eq!(orders.len(), 6);
    }
}
