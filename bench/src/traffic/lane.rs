//! The road of one numbered sequence of messages, to one receiver or to several.

use std::ops::Range;

use crate::traffic::message::{
    Arrival, Checker, Faults, MessageError, STAMP_BYTES, Stamp, payload_template, write_stamp,
};

/// One numbered sequence of messages, from a connection to one or several connections, each of which
/// is to get all of them.
#[derive(Debug)]
pub struct Lane {
    frame: FrameTemplate,
    /// The connection it leaves by.
    pub(crate) from: usize,
    /// The connections it arrives on, one behind the other.
    to: Range<usize>,
    /// What its arrival sets off.
    pub(crate) then: Then,
    /// What has arrived, for each connection of `to`.
    checkers: Vec<Checker>,
    sent: u64,
}

/// A frame that is the same for every message of a lane, but for its stamp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameTemplate {
    bytes: Vec<u8>,
    payload_at: usize,
}

/// What the arrival of a message sets off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// It is where it was going: it counts, and its latency is taken.
    Done {
        /// Index of the lane whose next message follows it where one message is in flight.
        restart: usize,
    },
    /// A message of another lane is sent on in its place, with the same intended time.
    Relay {
        /// Index of the other lane.
        lane: usize,
    },
}

impl FrameTemplate {
    /// The frame `bytes`, at whose end stands a payload of `payload_bytes`.
    ///
    /// # Panics
    /// If the frame is shorter, or the payload has no room for a stamp.
    #[must_use]
    pub fn new(bytes: Vec<u8>, payload_bytes: usize) -> FrameTemplate {
        assert!(payload_bytes >= STAMP_BYTES, "a payload has room for its stamp");
        let payload_at = bytes
            .len()
            .checked_sub(payload_bytes)
            .expect("a frame is at least as long as its payload");
        FrameTemplate { bytes, payload_at }
    }

    /// The frame that is nothing but the payload of a lane.
    #[must_use]
    pub fn bare(lane: u16, payload_bytes: usize) -> FrameTemplate {
        FrameTemplate::new(payload_template(lane, payload_bytes), payload_bytes)
    }

    /// Length of the frame in bytes.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The frame without a stamp.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn payload(&self) -> &[u8] {
        &self.bytes[self.payload_at..]
    }
}

impl Lane {
    /// A lane from connection `from` to connection `to` on which nothing was sent yet.
    #[must_use]
    pub fn new(frame: FrameTemplate, from: usize, to: usize, then: Then) -> Lane {
        Lane::to_all(frame, from, to..to + 1, then)
    }

    /// A lane from connection `from` to all connections of `to` on which nothing was sent yet.
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn to_all(frame: FrameTemplate, from: usize, to: Range<usize>, then: Then) -> Lane {
        assert!(!to.is_empty(), "a lane leads somewhere");
        let checkers = to.clone().map(|_| Checker::new(frame.payload())).collect();
        Lane { frame, from, to, then, checkers, sent: 0 }
    }

    /// The connections its messages arrive on.
    #[must_use]
    pub fn receivers(&self) -> Range<usize> {
        self.to.clone()
    }

    /// A message of the lane has arrived on `connection`.
    ///
    /// # Errors
    /// If it is not one of those that were sent, or the lane does not lead there.
    #[inline]
    pub(crate) fn on_arrival(
        &mut self,
        stamp: Stamp,
        payload: &[u8],
        connection: usize,
    ) -> Result<Arrival, MessageError> {
        let receiver = connection.checked_sub(self.to.start);
        match receiver.and_then(|receiver| self.checkers.get_mut(receiver)) {
            Some(checker) => checker.on_arrival(stamp, payload, self.sent),
            None => Err(MessageError::WrongConnection { lane: stamp.lane, connection }),
        }
    }

    /// Appends the next message to `out`.
    #[inline]
    pub fn push(&mut self, intended_ns: u64, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&self.frame.bytes);
        write_stamp(&mut out[begin + self.frame.payload_at..], self.sent, intended_ns);
        self.sent += 1;
    }

    /// Length of its frames in bytes.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.frame.frame_bytes()
    }

    /// How many messages were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many different messages have arrived, counted once for each receiver.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.checkers.iter().map(Checker::arrived).sum()
    }

    /// How many arrivals are still to come.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.sent * self.checkers.len() as u64 - self.arrived()
    }

    /// What went wrong, if nothing else arrives.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut sum = Faults::default();
        for checker in &self.checkers {
            sum += checker.faults(self.sent);
        }
        sum
    }
}
