//! What other threads want said in the name of `.broker`.
//!
//! One bounded lock-free queue: a word is put into it first and the shard woken second (law S24).

use std::sync::{Arc, Weak};

use coilgun_protocol::model::PublishFlags;
use crossbeam::queue::ArrayQueue;

use crate::env::Waker;

/// Words that may wait.
const WORDS_MAX: usize = 256;

/// A message in the name of `.broker`, into the namespace `default`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Native text of the subject; with [`PublishFlags::BROADCAST`], of a filter over names.
    pub subject: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
    /// [`PublishFlags::BROADCAST`] and [`PublishFlags::REALTIME`] count.
    pub flags: PublishFlags,
}

/// Why a word was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SpeakerRefused {
    /// As many words wait as may.
    #[error("the broker has not said what it was given before")]
    Full,
    /// The broker has ended.
    #[error("the broker has ended")]
    Ended,
}

/// Where other threads put words. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Speaker {
    queue: Weak<ArrayQueue<Word>>,
    waker: Waker,
}

/// Where the shard takes them from.
#[derive(Debug)]
pub struct SpeakerQueue(Arc<ArrayQueue<Word>>);

/// A queue for the shard that `waker` wakes.
#[must_use]
pub fn speaker_queue(waker: Waker) -> (Speaker, SpeakerQueue) {
    let queue = Arc::new(ArrayQueue::new(WORDS_MAX));
    (Speaker { queue: Arc::downgrade(&queue), waker }, SpeakerQueue(queue))
}

impl Speaker {
    /// Says a word in the name of `.broker`.
    ///
    /// # Errors
    /// If too many wait, or the broker has ended.
    pub fn say(&self, word: Word) -> Result<(), SpeakerRefused> {
        let queue = self.queue.upgrade().ok_or(SpeakerRefused::Ended)?;
        queue.push(word).map_err(|_| SpeakerRefused::Full)?;
        self.waker.wake();
        Ok(())
    }
}

impl SpeakerQueue {
    /// The next word.
    #[must_use]
    pub fn take(&self) -> Option<Word> {
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
    fn words_come_in_order_and_no_more_than_may_wait() {
        let (speaker, queue) = speaker_queue(Waker::new().expect("there are descriptors"));
        let word = |number: usize| Word {
            subject: b"x".to_vec(),
            payload: number.to_string().into_bytes(),
            flags: PublishFlags::default(),
        };
        (0..WORDS_MAX).for_each(|number| speaker.say(word(number)).expect("there is room"));
        assert_eq!(speaker.say(word(WORDS_MAX)), Err(SpeakerRefused::Full));
        assert!((0..WORDS_MAX).all(|number| queue.take() == Some(word(number))));
        assert!(queue.is_empty());
        drop(queue);
        assert_eq!(speaker.say(word(0)), Err(SpeakerRefused::Ended));
    }
}
