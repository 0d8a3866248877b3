//! Words from other threads to a shard.
//!
//! One bounded lock-free queue per shard and a [`Waker`]: the word is put into the queue first and
//! the shard woken second (law S24).

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::env::Waker;

/// Words that may wait. A shard takes all of them in every turn.
const CONTROLS_MAX: usize = 64;

/// A word to a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Say good-bye to the clients, wait for them, and end.
    Drain,
    /// End now.
    Stop,
}

/// Where other threads put words for a shard. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ControlSender {
    queue: Arc<ArrayQueue<Control>>,
    waker: Waker,
}

/// Where the shard takes them from.
#[derive(Debug)]
pub struct ControlQueue(Arc<ArrayQueue<Control>>);

/// A queue for the shard that `waker` wakes.
#[must_use]
pub fn control_queue(waker: Waker) -> (ControlSender, ControlQueue) {
    let queue = Arc::new(ArrayQueue::new(CONTROLS_MAX));
    (ControlSender { queue: Arc::clone(&queue), waker }, ControlQueue(queue))
}

impl ControlSender {
    /// Has the shard look whether anything has changed.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Says a word. If the queue is full the shard has as much to do as one could ask for.
    pub fn send(&self, control: Control) {
        let _ = self.queue.force_push(control);
        self.waker.wake();
    }
}

impl ControlQueue {
    /// The next word.
    #[must_use]
    pub fn take(&self) -> Option<Control> {
        self.0.pop()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_always_gets_through() {
        let (sender, queue) = control_queue(Waker::new().expect("there are descriptors"));
        (0..CONTROLS_MAX).for_each(|_| sender.send(Control::Drain));
        sender.send(Control::Stop);
        let words: Vec<Control> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(words.len(), CONTROLS_MAX);
        assert_eq!(words.last(), Some(&Control::Stop));
        assert!(queue.is_empty());
    }
}
