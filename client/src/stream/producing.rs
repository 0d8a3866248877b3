//! A producer that is stored exactly once: its number, its count of records, and when it tries again.

use coilgun_protocol::model::{ProducerEpoch, ProducerId};

#[cfg(any(feature = "async", feature = "blocking"))]
use {
    crate::error::ClientError,
    crate::stream::{AppendOptions, Batch, StreamInfo},
    coilgun_protocol::model::{ErrorCode, ProducerSequence},
    std::collections::HashMap,
    std::time::Duration,
};

/// Who a producer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProducerOptions {
    /// Its number, which no other producer of the stream has; none: one is drawn, and the producer is
    /// known for as long as the program keeps it.
    pub id: Option<ProducerId>,
    /// How often it began anew. A producer that begins again, under the number it had before, says one
    /// more than then, and counts its records from 0: whoever still produces under the earlier one is
    /// refused from then on.
    pub epoch: ProducerEpoch,
}

/// How long a producer waits before it tries again: twice as long each time, up to a limit.
#[cfg(any(feature = "async", feature = "blocking"))]
impl Retry {
    pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(2);
    const LONGEST_PAUSE: Duration = Duration::from_millis(250);

    pub(crate) fn longer(pause: Duration) -> Duration {
        (pause * 2).min(Retry::LONGEST_PAUSE)
    }
}

/// What a producer counts.
#[cfg(any(feature = "async", feature = "blocking"))]
#[derive(Debug)]
pub(crate) struct ProducerState {
    id: ProducerId,
    epoch: ProducerEpoch,
    partition_count: u32,
    /// The sequence of the next record, by partition.
    next: HashMap<u32, u64>,
}

/// What to do about an append that failed.
#[cfg(any(feature = "async", feature = "blocking"))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Retry {
    /// The same again: it is stored once.
    Again,
    /// Nothing helps.
    No,
}

#[cfg(any(feature = "async", feature = "blocking"))]
impl ProducerState {
    /// A producer for this stream. `drawn`: a number for one that has none.
    pub(crate) fn new(options: ProducerOptions, stream: &StreamInfo, drawn: u64) -> ProducerState {
        ProducerState {
            id: options.id.unwrap_or(ProducerId(drawn | 1)),
            epoch: options.epoch,
            partition_count: u32::try_from(stream.partitions.len()).unwrap_or(u32::MAX).max(1),
            next: HashMap::new(),
        }
    }

    /// The partition a batch goes to, and the options under which it is appended.
    pub(crate) fn next(&self, batch: &Batch, options: AppendOptions) -> AppendOptions {
        let partition = batch.choice(options.partition).index_in(self.partition_count);
        let sequence = self.next.get(&partition).copied().unwrap_or(0);
        AppendOptions {
            partition: Some(partition),
            producer: Some((self.id, self.epoch, ProducerSequence(sequence))),
            ..options
        }
    }

    /// A batch is stored that was appended under these options.
    pub(crate) fn stored(&mut self, options: &AppendOptions, batch: &Batch) {
        let (Some(partition), Some((_, _, sequence))) = (options.partition, options.producer)
        else {
            return;
        };
        self.next.insert(partition, sequence.0 + u64::from(batch.len()));
    }

    /// What to do about a failure.
    pub(crate) fn retry(error: &ClientError) -> Retry {
        let is_open = matches!(error, ClientError::Lost { .. } | ClientError::AwayFull { .. });
        let again = [ErrorCode::StreamBusy, ErrorCode::OutcomeUnknown];
        let is_passing = error.code().is_some_and(|code| again.contains(&code));
        if is_open || is_passing { Retry::Again } else { Retry::No }
    }
}
