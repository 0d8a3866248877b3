//! Where the batches of all partitions of a log stand.

use ahash::RandomState;
use hashbrown::HashMap;

use super::partition_index::{Found, OpenSegmentRows, PartitionIndex, SealedPart};
use crate::format::{Append, Footer, FooterBatch, FooterPartition, LogPosition, SegmentSequence};

/// A partition, in one incarnation.
type Key = (u64, u32);

/// Where the batches of a log stand.
#[derive(Debug)]
pub struct LogIndex {
    partitions: HashMap<Key, PartitionIndex, RandomState>,
    /// Which partitions have batches in a segment that is not sealed, in the order of their first one.
    touched: Vec<(SegmentSequence, Vec<Key>)>,
    /// Entries that are no batches, of segments that are not sealed.
    others: Vec<(SegmentSequence, u32)>,
}

/// Where to look for an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup<'a> {
    /// In this segment: the rows from the batch on that holds the offset, or if none does, from the
    /// next one on.
    Rows(SegmentSequence, &'a [FooterBatch]),
    /// In the footer of this sealed segment; if it is not there, in the next segment.
    Footer(SegmentSequence),
    /// No batch ends behind it.
    Nowhere,
}

impl Default for LogIndex {
    fn default() -> LogIndex {
        LogIndex::new()
    }
}

impl LogIndex {
    /// No batches.
    #[must_use]
    pub fn new() -> LogIndex {
        // Nobody chooses numbers of partitions to hurt us, and nothing depends on an order.
        let state = RandomState::with_seeds(1, 2, 3, 4);
        LogIndex {
            partitions: HashMap::with_hasher(state),
            touched: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Notes a batch whose entry takes up `entry_bytes` at `place`.
    pub fn note_batch(
        &mut self,
        head: &Append,
        body_bytes: u32,
        place: LogPosition,
        entry_bytes: u32,
    ) {
        let key = (head.partition, head.incarnation);
        let index = self.partitions.entry(key).or_default();
        if index.rows_of(place.segment).is_none() {
            keys_of(&mut self.touched, place.segment).push(key);
        }
        let row = FooterBatch {
            base_offset: head.base_offset,
            append_time_ms: head.append_time_ms,
            byte: place.byte,
            entry_bytes,
        };
        index.note(place.segment, row, head.count, body_bytes);
    }

    /// Notes that a segment holds so many more entries that are no batches.
    pub fn note_others(&mut self, segment: SegmentSequence, count: u32) {
        *keys_of(&mut self.others, segment) += count;
    }

    /// Notes what a sealed segment holds. Segments come in their order.
    pub fn note_footer(&mut self, segment: SegmentSequence, partitions: &[FooterPartition]) {
        for row in partitions {
            let key = (row.partition, row.incarnation);
            let part = SealedPart { segment, first_offset: row.first_offset };
            self.partitions.entry(key).or_default().note_sealed(part);
        }
    }

    /// Makes the footer of a segment. Its rows are still here until [`LogIndex::seal`].
    #[must_use]
    pub fn footer(&self, segment: SegmentSequence) -> Footer {
        let mut footer = Footer::default();
        for key in self.keys_in_order(segment) {
            let rows = self.partitions.get(&key).and_then(|index| index.rows_of(segment));
            if let Some(rows) = rows {
                add(&mut footer, key, rows);
            }
        }
        let others = self.others.iter().find(|(of, _)| *of == segment);
        footer.other_entry_count = others.map_or(0, |(_, count)| *count);
        let latest = footer.batches.iter().map(|batch| batch.append_time_ms).max();
        footer.append_time_ms_max = latest.unwrap_or(0);
        footer
    }

    /// The segment is sealed: from now on its footer says where its batches stand.
    pub fn seal(&mut self, segment: SegmentSequence) {
        for key in self.keys_in_order(segment) {
            if let Some(index) = self.partitions.get_mut(&key) {
                index.seal(segment);
            }
        }
        self.touched.retain(|(of, _)| *of != segment);
        self.others.retain(|(of, _)| *of != segment);
    }

    /// The partitions with batches in a segment that is not sealed, ordered as a footer wants them.
    fn keys_in_order(&self, segment: SegmentSequence) -> Vec<Key> {
        let touched = self.touched.iter().find(|(of, _)| *of == segment);
        let mut keys = touched.map(|(_, keys)| keys.clone()).unwrap_or_default();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Nothing of the sealed segments up to `last` is there any more.
    pub fn release(&mut self, last: SegmentSequence) {
        self.partitions.retain(|_, index| {
            index.release(last);
            !index.is_empty()
        });
    }

    /// Where to look for an offset of a partition.
    #[must_use]
    pub fn find(&self, partition: u64, incarnation: u32, offset: u64) -> Lookup<'_> {
        let index = self.partitions.get(&(partition, incarnation));
        index.map_or(Lookup::Nowhere, |index| index.find(offset).into())
    }

    /// Where a partition goes on behind a segment.
    #[must_use]
    pub fn next_behind(
        &self,
        partition: u64,
        incarnation: u32,
        segment: SegmentSequence,
    ) -> Lookup<'_> {
        let index = self.partitions.get(&(partition, incarnation));
        index.map_or(Lookup::Nowhere, |index| index.next_behind(segment).into())
    }

    /// The first segment that holds batches of a partition.
    #[must_use]
    pub fn first_segment(&self, partition: u64, incarnation: u32) -> Option<SegmentSequence> {
        self.partitions.get(&(partition, incarnation))?.first_segment()
    }

    /// Forgets a partition that is gone.
    pub fn forget(&mut self, partition: u64, incarnation: u32) {
        self.partitions.remove(&(partition, incarnation));
    }
}

impl<'a> From<Found<'a>> for Lookup<'a> {
    fn from(found: Found<'a>) -> Lookup<'a> {
        match found {
            Found::Open(segment, rows) => Lookup::Rows(segment, rows),
            Found::Sealed(segment) => Lookup::Footer(segment),
            Found::Nowhere => Lookup::Nowhere,
        }
    }
}

/// What is kept for a segment; there are only a few that are not sealed.
fn keys_of<T: Default>(
    of_segments: &mut Vec<(SegmentSequence, T)>,
    segment: SegmentSequence,
) -> &mut T {
    let at = match of_segments.iter().position(|(of, _)| *of == segment) {
        Some(at) => at,
        None => {
            of_segments.push((segment, T::default()));
            of_segments.len() - 1
        }
    };
    &mut of_segments[at].1
}

fn add(footer: &mut Footer, (partition, incarnation): Key, rows: &OpenSegmentRows) {
    footer.partitions.push(FooterPartition {
        partition,
        incarnation,
        first_offset: rows.rows[0].base_offset,
        end_offset: rows.end_offset,
        body_bytes: rows.body_bytes,
        batch_index: footer.batches.len() as u32,
        batch_count: rows.rows.len() as u32,
    });
    footer.batches.extend_from_slice(&rows.rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(partition: u64, base_offset: u64, append_time_ms: u64) -> Append {
        Append { partition, base_offset, count: 2, append_time_ms, ..Append::default() }
    }

    #[test]
    fn a_footer_holds_what_was_noted_by_partition_and_offset() {
        let mut index = LogIndex::new();
        let segment = SegmentSequence(1);
        let mut byte = 0;
        for (partition, base_offset, time) in [(7, 0, 5), (2, 0, 6), (7, 2, 9), (2, 2, 8)] {
            byte += 128;
            let place = LogPosition { segment, byte };
            index.note_batch(&append(partition, base_offset, time), 10, place, 128);
        }
        index.note_others(segment, 3);
        let footer = index.footer(segment);
        let partitions: Vec<u64> = footer.partitions.iter().map(|row| row.partition).collect();
        assert_eq!(partitions, [2, 7]);
        assert_eq!((footer.other_entry_count, footer.append_time_ms_max), (3, 9));
        assert_eq!(footer.partitions[1].body_bytes, 20);
        assert_eq!(footer.partitions[1].end_offset, 4);
        let bytes: Vec<u32> =
            footer.batches_of(&footer.partitions[1]).iter().map(|row| row.byte).collect();
        assert_eq!(bytes, [128, 384]);

        index.seal(segment);
        assert_eq!(index.find(7, 0, 3), Lookup::Footer(segment));
        assert!(index.footer(segment).batches.is_empty(), "its rows are not kept twice");
        index.release(segment);
        assert_eq!(index.find(7, 0, 3), Lookup::Nowhere);
    }
}
