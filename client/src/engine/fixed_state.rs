//! The hash of numbers that the client chooses itself.

/// A fast hash for maps that are looked into for each message that arrives. Nobody else chooses their
/// keys, so it needs no secret, and a fixed one keeps the engine the same in every run.
#[derive(Clone, Debug)]
pub(crate) struct FixedState(ahash::RandomState);

impl Default for FixedState {
    fn default() -> FixedState {
        FixedState(ahash::RandomState::with_seeds(1, 2, 3, 4))
    }
}

impl core::hash::BuildHasher for FixedState {
    type Hasher = ahash::AHasher;

    #[inline]
    fn build_hasher(&self) -> ahash::AHasher {
        self.0.build_hasher()
    }
}
