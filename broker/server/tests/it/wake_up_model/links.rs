//! A model check of a client inside the process that waits for bytes: the file of its flags is compiled
//! a second time too, with loom's atomics.

use std::sync::Arc;

use loom::sync::atomic::{self, AtomicU32, Ordering};
use loom::thread;

#[path = "../../../src/link/wait_flags.rs"]
mod wait_flags;

use wait_flags::WaitFlags;

/// What both ends share. The counter stands for the ring, which orders more: only the fences of the
/// flags order it here.
struct Shared {
    waits: WaitFlags,
    sent: AtomicU32,
    /// Stands for the waker of the client's task.
    woken: AtomicU32,
}

/// What the client waits for.
const FOR_BYTES: u8 = 1;
/// How often the shard sends.
const SENDS: u32 = 2;

#[test]
pub(crate) fn s24_no_client_inside_the_process_sleeps_on_bytes() {
    loom::model(|| {
        let shared = Arc::new(Shared {
            waits: WaitFlags::new(),
            sent: AtomicU32::new(0),
            woken: AtomicU32::new(0),
        });
        let shard = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for _ in 0..SENDS {
                    shared.sent.fetch_add(1, Ordering::Relaxed);
                    if shared.waits.take(FOR_BYTES) {
                        shared.woken.fetch_add(1, Ordering::AcqRel);
                    }
                }
            }
        });
        let mut shard = Some(shard);
        let mut received = shared.sent.load(Ordering::Relaxed);
        // Ends, because every round but the last receives something or was woken.
        while received < SENDS {
            shared.waits.wait_for(FOR_BYTES);
            let is_idle = shared.sent.load(Ordering::Relaxed) == received;
            if is_idle && shared.woken.load(Ordering::Acquire) == 0 {
                // It sleeps. Once the shard is through, everything is there and nobody wakes it later.
                if let Some(shard) = shard.take() {
                    shard.join().expect("the shard does not panic");
                }
                let woken = shared.woken.load(Ordering::Acquire);
                assert!(woken > 0, "S24: the client sleeps though something arrived");
            }
            shared.woken.swap(0, Ordering::AcqRel);
            received = shared.sent.load(Ordering::Relaxed);
        }
    });
}
