//! Appends that wait until their log has room: its next segment is being prepared, or the disk is slow and
//! their partition has as much pending as it may.
//!
//! They keep their order, and whatever comes for the same log waits behind them. How much may wait is
//! bounded; what comes beyond that is told to come again.

use std::collections::VecDeque;

use coilgun_core::stream::{AppendRefusal, LogIndex};
use coilgun_protocol::model::Timestamp;
use coilgun_storage::journal::Refused;

use super::super::turn::Shard;
use crate::env::Env;
use crate::streams::{AppendOutcome, Batch, NotTaken};

/// Bytes that may wait for one log.
const PARKED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Batches that may.
const PARKED_MAX: usize = 16_384;

/// The appends that wait for one log.
#[derive(Debug, Default)]
pub(super) struct Parked {
    waiting: VecDeque<ParkedAppend>,
    bytes: usize,
}

/// One of them, with a copy of its body.
#[derive(Debug)]
struct ParkedAppend {
    batch: Batch<'static>,
    index: u32,
    body: Box<[u8]>,
}

impl Parked {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets an append wait. `false`: too much does already.
    pub(super) fn park(&mut self, batch: &Batch<'_>, index: u32) -> bool {
        let fits =
            self.waiting.len() < PARKED_MAX && self.bytes + batch.body.len() <= PARKED_BYTES_MAX;
        if fits {
            self.bytes += batch.body.len();
            let body = Box::from(batch.body);
            let batch = Batch { body: &[], ..*batch };
            self.waiting.push_back(ParkedAppend { batch, index, body });
        }
        fits
    }
}

/// Whether an append has a chance when the log has written more.
pub(super) fn waits_for_room(outcome: AppendOutcome) -> bool {
    matches!(
        outcome,
        AppendOutcome::NotTaken(NotTaken::Journal(Refused::NoRoom))
            | AppendOutcome::Refused(
                AppendRefusal::PendingBytesFull | AppendRefusal::PendingAppendsFull
            )
    )
}

impl<E: Env> Shard<E> {
    /// Appends what waits for a log, as far as there is room for it.
    pub(super) fn append_parked(&mut self, now: Timestamp, log: LogIndex) {
        // Ends because each round takes one out, or stops.
        while let Some(parked) = self.streams.parked.get_mut(&log)
            && let Some(first) = parked.waiting.pop_front()
        {
            let batch = Batch { body: &first.body, ..first.batch };
            let outcome = self.try_append(log, &batch);
            if waits_for_room(outcome) {
                if let Some(parked) = self.streams.parked.get_mut(&log) {
                    parked.waiting.push_front(first);
                }
                return;
            }
            if let Some(parked) = self.streams.parked.get_mut(&log) {
                parked.bytes -= first.body.len();
            }
            self.answer_outcome(now, first.index, &batch, outcome);
        }
    }

    /// Whether anything waits for a log.
    pub(super) fn has_parked(&self, log: LogIndex) -> bool {
        self.streams.parked.get(&log).is_some_and(|parked| !parked.is_empty())
    }
}
