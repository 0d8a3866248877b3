//! Where the batches of one incarnation of a partition stand.

use std::collections::VecDeque;

use crate::format::{FooterBatch, SegmentSequence};

/// The batches of one incarnation of a partition.
#[derive(Debug, Default)]
pub(super) struct PartitionIndex {
    /// In sealed segments, in order.
    sealed: VecDeque<SealedPart>,
    /// In segments that are not sealed, in order; at most a few.
    open: VecDeque<OpenSegmentRows>,
}

/// That a sealed segment holds batches of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealedPart {
    /// Which segment.
    pub segment: SegmentSequence,
    /// The offset of the partition's first record in it.
    pub first_offset: u64,
}

/// The batches of a partition in a segment that is not sealed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenSegmentRows {
    /// Which segment.
    pub segment: SegmentSequence,
    /// One for each batch, by offset.
    pub rows: Vec<FooterBatch>,
    /// The offset behind the last one.
    pub end_offset: u64,
    /// How many bytes their bodies have, together.
    pub body_bytes: u64,
}

/// Where to look for an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found<'a> {
    /// In this open segment: the rows from the batch on that holds it, or the next one behind it.
    Open(SegmentSequence, &'a [FooterBatch]),
    /// In the footer of this sealed segment, or if it is not there, in the next one.
    Sealed(SegmentSequence),
    /// Nowhere: no batch ends behind it.
    Nowhere,
}

impl PartitionIndex {
    /// Notes a batch of `count` records. One that was noted at the same offset or behind it is void: it
    /// was truncated.
    pub(super) fn note(
        &mut self,
        segment: SegmentSequence,
        row: FooterBatch,
        count: u32,
        body_bytes: u32,
    ) {
        self.forget_from(row.base_offset);
        let end_offset = row.base_offset + u64::from(count);
        match self.open.back_mut().filter(|last| last.segment == segment) {
            Some(last) => {
                last.rows.push(row);
                last.end_offset = end_offset;
                last.body_bytes += u64::from(body_bytes);
            }
            None => self.open.push_back(OpenSegmentRows {
                segment,
                rows: vec![row],
                end_offset,
                body_bytes: u64::from(body_bytes),
            }),
        }
    }

    /// Forgets batches that begin at `offset` or behind it, in segments that are not sealed.
    fn forget_from(&mut self, offset: u64) {
        while let Some(last) = self.open.back_mut() {
            let kept = last.rows.partition_point(|row| row.base_offset < offset);
            if kept == last.rows.len() {
                return;
            }
            last.end_offset = last.rows[kept].base_offset;
            last.rows.truncate(kept);
            if kept > 0 {
                return;
            }
            self.open.pop_back();
        }
    }

    /// Notes that a sealed segment holds batches from this offset on. Segments come in their order.
    pub(super) fn note_sealed(&mut self, part: SealedPart) {
        assert!(self.sealed.back().is_none_or(|last| last.segment < part.segment));
        self.sealed.push_back(part);
    }

    /// The segment is sealed: gives back its rows, which its footer holds from now on.
    pub(super) fn seal(&mut self, segment: SegmentSequence) -> Option<OpenSegmentRows> {
        let first = self.open.front().filter(|first| first.segment == segment);
        let first_offset = first?.rows.first()?.base_offset;
        self.note_sealed(SealedPart { segment, first_offset });
        self.open.pop_front()
    }

    /// The rows of a segment that is not sealed.
    pub(super) fn rows_of(&self, segment: SegmentSequence) -> Option<&OpenSegmentRows> {
        self.open.iter().find(|open| open.segment == segment)
    }

    /// Nothing of the sealed segments up to `last` is there any more.
    pub(super) fn release(&mut self, last: SegmentSequence) {
        while self.sealed.front().is_some_and(|first| first.segment <= last) {
            self.sealed.pop_front();
        }
    }

    /// Whether there is no batch of it.
    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.open.is_empty()
    }

    /// Where to look for `offset`.
    pub(super) fn find(&self, offset: u64) -> Found<'_> {
        let first_open = self.open.front().and_then(|first| first.rows.first());
        if first_open.is_none_or(|first| offset < first.base_offset) {
            let behind = self.sealed.partition_point(|part| part.first_offset <= offset);
            // The last segment that begins at or before it; if none does, the first one behind it.
            if let Some(part) = self.sealed.get(behind.saturating_sub(1)) {
                return Found::Sealed(part.segment);
            }
        }
        let open = self.open.iter().find(|open| offset < open.end_offset);
        open.map_or(Found::Nowhere, |open| {
            // The batch that holds it begins at or before it.
            let behind = open.rows.partition_point(|row| row.base_offset <= offset);
            Found::Open(open.segment, &open.rows[behind.saturating_sub(1)..])
        })
    }

    /// The first segment behind `segment` that holds batches of it.
    pub(super) fn next_behind(&self, segment: SegmentSequence) -> Found<'_> {
        let behind = self.sealed.partition_point(|part| part.segment <= segment);
        if let Some(part) = self.sealed.get(behind) {
            return Found::Sealed(part.segment);
        }
        let open = self.open.iter().find(|open| open.segment > segment);
        open.map_or(Found::Nowhere, |open| Found::Open(open.segment, &open.rows))
    }

    /// The first segment that holds batches of it.
    pub(super) fn first_segment(&self) -> Option<SegmentSequence> {
        let sealed = self.sealed.front().map(|part| part.segment);
        sealed.or_else(|| self.open.front().map(|open| open.segment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(base_offset: u64) -> FooterBatch {
        FooterBatch { base_offset, append_time_ms: 0, byte: 0, entry_bytes: 8 }
    }

    /// Batches of ten records: two in each of the segments 1 to 3, of which the first is sealed.
    fn sample() -> PartitionIndex {
        let mut index = PartitionIndex::default();
        for batch in 0..6_u64 {
            index.note(SegmentSequence(1 + batch / 2), row(batch * 10), 10, 5);
        }
        let sealed = index.seal(SegmentSequence(1)).expect("it holds two batches");
        assert_eq!((sealed.rows.len(), sealed.end_offset, sealed.body_bytes), (2, 20, 10));
        index
    }

    #[test]
    fn every_offset_is_found_where_its_batch_is() {
        let index = sample();
        for offset in 0..60 {
            let segment = SegmentSequence(1 + offset / 20);
            match index.find(offset) {
                Found::Sealed(found) => assert_eq!((found, segment.0), (segment, 1)),
                Found::Open(found, rows) => {
                    assert_eq!(found, segment, "{offset}");
                    assert_eq!(rows[0].base_offset, offset / 10 * 10);
                }
                Found::Nowhere => panic!("{offset} is somewhere"),
            }
        }
        assert_eq!(index.find(60), Found::Nowhere);
    }

    #[test]
    fn reading_goes_from_segment_to_segment() {
        let index = sample();
        let next = |segment| match index.next_behind(SegmentSequence(segment)) {
            Found::Sealed(found) => (found.0, true),
            Found::Open(found, _) => (found.0, false),
            Found::Nowhere => (0, false),
        };
        assert_eq!(
            [next(0), next(1), next(2), next(3)],
            [(1, true), (2, false), (3, false), (0, false)]
        );
    }

    #[test]
    fn what_was_truncated_is_forgotten() {
        let mut index = sample();
        index.note(SegmentSequence(4), row(30), 7, 1);
        assert_eq!(index.find(36), Found::Open(SegmentSequence(4), &[row(30)]));
        assert_eq!(index.find(37), Found::Nowhere);
        assert!(index.rows_of(SegmentSequence(3)).is_none(), "nothing of it is left");
        assert_eq!(index.find(25), Found::Open(SegmentSequence(2), &[row(20)]));
    }

    #[test]
    fn what_is_released_is_not_looked_for() {
        let mut index = sample();
        index.release(SegmentSequence(1));
        assert_eq!(index.first_segment(), Some(SegmentSequence(2)));
        assert!(
            matches!(index.find(5), Found::Open(SegmentSequence(2), _)),
            "the first one behind"
        );
        assert!(!index.is_empty());
    }
}
