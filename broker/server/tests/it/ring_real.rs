//! The ring on the real kernel, beyond what an echo shows.

use coilgun_protocol::buffer::Pool;
use coilgun_protocol::model::Timestamp;
use coilgun_server::env::{Env, LinuxEnv, Waker};
use coilgun_server::net::{Operation, OperationKind, Ring, UserData};

/// The kernel's completion queue holds 4,096; the rest waits inside the kernel until there is room.
#[test]
fn s2_completions_beyond_the_queue_are_late_but_not_lost() {
    const OPERATIONS: u32 = 10_000;
    let waker = Waker::new().expect("there are descriptors");
    let mut env = LinuxEnv::new(waker);
    let receive = Pool::new(env.region(4 * 4096).expect("there is memory"), 4096);
    let mut ring = env.ring(&receive).expect("the kernel gives a ring");
    for slot in 0..OPERATIONS {
        let target = UserData::new(OperationKind::Receive, slot, 0);
        let user = UserData::new(OperationKind::Cancel, slot, 0);
        // SAFETY: a cancellation names no memory.
        unsafe { ring.push(Operation::Cancel { target }, user) };
    }
    let mut seen = Vec::new();
    let mut rounds = 0;
    while seen.len() < OPERATIONS as usize {
        ring.enter().expect("the ring works");
        ring.complete(&mut seen, 256);
        rounds += 1;
        assert!(rounds < 1_000, "only {} completions came", seen.len());
    }
    let mut slots: Vec<u32> = seen.iter().map(|completion| completion.user.slot()).collect();
    slots.sort_unstable();
    assert!(slots.into_iter().eq(0..OPERATIONS), "each completion came once");
}

#[test]
fn a_timeout_of_the_past_completes_at_once() {
    let waker = Waker::new().expect("there are descriptors");
    let mut env = LinuxEnv::new(waker);
    let receive = Pool::new(env.region(4 * 4096).expect("there is memory"), 4096);
    let mut ring = env.ring(&receive).expect("the kernel gives a ring");
    let user = UserData::new(OperationKind::Timeout, 0, 0);
    // SAFETY: a timeout names no memory of ours.
    unsafe { ring.push(Operation::Timeout { at: Timestamp(1) }, user) };
    let mut seen = Vec::new();
    for _ in 0..100 {
        ring.enter().expect("the ring works");
        ring.complete(&mut seen, 16);
    }
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].user, user);
}
