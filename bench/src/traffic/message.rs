//! What a payload of the load holds, and whether what arrives is what was sent.
//!
//! ```text
//!  0      2          8             16
//!  | lane | sequence | intended_ns | filler ...      little-endian
//! ```
//!
//! The filler is the same for every message of a lane and is compared byte by byte; how long it is,
//! the lane knows.

use std::collections::BTreeSet;

/// Length of what comes before the filler, and so of the smallest payload, in bytes.
pub const STAMP_BYTES: usize = 16;

/// Where the number of a message begins in its stamp, in bytes.
const SEQUENCE_AT: usize = 2;
/// Where the time of a message begins in its stamp, in bytes.
const INTENDED_AT: usize = 8;
/// Bytes of a number that are written; what is above them is always zero.
const SEQUENCE_BYTES: usize = INTENDED_AT - SEQUENCE_AT;

/// Most missing messages that are remembered one by one; further ones count as lost for good.
const MISSING_MAX: usize = 65_536;

/// What a message says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Which lane it belongs to.
    pub lane: u16,
    /// Its number in the lane, from 0 on; below 2^48.
    pub sequence: u64,
    /// When it was meant to be sent, in nanoseconds of the monotonic clock.
    pub intended_ns: u64,
}

/// Why a payload is none of the load's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageError {
    /// It is too short, or not as long as it was.
    #[error("a payload of {found} bytes arrived; {expected} were sent")]
    Length {
        /// Bytes that arrived.
        found: usize,
        /// Bytes that should have.
        expected: usize,
    },
    /// There is no such lane.
    #[error("a message of lane {0} arrived, and there is none")]
    UnknownLane(u16),
    /// It arrived on a connection where its lane does not end.
    #[error("a message of lane {lane} arrived on connection {connection}, which is not its own")]
    WrongConnection {
        /// The lane.
        lane: u16,
        /// Where it arrived.
        connection: usize,
    },
    /// Its number is one that was not sent yet.
    #[error("message {sequence} of lane {lane} arrived and was never sent")]
    NeverSent {
        /// The lane.
        lane: u16,
        /// Its number.
        sequence: u64,
    },
    /// The filler is not what was sent.
    #[error("message {sequence} of lane {lane} arrived with other bytes than it was sent with")]
    Altered {
        /// The lane.
        lane: u16,
        /// Its number.
        sequence: u64,
    },
}

/// The payload of a lane's messages, whose stamp is written anew for each.
///
/// # Panics
/// If `bytes` is too short for a stamp: arguments were checked before.
#[must_use]
pub fn payload_template(lane: u16, bytes: usize) -> Vec<u8> {
    assert!(bytes >= STAMP_BYTES, "a payload has room for its stamp");
    let mut payload = vec![0; bytes];
    payload[..SEQUENCE_AT].copy_from_slice(&lane.to_le_bytes());
    for (at, byte) in payload.iter_mut().enumerate().skip(STAMP_BYTES) {
        *byte = (at as u8).wrapping_mul(31).wrapping_add(lane as u8);
    }
    payload
}

/// Writes number and time into a payload made from a template.
///
/// # Panics
/// If the number does not fit: a million messages per second take nine years to get there.
#[inline]
pub fn write_stamp(payload: &mut [u8], sequence: u64, intended_ns: u64) {
    assert!(sequence >> (8 * SEQUENCE_BYTES) == 0, "a lane has fewer messages than 2^48");
    payload[SEQUENCE_AT..INTENDED_AT].copy_from_slice(&sequence.to_le_bytes()[..SEQUENCE_BYTES]);
    payload[INTENDED_AT..STAMP_BYTES].copy_from_slice(&intended_ns.to_le_bytes());
}

/// Reads the stamp of a payload.
///
/// # Errors
/// If the payload is too short, or says that it had another length.
pub fn read_stamp(payload: &[u8]) -> Result<Stamp, MessageError> {
    let Some((stamp, _)) = payload.split_first_chunk::<STAMP_BYTES>() else {
        return Err(MessageError::Length { found: payload.len(), expected: STAMP_BYTES });
    };
    let [a, b, rest @ ..] = *stamp;
    let lane = u16::from_le_bytes([a, b]);
    let (mut sequence, mut intended_ns) = ([0; 8], [0; 8]);
    sequence[..SEQUENCE_BYTES].copy_from_slice(&rest[..SEQUENCE_BYTES]);
    intended_ns.copy_from_slice(&rest[SEQUENCE_BYTES..]);
    let (sequence, intended_ns) = (u64::from_le_bytes(sequence), u64::from_le_bytes(intended_ns));
    Ok(Stamp { lane, sequence, intended_ns })
}

/// What went wrong with messages that arrived or did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Messages that did not arrive.
    pub lost: u64,
    /// Messages that arrived again.
    pub doubled: u64,
    /// Messages that arrived after a later one.
    pub disordered: u64,
}

impl Faults {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Faults::default()
    }
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Faults) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Faults { lost, doubled, disordered } = self;
        write!(f, "{lost} messages lost, {doubled} doubled, {disordered} out of order")
    }
}

/// Follows the messages of one lane as they arrive.
#[derive(Debug)]
pub struct Checker {
    filler: Vec<u8>,
    bytes: usize,
    /// One more than the highest number that arrived.
    next: u64,
    /// Numbers below `next` that did not arrive so far.
    missing: BTreeSet<u64>,
    faults: Faults,
}

/// How a message stands to those that arrived before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It arrives for the first time.
    First,
    /// It arrived before, and counts no more.
    Again,
}

impl Checker {
    /// Nothing has arrived of the lane whose messages are made from `template`.
    #[must_use]
    pub fn new(template: &[u8]) -> Checker {
        Checker {
            filler: template[STAMP_BYTES..].to_vec(),
            bytes: template.len(),
            next: 0,
            missing: BTreeSet::new(),
            faults: Faults::default(),
        }
    }

    /// A message has arrived, of which `sent` were sent so far.
    ///
    /// # Errors
    /// If it is not one of those that were sent.
    pub fn on_arrival(
        &mut self,
        stamp: Stamp,
        payload: &[u8],
        sent: u64,
    ) -> Result<Arrival, MessageError> {
        let Stamp { lane, sequence, .. } = stamp;
        if payload.len() != self.bytes {
            return Err(MessageError::Length { found: payload.len(), expected: self.bytes });
        }
        if payload[STAMP_BYTES..] != self.filler {
            return Err(MessageError::Altered { lane, sequence });
        }
        if sequence >= sent {
            return Err(MessageError::NeverSent { lane, sequence });
        }
        if sequence == self.next {
            self.next += 1;
            return Ok(Arrival::First);
        }
        Ok(self.on_irregular(sequence))
    }

    /// How many different messages have arrived.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.next - self.missing.len() as u64 - self.faults.lost
    }

    /// What went wrong, if nothing else arrives of the `sent` messages that were sent.
    #[must_use]
    pub fn faults(&self, sent: u64) -> Faults {
        Faults { lost: sent - self.arrived(), ..self.faults }
    }

    #[cold]
    fn on_irregular(&mut self, sequence: u64) -> Arrival {
        if sequence > self.next {
            let remembered = (MISSING_MAX - self.missing.len()) as u64;
            let remembered_end = sequence.min(self.next + remembered);
            self.missing.extend(self.next..remembered_end);
            self.faults.lost += sequence - remembered_end;
            self.next = sequence + 1;
            return Arrival::First;
        }
        if self.missing.remove(&sequence) {
            self.faults.disordered += 1;
            return Arrival::First;
        }
        self.faults.doubled += 1;
        Arrival::Again
    }
}
