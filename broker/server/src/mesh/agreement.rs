//! When the shards of one broker end: all together, or because one of them is lost.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use coilgun_protocol::model::{ShardId, ShardSet};

/// What the shards say about their end.
#[derive(Debug)]
pub(crate) struct Agreement {
    everybody: ShardSet,
    /// The shards that said that their work has ended, and those that are lost.
    ended: AtomicU64,
    /// The first shard that went away without agreement.
    lost: OnceLock<ShardId>,
}

impl Agreement {
    /// Nobody has ended yet.
    pub(crate) fn new(shard_count: usize) -> Agreement {
        Agreement {
            everybody: ShardSet::first(shard_count),
            ended: AtomicU64::new(0),
            lost: OnceLock::new(),
        }
    }

    /// A shard says whether its work has ended, which changes nothing once all have said so. Returns
    /// whether all have.
    pub(crate) fn agree(&self, shard: ShardId, ended: bool) -> bool {
        let before = self.ended.try_update(Ordering::AcqRel, Ordering::Acquire, |bits| {
            (bits != self.everybody.bits()).then(|| with(bits, shard, ended))
        });
        // An error says that all had agreed before.
        before.map_or(true, |bits| with(bits, shard, ended) == self.everybody.bits())
    }

    /// A shard went away before all had agreed: it counts as one that has ended.
    pub(crate) fn lose(&self, shard: ShardId) {
        // The first one is the reason for those that follow.
        let _ = self.lost.set(shard);
        self.ended.fetch_or(ShardSet::of(shard).bits(), Ordering::AcqRel);
    }

    /// Whether all have agreed.
    pub(crate) fn is_complete(&self) -> bool {
        self.ended.load(Ordering::Acquire) == self.everybody.bits()
    }

    /// The first shard that went away before all had agreed.
    pub(crate) fn lost(&self) -> Option<ShardId> {
        self.lost.get().copied()
    }
}

/// What one shard has said about the end, and was told.
#[derive(Debug)]
pub(crate) struct Word {
    shard: ShardId,
    /// It said that its work has ended.
    said_end: bool,
    /// It was told that all have agreed to end.
    knows_end: bool,
    /// It was told that a shard is lost.
    knows_loss: Cell<bool>,
}

impl Word {
    /// A shard that said nothing yet.
    pub(crate) fn new(shard: ShardId) -> Word {
        Word { shard, said_end: false, knows_end: false, knows_loss: Cell::new(false) }
    }

    /// Says whether the shard's work has ended, and learns whether that of all has.
    pub(crate) fn agree(&mut self, agreement: &Agreement, ended: bool) -> bool {
        if !self.knows_end && (ended || self.said_end) {
            self.said_end = ended;
            self.knows_end = agreement.agree(self.shard, ended);
        }
        self.knows_end
    }

    /// Whether the shard was told that all have agreed.
    pub(crate) fn knows_end(&self) -> bool {
        self.knows_end
    }

    /// Learns which shard is lost.
    pub(crate) fn lost(&self, agreement: &Agreement) -> Option<ShardId> {
        let lost = agreement.lost();
        self.knows_loss.set(lost.is_some());
        lost
    }

    /// Whether there is something that the shard was not told yet.
    pub(crate) fn has_news(&self, agreement: &Agreement) -> bool {
        !self.knows_end && agreement.is_complete()
            || !self.knows_loss.get() && agreement.lost().is_some()
    }
}

fn with(bits: u64, shard: ShardId, ended: bool) -> u64 {
    let mut set = ShardSet::from_bits(bits);
    if ended {
        set.insert(shard);
    } else {
        set.remove(shard);
    }
    set.bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_back_until_all_have_given_it() {
        let agreement = Agreement::new(2);
        let [first, second] = [0, 1].map(ShardId::new);
        assert!(!agreement.agree(first, true));
        assert!(!agreement.agree(first, false));
        assert!(!agreement.agree(second, true) && !agreement.is_complete());
        assert!(agreement.agree(first, true) && agreement.is_complete());
        assert!(agreement.agree(second, false), "too late to take it back");
    }

    #[test]
    fn who_is_lost_counts_as_one_that_has_ended() {
        let agreement = Agreement::new(3);
        agreement.lose(ShardId::new(2));
        agreement.lose(ShardId::new(1));
        assert_eq!(agreement.lost(), Some(ShardId::new(2)), "the first one");
        assert!(agreement.agree(ShardId::new(0), true));
    }

    #[test]
    fn s24_news_is_news_until_it_was_told() {
        let agreement = Agreement::new(2);
        let [mut first, mut second] = [0, 1].map(|number| Word::new(ShardId::new(number)));
        assert!(!first.agree(&agreement, true) && !first.has_news(&agreement));
        assert!(!second.agree(&agreement, false), "it never said that it has ended");
        assert!(second.agree(&agreement, true) && !second.has_news(&agreement));
        assert!(first.has_news(&agreement) && !first.knows_end());
        assert!(first.agree(&agreement, false) && !first.has_news(&agreement));
        agreement.lose(ShardId::new(1));
        assert!(first.has_news(&agreement));
        assert_eq!(first.lost(&agreement), Some(ShardId::new(1)));
        assert!(!first.has_news(&agreement));
    }
}
