//! The simulated lanes between the shards of a world, and what watches over them.

use std::collections::BTreeMap;

use coilgun_protocol::model::{ShardId, ShardSet};

use super::late::{LateQueue, Look};
use super::world::{SimWorld, State};
use crate::mesh::{Agreement, LOANS_MAX, PARCELS_MAX, Parcel};

/// For how many looks something is hidden at most.
const LOOKS_MAX: usize = 6;

/// What went through the lanes of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MeshCounts {
    /// Parcels that were put into a ring.
    pub pushed: u64,
    /// Parcels that were taken out of one.
    pub popped: u64,
    /// Pushes that were refused.
    pub refused: u64,
    /// Those of them for which there was room.
    pub refused_with_room: u64,
    /// Parcels and loans that were seen late.
    pub delayed: u64,
    /// Loans of parcels that were given back.
    pub returned: u64,
    /// Loans that were given back and had been in no ring: of payloads beside parcels.
    pub returned_beside: u64,
    /// Doorbells that were rung.
    pub doorbells: u64,
    /// The most parcels that were in one ring.
    pub ring_parcels_max: usize,
}

/// The lanes of a world.
#[derive(Debug)]
pub(super) struct SimMesh {
    shard_count: usize,
    /// How many parcels a ring holds.
    ring_parcels: usize,
    /// One for each ordered pair, by the lender first.
    lanes: Vec<SimLane>,
    /// The shards that have an end of the lanes.
    joined: ShardSet,
    /// The shards whose doorbell was rung since they were stepped.
    pub(super) rung: ShardSet,
    pub(super) agreement: Agreement,
    counts: MeshCounts,
}

/// What leads from one shard to one other.
#[derive(Debug)]
struct SimLane {
    parcels: LateQueue<Parcel>,
    returns: LateQueue<u32>,
    /// What each parcel held when it was pushed, until its loan comes back (law S8).
    lent: BTreeMap<u32, Lent>,
    wants_loans: bool,
    /// Its parcels are not seen for now.
    is_held: bool,
}

#[derive(Debug)]
struct Lent {
    parcel: Parcel,
    bytes: Vec<u8>,
}

impl SimMesh {
    /// The lanes between `shard_count` shards, all awake.
    pub(super) fn new(shard_count: usize, ring_parcels: usize) -> SimMesh {
        SimMesh {
            shard_count,
            ring_parcels,
            lanes: (0..shard_count * shard_count).map(|_| SimLane::new()).collect(),
            joined: ShardSet::EMPTY,
            rung: ShardSet::first(shard_count),
            agreement: Agreement::new(shard_count),
            counts: MeshCounts::default(),
        }
    }

    /// A shard takes its end of the lanes. The first one begins with fresh ones.
    pub(super) fn join(&mut self, shard: ShardId, shard_count: usize) {
        if self.joined.is_empty() {
            let counts = self.counts;
            *self = SimMesh { counts, ..SimMesh::new(shard_count, self.ring_parcels) };
        }
        assert_eq!(self.shard_count, shard_count, "all shards know how many there are");
        assert!(!self.joined.contains(shard), "a shard has one end of the lanes");
        self.joined.insert(shard);
    }

    /// A shard gives its end of the lanes up.
    pub(super) fn leave(&mut self, shard: ShardId, knows_end: bool) {
        self.joined.remove(shard);
        if !knows_end && !self.joined.is_empty() {
            self.agreement.lose(shard);
            self.ring_all();
        }
    }

    /// Rings every doorbell.
    pub(super) fn ring_all(&mut self) {
        self.rung = ShardSet::first(self.shard_count);
    }

    fn lane(&mut self, lender: ShardId, borrower: ShardId) -> &mut SimLane {
        assert!(borrower.index() < self.shard_count, "the shard belongs to the mesh");
        assert_ne!(lender, borrower, "a shard has no lane to itself");
        &mut self.lanes[lender.index() * self.shard_count + borrower.index()]
    }

    fn pairs(&self) -> impl Iterator<Item = (ShardId, ShardId)> + use<> {
        let all = ShardSet::first(self.shard_count);
        all.iter().flat_map(move |lender| {
            all.without(ShardSet::of(lender)).iter().map(move |borrower| (lender, borrower))
        })
    }

    /// Lets everything that travels be seen.
    pub(super) fn show_all(&mut self) {
        for (lender, borrower) in self.pairs() {
            let lane = self.lane(lender, borrower);
            let (parcels, returns) = (lane.parcels.show_all(), lane.returns.show_all());
            self.on_parcel(borrower, parcels);
            self.on_return(lender, borrower, returns);
        }
    }

    /// A parcel that appears rings the doorbell of its reader, if that was rung for it before.
    fn on_parcel(&mut self, borrower: ShardId, look: Look) {
        if look == Look::ANNOUNCED {
            self.rung.insert(borrower);
        }
    }

    /// A loan that appears rings the doorbell of its lender, if that waits for it.
    fn on_return(&mut self, lender: ShardId, borrower: ShardId, look: Look) {
        if matches!(look, Look::Appeared { .. }) && self.lane(lender, borrower).wants_loans {
            self.rung.insert(lender);
        }
    }

    /// Whether a parcel can be popped.
    pub(super) fn sees_parcel(&mut self, lender: ShardId, borrower: ShardId) -> bool {
        if self.lane(lender, borrower).is_held {
            return false;
        }
        let look = self.lane(lender, borrower).parcels.look();
        self.on_parcel(borrower, look);
        look.is_there()
    }

    /// Whether a loan can be taken back.
    pub(super) fn sees_return(&mut self, lender: ShardId, borrower: ShardId) -> bool {
        // Who sees a loan that came back sees the parcels that were pushed before it.
        let back = self.lane(borrower, lender);
        if back.is_held && back.parcels.len() > 0 || back.parcels.is_hidden() {
            return false;
        }
        let look = self.lane(lender, borrower).returns.look();
        self.on_return(lender, borrower, look);
        look.is_there()
    }

    pub(super) fn pop(&mut self, from: ShardId, shard: ShardId) -> Option<Parcel> {
        if !self.sees_parcel(from, shard) {
            return None;
        }
        let lane = self.lane(from, shard);
        let parcel = lane.parcels.pop().expect("it was seen");
        lane.lent[&parcel.loan].check();
        self.counts.popped += 1;
        Some(parcel)
    }

    pub(super) fn take_back(&mut self, shard: ShardId, from: ShardId) -> Option<u32> {
        let is_there = self.sees_return(shard, from);
        is_there.then(|| self.lane(shard, from).returns.pop().expect("it was seen"))
    }

    pub(super) fn want_loans(&mut self, shard: ShardId, from: ShardId, wanted: bool) {
        self.lane(shard, from).wants_loans = wanted;
    }

    pub(super) fn wants_loans(&mut self, shard: ShardId, from: ShardId) -> bool {
        self.lane(shard, from).wants_loans
    }

    pub(super) fn wake(&mut self, shard: ShardId, to: ShardId) {
        self.lane(shard, to).parcels.announce();
        self.counts.doorbells += 1;
        self.rung.insert(to);
    }

    /// Whether a shard was rung. Brings what travels to it closer to being seen.
    fn look_for(&mut self, shard: ShardId) -> bool {
        for (lender, borrower) in self.pairs() {
            if borrower == shard {
                self.sees_parcel(lender, borrower);
            } else if lender == shard {
                self.sees_return(lender, borrower);
            }
        }
        self.rung.contains(shard)
    }
}

impl SimLane {
    fn new() -> SimLane {
        SimLane {
            parcels: LateQueue::new(),
            returns: LateQueue::new(),
            lent: BTreeMap::new(),
            wants_loans: false,
            is_held: false,
        }
    }

    fn lend(&mut self, parcel: Parcel) {
        assert!((parcel.loan as usize) < LOANS_MAX, "S8: loans are numbered below their maximum");
        let is_back = self.returns.entries().all(|loan| *loan != parcel.loan);
        assert!(is_back, "S8: a number is used again when its loan was taken back");
        let before = self.lent.insert(parcel.loan, Lent { parcel, bytes: bytes_of(parcel) });
        assert!(before.is_none(), "S8: a number is used again when its loan came back");
    }

    /// Takes in a loan that comes back. Returns whether it is that of a parcel.
    fn give_back(&mut self, loan: u32) -> bool {
        assert!((loan as usize) < LOANS_MAX, "S8: loans are numbered below their maximum");
        let is_first = self.returns.entries().all(|other| *other != loan);
        assert!(is_first, "S8: a loan comes back once");
        let in_ring = self.parcels.entries().any(|parcel| parcel.loan == loan);
        assert!(!in_ring, "S8: a parcel was taken out before its loan comes back");
        let lent = self.lent.remove(&loan);
        lent.inspect(Lent::check).is_some()
    }
}

impl Lent {
    fn check(&self) {
        let is_same = bytes_of(self.parcel) == self.bytes;
        assert!(is_same, "S8: what a parcel holds stays as it is until its loan comes back");
    }
}

impl State {
    /// Puts a parcel into a ring, unless it is full or seems to be.
    pub(super) fn push_parcel(
        &mut self,
        shard: ShardId,
        to: ShardId,
        parcel: Parcel,
    ) -> Result<(), Parcel> {
        let ring_parcels = self.mesh.ring_parcels;
        let len = self.mesh.lane(shard, to).parcels.len();
        let is_full = len >= ring_parcels;
        if is_full || len > 0 && self.chance(self.faults.mesh_full) {
            self.mesh.counts.refused += 1;
            self.mesh.counts.refused_with_room += u64::from(!is_full);
            return Err(parcel);
        }
        let looks = self.looks();
        let lane = self.mesh.lane(shard, to);
        lane.lend(parcel);
        lane.parcels.push(parcel, looks);
        self.mesh.counts.pushed += 1;
        self.mesh.counts.ring_parcels_max = self.mesh.counts.ring_parcels_max.max(len + 1);
        Ok(())
    }

    /// Gives a loan back to the shard that lent it.
    pub(super) fn give_loan_back(&mut self, shard: ShardId, to: ShardId, loan: u32) {
        let looks = self.looks();
        let lane = self.mesh.lane(to, shard);
        let of_parcel = lane.give_back(loan);
        lane.returns.push(loan, looks);
        let rings = lane.wants_loans;
        if rings {
            self.mesh.rung.insert(to);
        }
        let counts = &mut self.mesh.counts;
        counts.doorbells += u64::from(rings);
        counts.returned += u64::from(of_parcel);
        counts.returned_beside += u64::from(!of_parcel);
    }

    /// For how many looks something that sets out now is hidden.
    fn looks(&mut self) -> u32 {
        if !self.chance(self.faults.mesh_delay) {
            return 0;
        }
        self.mesh.counts.delayed += 1;
        self.up_to(LOOKS_MAX) as u32
    }
}

impl SimWorld {
    /// From now on, a ring between two shards holds this many parcels.
    ///
    /// # Panics
    /// If it is none, or more than the rings between threads hold.
    pub fn set_ring_parcels(&self, count: usize) {
        assert!((1..=PARCELS_MAX).contains(&count), "a ring holds something, as real ones do");
        self.state().mesh.ring_parcels = count;
    }

    /// Holds up the parcels from one shard to another, or lets them go on.
    pub fn hold_lane(&self, from: ShardId, to: ShardId, is_held: bool) {
        let mut state = self.state();
        state.mesh.lane(from, to).is_held = is_held;
        state.mesh.rung.insert(to);
    }

    /// What went through the lanes.
    #[must_use]
    pub fn mesh_counts(&self) -> MeshCounts {
        self.state().mesh.counts
    }

    /// How many parcels are in rings or were not given back.
    #[must_use]
    pub fn lent_count(&self) -> usize {
        self.state().mesh.lanes.iter().map(|lane| lane.lent.len()).sum()
    }

    /// Whether a shard was rung since [`SimWorld::take_rung`]; all are at the beginning. To look often
    /// enough brings what travels to the shard into its sight, and rings by itself.
    #[must_use]
    pub fn is_rung(&self, shard: ShardId) -> bool {
        self.state().mesh.look_for(shard)
    }

    /// As [`SimWorld::is_rung`], and takes the doorbell back: the shard is stepped until it sleeps.
    #[must_use]
    pub fn take_rung(&self, shard: ShardId) -> bool {
        let mut state = self.state();
        let is_rung = state.mesh.look_for(shard);
        state.mesh.rung.remove(shard);
        is_rung
    }
}

fn bytes_of(parcel: Parcel) -> Vec<u8> {
    // SAFETY: whoever pushed the parcel promised that its bytes stay readable until the loan comes
    // back, and this is called until then only.
    unsafe { std::slice::from_raw_parts(parcel.base.as_ptr(), parcel.len as usize) }.to_vec()
}
