//! Whether there is power.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Steps that are never used up.
const ENDLESS: i64 = i64::MAX;

/// A switch that is asked before every step, from several threads.
#[derive(Debug)]
pub(crate) struct Power {
    /// How many steps it lasts; none once it is not positive.
    steps: AtomicI64,
    /// How many steps were taken since the beginning.
    taken: AtomicU64,
}

impl Power {
    /// Power without an end.
    pub(crate) fn new() -> Power {
        Power { steps: AtomicI64::new(ENDLESS), taken: AtomicU64::new(0) }
    }

    /// Ends the power; what is under way stops at its next step.
    pub(crate) fn cut(&self) {
        self.steps.store(0, Ordering::SeqCst);
    }

    /// Ends it after so many steps of something that becomes durable, or never. Whether there is power still.
    pub(crate) fn cut_after(&self, steps: Option<u32>) -> bool {
        let wanted = steps.map_or(ENDLESS, i64::from);
        let arm = |steps: i64| (steps > 0).then_some(wanted);
        self.steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, arm).is_ok()
    }

    /// Brings it back, without an end.
    pub(crate) fn restore(&self) {
        self.steps.store(ENDLESS, Ordering::SeqCst);
    }

    /// Whether it was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.steps.load(Ordering::SeqCst) <= 0
    }

    /// Passes while there is power.
    ///
    /// # Errors
    /// `EIO` once it was cut.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_cut() { Err(error(libc::EIO)) } else { Ok(()) }
    }

    /// Passes while there is power, for one step that makes something durable.
    ///
    /// # Errors
    /// `EIO` once it was cut.
    pub(crate) fn step(&self) -> io::Result<()> {
        let spend = |steps| match steps {
            ENDLESS => Some(ENDLESS),
            1.. => Some(steps - 1),
            _ => None,
        };
        match self.steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend) {
            Ok(_) => {
                self.taken.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            Err(_) => Err(error(libc::EIO)),
        }
    }

    /// How many steps were taken since the beginning.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }
}

/// An error of the operating system.
pub(crate) fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
