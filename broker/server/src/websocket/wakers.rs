//! What links wake the thread with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use crossbeam::queue::SegQueue;
use mio::Token;

/// Connections whose link has news. Each stands in it at most once.
#[derive(Debug)]
pub(super) struct Woken {
    queue: SegQueue<Token>,
    poll: mio::Waker,
}

/// Wakes the thread for one connection.
#[derive(Debug)]
pub(super) struct LinkWaker {
    token: Token,
    is_queued: AtomicBool,
    woken: Arc<Woken>,
}

impl Woken {
    pub(super) fn new(poll: mio::Waker) -> Woken {
        Woken { queue: SegQueue::new(), poll }
    }

    /// The next connection, if there is one. What happens to it from now on is told again, once its
    /// [`LinkWaker`] has been told that it was seen.
    pub(super) fn next(&self) -> Option<Token> {
        self.queue.pop()
    }

    /// Has the thread look around.
    pub(super) fn wake(&self) {
        if let Err(error) = self.poll.wake() {
            // It is an eventfd; without it the thread would sleep for ever.
            panic!("the thread of the WebSockets cannot be woken: {error}");
        }
    }
}

impl LinkWaker {
    pub(super) fn new(token: Token, woken: Arc<Woken>) -> LinkWaker {
        LinkWaker { token, is_queued: AtomicBool::new(false), woken }
    }

    /// From now on it is queued again when it is woken.
    pub(super) fn seen(&self) {
        self.is_queued.store(false, Ordering::SeqCst);
    }

    /// Queues the connection, unless it is.
    pub(super) fn ring(&self) {
        if !self.is_queued.swap(true, Ordering::SeqCst) {
            self.woken.queue.push(self.token);
            self.woken.wake();
        }
    }
}

impl Wake for LinkWaker {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
