//! Ends a bench in good order when somebody asks for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked for the end. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Whether the end was asked for.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for the end.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// From now on SIGINT and SIGTERM raise the interrupt and then call `then`, on a thread of its
    /// own. The second such signal ends the process at once.
    ///
    /// Call it before any other thread is started: threads inherit that they do not take these
    /// signals themselves.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals(&self, then: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let signals = signal_set(&[libc::SIGINT, libc::SIGTERM]);
        mask_signals(libc::SIG_BLOCK, &signals)?;
        let interrupt = self.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            wait_for(&signals);
            interrupt.raise();
            then();
            // The next signal is delivered to this thread and does what it does by default.
            if let Err(error) = mask_signals(libc::SIG_UNBLOCK, &signals) {
                eprintln!("coilgun-bench: a second signal will be ignored: {error}");
            }
            // Ends with the process; returns early at every wake-up that has no reason.
            loop {
                std::thread::park();
            }
        })?;
        Ok(())
    }
}

/// Lets the calling thread take every signal. Allocates nothing and takes no lock, so that it may be
/// called between fork and exec.
///
/// # Errors
/// If the system refuses.
pub fn take_every_signal() -> io::Result<()> {
    mask_signals(libc::SIG_SETMASK, &signal_set(&[]))
}

fn signal_set(signals: &[libc::c_int]) -> libc::sigset_t {
    // SAFETY: a set of signals is made of numbers, for which zero is a value; sigemptyset then makes
    // it a proper empty set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set lives through the call.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: the set lives through the call, and the callers name signals that exist.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    set
}

fn mask_signals(how: libc::c_int, signals: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: the set lives through the call; the old mask is not asked for.
    let result = unsafe { libc::pthread_sigmask(how, signals, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

/// Returns when one of the signals has come.
fn wait_for(signals: &libc::sigset_t) {
    let mut signal = 0;
    // SAFETY: set and number live through the call. It fails only for a set that names no signal.
    let result = unsafe { libc::sigwait(signals, &raw mut signal) };
    assert_eq!(result, 0, "the set holds signals that exist");
}
