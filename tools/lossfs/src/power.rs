//! Whether there is power.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// A switch that is asked before every step, from several threads.
#[derive(Debug, Default)]
pub(crate) struct Power {
    is_cut: AtomicBool,
}

impl Power {
    /// Ends the power; what is under way stops at its next step.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// Brings it back.
    pub(crate) fn restore(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }

    /// Passes while there is power.
    ///
    /// # Errors
    /// `EIO` once it was cut.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_cut.load(Ordering::SeqCst) { Err(error(libc::EIO)) } else { Ok(()) }
    }
}

/// An error of the operating system.
pub(crate) fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
