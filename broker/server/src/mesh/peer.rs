//! What a shard holds for one other shard.
//!
//! ```text
//! messages --> open parcel --full, or end of turn--> closed --> ring     lent until it comes back
//!                 ^
//!              backlog: small messages for which there was no parcel; nothing overtakes them
//! ```

use std::collections::VecDeque;
use std::ptr::NonNull;

use coilgun_protocol::buffer::{BlockRange, BlockRef, Pool, Region};
use coilgun_protocol::model::ClientId;

use super::loans::Loans;
use super::message::Message;
use super::port::{LOANS_MAX, PARCEL_BYTES, PARCELS_MAX, Parcel};

/// Parcels that published messages may not use: what relieves pressure never needs credit (law S8).
const PARCELS_RESERVED: usize = PARCELS_MAX / 4;

/// Parcels that may be under way before only full ones follow, or what is left when some came back.
const PARCELS_HALF_FULL_MAX: usize = 16;

/// What a published message needs on its way to another shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    /// In how many messages it goes.
    pub count: usize,
    /// Bytes that each of them takes in a parcel, at most.
    pub bytes: usize,
    /// Bytes that each of them lends beside it.
    pub lent: usize,
}

/// Everything for one other shard.
#[derive(Debug)]
pub(super) struct Peer {
    /// Blocks for parcels to it.
    parcels: Pool,
    /// Places for what it lends us.
    foreign: Pool,
    /// How much of it we hold, or have not given back.
    borrowed: usize,
    /// The parcel that is being filled.
    open: Option<BlockRange>,
    /// Full ones, in order, and the number of each loan.
    closed: VecDeque<Parcel>,
    /// What is lent to it.
    loans: Loans,
    bytes_in_flight_max: usize,
    /// Encoded messages that found no parcel. Bounded by what the other shard sends, because it is
    /// answers to that.
    backlog: VecDeque<Vec<u8>>,
    /// Publishers that wait for room.
    pub(super) waiters: Vec<ClientId>,
    /// Publishers that wait until it says that a reader there has caught up.
    pub(super) pressed: Vec<ClientId>,
    /// Whether it was told to wake us when a loan comes back.
    pub(super) wants_loans: bool,
}

impl Peer {
    /// Nothing said yet. `memory` is for parcels.
    pub(super) fn new(memory: Region, bytes_in_flight_max: usize) -> Peer {
        let parcels = Pool::new(memory, PARCEL_BYTES);
        Peer {
            parcels,
            foreign: Pool::foreign(LOANS_MAX),
            borrowed: 0,
            open: None,
            closed: VecDeque::with_capacity(PARCELS_MAX),
            loans: Loans::new(),
            bytes_in_flight_max,
            backlog: VecDeque::new(),
            waiters: Vec::new(),
            pressed: Vec::new(),
            wants_loans: false,
        }
    }

    /// Whether there is room for that.
    #[inline]
    pub(super) fn has_room(&self, need: Need) -> bool {
        let Need { count, bytes, lent } = need;
        // A message that takes more than half of what may be under way is not kept waiting by small
        // ones until nothing at all is.
        let wanted = (count * (bytes + lent)).min(self.bytes_in_flight_max / 2);
        let is_within = self.bytes_in_flight() + wanted <= self.bytes_in_flight_max;
        let has_parcels = (count == 1 && self.open_has(bytes))
            || self.parcels.free_count() >= PARCELS_RESERVED + count;
        let has_loans = lent == 0 || self.loans.free_count() > PARCELS_MAX + count + 1;
        is_within && has_parcels && has_loans && self.backlog.is_empty() && self.closed.is_empty()
    }

    /// Whether a small message of so many bytes would go out in this turn, however much of what was
    /// published is under way: what relieves pressure, and what says that there is some, never needs
    /// credit (law S8).
    pub(super) fn has_place(&self, bytes: usize) -> bool {
        let has_parcel = self.open_has(bytes) || self.parcels.free_count() > PARCELS_RESERVED / 2;
        has_parcel && self.backlog.is_empty() && self.closed.is_empty()
    }

    #[inline]
    fn open_has(&self, len: usize) -> bool {
        self.open.as_ref().is_some_and(|open| open.block().capacity() - open.end() >= len)
    }

    /// Puts a published message into the parcels; the caller saw that there is room.
    #[inline]
    pub(super) fn send(&mut self, message: &Message<'_>) {
        assert!(self.put(message), "room is looked for before a message is sent");
    }

    /// Puts a small message into the parcels, or into the backlog.
    pub(super) fn say(&mut self, message: &Message<'_>) {
        if self.backlog.is_empty() && self.put(message) {
            return;
        }
        let mut bytes = vec![0; message.encoded_len()];
        message.encode(&mut bytes);
        self.backlog.push_back(bytes);
    }

    #[inline]
    fn put(&mut self, message: &Message<'_>) -> bool {
        match self.room(message.encoded_len()) {
            Some(room) => {
                message.encode(room);
                true
            }
            None => false,
        }
    }

    /// Room at the end of the open parcel, or in a new one.
    #[inline]
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        if !self.open_has(len) {
            let block = self.parcels.take()?;
            assert!(len <= block.capacity(), "a message fits a parcel");
            self.close();
            self.open = Some(BlockRange::new(block, 0, 0));
        }
        let open = self.open.as_mut()?;
        let start = open.end();
        *open = BlockRange::new(open.block().clone(), 0, start + len);
        // SAFETY: the parcel is filled from the front by this shard alone, and nobody was shown the
        // bytes behind its end.
        Some(unsafe { open.block().unwritten(start, start + len) })
    }

    /// Lends the open parcel.
    fn close(&mut self) {
        let Some(range) = self.open.take() else { return };
        let (base, len) = (range.block().base(), range.len());
        let loan = self.loans.enter(range);
        self.closed.push_back(Parcel { base, len: len as u32, loan });
    }

    /// Lends bytes that stay where they are: returns address, length and number of the loan. Nothing,
    /// if all loans but those for parcels are given out.
    pub(super) fn lend(&mut self, range: BlockRange) -> Option<(usize, u32, u32)> {
        if self.loans.free_count() <= self.parcels.free_count() + 1 {
            return None;
        }
        let (base, len) = (range.bytes().as_ptr().expose_provenance(), range.len());
        Some((base, len as u32, self.loans.enter(range)))
    }

    /// Bytes that are lent, or lie in the open parcel.
    #[inline]
    fn bytes_in_flight(&self) -> usize {
        self.loans.bytes() + self.open.as_ref().map_or(0, BlockRange::len)
    }

    /// A loan came back.
    ///
    /// # Panics
    /// If it was not lent.
    pub(super) fn take_back(&mut self, loan: u32) {
        self.loans.take_back(loan);
    }

    /// Takes in what the other shard lends; it goes back when nobody here holds it any more.
    pub(super) fn borrow(&mut self, base: NonNull<u8>, len: u32, loan: u32) -> BlockRange {
        // SAFETY: the lender keeps the bytes as they are, and mapped, until the loan comes back,
        // which is after the last holder of the block is gone.
        let block: BlockRef = unsafe { self.foreign.enter(loan, base, len as usize) };
        self.borrowed += 1;
        BlockRange::new(block, 0, len as usize)
    }

    /// A loan that nobody here holds any more.
    pub(super) fn next_return(&mut self) -> Option<u32> {
        let loan = self.foreign.take_released()?;
        self.borrowed -= 1;
        Some(loan)
    }

    /// Whether something is to be pushed.
    pub(super) fn has_output(&self) -> bool {
        self.open.is_some() || !self.closed.is_empty() || !self.backlog.is_empty()
    }

    /// Hands over the parcels of this turn, in order, as long as `push` takes them. Returns how many
    /// it took.
    pub(super) fn hand_over(
        &mut self,
        mut push: impl FnMut(Parcel) -> Result<(), Parcel>,
    ) -> usize {
        self.empty_backlog();
        // To one who is far behind, what was said goes in few full parcels: a shard that stands still
        // for a while does not use them all up.
        if self.parcels_lent() <= PARCELS_HALF_FULL_MAX {
            self.close();
        }
        let mut count = 0;
        while let Some(parcel) = self.closed.front() {
            if push(*parcel).is_err() {
                break;
            }
            self.closed.pop_front();
            count += 1;
        }
        count
    }

    fn empty_backlog(&mut self) {
        while let Some(bytes) = self.backlog.pop_front() {
            match self.room(bytes.len()) {
                Some(room) => room.copy_from_slice(&bytes),
                None => return self.backlog.push_front(bytes),
            }
        }
    }

    /// Whether parcels wait that the ring did not take.
    pub(super) fn is_refused(&self) -> bool {
        !self.closed.is_empty()
    }

    /// Whether nothing is under way to it, and nothing of it is held here.
    pub(super) fn is_quiet(&self) -> bool {
        !self.has_output() && self.loans.is_empty() && self.borrowed == 0
    }

    /// Whether somebody waits for loans to come back.
    pub(super) fn needs_loans(&self) -> bool {
        !self.waiters.is_empty()
            || !self.backlog.is_empty()
            || self.loans.any_relayed()
            || self.open.is_some()
    }

    /// How many parcels are lent.
    pub(super) fn parcels_lent(&self) -> usize {
        self.parcels.block_count() - self.parcels.free_count()
    }

    /// Where its parcels come from.
    pub(super) fn pool(&self) -> &Pool {
        &self.parcels
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Message, ReplyTo};
    use super::super::reading::Messages;
    use super::*;
    use coilgun_protocol::model::ClientId;

    const BYTES_MAX: usize = 10_000;

    fn peer(parcels: usize) -> Peer {
        Peer::new(Region::heap(parcels * PARCEL_BYTES), BYTES_MAX)
    }

    fn numbered(number: u64) -> Message<'static> {
        Message::Barrier(ReplyTo { client: ClientId { slot: 0, generation: 0 }, number })
    }

    /// What the other shard finds in parcels.
    fn read(parcels: &[Parcel]) -> Vec<u64> {
        let mut numbers = Vec::new();
        for parcel in parcels {
            // SAFETY: the parcel is lent: its bytes do not change.
            let bytes = unsafe {
                std::slice::from_raw_parts(parcel.base.as_ptr().cast_const(), parcel.len as usize)
            };
            numbers.extend(Messages::new(bytes).map(|message| {
                let Message::Barrier(to) = message else { panic!("{message:?} was not sent") };
                to.number
            }));
        }
        numbers
    }

    fn handed_over(peer: &mut Peer) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        peer.hand_over(|parcel| {
            parcels.push(parcel);
            Ok(())
        });
        parcels
    }

    #[test]
    fn s8_s17_what_found_no_parcel_is_late_but_keeps_its_place() {
        let mut peer = peer(1);
        peer.say(&numbered(1));
        let first = handed_over(&mut peer);
        (2..5).for_each(|number| peer.say(&numbered(number)));
        let need = Need { count: 1, bytes: 8, lent: 0 };
        assert!(!peer.has_room(need), "nothing overtakes the backlog");
        assert_eq!(handed_over(&mut peer), [], "the only parcel is lent");
        assert!(peer.needs_loans() && !peer.is_quiet());
        peer.take_back(first[0].loan);
        let second = handed_over(&mut peer);
        assert_eq!(read(&second), [2, 3, 4]);
        peer.take_back(second[0].loan);
        assert!(peer.is_quiet() && !peer.needs_loans());
    }

    #[test]
    fn s17_what_a_ring_refuses_goes_first_in_the_next_turn() {
        let mut peer = peer(PARCELS_MAX);
        peer.say(&numbered(1));
        assert_eq!(peer.hand_over(Err), 0);
        assert!(peer.is_refused());
        assert!(!peer.has_room(Need { count: 1, bytes: 8, lent: 0 }));
        peer.say(&numbered(2));
        let parcels = handed_over(&mut peer);
        assert_eq!((parcels.len(), read(&parcels)), (2, vec![1, 2]));
        assert!(!peer.is_refused());
    }

    #[test]
    fn s8_published_messages_stay_within_their_bytes_and_leave_parcels_to_others() {
        let mut peer = peer(PARCELS_MAX);
        let need = |bytes, lent| Need { count: 1, bytes, lent };
        assert!(peer.has_room(need(64, 5 * BYTES_MAX)), "one always may be under way");
        peer.send(&numbered(1));
        assert!(peer.has_room(need(64, BYTES_MAX)), "it is not kept waiting by a small one");
        let pool = Pool::new(Region::heap(BYTES_MAX), BYTES_MAX);
        let block = pool.take().expect("a block is free");
        let (_, _, loan) = peer.lend(BlockRange::new(block, 0, BYTES_MAX)).expect("few are lent");
        assert!(!peer.has_room(need(64, 0)), "now everything else waits");
        peer.take_back(loan);
        let mut lent = handed_over(&mut peer);
        while peer.has_room(need(64, 0)) {
            peer.send(&numbered(2));
            lent.extend(handed_over(&mut peer));
        }
        assert_eq!(lent.len(), PARCELS_HALF_FULL_MAX, "the rest waits for its parcel to be full");
        peer.say(&numbered(3));
        assert!(peer.needs_loans() && handed_over(&mut peer).is_empty());
        peer.take_back(lent[0].loan);
        assert_eq!(read(&handed_over(&mut peer)).last(), Some(&3), "or until one has come back");
    }

    #[test]
    fn s8_a_payload_is_lent_as_long_as_parcels_keep_their_loans() {
        let mut peer = peer(PARCELS_MAX);
        let pool = Pool::new(Region::heap(64), 64);
        let range = BlockRange::new(pool.take().expect("a block is free"), 0, 10);
        let mut loans = Vec::new();
        while let Some((_, len, loan)) = peer.lend(range.clone()) {
            assert_eq!(len, 10);
            loans.push(loan);
        }
        assert!(loans.len() >= LOANS_MAX - PARCELS_MAX - 2, "{}", loans.len());
        let client = ClientId { slot: 0, generation: 0 };
        let text = vec![b' '; PARCEL_BYTES - 100];
        for _ in 0..PARCELS_MAX {
            peer.say(&Message::Counters { client, text: &text });
        }
        assert!(
            handed_over(&mut peer).len() >= PARCELS_MAX - 1,
            "full ones follow whatever is lent"
        );
        drop(range);
        loans.iter().for_each(|loan| peer.take_back(*loan));
        assert_eq!(pool.free_count(), 1, "the lender's block is free");
    }
}
