//! What waits for more to go out with it, and for how long.

use coilgun_protocol::elbus::{GREETING, Operation, Qos, encode_frame};
use coilgun_protocol::model::limits::FLUSH_BYTES;

use super::broker::{Broker, ELBUS};
use crate::env::sim::{Faults, PeerId, SimWorld};
use crate::shard::{ListenerProtocol, ListenerSettings, ShardSettings};

const DELAY_MS: u64 = 5;

struct Pair {
    broker: Broker,
    sender: PeerId,
    receiver: PeerId,
}

impl Pair {
    fn new() -> Pair {
        let world = SimWorld::new(1, Faults::none());
        let flush_delay_us = DELAY_MS as u32 * 1_000;
        let common = ListenerSettings { flush_delay_us, ..ListenerProtocol::Native.into() };
        let mut broker = Broker::with_listeners(world, ShardSettings::default(), common);
        let [sender, receiver] = [b"s", b"r"].map(|name| {
            let peer = broker.connect(ELBUS, 1 << 20);
            let said = [&GREETING[..], &[1, 0], name].concat();
            let heard = broker.say(peer, &said);
            assert_eq!(heard, [&GREETING[..], &[1, 1]].concat(), "a handshake never waits");
            peer
        });
        Pair { broker, sender, receiver }
    }

    /// Sends a message, and returns how many bytes the sender and the receiver hear of it at once.
    fn send(&mut self, qos: Qos, payload: &[u8]) -> (usize, usize) {
        let mut frame = Vec::new();
        encode_frame(1, Operation::Message, qos, &[b"r", payload], &mut frame);
        let acked = self.broker.say(self.sender, &frame).len();
        (acked, self.heard())
    }

    fn heard(&self) -> usize {
        self.broker.world.read(self.receiver, usize::MAX).len()
    }

    fn after(&mut self, ms: u64) -> (usize, usize) {
        self.broker.world.advance_ms(ms);
        self.broker.settle();
        (self.broker.world.read(self.sender, usize::MAX).len(), self.heard())
    }
}

/// An acknowledgement, and a frame with the name of the sender and a payload of one byte.
const ACK: usize = 6;
const FRAME: usize = 6 + 2 + 1;

#[test]
fn what_is_not_in_a_hurry_waits_so_long_and_no_longer() {
    let mut pair = Pair::new();
    assert_eq!(pair.send(Qos::PROCESSED, b"1"), (0, 0));
    assert_eq!(pair.after(DELAY_MS - 1), (0, 0));
    assert_eq!(pair.send(Qos::PROCESSED, b"2"), (0, 0), "it goes with the first");
    assert_eq!(pair.after(1), (2 * ACK, 2 * FRAME));
    assert_eq!(pair.after(100), (0, 0));
    assert_eq!(pair.send(Qos::NO, b"3"), (0, 0), "the time begins anew");
    assert_eq!(pair.after(DELAY_MS), (0, FRAME));
}

#[test]
fn what_is_in_a_hurry_takes_with_it_what_waits() {
    let mut pair = Pair::new();
    assert_eq!(pair.send(Qos::REALTIME, b"1"), (0, FRAME));
    assert_eq!(pair.send(Qos::REALTIME_PROCESSED, b"2"), (ACK, FRAME));
    assert_eq!(pair.send(Qos::PROCESSED, b"3"), (0, 0));
    assert_eq!(pair.send(Qos::REALTIME_PROCESSED, b"4"), (2 * ACK, 2 * FRAME));
    assert_eq!(pair.after(DELAY_MS), (0, 0));
}

#[test]
fn what_fills_a_send_waits_for_nothing() {
    let mut pair = Pair::new();
    let (_, heard) = pair.send(Qos::NO, &[7; FLUSH_BYTES]);
    assert_eq!(heard, FRAME - 1 + FLUSH_BYTES);
}

#[test]
fn a_connection_that_ends_takes_along_what_waits() {
    let mut pair = Pair::new();
    assert_eq!(pair.send(Qos::PROCESSED, b"1"), (0, 0));
    pair.broker.world.end(pair.receiver);
    pair.broker.settle();
    assert_eq!(pair.heard(), FRAME, "it goes before the end");
}
