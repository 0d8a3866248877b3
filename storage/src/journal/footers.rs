//! Gathers what stands in a segment, for its footer.

use crate::format::{Append, Footer, FooterBatch, FooterPartition};

/// What is known of a segment that fills.
#[derive(Debug, Default)]
pub(crate) struct FooterBuilder {
    batches: Vec<Noted>,
    other_entry_count: u32,
}

/// A batch, in the order of the log.
#[derive(Clone, Copy, Debug)]
struct Noted {
    partition: u64,
    incarnation: u32,
    count: u32,
    body_bytes: u32,
    batch: FooterBatch,
}

impl FooterBuilder {
    /// Notes a batch whose entry takes up `entry_bytes` at `byte` of the segment.
    pub(crate) fn note_batch(
        &mut self,
        head: &Append,
        body_bytes: u32,
        byte: u32,
        entry_bytes: u32,
    ) {
        let batch = FooterBatch {
            base_offset: head.base_offset,
            append_time_ms: head.append_time_ms,
            byte,
            entry_bytes,
        };
        self.batches.push(Noted {
            partition: head.partition,
            incarnation: head.incarnation,
            count: head.count,
            body_bytes,
            batch,
        });
    }

    /// Notes an entry that is no append.
    pub(crate) fn note_other(&mut self) {
        self.other_entry_count += 1;
    }

    /// The footer of all that was noted. A batch that was appended again after a truncation stands in
    /// the place of the one before it.
    pub(crate) fn finish(mut self) -> Footer {
        // Stable, so that of two batches at one offset the later one comes last.
        self.batches
            .sort_by_key(|noted| (noted.partition, noted.incarnation, noted.batch.base_offset));
        self.batches.reverse();
        let key = |noted: &Noted| (noted.partition, noted.incarnation, noted.batch.base_offset);
        self.batches.dedup_by_key(|noted| key(noted));
        self.batches.reverse();
        let mut footer = Footer { other_entry_count: self.other_entry_count, ..Footer::default() };
        let same = |one: &Noted, other: &Noted| {
            (one.partition, one.incarnation) == (other.partition, other.incarnation)
        };
        for batches in self.batches.chunk_by(same) {
            let (first, last) = (&batches[0], &batches[batches.len() - 1]);
            footer.partitions.push(FooterPartition {
                partition: first.partition,
                incarnation: first.incarnation,
                first_offset: first.batch.base_offset,
                end_offset: last.batch.base_offset + u64::from(last.count),
                body_bytes: batches.iter().map(|noted| u64::from(noted.body_bytes)).sum(),
                batch_index: footer.batches.len() as u32,
                batch_count: batches.len() as u32,
            });
            footer.batches.extend(batches.iter().map(|noted| noted.batch));
        }
        let latest = footer.batches.iter().map(|batch| batch.append_time_ms).max();
        footer.append_time_ms_max = latest.unwrap_or(0);
        footer
    }
}
