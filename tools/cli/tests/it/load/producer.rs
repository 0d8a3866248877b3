//! An idempotent producer that goes on where it was, whatever became of the broker.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use coilgun_protocol::model::{
    AckLevel, AppendConditions, ErrorCode, ProducerEpoch, ProducerId, ProducerSequence,
};

use crate::stream_peer::{Heard, StreamPeer, code};

use super::crowd::{HasFailed, STREAM};
use super::files::Files;

/// Batches that are under way; a partition recognises as many that come again.
const IN_FLIGHT_MAX: usize = 4;

/// One producer, alone on its partition.
pub(super) struct Producer {
    pub(super) partition: u32,
    files: Files,
    /// Records that were acked.
    pub(super) acked: u64,
    /// How many records each batch has that was sent and not acked, in order.
    in_flight: VecDeque<u32>,
    /// Batches that were sent again.
    pub(super) resent: u64,
    /// Batches of which the broker said that it does not know.
    pub(super) unknown: u64,
}

impl Producer {
    pub(super) fn new(partition: u32, files: &Files) -> Producer {
        let in_flight = VecDeque::new();
        Producer { partition, files: files.clone(), acked: 0, in_flight, resent: 0, unknown: 0 }
    }

    /// Appends until the broker is dead, beginning with what has no answer. Counts the acks.
    pub(super) fn run(
        &mut self,
        mut peer: StreamPeer,
        has_failed: HasFailed<'_>,
        acks: &AtomicU64,
    ) {
        self.resent += self.in_flight.len() as u64;
        let ended = self.produce(&mut peer, has_failed, acks);
        assert!(ended.is_err(), "it goes on until the broker is dead");
    }

    fn produce(
        &mut self,
        peer: &mut StreamPeer,
        has_failed: HasFailed<'_>,
        acks: &AtomicU64,
    ) -> io::Result<()> {
        let mut sent: u64 = self.acked;
        for count in self.in_flight.clone() {
            self.send(peer, sent, count)?;
            sent += u64::from(count);
        }
        // Ends when the broker is dead.
        loop {
            while self.in_flight.len() < IN_FLIGHT_MAX {
                let count = 1 + (sent % 5) as u32;
                self.in_flight.push_back(count);
                self.send(peer, sent, count)?;
                sent += u64::from(count);
            }
            self.take_ack(peer, has_failed)?;
            acks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends a batch; its first record has the number `first`, which is also its sequence.
    fn send(&self, peer: &mut StreamPeer, first: u64, count: u32) -> io::Result<()> {
        let records: Vec<Vec<u8>> = (first..first + u64::from(count))
            .map(|number| self.files.record(self.partition, number))
            .collect();
        let payloads: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let conditions = AppendConditions {
            producer: ProducerId(1 + u64::from(self.partition)),
            epoch: ProducerEpoch(1),
            sequence: ProducerSequence(first),
            expected: None,
        };
        let level = AckLevel::Durable;
        peer.try_send_append(STREAM, self.partition, level, conditions, &payloads).map(|_| ())
    }

    fn take_ack(&mut self, peer: &mut StreamPeer, has_failed: HasFailed<'_>) -> io::Result<()> {
        let Heard::Appended(appended) = peer.try_hear()? else {
            panic!("answers to appends, and nothing else");
        };
        let code = code(appended.code);
        if matches!(code, ErrorCode::OutcomeUnknown | ErrorCode::StreamsUnavailable) && has_failed()
        {
            self.unknown += u64::from(code == ErrorCode::OutcomeUnknown);
            return Err(io::Error::other("the disk has failed"));
        }
        assert_eq!(code, ErrorCode::Ok, "{appended:?}");
        assert_eq!(appended.level, AckLevel::Durable);
        // Records are numbered as their offsets are, because nobody else appends here.
        assert_eq!(appended.base_offset.0, self.acked, "in order, and none doubled");
        let count = self.in_flight.pop_front().expect("only what was sent is acked");
        self.acked += u64::from(count);
        Ok(())
    }

    /// Holds what is in its partition against what it knows.
    pub(super) fn check(&self, all: &[Vec<u8>]) {
        let most = self.acked + self.in_flight.iter().map(|count| u64::from(*count)).sum::<u64>();
        let found = all.len() as u64;
        assert!(self.acked <= found, "{found} of {} acked records are there", self.acked);
        assert!(found <= most, "{found} records are there, {most} were sent");
        for (number, record) in (0..).zip(all) {
            let expected = self.files.record(self.partition, number);
            assert!(*record == expected, "record {number} of partition {}", self.partition);
        }
    }
}
