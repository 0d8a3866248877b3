//! A model check of the sleeping flag: the file of the crate is compiled a second time, with loom's
//! atomics. They try every interleaving, and every earlier value that the memory model lets a thread
//! read; what they leave out are loads that see stores which come later in the program.

use std::sync::Arc;

use loom::sync::atomic::{self, AtomicU32, Ordering};
use loom::thread;

#[path = "../../src/env/sleep_flag.rs"]
mod sleep_flag;

pub(crate) mod lanes;
pub(crate) mod links;

use sleep_flag::SleepFlag;

/// Pieces of work that are put into the queue, by one thread or each by its own. The second finds the
/// sleeper awake, or in another round than the first.
const WORK_COUNT: u32 = 2;

/// What the shard and those who wake it share.
struct Shared {
    flag: SleepFlag,
    /// Pieces of work that were put into the queue. The broker's queue orders more: it publishes a
    /// piece with release and looks with sequentially consistent loads. Nothing of that is assumed:
    /// only the fences of the flag order the work here.
    put: AtomicU32,
    /// Stands for the eventfd, which the kernel reads and writes under a spin lock.
    event: AtomicU32,
}

impl Shared {
    fn new() -> Shared {
        Shared { flag: SleepFlag::new(), put: AtomicU32::new(0), event: AtomicU32::new(0) }
    }

    /// What `ControlSender::send` does.
    fn put_and_wake(&self) {
        self.put.fetch_add(1, Ordering::Relaxed);
        if self.flag.needs_wake_up() {
            self.event.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn count_put(&self) -> u32 {
        self.put.load(Ordering::Relaxed)
    }

    fn has_event(&self) -> bool {
        self.event.load(Ordering::Acquire) > 0
    }

    /// What `Waker::end_sleep` does.
    fn end_sleep(&self) {
        self.flag.end_sleep();
        self.event.swap(0, Ordering::AcqRel);
    }
}

/// What `executor::run` does, until all work was taken. Ends, because every round but the last takes
/// work or an event, and there are at most [`WORK_COUNT`] of each.
fn take_all(shared: &Shared, mut wakers: Vec<thread::JoinHandle<()>>) {
    let mut taken = shared.count_put();
    while taken < WORK_COUNT {
        shared.flag.announce_sleep();
        if shared.count_put() == taken && !shared.has_event() {
            // It sleeps. Once all wakers are through, all work is in the queue and no other wake-up is
            // on its way; one that comes earlier is the same as one that was there.
            wakers.drain(..).for_each(|waker| waker.join().expect("a waker does not panic"));
            assert!(shared.has_event(), "S24: the shard sleeps with work in its queue");
        }
        shared.end_sleep();
        taken = shared.count_put();
    }
}

/// The mutants of the flag are found here: the threads of the model take turns on the thread of the
/// test, and so are run with the mutant that is switched on for it.
#[test]
pub(crate) fn s24_no_wake_up_is_lost_in_any_interleaving() {
    let is_full = std::env::var_os("COILGUN_TEST_FULL").is_some();
    let waker_count = if is_full { WORK_COUNT } else { 1 };
    let test_thread = std::thread::current().id();
    loom::model(move || {
        let shared = Arc::new(Shared::new());
        let wakers = (0..waker_count).map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert_eq!(std::thread::current().id(), test_thread);
                (0..WORK_COUNT / waker_count).for_each(|_| shared.put_and_wake());
            })
        });
        let wakers = wakers.collect();
        take_all(&shared, wakers);
    });
}
