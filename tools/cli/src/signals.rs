//! SIGTERM and SIGINT: the first asks for a good end, the second ends at once. SIGHUP asks for the
//! configuration to be read again, where there is one.

use std::io;
use std::thread::JoinHandle;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
        SignalWatch::start_all(on_first, None::<fn()>)
    }

    /// The same, and calls `on_hangup` at every SIGHUP; without it, that ends the process as it always does.
    ///
    /// # Errors
    /// If the system lets nobody listen.
    pub(crate) fn start_all(
        on_first: impl FnOnce() + Send + 'static,
        on_hangup: Option<impl Fn() + Send + 'static>,
    ) -> io::Result<SignalWatch> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        if on_hangup.is_some() {
            signals.add_signal(SIGHUP)?;
        }
        let handle = signals.handle();
        let watch = move || {
            let mut on_first = Some(on_first);
            // Ends when the handle is closed.
            for signal in signals.forever() {
                if let (SIGHUP, Some(on_hangup)) = (signal, &on_hangup) {
                    on_hangup();
                    continue;
                }
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
