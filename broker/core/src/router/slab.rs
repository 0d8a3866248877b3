//! A table whose places are used again.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Index, IndexMut};

/// From how many places on a table grows gently.
const GROWS_GENTLY: usize = 1024;

/// A place in a [`Slab`] of `T`, or none.
///
/// Four bytes, so that links between things stay small. A key outlives what it named: whoever keeps
/// one must know that the thing is still there.
pub(super) struct Key<T>(u32, PhantomData<fn() -> T>);

impl<T> Key<T> {
    /// No place.
    pub(super) const NONE: Key<T> = Key(u32::MAX, PhantomData);

    /// The place of this number, in tests that need no table.
    #[cfg(test)]
    pub(super) fn at(number: u32) -> Key<T> {
        Key(number, PhantomData)
    }

    /// The key, unless it names no place.
    pub(super) fn some(self) -> Option<Key<T>> {
        if self == Key::NONE { None } else { Some(self) }
    }

    /// The number of the place; for [`Key::NONE`] one that no table has.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// The number of the place, to be hashed and ordered by.
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

// Written out, because a derive would ask the same of `T`.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Key<T> {}
impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Key<T> {}
impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.some() {
            Some(key) => write!(f, "#{}", key.0),
            None => f.write_str("none"),
        }
    }
}

/// Things of one kind, each at a place that stays the same while the thing lives.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    /// The first free place; each free place names the next.
    free: Key<T>,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    Used(T),
    Free(Key<T>),
}

impl<T> Slab<T> {
    /// An empty table.
    pub(super) fn new() -> Slab<T> {
        Slab { places: Vec::new(), free: Key::NONE, len: 0 }
    }

    /// Puts a thing into the place that was freed last, or into a new one.
    ///
    /// # Panics
    /// If there are 2^32 - 1 things already; the limits of the router lie below.
    pub(super) fn insert(&mut self, thing: T) -> Key<T> {
        self.len += 1;
        if let Some(key) = self.free.some() {
            let place = &mut self.places[key.index()];
            match core::mem::replace(place, Place::Used(thing)) {
                Place::Free(next) => self.free = next,
                Place::Used(_) => unreachable!("the list of free places names free places"),
            }
            return key;
        }
        let number = u32::try_from(self.places.len()).expect("the limits lie below 2^32 things");
        assert!(number != u32::MAX, "the last number means no place");
        self.grow();
        self.places.push(Place::Used(thing));
        Key(number, PhantomData)
    }

    /// Makes room for one more place. A large table grows by an eighth instead of doubling, so that
    /// little of it is empty; growing moves what is there, at most eight times each on average.
    fn grow(&mut self) {
        let len = self.places.len();
        if len == self.places.capacity() && len >= GROWS_GENTLY {
            self.places.reserve_exact(len / 8);
        }
    }

    /// Takes the thing out.
    ///
    /// # Panics
    /// If there is none at this place.
    pub(super) fn remove(&mut self, key: Key<T>) -> T {
        match core::mem::replace(&mut self.places[key.index()], Place::Free(self.free)) {
            Place::Used(thing) => {
                self.free = key;
                self.len -= 1;
                thing
            }
            Place::Free(_) => unreachable!("only what is there can be taken out"),
        }
    }

    /// The thing at this place, if there is one.
    pub(super) fn get(&self, key: Key<T>) -> Option<&T> {
        match self.places.get(key.index()) {
            Some(Place::Used(thing)) => Some(thing),
            Some(Place::Free(_)) | None => None,
        }
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All things, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        self.places.iter().enumerate().filter_map(|(number, place)| match place {
            Place::Used(thing) => Some((Key(number as u32, PhantomData), thing)),
            Place::Free(_) => None,
        })
    }
}

impl<T> Index<Key<T>> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, key: Key<T>) -> &T {
        match &self.places[key.index()] {
            Place::Used(thing) => thing,
            Place::Free(_) => unreachable!("a key that is used names a thing"),
        }
    }
}

impl<T> IndexMut<Key<T>> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, key: Key<T>) -> &mut T {
        match &mut self.places[key.index()] {
            Place::Used(thing) => thing,
            Place::Free(_) => unreachable!("a key that is used names a thing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_the_rest_stays() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..4).map(|thing| slab.insert(thing)).collect();
        assert_eq!(slab.remove(keys[1]), 1);
        assert_eq!(slab.remove(keys[2]), 2);
        assert_eq!(slab.len(), 2);
        assert!(slab.get(keys[1]).is_none());
        assert_eq!(slab.insert(5), keys[2], "freed last, used first");
        assert_eq!(slab.insert(6), keys[1]);
        assert_eq!(slab.insert(7).index(), 4);
        let all: Vec<_> = slab.iter().map(|(_, thing)| *thing).collect();
        assert_eq!(all, [0, 6, 5, 3, 7]);
        assert!(slab.get(Key::NONE).is_none());
    }
}
