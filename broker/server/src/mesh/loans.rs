//! What a shard has lent another one, by number (law S8).

use coilgun_protocol::buffer::BlockRange;

use super::port::LOANS_MAX;

/// Everything that is lent to one shard.
#[derive(Debug)]
pub(super) struct Loans {
    lent: Vec<Option<BlockRange>>,
    free: Vec<u32>,
    bytes: usize,
    /// How many were lent to us by somebody who waits for them.
    relayed: usize,
}

impl Loans {
    /// Nothing is lent.
    pub(super) fn new() -> Loans {
        Loans {
            lent: std::iter::repeat_with(|| None).take(LOANS_MAX).collect(),
            free: (0..LOANS_MAX as u32).rev().collect(),
            bytes: 0,
            relayed: 0,
        }
    }

    /// Lends bytes, which stay as they are until the loan comes back. Returns its number.
    ///
    /// # Panics
    /// If all numbers are given out.
    pub(super) fn enter(&mut self, range: BlockRange) -> u32 {
        let loan = self.free.pop().expect("there are as many loans as can be needed");
        self.bytes += range.len();
        self.relayed += usize::from(range.block().is_foreign());
        self.lent[loan as usize] = Some(range);
        loan
    }

    /// A loan came back: now nobody else reads the block any more.
    ///
    /// # Panics
    /// If it was not lent.
    pub(super) fn take_back(&mut self, loan: u32) {
        let range = self.lent[loan as usize].take().expect("a loan comes back once");
        self.bytes -= range.len();
        self.relayed -= usize::from(range.block().is_foreign());
        self.free.push(loan);
    }

    /// How many more there can be.
    #[inline]
    pub(super) fn free_count(&self) -> usize {
        self.free.len()
    }

    /// How many bytes are lent.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing is lent.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == LOANS_MAX
    }

    /// Whether anything is that somebody else lent to us.
    pub(super) fn any_relayed(&self) -> bool {
        self.relayed > 0
    }
}
