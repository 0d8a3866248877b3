//! One shard's side of finding out who its clients are.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use coilgun_protocol::model::{ClientId, limits};

use super::helper::{HelperPort, Verdict, Verifying};
use super::recent::{Digest, Recent};
use super::users::{UserNumber, Users};
use crate::env::Waker;

/// What a shard knows of users, and what it has asked about passwords.
#[derive(Default)]
pub struct Authentication {
    users: Arc<Users>,
    verifier: Verifier,
    recent: Recent,
    asked: HashMap<u64, Asked>,
    by_digest: HashMap<Digest, u64>,
    waiter_count: usize,
    last_number: u64,
}

/// Who checks passwords.
#[derive(Default)]
enum Verifier {
    /// Nobody: there are no users.
    #[default]
    Nobody,
    /// The thread beside the shards.
    Helper(HelperPort),
    /// Passwords stand for themselves. A verdict comes when it was looked for so many times.
    Plain { delay: u32, verdicts: VecDeque<(u32, Verdict)> },
}

/// A question that waits for its verdict.
struct Asked {
    digest: Digest,
    user: Option<UserNumber>,
    /// All who said the same.
    waiters: Vec<ClientId>,
}

/// What is known about a name and a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// They are right.
    Right(UserNumber),
    /// A verdict will come.
    Waits,
    /// Too many wait for theirs.
    Busy,
}

impl Authentication {
    /// The side of the shard that `waker` wakes.
    pub(crate) fn by_helper(users: Arc<Users>, verifying: Verifying, waker: Waker) -> Self {
        let verifier = Verifier::Helper(HelperPort::new(verifying, waker));
        Authentication { users, verifier, ..Authentication::default() }
    }

    /// That of a simulated shard: each password is its own hash, and a verdict comes after it was
    /// looked for `delay` times, once per turn.
    #[must_use]
    pub fn plain(users: Arc<Users>, delay: u32) -> Authentication {
        let verifier = Verifier::Plain { delay, verdicts: VecDeque::new() };
        Authentication { users, verifier, ..Authentication::default() }
    }

    /// Gives it the random key under which it remembers what was right.
    pub(crate) fn with_key(self, key: [u64; 4]) -> Authentication {
        Authentication { recent: Recent::new(key), ..self }
    }

    /// All users.
    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    /// Finds out whether a password is right, for a client that may have to wait for that.
    pub(crate) fn ask(&mut self, client: ClientId, user: &[u8], secret: &[u8]) -> Answer {
        let digest = self.recent.digest(user, secret);
        if let Some(user) = self.recent.find(&digest) {
            return Answer::Right(user);
        }
        if self.waiter_count >= limits::AUTHENTICATING_CLIENTS_MAX {
            return Answer::Busy;
        }
        if let Some(asked) = self.by_digest.get(&digest).and_then(|it| self.asked.get_mut(it)) {
            asked.waiters.push(client);
            self.waiter_count += 1;
            return Answer::Waits;
        }
        let number = self.last_number + 1;
        let user = self.users.find(user);
        if self.asked.len() >= limits::AUTHENTICATIONS_WAITING_MAX
            || !self.send(number, user, secret)
        {
            return Answer::Busy;
        }
        self.last_number = number;
        self.waiter_count += 1;
        self.by_digest.insert(digest, number);
        self.asked.insert(number, Asked { digest, user, waiters: vec![client] });
        Answer::Waits
    }

    fn send(&mut self, number: u64, user: Option<UserNumber>, secret: &[u8]) -> bool {
        match &mut self.verifier {
            Verifier::Nobody => false,
            Verifier::Helper(helper) => helper.ask(number, user, secret),
            Verifier::Plain { delay, verdicts } => {
                let is_right = self.users.verify_plain(user, secret);
                verdicts.push_back((*delay, Verdict { number, is_right }));
                true
            }
        }
    }

    /// The next verdict: those who waited for it, and who they are, if they are anybody.
    pub(crate) fn next_verdict(&mut self) -> Option<(Vec<ClientId>, Option<UserNumber>)> {
        let verdict = match &mut self.verifier {
            Verifier::Nobody => None,
            Verifier::Helper(helper) => helper.next(),
            Verifier::Plain { verdicts, .. } => match verdicts.front_mut() {
                Some((0, _)) => verdicts.pop_front().map(|(_, verdict)| verdict),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
                None => None,
            },
        }?;
        let asked = self.asked.remove(&verdict.number).expect("a verdict answers a question");
        self.by_digest.remove(&asked.digest);
        self.waiter_count -= asked.waiters.len();
        let user = asked.user.filter(|_| verdict.is_right);
        if let Some(user) = user {
            self.recent.remember(asked.digest, user);
        }
        Some((asked.waiters, user))
    }

    /// Whether there may be a verdict to take.
    pub(crate) fn has_verdict(&self) -> bool {
        match &self.verifier {
            Verifier::Nobody => false,
            Verifier::Helper(helper) => helper.has_verdict(),
            Verifier::Plain { verdicts, .. } => !verdicts.is_empty(),
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication").field("asked", &self.asked.len()).finish_non_exhaustive()
    }
}
