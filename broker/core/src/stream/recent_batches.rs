//! The latest batches of a producer, by which duplicates are recognised.

use coilgun_protocol::model::limits::PRODUCER_BATCHES_REMEMBERED;
use coilgun_protocol::model::{Offset, ProducerSequence};

/// The latest batches of a producer in one epoch, oldest first. Their sequences have no gaps, so only
/// counts are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecentBatches {
    base_offsets: [Offset; PRODUCER_BATCHES_REMEMBERED],
    counts: [u32; PRODUCER_BATCHES_REMEMBERED],
    len: u8,
}

/// One batch of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecentBatch {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// How many records it holds, at least 1.
    pub count: u32,
}

impl RecentBatch {
    /// The offset behind its last record.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.base_offset.plus(self.count)
    }
}

impl RecentBatches {
    /// Adds the latest one; what is too old is forgotten.
    pub fn push(&mut self, batch: RecentBatch) {
        if usize::from(self.len) == PRODUCER_BATCHES_REMEMBERED {
            self.base_offsets.copy_within(1.., 0);
            self.counts.copy_within(1.., 0);
            self.len -= 1;
        }
        let place = usize::from(self.len);
        self.base_offsets[place] = batch.base_offset;
        self.counts[place] = batch.count;
        self.len += 1;
    }

    /// Takes the latest one out.
    pub(super) fn pop(&mut self) -> Option<RecentBatch> {
        let latest = self.latest()?;
        self.len -= 1;
        // So that equal lists are equal values.
        self.base_offsets[usize::from(self.len)] = Offset::default();
        self.counts[usize::from(self.len)] = 0;
        Some(latest)
    }

    /// The latest one.
    #[must_use]
    pub fn latest(&self) -> Option<RecentBatch> {
        self.iter().next_back()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RecentBatch> + '_ {
        let len = usize::from(self.len);
        let both = self.base_offsets[..len].iter().zip(&self.counts[..len]);
        both.map(|(base_offset, count)| RecentBatch { base_offset: *base_offset, count: *count })
    }

    /// The sequence of the first record of the oldest one, if `next` follows the latest one.
    pub(super) fn oldest_sequence(&self, next: ProducerSequence) -> ProducerSequence {
        let records: u64 = self.iter().map(|batch| u64::from(batch.count)).sum();
        ProducerSequence(next.0.saturating_sub(records))
    }

    /// The batch whose first record has this sequence, if `next` follows the latest one.
    pub(super) fn find(
        &self,
        sequence: ProducerSequence,
        next: ProducerSequence,
    ) -> Option<RecentBatch> {
        let mut first = self.oldest_sequence(next).0;
        for batch in self.iter() {
            if first == sequence.0 {
                return Some(batch);
            }
            first += u64::from(batch.count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_offset: u64, count: u32) -> RecentBatch {
        RecentBatch { base_offset: Offset(base_offset), count }
    }

    #[test]
    fn l22_the_five_latest_batches_are_found_by_their_sequence() {
        let mut batches = RecentBatches::default();
        for number in 0..7 {
            batches.push(batch(100 * number, 10));
        }
        let next = ProducerSequence(70);
        assert_eq!(batches.oldest_sequence(next), ProducerSequence(20));
        for (sequence, found) in [(10, None), (20, Some(batch(200, 10))), (25, None)] {
            assert_eq!(batches.find(ProducerSequence(sequence), next), found);
        }
        assert_eq!(batches.find(ProducerSequence(60), next), Some(batch(600, 10)));
        assert_eq!(batches.find(next, next), None);
    }

    #[test]
    fn what_is_taken_out_leaves_nothing_behind() {
        let mut batches = RecentBatches::default();
        batches.push(batch(1, 1));
        let before = batches;
        batches.push(batch(2, 2));
        assert_eq!(batches.pop(), Some(batch(2, 2)));
        assert_eq!(batches, before);
        assert_eq!(batches.pop(), Some(batch(1, 1)));
        assert_eq!(batches.pop(), None);
    }
}
