//! Notices a target that does not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Stands in the counter until the first execution begins.
const NOT_BEGUN: u64 = u64::MAX;

/// Watches a counter of executions for as long as it lives.
pub(crate) struct Watchdog {
    executions: Arc<AtomicU64>,
    /// Closing the channel ends the thread.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Begins to watch. If an execution has begun and no other begins for one to two times
    /// `patience`, `stuck` is called once, on a thread of the watchdog, with the number of the
    /// execution that does not end.
    pub(crate) fn start(patience: Duration, stuck: impl FnOnce(u64) + Send + 'static) -> Watchdog {
        let executions = Arc::new(AtomicU64::new(NOT_BEGUN));
        let (alive, closed) = channel::<()>();
        let watched = Arc::clone(&executions);
        let thread = std::thread::spawn(move || {
            let mut last = NOT_BEGUN;
            // Ends when the watchdog is dropped, or when an execution is stuck.
            while closed.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                let now = watched.load(Ordering::Relaxed);
                if now != NOT_BEGUN && now == last {
                    return stuck(now);
                }
                last = now;
            }
        });
        Watchdog { executions, alive: Some(alive), thread: Some(thread) }
    }

    /// Says that this execution begins.
    pub(crate) fn begin(&self, execution: u64) {
        self.executions.store(execution, Ordering::Relaxed);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there; there is nobody left to tell.
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_does_not_end_is_named() {
        let (named, name) = channel();
        let watchdog = Watchdog::start(Duration::from_millis(20), move |execution| {
            named.send(execution).expect("the test waits for it");
        });
        watchdog.begin(41);
        assert_eq!(name.recv(), Ok(41));
    }

    #[test]
    fn one_that_ends_in_time_is_not() {
        let (named, name) = channel::<u64>();
        let watchdog = Watchdog::start(Duration::from_secs(3600), move |execution| {
            named.send(execution).expect("the test waits for it");
        });
        watchdog.begin(1);
        drop(watchdog);
        assert!(name.recv().is_err(), "it ends without calling anybody");
    }
}
