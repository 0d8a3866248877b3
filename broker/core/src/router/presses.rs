//! The subscriptions of one client that publishers of other shards have to wait for, and which of
//! them they need not wait for any more.
//!
//! ```text
//!   keys    [ released soon | ... | waited for | ... ]
//!                                  ^ to_release
//!   places  subscription -> where its key stands, for all clients of the shard together
//! ```
//!
//! Everything takes the same time, however many there are: a client may have a hundred thousand
//! subscriptions, and the one it ends may be any of them.

use super::slab::Key;
use super::subscriptions::Entry;

/// The subscriptions of one client that are waited for; each is in it once.
#[derive(Debug, Default)]
pub(super) struct Presses {
    keys: Vec<Key<Entry>>,
    /// How many of them, the first ones, are to be released.
    to_release: usize,
    /// Whether the client stands in the queue of those that have any to release.
    pub(super) is_queued: bool,
}

/// Where each subscription that is waited for stands among those of its client, by its place. Holds
/// nothing that means anything for others, and is as long as it had to be once.
#[derive(Debug, Default)]
pub(super) struct PressPlaces(Vec<u32>);

impl PressPlaces {
    fn get(&self, key: Key<Entry>) -> usize {
        self.0[key.index()] as usize
    }

    fn set(&mut self, key: Key<Entry>, at: usize) {
        if self.0.len() <= key.index() {
            self.0.resize(key.index() + 1, 0);
        }
        self.0[key.index()] = at as u32;
    }
}

impl Presses {
    /// Adds a subscription that is not waited for yet.
    pub(super) fn add(&mut self, key: Key<Entry>, places: &mut PressPlaces) {
        places.set(key, self.keys.len());
        self.keys.push(key);
    }

    /// Keeps a subscription that is waited for, whether it was to be released or not.
    pub(super) fn renew(&mut self, key: Key<Entry>, places: &mut PressPlaces) {
        let at = self.place(key, places);
        if at < self.to_release {
            self.to_release -= 1;
            self.swap(at, self.to_release, places);
        }
    }

    /// Takes a subscription out that is waited for.
    pub(super) fn remove(&mut self, key: Key<Entry>, places: &mut PressPlaces) {
        // Behind those that are to be released, from where it can go to the end.
        self.renew(key, places);
        let last = self.keys.len() - 1;
        self.swap(self.place(key, places), last, places);
        self.keys.pop();
    }

    /// All of them are to be released.
    pub(super) fn release_all(&mut self) {
        self.to_release = self.keys.len();
    }

    /// Takes one out that is to be released.
    pub(super) fn next_to_release(&mut self, places: &mut PressPlaces) -> Option<Key<Entry>> {
        let key = self.keys[..self.to_release].last().copied()?;
        self.remove(key, places);
        Some(key)
    }

    /// Whether any are to be released.
    pub(super) fn has_any_to_release(&self) -> bool {
        self.to_release > 0
    }

    /// All of them.
    pub(super) fn keys(&self) -> &[Key<Entry>] {
        &self.keys
    }

    /// Whether each stands where its place says, and who is to be released is in the queue; for tests.
    pub(super) fn is_right(&self, places: &PressPlaces) -> bool {
        let mut placed = self.keys.iter().enumerate();
        placed.all(|(at, key)| places.get(*key) == at)
            && self.to_release <= self.keys.len()
            && (self.is_queued || self.to_release == 0)
    }

    fn place(&self, key: Key<Entry>, places: &PressPlaces) -> usize {
        let at = places.get(key);
        assert_eq!(self.keys[at], key, "a subscription stands where its place says");
        at
    }

    fn swap(&mut self, one: usize, other: usize, places: &mut PressPlaces) {
        self.keys.swap(one, other);
        for at in [one, other] {
            places.set(self.keys[at], at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The list beside two sets that say the same.
    #[derive(Default)]
    struct Trial {
        presses: Presses,
        places: PressPlaces,
        waited_for: BTreeSet<u32>,
        to_release: BTreeSet<u32>,
    }

    impl Trial {
        fn step(&mut self, choice: u32, number: u32) {
            let Trial { presses, places, waited_for, to_release } = self;
            let key = Key::at(number);
            let is_in = waited_for.contains(&number) || to_release.contains(&number);
            match choice {
                0..5 if is_in => {
                    presses.renew(key, places);
                    to_release.remove(&number);
                    waited_for.insert(number);
                }
                0..5 => {
                    presses.add(key, places);
                    waited_for.insert(number);
                }
                5..8 if is_in => {
                    presses.remove(key, places);
                    waited_for.remove(&number);
                    to_release.remove(&number);
                }
                8 => {
                    presses.release_all();
                    to_release.append(waited_for);
                }
                _ => {
                    let next = presses.next_to_release(places);
                    assert_eq!(next.is_some(), !to_release.is_empty());
                    if let Some(next) = next {
                        assert!(to_release.remove(&next.number()));
                    }
                }
            }
            presses.is_queued = presses.has_any_to_release();
            assert!(presses.is_right(places));
            let (released, kept) = presses.keys().split_at(presses.to_release);
            for (keys, numbers) in [(released, &*to_release), (kept, &*waited_for)] {
                let found: BTreeSet<u32> = keys.iter().map(|key| key.number()).collect();
                assert_eq!((&found, keys.len()), (numbers, numbers.len()));
            }
        }
    }

    #[test]
    fn s19_presses_are_released_and_kept_like_two_sets() {
        let mut trial = Trial::default();
        let mut state = 1u64;
        for _ in 0..20_000 {
            // Numbers of a linear congruence (Knuth, The Art of Computer Programming, 3.3.4).
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (state >> 33) as u32;
            trial.step(number % 12, number / 12 % 20);
        }
    }
}
