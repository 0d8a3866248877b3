//! What was read, cut into frames: the engine gets them one by one, so that messages for several
//! subscriptions stay in the order in which they came. What a frame says is judged by the engine.

use std::io;

use coilgun_protocol::model::SubscriptionId;
use coilgun_protocol::model::limits::PAYLOAD_BYTES_CEILING;
use coilgun_protocol::native::{HEADER_BYTES, Operation, PREFACE_BYTES};

use crate::blocking::socket::Socket;

/// What one read asks for at least.
const READ_BYTES: usize = 64 * 1024;
/// More than any frame may be long: the largest payload, and all that a message has besides.
const LENGTH_MAX: usize = PAYLOAD_BYTES_CEILING + 1024 * 1024;
/// How much of a DELIVER says for which subscription it is.
const DELIVER_BEGIN_BYTES: usize = HEADER_BYTES + 8;
/// Length of a DELIVER without what becomes the bytes of its message.
const DELIVER_PREFIX_BYTES: usize = HEADER_BYTES + 40;

/// Bytes of one connection on their way to the engine.
///
/// ```text
///   | used up | begin ... frames, the last of them perhaps in part ... filled | room to read |
/// ```
#[derive(Debug)]
pub(crate) struct Frames {
    input: Vec<u8>,
    begin: usize,
    filled: usize,
    /// How many bytes are missing from the frame whose beginning the engine has.
    missing: usize,
}

/// A frame, or a part of one.
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// The broker asks for a sign of life.
    pub(crate) is_ping: bool,
}

/// A message at the front.
pub(crate) struct Delivery {
    pub(crate) subscription: SubscriptionId,
    /// How many bytes the message will hold.
    pub(crate) bytes: usize,
}

impl Default for Frames {
    /// The beginning of a connection: a preface comes first.
    fn default() -> Frames {
        Frames { input: Vec::new(), begin: 0, filled: 0, missing: PREFACE_BYTES }
    }
}

impl Frames {
    /// Whether there is something for the engine. The beginning of a frame waits until it says how
    /// long the frame is and, if it is a message, for which subscription; but what nobody may announce
    /// is refused at once.
    pub(crate) fn has_next(&self) -> bool {
        let front = &self.input[self.begin..self.filled];
        if self.missing > 0 {
            return !front.is_empty();
        }
        if front.len() < HEADER_BYTES {
            return false;
        }
        let is_message = front[4] == Operation::Deliver as u8;
        !is_message || front.len() >= DELIVER_BEGIN_BYTES || front_length(front) > LENGTH_MAX
    }

    /// The next frame, or as much of it as is there. Whether its length is one that may be announced
    /// the engine knows.
    pub(crate) fn next(&mut self) -> Piece<'_> {
        let mut is_ping = false;
        if self.missing == 0 {
            let header = &self.input[self.begin..self.filled];
            self.missing = HEADER_BYTES + front_length(header);
            is_ping = header[4] == Operation::Ping as u8;
        }
        let count = self.missing.min(self.filled - self.begin);
        let begin = self.begin;
        self.begin += count;
        self.missing -= count;
        Piece { bytes: &self.input[begin..begin + count], is_ping }
    }

    /// The message that begins at the front, if one does.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        let front = &self.input[self.begin..self.filled];
        if self.missing > 0 || front.get(4) != Some(&(Operation::Deliver as u8)) {
            return None;
        }
        let length = front_length(front);
        let subscription = u64::from_le_bytes(*front.get(HEADER_BYTES..)?.first_chunk()?);
        let bytes = (HEADER_BYTES + length).saturating_sub(DELIVER_PREFIX_BYTES);
        Some(Delivery { subscription: SubscriptionId(subscription), bytes })
    }

    /// Reads once; 0 is the end.
    pub(crate) fn read(&mut self, socket: &mut Socket) -> io::Result<usize> {
        self.input.copy_within(self.begin..self.filled, 0);
        self.filled -= self.begin;
        self.begin = 0;
        self.input.resize(HEADER_BYTES + READ_BYTES, 0);
        let count = socket.read(&mut self.input[self.filled..])?;
        self.filled += count;
        Ok(count)
    }
}

/// The length that a frame announces, without its header.
fn front_length(front: &[u8]) -> usize {
    front.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Frames {
        let filled = bytes.len();
        Frames { input: bytes.to_vec(), begin: 0, filled, missing: 0 }
    }

    #[test]
    fn frames_come_one_by_one_and_parts_as_they_are() {
        let ping = [&8_u32.to_le_bytes()[..], &[Operation::Ping as u8, 0, 8, 0], &[7; 8]].concat();
        let mut cut = frames(&[&ping[..], &ping[..10]].concat());
        let piece = cut.next();
        assert!(piece.is_ping && piece.bytes == ping);
        assert_eq!(
            cut.next().bytes,
            &ping[..10],
            "the engine learns at once what is wrong with it"
        );
        assert!(!cut.has_next());
        assert_eq!(cut.missing, 6);
        assert!(!frames(&ping[..7]).has_next(), "its length is not all there");
    }

    #[test]
    fn a_message_tells_its_subscription_and_its_size_before_it_is_taken() {
        let length = (DELIVER_PREFIX_BYTES - HEADER_BYTES + 5) as u32;
        let head =
            [&length.to_le_bytes()[..], &[Operation::Deliver as u8, 0, 40, 0], &[3, 0, 0, 0]];
        let mut bytes = head.concat();
        assert!(!frames(&bytes).has_next(), "its subscription is not all there");
        bytes.extend_from_slice(&[0; 4]);
        let delivery = frames(&bytes).delivery().expect("it is a message");
        assert_eq!((delivery.subscription, delivery.bytes), (SubscriptionId(3), 5));
    }

    #[test]
    fn a_length_that_nobody_may_announce_goes_to_the_engine_at_once() {
        let mut cut = frames(&[0xff, 0xff, 0xff, 0xff, Operation::Deliver as u8, 0, 40, 0]);
        assert!(cut.has_next() && cut.delivery().is_none());
        assert_eq!(cut.next().bytes.len(), 8);
    }
}
