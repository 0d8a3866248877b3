//! What sessions and their peers cannot do to a shard.

use coilgun_protocol::model::SlowConsumer;
use coilgun_protocol::model::limits::COMMANDS_PER_SLICE;
use coilgun_protocol::native::ServerReader;
use proptest::prelude::*;

use super::broker::{Broker, ELBUS};
use super::native::{client_bytes, server_lines};
use super::rude::TICK_MS;
use crate::env::sim::{Faults, SimWorld};
use crate::shard::{ListenerProtocol, ListenerSettings, ShardSettings};

fn broker(settings: ShardSettings) -> Broker {
    Broker::new(SimWorld::new(1, Faults::none()), settings)
}

/// Whether a well-behaved client is still served.
fn serves(broker: &mut Broker) -> bool {
    let peer = broker.connect(ListenerProtocol::Native, 1 << 20);
    let mut heard = broker.say(peer, &client_bytes("hello somebody"));
    heard.extend(broker.say(peer, &client_bytes("ping 5")));
    server_lines(&heard, &mut ServerReader::default()) == ["welcome", "pong token=5"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn commands_in_any_order_harm_nobody_else(
        scripts in prop::collection::vec("[ONPRBSUCFXT]{1,12}", 1..4),
    ) {
        let mut broker = broker(ShardSettings::default());
        for script in &scripts {
            let peer = broker.connect(ListenerProtocol::Rude, 1 << 20);
            broker.say(peer, script.as_bytes());
            broker.world.advance_ms(TICK_MS);
            broker.settle();
            let opens = script.bytes().position(|byte| byte == b'O' || byte == b'N');
            let first = script.bytes().position(|byte| byte != b'T');
            if opens != first || first.is_none() {
                prop_assert!(broker.world.broker_ended(peer), "{script} began without Open");
            }
        }
        prop_assert!(serves(&mut broker));
    }

    #[test]
    fn bytes_of_any_kind_harm_nobody_else(
        protocol in prop::sample::select(vec![
            ListenerProtocol::Native,
            ListenerProtocol::NatsProbe,
            ELBUS,
        ]),
        parts in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                b"CONNECT {}\r\n".to_vec(),
                b"SUB > 1\r\n".to_vec(),
                b"PUB $NAME.a 3\r\nabc\r\n".to_vec(),
                b"UNSUB 1 1\r\n".to_vec(),
                b"\xEB\x01\x00\x01\x00a".to_vec(),
                b"\x01\0\0\0\x42\x05\0\0\0a/#\0b".to_vec(),
                b"\x02\0\0\0\xC1\x05\0\0\0a/b\0c".to_vec(),
                b"\x02\0\0\0\x53\x02\0\0\0*\0".to_vec(),
                b"\x03\0\0\0\x43\x02\0\0\0b\0".to_vec(),
            ]),
            prop::collection::vec(any::<u8>(), 0..12),
        ], 0..8),
    ) {
        let mut broker = broker(ShardSettings::default());
        let peer = broker.connect(protocol, 1 << 20);
        broker.say(peer, &parts.concat());
        prop_assert!(serves(&mut broker));
    }
}

/// A frame of more topics than one slice has commands is taken in parts, and answered once.
#[test]
fn s23_a_frame_of_many_commands_is_taken_in_parts() {
    for topics in [COMMANDS_PER_SLICE - 1, COMMANDS_PER_SLICE, 3 * COMMANDS_PER_SLICE + 7] {
        let mut broker = broker(ShardSettings::default());
        let peer = broker.connect(ELBUS, 1 << 20);
        broker.say(peer, b"\xEB\x01\x00\x01\x00a");
        let body = (0..topics).map(|topic| format!("t/{topic}")).collect::<Vec<_>>().join("\0");
        for (flags, left) in [(0x42, topics), (0x42, topics), (0x43, 0)] {
            let mut frame = vec![9, 0, 0, 0, flags];
            frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
            frame.extend_from_slice(body.as_bytes());
            assert_eq!(broker.say(peer, &frame), b"\xFE\x09\0\0\0\x01", "{topics} topics");
            // And `.broker/warn`, which everybody subscribes to.
            assert_eq!(broker.shard.router().counts().subscriptions, left + 1);
        }
    }
}

/// What a session publishes at a tick waits for a slow reader like everything else.
#[test]
fn s18_what_is_published_at_a_tick_is_held_and_not_lost() {
    let settings = ShardSettings { outbox_high_bytes: 2_000, ..ShardSettings::default() };
    let slow_consumer = SlowConsumer { backpressure_ms: 60_000, ..SlowConsumer::default() };
    let world = SimWorld::new(1, Faults::none());
    let mut broker = Broker::with_listeners(
        world,
        settings,
        ListenerSettings { slow_consumer, ..ListenerProtocol::Native.into() },
    );
    let slow = broker.connect(ListenerProtocol::Native, 1_000);
    let mut heard = broker.say(slow, &client_bytes("hello slow"));
    heard.extend(broker.say(slow, &client_bytes("subscribe 1 tick")));
    let ticker = broker.connect(ListenerProtocol::Rude, 1 << 20);
    broker.say(ticker, b"OT");
    // Again and again a tick waits for room, and the next is due when there is some, now and then in
    // the very turn in which it is noticed.
    for round in 0..24 {
        for _ in 0..150 {
            broker.world.advance_ms(TICK_MS);
            broker.settle();
        }
        heard.extend(broker.world.read(slow, usize::MAX));
        (0..round % 4).for_each(|_| {
            broker.turn();
        });
        broker.world.advance_ms(1_000);
        broker.settle();
    }
    for _ in 0..10 {
        heard.extend(broker.say(slow, b""));
    }
    let stalls = broker.shard.counters().stalls;
    assert!(stalls >= 10, "the reader was behind {stalls} times only");
    let numbers = ticks_in(&heard);
    assert!(numbers.len() > 50, "{} ticks came through", numbers.len());
    let expected: Vec<u32> = (1..=numbers.len() as u32).collect();
    assert_eq!(numbers, expected, "every tick, in order");
}

/// The numbers of the ticks in what a native client heard.
fn ticks_in(heard: &[u8]) -> Vec<u32> {
    use coilgun_protocol::native::{Incoming, ServerFrame};
    let (mut reader, mut at, mut numbers) = (ServerReader::default(), 0, Vec::new());
    // Ends because every item takes bytes away, and half an item ends it.
    while at < heard.len() {
        match reader.read(&heard[at..]).expect("the broker speaks the protocol") {
            Incoming::Preface { used, .. } => at += used,
            Incoming::Frame { frame, used } => {
                at += used;
                if let ServerFrame::Deliver(it) = frame {
                    let number = it.payload.first_chunk().expect("a tick has a number");
                    numbers.push(u32::from_le_bytes(*number));
                }
            }
            Incoming::Incomplete { .. } => break,
        }
    }
    numbers
}
