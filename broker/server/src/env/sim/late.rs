//! A queue whose entries are seen late.

use std::collections::VecDeque;

/// First in, first out; an entry, and with it what is behind it, is hidden for a number of looks.
#[derive(Debug)]
pub(super) struct LateQueue<T>(VecDeque<Late<T>>);

#[derive(Debug)]
struct Late<T> {
    entry: T,
    /// How many more looks see nothing.
    looks_left: u32,
    /// The reader's doorbell was rung for it while it was hidden.
    was_announced: bool,
}

/// What one look at a queue shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// Nothing is there, or it is hidden.
    Nothing,
    /// The first entry appeared just now; whether the reader's doorbell was rung for it before.
    Appeared {
        /// The doorbell was rung while the entry was hidden.
        was_announced: bool,
    },
    /// The first entry is there.
    There,
}

impl<T> LateQueue<T> {
    pub(super) fn new() -> LateQueue<T> {
        LateQueue(VecDeque::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the first entry is there and cannot be seen.
    pub(super) fn is_hidden(&self) -> bool {
        self.0.front().is_some_and(|late| late.looks_left > 0)
    }

    /// Puts an entry in that `looks_left` looks do not see once it is the first.
    pub(super) fn push(&mut self, entry: T, looks_left: u32) {
        self.0.push_back(Late { entry, looks_left, was_announced: false });
    }

    /// The doorbell of the reader was rung.
    pub(super) fn announce(&mut self) {
        self.0.iter_mut().for_each(|late| late.was_announced = true);
    }

    /// Looks at the first entry, which brings it closer to being seen.
    pub(super) fn look(&mut self) -> Look {
        let Some(first) = self.0.front_mut() else { return Look::Nothing };
        if first.looks_left == 0 {
            return Look::There;
        }
        first.looks_left -= 1;
        if first.looks_left > 0 {
            return Look::Nothing;
        }
        Look::Appeared { was_announced: first.was_announced }
    }

    /// Takes the first entry, which the caller has seen.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.0.pop_front().map(|late| late.entry)
    }

    /// Lets everything be seen.
    pub(super) fn show_all(&mut self) -> Look {
        let mut look = if self.0.is_empty() { Look::Nothing } else { Look::There };
        for late in self.0.iter_mut().filter(|late| late.looks_left > 0) {
            late.looks_left = 0;
            let was_announced = late.was_announced || look == Look::ANNOUNCED;
            look = Look::Appeared { was_announced };
        }
        look
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|late| &late.entry)
    }
}

impl Look {
    /// Something appeared for which the reader's doorbell was rung before.
    pub(super) const ANNOUNCED: Look = Look::Appeared { was_announced: true };

    /// Whether the first entry can be taken.
    pub(super) fn is_there(self) -> bool {
        self != Look::Nothing
    }
}
