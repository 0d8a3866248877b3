//! SIGTERM and SIGINT: the first asks for a good end, the second ends at once.

use std::io;
use std::thread::JoinHandle;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Listens for signals until it is dropped.
#[derive(Debug)]
pub(crate) struct SignalWatch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl SignalWatch {
    /// Calls `on_first` at the first signal, and ends the process at the second, with 128 and the
    /// signal's number as its status.
    ///
    /// # Errors
    /// If the system lets nobody listen.
    pub(crate) fn start(on_first: impl FnOnce() + Send + 'static) -> io::Result<SignalWatch> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let handle = signals.handle();
        let watch = move || {
            let mut on_first = Some(on_first);
            // Ends when the handle is closed.
            for signal in signals.forever() {
                match on_first.take() {
                    Some(on_first) => on_first(),
                    None => signal_hook::low_level::exit(128 + signal),
                }
            }
        };
        let thread = std::thread::Builder::new().name("coilgun-signals".to_owned()).spawn(watch)?;
        Ok(SignalWatch { handle, thread: Some(thread) })
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It has no result, and what it could panic with was reported when it did.
            let _ = thread.join();
        }
    }
}
