//! How one task of a thread tells another that there is something to do.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::{Poll, Waker};

/// A flag that one task waits for. What is given before anybody waits is not lost; what is given twice
/// is seen once.
#[derive(Debug, Default)]
pub(super) struct Signal {
    given: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Signal {
    /// Lets the task go on that waits, or the next one that will.
    pub(super) fn give(&self) {
        self.given.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until the signal is given, and takes it.
    pub(super) async fn wait(&self) {
        poll_fn(|context| {
            if self.given.take() {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}
