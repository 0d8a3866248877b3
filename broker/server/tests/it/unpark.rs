//! A thread that parks until somebody has news for it.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What unparks the thread that calls this.
pub(crate) fn waker_of_this_thread() -> Waker {
    Arc::new(Unpark(thread::current())).into()
}
