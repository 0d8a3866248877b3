//! The seam between a shard's mesh and what carries its parcels.

use std::ptr::NonNull;

use coilgun_protocol::model::ShardId;

/// Parcels that one ring holds (law S17).
pub const PARCELS_MAX: usize = 256;
/// Bytes of one parcel: twice a block, so that a published message with the most headers fits.
pub const PARCEL_BYTES: usize = 2 * coilgun_protocol::model::limits::BLOCK_BYTES;
/// Runs of bytes that one shard may have lent another: parcels, and large payloads beside them.
pub const LOANS_MAX: usize = 2 * PARCELS_MAX;

/// A run of bytes that one shard lends another (law S8).
///
/// The lender keeps the bytes as they are until the loan comes back. They lie in memory from
/// [`Env::region`](crate::env::Env::region) of a world that knows the mesh, and so stay readable as
/// long as the borrower has its port, even if the lender is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parcel {
    /// The first byte.
    pub base: NonNull<u8>,
    /// How many bytes there are.
    pub len: u32,
    /// The lender's number for the loan, below [`LOANS_MAX`]; comes back with
    /// [`MeshPort::give_back`].
    pub loan: u32,
}

// SAFETY: a parcel is an address and two numbers. Who dereferences the address does so under the
// contract of `Parcel`: the bytes do not change while they are lent.
unsafe impl Send for Parcel {}

/// One shard's end of the rings to and from every other shard.
///
/// Between each ordered pair of shards there is one bounded ring of parcels, first in first out, and
/// one of loans that come back, which has a place for every loan and so is never full.
pub trait MeshPort {
    /// Which shard this is.
    fn shard(&self) -> ShardId;

    /// How many shards there are.
    fn shard_count(&self) -> usize;

    /// Puts a parcel into the ring to another shard. It is seen there at the earliest now; the
    /// other shard is woken by [`MeshPort::wake`] only.
    ///
    /// # Errors
    /// Gives the parcel back if the ring is full.
    fn push(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel>;

    /// The next parcel from another shard.
    fn pop(&mut self, from: ShardId) -> Option<Parcel>;

    /// Gives a loan back to the shard that lent it; wakes that shard only if it said
    /// [`MeshPort::want_loans`].
    fn give_back(&mut self, to: ShardId, loan: u32);

    /// The next loan that came back from another shard.
    fn take_back(&mut self, from: ShardId) -> Option<u32>;

    /// Whether this shard is to be woken when the other one gives a loan back. Say it before looking
    /// for loans a last time.
    fn want_loans(&mut self, from: ShardId, wanted: bool);

    /// Rings the doorbell of another shard: it takes a turn, if it sleeps. Call it after the push.
    fn wake(&mut self, to: ShardId);

    /// Whether a parcel waits, or a loan that was wanted, or something that
    /// [`MeshPort::agree_to_end`] or [`MeshPort::lost`] has not told yet: looked at before sleeping
    /// (law S24).
    fn has_work(&mut self) -> bool;

    /// Says whether this shard has ended its work, and whether all shards have. A shard may take the
    /// word back as long as not all have said it. Wakes all others when it is the last one. A shard
    /// that is lost counts as one that has said it.
    fn agree_to_end(&mut self, ended: bool) -> bool;

    /// A shard that went away before all had agreed to end, the first one if there are several: what
    /// it was sent is not read, and what it borrowed does not come back.
    fn lost(&self) -> Option<ShardId>;
}
