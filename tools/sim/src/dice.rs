//! Choices of a simulation, all from the one seed of its world.

use coilgun_server::env::sim::SimWorld;

/// The random numbers of a world. Cheap to clone: all clones draw from the same row.
#[derive(Clone, Debug)]
pub struct Dice(SimWorld);

impl Dice {
    /// The dice of a world.
    #[must_use]
    pub fn new(world: SimWorld) -> Dice {
        Dice(world)
    }

    /// A number below `bound`, which is not 0.
    #[must_use]
    pub fn below(&self, bound: usize) -> usize {
        (self.0.random() % bound as u64) as usize
    }

    /// A number from `least` to `most`.
    #[must_use]
    pub fn between(&self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// Whether something happens that does in so many of a hundred cases.
    #[must_use]
    pub fn percent(&self, cases: usize) -> bool {
        self.below(100) < cases
    }

    /// One of several things.
    #[must_use]
    pub fn pick<'a, T: ?Sized>(&self, things: &[&'a T]) -> &'a T {
        things[self.below(things.len())]
    }
}
