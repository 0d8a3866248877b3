//! The road of one numbered sequence of messages.

use crate::traffic::message::{Checker, Faults, STAMP_BYTES, payload_template, write_stamp};

/// One numbered sequence of messages, from a connection to a connection.
#[derive(Debug)]
pub struct Lane {
    frame: FrameTemplate,
    /// The connection it leaves by.
    pub(crate) from: usize,
    /// The connection it arrives on.
    pub(crate) to: usize,
    /// What its arrival sets off.
    pub(crate) then: Then,
    pub(crate) checker: Checker,
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

    fn payload(&self) -> &[u8] {
        &self.bytes[self.payload_at..]
    }
}

impl Lane {
    /// A lane from connection `from` to connection `to` on which nothing was sent yet.
    #[must_use]
    pub fn new(frame: FrameTemplate, from: usize, to: usize, then: Then) -> Lane {
        let checker = Checker::new(frame.payload());
        Lane { frame, from, to, then, checker, sent: 0 }
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

    /// How many different messages have arrived.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.checker.arrived()
    }

    /// What went wrong, if nothing else arrives.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.checker.faults(self.sent)
    }
}
