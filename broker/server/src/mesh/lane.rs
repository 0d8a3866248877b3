//! What leads from one shard to one other: parcels there, and loans back.

use crossbeam::queue::ArrayQueue;

use super::loan_flag::LoanFlag;
use super::port::{LOANS_MAX, PARCELS_MAX, Parcel};

/// The two rings of one ordered pair of shards. The lender pushes parcels and takes loans back; the
/// borrower pops parcels and gives loans back.
#[derive(Debug)]
pub(super) struct Lane {
    parcels: ArrayQueue<Parcel>,
    returns: ArrayQueue<u32>,
    wants_loans: LoanFlag,
}

impl Lane {
    pub(super) fn new() -> Lane {
        Lane {
            parcels: ArrayQueue::new(PARCELS_MAX),
            returns: ArrayQueue::new(LOANS_MAX),
            wants_loans: LoanFlag::new(),
        }
    }

    /// The lender puts a parcel in, unless the ring is full.
    pub(super) fn push(&self, parcel: Parcel) -> Result<(), Parcel> {
        self.parcels.push(parcel)
    }

    /// The borrower takes the next parcel out.
    pub(super) fn pop(&self) -> Option<Parcel> {
        self.parcels.pop()
    }

    /// The borrower gives a loan back. Returns whether the lender is to be woken.
    ///
    /// # Panics
    /// If more loans come back than there can be.
    pub(super) fn give_back(&self, loan: u32) -> bool {
        let refused = self.returns.push(loan).is_err();
        assert!(!refused, "S8: the ring of returns has a place for every loan");
        self.wants_loans.needs_wake_up()
    }

    /// The lender takes the next loan back.
    pub(super) fn take_back(&self) -> Option<u32> {
        self.returns.pop()
    }

    /// The lender says whether it is to be woken when a loan comes back.
    pub(super) fn want_loans(&self, wanted: bool) {
        self.wants_loans.want(wanted);
    }

    /// Whether the borrower has something to pop.
    pub(super) fn has_parcels(&self) -> bool {
        !self.parcels.is_empty()
    }

    /// Whether the lender has something to take back.
    pub(super) fn has_returns(&self) -> bool {
        !self.returns.is_empty()
    }
}
