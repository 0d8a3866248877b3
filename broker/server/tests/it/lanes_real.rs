//! The lanes between threads, with shards that sleep when they have nothing to do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use coilgun_protocol::model::ShardId;
use coilgun_server::env::{Env, LinuxEnv, Waker, Work};
use coilgun_server::mesh::{LOANS_MAX, MeshPort, PARCELS_MAX, Parcel, ThreadPort, fabric};

use crate::courier::Courier;

/// Longer than any wake-up takes, in milliseconds.
const LOST_MS: i32 = 20_000;

/// Whether the doorbell was rung, or is within `timeout_ms`.
fn is_rung(waker: &Waker, timeout_ms: i32) -> bool {
    let mut event = libc::pollfd { fd: waker.descriptor(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure that lives through the call.
    unsafe { libc::poll(&raw mut event, 1, timeout_ms) == 1 }
}

/// Passes parcels until all shards have ended. Returns how often the shard slept.
fn pass_all(port: ThreadPort, parcel_count: u64) -> usize {
    let waker = port.waker().clone();
    let mut courier = Courier::new(LinuxEnv::in_mesh(&port), port, parcel_count);
    let mut sleeps = 0;
    // Ends because every sleep is followed by something to do.
    loop {
        match courier.turn() {
            Work::More => {}
            Work::Idle => {
                waker.announce_sleep();
                if courier.prepare_park() {
                    sleeps += 1;
                    assert!(is_rung(&waker, LOST_MS), "S24: a sleeping shard is woken");
                }
                waker.end_sleep();
                courier.end_park();
            }
            Work::Done => {
                assert_eq!(courier.port.lost(), None);
                return sleeps;
            }
        }
    }
}

fn pass_between(shard_count: usize, parcel_count: u64) -> usize {
    let ports = fabric(shard_count).expect("there are descriptors");
    let pass = |port| std::thread::spawn(move || pass_all(port, parcel_count));
    let threads: Vec<_> = ports.into_iter().map(pass).collect();
    threads.into_iter().map(|it| it.join().expect("no thread panics")).sum()
}

#[test]
fn s8_s17_s24_two_threads_pass_each_other_everything_in_order() {
    assert!(pass_between(2, 100_000) > 0, "they slept in between");
}

#[test]
fn s8_s17_s24_every_pair_of_four_threads_has_lanes_of_its_own() {
    pass_between(4, 5_000);
}

/// The two ends of a fabric, on this thread.
fn pair() -> [ThreadPort; 2] {
    let ports = fabric(2).expect("there are descriptors");
    ports.try_into().expect("there are two")
}

const FIRST: ShardId = ShardId::new(0);
const SECOND: ShardId = ShardId::new(1);

fn parcel(bytes: &'static [u8], loan: usize) -> Parcel {
    let base = std::ptr::NonNull::from(bytes).cast();
    Parcel { base, len: bytes.len() as u32, loan: loan as u32 }
}

#[test]
fn s17_a_ring_that_is_full_gives_the_parcel_back() {
    let [mut first, mut second] = pair();
    for loan in 0..PARCELS_MAX {
        assert_eq!(first.push(SECOND, parcel(b"taken", loan)), Ok(()));
    }
    let refused = parcel(b"refused", PARCELS_MAX);
    assert_eq!(first.push(SECOND, refused), Err(refused));
    assert!(second.has_work() && !first.has_work());
    assert_eq!(second.pop(FIRST), Some(parcel(b"taken", 0)));
    assert_eq!(first.push(SECOND, refused), Ok(()));
    assert_eq!((first.pop(SECOND), second.take_back(FIRST)), (None, None), "nothing came here");
}

#[test]
fn s8_the_ring_of_returns_has_a_place_for_every_loan_and_no_more() {
    let [mut first, mut second] = pair();
    assert_eq!(first.push(SECOND, parcel(b"opens the lane", 0)), Ok(()));
    (0..LOANS_MAX).for_each(|loan| second.give_back(FIRST, loan as u32));
    let surplus = catch_unwind(AssertUnwindSafe(|| second.give_back(FIRST, 0)));
    assert!(surplus.is_err(), "S8: what was not lent does not come back");
    let taken: Vec<_> = std::iter::from_fn(|| first.take_back(SECOND)).collect();
    assert!(taken.into_iter().eq(0..LOANS_MAX as u32));
}

#[test]
fn s24_a_loan_wakes_its_lender_only_if_that_wants_it() {
    let [mut first, mut second] = pair();
    let waker = first.waker().clone();
    assert_eq!(first.push(SECOND, parcel(b"opens the lane", 0)), Ok(()));
    waker.announce_sleep();
    second.give_back(FIRST, 0);
    assert!(!is_rung(&waker, 0) && !first.has_work(), "nobody waits for it");
    first.want_loans(SECOND, true);
    assert!(first.has_work(), "it is there already");
    second.give_back(FIRST, 1);
    assert!(is_rung(&waker, 0));
    waker.end_sleep();
    first.want_loans(SECOND, false);
    waker.announce_sleep();
    second.give_back(FIRST, 2);
    assert!(!is_rung(&waker, 0) && !first.has_work());
}

#[test]
fn s24_the_last_one_that_ends_wakes_those_that_sleep() {
    let [mut first, mut second] = pair();
    assert!(!first.agree_to_end(true) && !first.has_work());
    first.waker().announce_sleep();
    assert!(second.agree_to_end(true));
    assert!(is_rung(first.waker(), 0) && first.has_work());
    drop(second);
    assert_eq!(first.lost(), None, "it ended by agreement");
    assert!(first.agree_to_end(false) && !first.has_work());
}

#[test]
fn s8_what_a_lost_shard_lent_can_be_read_until_the_last_port_is_gone() {
    let [mut first, mut second] = pair();
    first.waker().announce_sleep();
    let region = LinuxEnv::in_mesh(&second).region(1 << 20).expect("there is memory");
    let base = region.base();
    // SAFETY: nobody else knows the region.
    unsafe { base.write_bytes(7, 1 << 20) };
    assert_eq!(second.push(FIRST, Parcel { base, len: 1 << 20, loan: 0 }), Ok(()));
    // What a thread drops that panics.
    drop((region, second));
    assert!(is_rung(first.waker(), 0) && first.has_work());
    assert_eq!(first.lost(), Some(SECOND));
    let parcel = first.pop(SECOND).expect("it was pushed");
    // SAFETY: the memory stays mapped, and nobody writes to it.
    let bytes = unsafe { std::slice::from_raw_parts(parcel.base.as_ptr(), parcel.len as usize) };
    assert!(bytes.iter().all(|byte| *byte == 7));
    first.give_back(SECOND, parcel.loan);
    assert!(!first.has_work(), "a loss is told once");
    assert!(first.agree_to_end(true), "who is lost has ended");
}
