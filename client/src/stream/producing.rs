//! A producer that is stored exactly once: its number, its count of records, and when it tries again.

use coilgun_protocol::model::{ProducerEpoch, ProducerId};

#[cfg(any(feature = "async", feature = "blocking"))]
use {
    crate::error::ClientError,
    crate::stream::batch::BatchIdentity,
    crate::stream::{AppendOptions, Batch, StreamInfo},
    coilgun_protocol::model::{ErrorCode, PartitionChoice, ProducerSequence},
    std::collections::HashMap,
    std::collections::hash_map::Entry,
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
    /// How many partitions the stream has, once that was asked.
    partition_count: Option<u32>,
    /// The sequence of the next record, by partition.
    next: HashMap<u32, u64>,
    /// Batches of which nobody knows whether they are stored, by partition. The broker knows a batch by
    /// its sequence and its length alone: it would take another one under the same sequence for this one.
    doubts: HashMap<u32, Doubt>,
}

/// A batch that was put on its way, and whose answer has not come.
#[cfg(any(feature = "async", feature = "blocking"))]
#[derive(Debug)]
struct Doubt {
    batch: BatchIdentity,
    /// It was sent before under this sequence, and no answer to that came: a refusal of what is sent now
    /// says nothing about it.
    is_sent_before: bool,
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
    /// A producer. `drawn`: a number for one that has none.
    pub(crate) fn new(options: ProducerOptions, drawn: u64) -> ProducerState {
        ProducerState {
            id: options.id.unwrap_or(ProducerId(drawn | 1)),
            epoch: options.epoch,
            partition_count: None,
            next: HashMap::new(),
            doubts: HashMap::new(),
        }
    }

    /// Who it is.
    pub(crate) fn options(&self) -> ProducerOptions {
        ProducerOptions { id: Some(self.id), epoch: self.epoch }
    }

    /// Whether [`ProducerState::learn`] has to come before this batch: its key chooses among partitions
    /// whose number is not known yet.
    pub(crate) fn lacks_stream(&self, batch: &Batch, options: &AppendOptions) -> bool {
        let has_choice = matches!(batch.choice(options.partition), PartitionChoice::KeyHash(_));
        has_choice && self.partition_count.is_none()
    }

    /// What the stream is like.
    pub(crate) fn learn(&mut self, stream: &StreamInfo) {
        let count = u32::try_from(stream.partitions.len()).unwrap_or(u32::MAX);
        self.partition_count = Some(count.max(1));
    }

    /// A batch is about to be sent: the options under which it is appended. It is in doubt from now on.
    ///
    /// # Errors
    /// If another one for the same partition is in doubt.
    pub(crate) fn begin(
        &mut self,
        batch: &Batch,
        options: AppendOptions,
    ) -> Result<AppendOptions, ClientError> {
        let count = self.partition_count.unwrap_or(1);
        let partition = batch.choice(options.partition).index_in(count);
        let identity = batch.identity();
        match self.doubts.entry(partition) {
            Entry::Vacant(vacant) => {
                vacant.insert(Doubt { batch: identity, is_sent_before: false });
            }
            Entry::Occupied(mut occupied) => {
                if occupied.get().batch != identity {
                    return Err(ClientError::InDoubt { partition });
                }
                occupied.get_mut().is_sent_before = true;
            }
        }
        let sequence = self.next.get(&partition).copied().unwrap_or(0);
        Ok(AppendOptions {
            partition: Some(partition),
            producer: Some((self.id, self.epoch, ProducerSequence(sequence))),
            ..options
        })
    }

    /// A batch is stored that was appended under these options.
    pub(crate) fn stored(&mut self, options: &AppendOptions, batch: &Batch) {
        let (Some(partition), Some((_, _, sequence))) = (options.partition, options.producer)
        else {
            return;
        };
        self.doubts.remove(&partition);
        self.next.insert(partition, sequence.0 + u64::from(batch.len()));
    }

    /// What was appended under these options failed: it stays in doubt, unless nothing of it was ever
    /// stored for sure. Says what to do about it.
    pub(crate) fn failed(&mut self, options: &AppendOptions, error: &ClientError) -> Retry {
        let doubt = options.partition.and_then(|partition| match self.doubts.entry(partition) {
            Entry::Occupied(occupied) => Some(occupied),
            Entry::Vacant(_) => None,
        });
        if let Some(doubt) = doubt
            && !doubt.get().is_sent_before
            && has_stored_nothing(error)
        {
            doubt.remove();
        }
        let is_open = matches!(error, ClientError::Lost { .. } | ClientError::AwayFull { .. });
        let again = [ErrorCode::StreamBusy, ErrorCode::OutcomeUnknown];
        let is_passing = error.code().is_some_and(|code| again.contains(&code));
        if is_open || is_passing { Retry::Again } else { Retry::No }
    }
}

/// Whether an append that failed like this has stored nothing, for sure: it was not sent, or refused with
/// a code that is known to say so.
#[cfg(any(feature = "async", feature = "blocking"))]
fn has_stored_nothing(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { .. } => {
            error.code().is_some_and(|code| code != ErrorCode::OutcomeUnknown)
        }
        ClientError::AwayFull { .. }
        | ClientError::NotOffered(_)
        | ClientError::Encode(_)
        | ClientError::RecordTooLarge(_)
        | ClientError::InDoubt { .. } => true,
        ClientError::Address(_)
        | ClientError::Connect { .. }
        | ClientError::Io(_)
        | ClientError::Protocol(_)
        | ClientError::InvalidSubject { .. }
        | ClientError::InvalidFilter { .. }
        | ClientError::InvalidHeaders(_)
        | ClientError::PayloadTooLarge { .. }
        | ClientError::Unreadable { .. }
        | ClientError::Ended(_)
        | ClientError::Gone
        | ClientError::TimedOut { .. }
        | ClientError::QueueFull { .. }
        | ClientError::Lost { .. }
        | ClientError::Closed
        | ClientError::Handler { .. } => false,
    }
}

#[cfg(all(test, any(feature = "async", feature = "blocking")))]
mod tests {
    use super::*;
    use crate::stream::Record;

    fn batch(text: &str) -> Batch {
        Batch::of(&Record::new(text)).expect("it is small")
    }

    fn sequence(options: &AppendOptions) -> u64 {
        options.producer.expect("a producer says who it is").2.0
    }

    fn refused(code: ErrorCode) -> ClientError {
        ClientError::refused("append".to_owned(), code as u16)
    }

    #[test]
    fn only_the_batch_in_doubt_goes_under_its_sequence() {
        let mut state = ProducerState::new(ProducerOptions::default(), 4);
        let plain = AppendOptions::default();
        let (first, other) = (batch("a"), batch("b"));
        let sent = state.begin(&first, plain).expect("nothing is in doubt");
        let error = state.begin(&other, plain).expect_err("the first is, though nothing was said");
        assert!(matches!(error, ClientError::InDoubt { partition: 0 }), "{error}");
        let elsewhere = state.begin(&other, plain.with_partition(1)).expect("that counts apart");
        state.stored(&elsewhere, &other);
        for error in [
            ClientError::Lost { reason: "".into() },
            ClientError::TimedOut { waited_for: "answer", waited: Duration::ZERO },
            refused(ErrorCode::OutcomeUnknown),
            ClientError::Refused { what: String::new(), code: 60_000, detail: 0 },
            // It was sent before, and that may be stored.
            refused(ErrorCode::StreamBusy),
            refused(ErrorCode::UnexpectedOffset),
        ] {
            state.failed(&sent, &error);
            state.begin(&other, plain).expect_err("it is in doubt still");
            let again = state.begin(&first, plain).expect("it is the same");
            assert_eq!(sequence(&again), 0);
        }
        state.stored(&sent, &first);
        let next = state.begin(&other, plain).expect("nothing is in doubt any more");
        assert_eq!(sequence(&next), 1);
    }

    #[test]
    fn what_was_refused_at_once_is_not_in_doubt() {
        let mut state = ProducerState::new(ProducerOptions::default(), 4);
        let plain = AppendOptions::default();
        for error in [
            refused(ErrorCode::UnexpectedOffset),
            refused(ErrorCode::BatchTooLarge),
            refused(ErrorCode::StreamBusy),
            ClientError::AwayFull { bytes_max: 1 },
        ] {
            let sent = state.begin(&batch("a"), plain).expect("nothing is in doubt");
            state.failed(&sent, &error);
        }
        let sent = state.begin(&batch("other"), plain).expect("nothing is in doubt");
        assert_eq!(sequence(&sent), 0);
    }
}
