//! The thread that checks passwords, one for all shards of a broker.
//!
//! It ends when the last shard has let go of its queue; what still waits in it then is nobody's any
//! more, and is not checked. If it breaks it says so: without it nobody could be let in any more, and
//! nobody would hear of that.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::{io, thread};

use coilgun_protocol::model::limits;
use crossbeam::queue::ArrayQueue;
use zeroize::Zeroizing;

use super::users::{UserNumber, Users};
use crate::env::Waker;
use crate::faults::Fault;

/// What the thread found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    /// The shard's number of the question.
    pub(super) number: u64,
    /// Whether the password is right.
    pub(super) is_right: bool,
}

/// Where the verdicts for one shard come in.
#[derive(Debug)]
struct Verdicts {
    queue: ArrayQueue<Verdict>,
    waker: Waker,
}

/// A password to check.
struct Question {
    number: u64,
    user: Option<UserNumber>,
    secret: Zeroizing<Vec<u8>>,
    /// Gone if the shard is.
    verdicts: Weak<Verdicts>,
}

/// Where questions are put; whoever starts a broker hands a clone to each shard.
#[derive(Clone, Debug)]
pub(crate) struct Verifying {
    questions: SyncSender<Question>,
}

/// The thread.
#[derive(Debug)]
pub(crate) struct HelperThread(JoinHandle<()>);

impl HelperThread {
    /// Starts the thread for these users. `on_fault` is called on it if it panics.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(crate) fn start(
        users: Arc<Users>,
        on_fault: impl FnOnce() + Send + 'static,
    ) -> io::Result<(HelperThread, Verifying)> {
        let (questions, asked) = sync_channel(limits::AUTHENTICATIONS_WAITING_MAX);
        let thread =
            thread::Builder::new().name("coilgun-passwords".to_owned()).spawn(move || {
                let fault = Fault::new(on_fault);
                answer(&users, &asked);
                fault.none();
            })?;
        Ok((HelperThread(thread), Verifying { questions }))
    }

    /// Waits until it has ended; says whether it ended well.
    pub(crate) fn join(self) -> bool {
        self.0.join().is_ok()
    }
}

fn answer(users: &Users, asked: &Receiver<Question>) {
    // Ends because every sender belongs to a shard, and they end.
    while let Ok(question) = asked.recv() {
        if question.verdicts.strong_count() == 0 {
            continue;
        }
        let is_right = users.verify(question.user, &question.secret);
        if let Some(verdicts) = question.verdicts.upgrade() {
            let verdict = Verdict { number: question.number, is_right };
            verdicts.queue.push(verdict).expect("a shard asks for no more than it has places for");
            verdicts.waker.wake();
        }
    }
}

/// One shard's end.
#[derive(Debug)]
pub(super) struct HelperPort {
    questions: SyncSender<Question>,
    verdicts: Arc<Verdicts>,
}

impl HelperPort {
    /// The end of the shard that `waker` wakes.
    pub(super) fn new(verifying: Verifying, waker: Waker) -> HelperPort {
        let queue = ArrayQueue::new(limits::AUTHENTICATIONS_WAITING_MAX);
        let verdicts = Arc::new(Verdicts { queue, waker });
        HelperPort { questions: verifying.questions, verdicts }
    }

    /// Asks whether a password is right; says no if the queue is full.
    pub(super) fn ask(&self, number: u64, user: Option<UserNumber>, secret: &[u8]) -> bool {
        let verdicts = Arc::downgrade(&self.verdicts);
        let secret = Zeroizing::new(secret.to_vec());
        self.questions.try_send(Question { number, user, secret, verdicts }).is_ok()
    }

    pub(super) fn next(&self) -> Option<Verdict> {
        self.verdicts.queue.pop()
    }

    pub(super) fn has_verdict(&self) -> bool {
        !self.verdicts.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use coilgun_core::security::Permissions;
    use coilgun_protocol::model::NamespaceId;

    use super::super::hash::{HashCost, SecretHash, make_hash};
    use super::*;

    /// What the thread says of itself after one question about a user of this hash: nothing if it
    /// ended without a word.
    fn after_a_question(secret: SecretHash) -> (Option<()>, bool) {
        let mut users = Users::default();
        users.add("boss", secret, vec![NamespaceId::DEFAULT], Permissions::default());
        let (say, hear) = channel();
        let on_fault = move || say.send(()).expect("the test listens");
        let started = HelperThread::start(Arc::new(users), on_fault);
        let (helper, verifying) = started.expect("there are threads");
        let port = HelperPort::new(verifying, Waker::new().expect("there are descriptors"));
        assert!(port.ask(1, None, b"b"));
        // The thread has the port's verdicts for as long as it works on them.
        while port.next().is_none() && !helper.0.is_finished() {
            thread::yield_now();
        }
        drop(port);
        let ended_well = helper.join();
        (hear.recv().ok(), ended_well)
    }

    #[test]
    fn s26_a_thread_that_breaks_is_not_silent() {
        let cheap = HashCost { memory_kib: 8, iterations: 1 };
        let text = make_hash(b"b", cheap).expect("it is cheap");
        let hash = SecretHash::parse(&text).expect("it was just made");
        assert_eq!(after_a_question(hash), (None, true));
        // What stands for itself is no hash, which only simulated brokers have.
        assert_eq!(after_a_question(SecretHash::plain("b")), (Some(()), false));
    }
}
