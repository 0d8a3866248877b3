//! A shard that does nothing but pass numbered parcels to every other shard, over any lanes.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use coilgun_protocol::buffer::Region;
use coilgun_protocol::model::ShardId;
use coilgun_server::env::{Env, Work};
use coilgun_server::mesh::{MeshPort, Parcel};

/// Bytes of a parcel: its number, and the number turned round.
const PARCEL_BYTES: usize = 16;
/// Loans to each other shard: fewer than there are parcels, so that it has to wait for them.
const LOANS: usize = 24;
/// What it pushes and pops in a turn, for each other shard.
const PER_TURN: usize = 16;

/// One shard.
pub(crate) struct Courier<P: MeshPort> {
    pub(crate) port: P,
    routes: Vec<Route>,
    parcel_count: u64,
}

/// What it passes to one other shard, and got from there.
struct Route {
    other: ShardId,
    /// A place for each loan, in memory that lives as long as the courier.
    places: ManuallyDrop<Region>,
    free: Vec<u32>,
    sent: u64,
    received: u64,
    /// Loans of the other shard that are still to be given back.
    held: Vec<u32>,
}

impl<P: MeshPort> Courier<P> {
    /// Passes `parcel_count` parcels to each other shard, out of memory of `env`.
    pub(crate) fn new<E: Env<Mesh = P>>(mut env: E, port: P, parcel_count: u64) -> Courier<P> {
        let others = (0..port.shard_count()).map(ShardId::new).filter(|it| *it != port.shard());
        let routes = others.map(|other| {
            let places = env.region(LOANS * PARCEL_BYTES).expect("there is memory");
            Route::new(other, places)
        });
        Courier { routes: routes.collect(), port, parcel_count }
    }

    pub(crate) fn turn(&mut self) -> Work {
        let mut moved = 0;
        for route in &mut self.routes {
            moved += route.take_back(&mut self.port);
            moved += route.push(&mut self.port, self.parcel_count);
            moved += route.pop(&mut self.port);
        }
        let ended = self.routes.iter().all(|route| {
            (route.sent, route.received) == (self.parcel_count, self.parcel_count)
                && route.free.len() == LOANS
                && route.held.is_empty()
        });
        if self.port.agree_to_end(ended) {
            return Work::Done;
        }
        if moved > 0 { Work::More } else { Work::Idle }
    }

    /// Whether there is nothing to do; its sleep was announced before.
    pub(crate) fn prepare_park(&mut self) -> bool {
        for route in &self.routes {
            self.port.want_loans(route.other, route.free.len() < LOANS);
        }
        !self.port.has_work()
    }

    pub(crate) fn end_park(&mut self) {
        self.routes.iter().for_each(|route| self.port.want_loans(route.other, false));
    }
}

impl Route {
    fn new(other: ShardId, places: Region) -> Route {
        Route {
            other,
            places: ManuallyDrop::new(places),
            free: (0..LOANS as u32).collect(),
            sent: 0,
            received: 0,
            held: Vec::new(),
        }
    }

    fn take_back(&mut self, port: &mut impl MeshPort) -> usize {
        let before = self.free.len();
        // Ends because there are so many loans.
        while let Some(loan) = port.take_back(self.other) {
            assert!(!self.free.contains(&loan), "S8: loan {loan} came back once");
            self.free.push(loan);
        }
        self.free.len() - before
    }

    fn push(&mut self, port: &mut impl MeshPort, parcel_count: u64) -> usize {
        let before = self.sent;
        for _ in 0..PER_TURN {
            let Some(loan) = self.free.pop_if(|_| self.sent < parcel_count) else { break };
            // SAFETY: the place lies in the region.
            let base = unsafe { self.places.base().add(loan as usize * PARCEL_BYTES) };
            // SAFETY: nobody was lent the place.
            unsafe { base.cast::<[u64; 2]>().write_unaligned([self.sent, !self.sent]) };
            let parcel = Parcel { base, len: PARCEL_BYTES as u32, loan };
            if let Err(refused) = port.push(self.other, parcel) {
                assert_eq!(refused, parcel);
                self.free.push(loan);
                break;
            }
            self.sent += 1;
        }
        if self.sent > before {
            port.wake(self.other);
        }
        (self.sent - before) as usize
    }

    /// Reads parcels, and gives their loans back later and in another order.
    fn pop(&mut self, port: &mut impl MeshPort) -> usize {
        let before = self.received;
        for _ in 0..PER_TURN {
            let Some(parcel) = port.pop(self.other) else { break };
            assert_eq!(read(parcel), [self.received, !self.received], "S17: in order, none lost");
            self.received += 1;
            self.held.push(parcel.loan);
        }
        let count = (self.received - before) as usize;
        let given_back = if count == PER_TURN { PER_TURN / 2 } else { self.held.len() };
        for _ in 0..given_back {
            let loan = self.held.pop().expect("it is held");
            port.give_back(self.other, loan);
        }
        count.max(given_back)
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        // What was lent may still be read after a failure: only then is the memory left alone.
        if self.free.len() == LOANS {
            // SAFETY: it is dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.places) };
        }
    }
}

/// The two numbers of a parcel.
fn read(parcel: Parcel) -> [u64; 2] {
    assert_eq!(parcel.len as usize, PARCEL_BYTES);
    let base: NonNull<[u64; 2]> = parcel.base.cast();
    // SAFETY: a courier wrote them and keeps them until the loan comes back.
    unsafe { base.read_unaligned() }
}
