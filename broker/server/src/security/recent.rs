//! Which user and password were right recently, so that clients that come back cost next to nothing.
//!
//! What is kept is SHA-256 over a random key of this shard, and both texts: from that nobody gets to a
//! password who does not guess it, and the key is gone with the process.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest as _, Sha256};

use super::users::UserNumber;
use coilgun_protocol::model::limits;

/// What stands for a user's name and password.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

/// Those that were right, the oldest first.
#[derive(Default)]
pub(super) struct Recent {
    key: [u8; 32],
    known: HashMap<Digest, UserNumber>,
    order: VecDeque<Digest>,
}

impl Recent {
    /// Nothing known, and the key.
    pub(super) fn new(key: [u64; 4]) -> Recent {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(8).zip(key) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Recent { key: bytes, ..Recent::default() }
    }

    /// What stands for this name and this password.
    pub(super) fn digest(&self, user: &[u8], secret: &[u8]) -> Digest {
        let mut hash = Sha256::new();
        hash.update(self.key);
        // The length tells where the name ends: `ab` and `c` are not `a` and `bc`.
        hash.update((user.len() as u64).to_le_bytes());
        hash.update(user);
        hash.update(secret);
        Digest(hash.finalize().into())
    }

    /// Whose they are, if they were right recently.
    pub(super) fn find(&self, digest: &Digest) -> Option<UserNumber> {
        self.known.get(digest).copied()
    }

    /// Remembers that they are right; forgets the oldest if there are too many.
    pub(super) fn remember(&mut self, digest: Digest, user: UserNumber) {
        if self.known.insert(digest, user).is_none() {
            self.order.push_back(digest);
        }
        if self.order.len() > limits::VERIFIED_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s26_what_was_right_is_remembered_and_not_for_ever() {
        let mut recent = Recent::new([1, 2, 3, 4]);
        let digest = recent.digest(b"ab", b"c");
        assert!(digest != recent.digest(b"a", b"bc"));
        assert!(digest != Recent::new([0; 4]).digest(b"ab", b"c"));
        assert_eq!(recent.find(&digest), None);
        recent.remember(digest, UserNumber(7));
        recent.remember(digest, UserNumber(7));
        assert_eq!(recent.find(&digest), Some(UserNumber(7)));
        for number in 0..limits::VERIFIED_REMEMBERED_MAX as u64 {
            let other = recent.digest(b"u", &number.to_le_bytes());
            recent.remember(other, UserNumber(1));
        }
        assert_eq!(recent.find(&digest), None);
        assert_eq!(recent.known.len(), limits::VERIFIED_REMEMBERED_MAX);
    }
}
