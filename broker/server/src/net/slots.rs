//! A table whose places are used again, each time under a new generation.

use coilgun_protocol::model::ClientId;

/// Things that are found by slot and generation.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    len_max: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    /// An empty table for at most `len_max` things.
    #[must_use]
    pub fn new(len_max: usize) -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new(), len_max }
    }

    /// Puts what `make` returns for its new name into a free place; nothing if the table is full.
    pub fn insert_with(&mut self, make: impl FnOnce(ClientId) -> T) -> Option<ClientId> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < self.len_max => {
                self.slots.push(Slot { generation: 0, value: None });
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        let place = &mut self.slots[slot as usize];
        let id = ClientId { slot, generation: place.generation };
        place.value = Some(make(id));
        Some(id)
    }

    /// The thing of this name, unless it is gone (law S2: a stale generation finds nothing).
    #[inline]
    #[must_use]
    pub fn get(&self, id: ClientId) -> Option<&T> {
        let slot = self.slots.get(id.slot as usize)?;
        if slot.generation == id.generation { slot.value.as_ref() } else { None }
    }

    /// The thing of this name, to change it.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation == id.generation { slot.value.as_mut() } else { None }
    }

    /// Takes the thing of this name out; its name will never find anything again.
    pub fn remove(&mut self, id: ClientId) -> Option<T> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(value)
    }

    /// How many things there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of all things, by slot.
    pub fn ids(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, place)| place.value.is_some())
            .map(|(slot, place)| ClientId { slot: slot as u32, generation: place.generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_a_stale_name_finds_nothing() {
        let mut slots = Slots::new(2);
        let first = slots.insert_with(|_| 'a').expect("there is room");
        let second = slots.insert_with(|_| 'b').expect("there is room");
        assert!(slots.insert_with(|_| 'c').is_none(), "the table is full");
        assert_eq!(slots.remove(first), Some('a'));
        assert_eq!(slots.remove(first), None);
        let third = slots.insert_with(|_| 'c').expect("there is room again");
        assert_eq!(third.slot, first.slot);
        assert_eq!((slots.get(first), slots.get(third)), (None, Some(&'c')));
        assert_eq!(slots.ids().collect::<Vec<_>>(), [third, second]);
    }
}
