//! What a broker holds on to, measured from outside.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::process::Broker;

/// How long a broker may take to give back what it holds: it lingers for a second with a peer that
/// does not close, and gives memory back after about a second of quiet.
const RESTORED_WITHIN: Duration = Duration::from_secs(10);
/// How often the numbers are read again while they are waited for, in milliseconds.
const LOOK_AGAIN_MS: libc::c_int = 25;

/// What a process holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    /// Open descriptors.
    pub(crate) descriptor_count: usize,
    /// Resident memory, in KiB.
    pub(crate) resident_kib: usize,
}

/// What a broker held before somebody spoilt it.
#[derive(Debug)]
pub(crate) struct Base {
    process: libc::pid_t,
    /// Readable once the process has ended.
    ended: OwnedFd,
    held: Held,
}

impl Base {
    /// What the broker holds now. Whoever will be there at the end is there already.
    pub(crate) fn of(broker: &Broker) -> Base {
        let process = broker.id();
        // SAFETY: pidfd_open takes two numbers and gives a descriptor that is nobody else's.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
        let descriptor = i32::try_from(descriptor).expect("descriptors are small");
        assert!(descriptor >= 0, "a child that was not waited for can be watched");
        // SAFETY: the descriptor was just opened.
        let ended = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Base { process, ended, held: held_by(process) }
    }

    /// What it holds now.
    pub(crate) fn now(&self) -> Held {
        held_by(self.process)
    }

    /// Returns once the broker holds as many descriptors as before and at most `tolerance_kib` more
    /// memory.
    pub(crate) fn is_restored(&self, tolerance_kib: usize) {
        let resident_kib_max = self.held.resident_kib + tolerance_kib;
        self.wait_until("everything was given back", |held| {
            held.descriptor_count == self.held.descriptor_count
                && held.resident_kib <= resident_kib_max
        });
    }

    /// Returns once the broker holds as many descriptors as before, whatever its memory.
    pub(crate) fn has_descriptors_again(&self) {
        self.wait_until("descriptors are closed", |held| {
            held.descriptor_count == self.held.descriptor_count
        });
    }

    /// Returns once the broker holds what is asked for; fails with what it holds if that takes too
    /// long, or if the broker ends.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(Held) -> bool) {
        let begin = Instant::now();
        let (mut least, mut most) = (self.now(), self.now());
        // Ends with the deadline at the latest.
        loop {
            let held = self.now();
            if is_so(held) {
                return;
            }
            least.resident_kib = least.resident_kib.min(held.resident_kib);
            most.resident_kib = most.resident_kib.max(held.resident_kib);
            let measured = format!(
                "before: {:?}; now: {held:?}; meanwhile {} to {} KiB",
                self.held, least.resident_kib, most.resident_kib
            );
            assert!(begin.elapsed() < RESTORED_WITHIN, "{what}: not in time; {measured}");
            assert!(!self.ends_within(LOOK_AGAIN_MS), "{what}: the broker ended; {measured}");
        }
    }

    /// Parks until the process ends, or for so long. Nothing announces that a number of another
    /// process has changed; its end is announced.
    fn ends_within(&self, timeout_ms: libc::c_int) -> bool {
        let events = libc::POLLIN;
        let mut watched = libc::pollfd { fd: self.ended.as_raw_fd(), events, revents: 0 };
        // SAFETY: one structure that lives through the call.
        let count = unsafe { libc::poll(&raw mut watched, 1, timeout_ms) };
        count > 0
    }
}

fn held_by(process: libc::pid_t) -> Held {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).expect("the broker runs");
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the broker runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|it| it.trim().strip_suffix(" kB")).expect("it has memory");
    Held {
        descriptor_count: descriptors.count(),
        resident_kib: resident.parse().expect("a number"),
    }
}
