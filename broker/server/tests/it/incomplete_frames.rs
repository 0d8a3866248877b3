//! Frames that come slowly, or not to their end, on a simulated kernel.

use coilgun_protocol::model::{ErrorCode, SlowConsumer, limits};
use coilgun_protocol::native::{ClientFrame, PublishFrame, encode_frame};
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::setup::MemoryPlan;
use coilgun_server::shard::{ListenerProtocol, ListenerSettings, ShardSettings};

use crate::native_peer::{Peer, SimBroker, plan};

fn broker(large_blocks: usize) -> SimBroker {
    let plan = MemoryPlan {
        large_bytes: large_blocks * limits::FRAME_BYTES_DEFAULT.next_multiple_of(4096),
        ..plan()
    };
    SimBroker::new(SimWorld::new(1, Faults::none()), &plan, ShardSettings::default())
}

/// A PUBLISH frame of a payload of so many bytes.
fn frame(payload_bytes: usize) -> Vec<u8> {
    let payload = vec![7; payload_bytes];
    let publish = PublishFrame { subject: b"x", payload: &payload, ..PublishFrame::default() };
    let mut bytes = Vec::new();
    encode_frame(&ClientFrame::Publish(publish), &mut bytes).expect("the frame is short");
    bytes
}

fn drip(broker: &mut SimBroker, peer: &mut Peer, bytes: &[u8], ms: u64) {
    peer.write(bytes);
    broker.world.advance_ms(ms);
    broker.turns(5);
    peer.read(usize::MAX);
}

#[test]
fn bytes_of_a_frame_are_a_sign_of_life() {
    let mut broker = broker(16);
    let mut uploader = broker.open("uploader");
    let mut reader = broker.open("reader");
    reader.subscribe(1, "x", "");
    broker.barrier(&mut reader);
    let bytes = frame(500_000);
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    // Almost a minute for half a megabyte: slower than anybody who is silent may be.
    for part in first.chunks(first.len() / 5) {
        drip(&mut broker, &mut uploader, part, limits::PING_INTERVAL_MS / 3);
        reader.send(&ClientFrame::Pong { token: 0 });
    }
    drip(&mut broker, &mut uploader, rest, 1);
    broker.until(&mut reader, |reader| reader.seen.len() == 1);
    assert!(uploader.errors.is_empty(), "{uploader:?}");
}

#[test]
fn a_frame_has_to_arrive_in_time() {
    let mut broker = broker(16);
    let mut slow = broker.open("slow");
    let bytes = frame(16 * 1024);
    let mut passed = 0;
    // A byte every three seconds would go on for half a day.
    for byte in &bytes {
        drip(&mut broker, &mut slow, &[*byte], 3_000);
        passed += 3_000;
        if !slow.errors.is_empty() {
            break;
        }
    }
    assert!(slow.has_error(ErrorCode::FrameTimeout), "{slow:?}");
    let due = limits::FRAME_MS_MAX + 1_000;
    let latest = due + limits::PING_INTERVAL_MS + 3_000;
    assert!((due..=latest).contains(&passed), "{passed} ms");
    assert_eq!(broker.shard.counters().frame_timeouts, 1);
    let mut other = broker.open("other");
    broker.barrier(&mut other);
}

#[test]
fn s7_who_announces_long_frames_takes_nothing_from_those_who_send_them() {
    let mut broker = broker(4);
    let mut readers = broker.open("reader");
    readers.subscribe(1, "x", "");
    broker.barrier(&mut readers);
    let bytes = frame(1_000_000);
    let hangers: Vec<Peer> = (0..40)
        .map(|_| {
            let peer = broker.open("");
            peer.write(&bytes[..1_000]);
            peer
        })
        .collect();
    broker.turns(20);
    let sender = broker.open("sender");
    for _ in 0..5 {
        sender.write(&bytes);
    }
    broker.until(&mut readers, |readers| readers.seen.len() == 5);
    assert_eq!(broker.shard.counters().exhausted, 0);
    drop(hangers);
}

/// Where all large blocks are taken, the frame that has taken longest makes room for the next.
#[test]
fn the_slowest_frame_makes_room_when_there_is_none() {
    let mut broker = broker(4);
    let mut reader = broker.open("reader");
    reader.subscribe(1, "x", "");
    broker.barrier(&mut reader);
    let bytes = frame(1_000_000);
    let mut hangers: Vec<Peer> = (0..4)
        .map(|_| {
            let peer = broker.open("");
            peer.write(&bytes[..100_000]);
            broker.turns(10);
            broker.world.advance_ms(100);
            peer
        })
        .collect();
    let sender = broker.open("sender");
    broker.world.advance_ms(1_000);
    sender.write(&bytes);
    broker.until(&mut reader, |reader| reader.seen.len() == 1);
    hangers.iter_mut().for_each(|peer| peer.read(usize::MAX));
    let told: Vec<bool> =
        hangers.iter().map(|peer| peer.has_error(ErrorCode::FrameTimeout)).collect();
    assert_eq!(told, [true, false, false, false], "the first one has taken longest");
    // Four at once, all of which have just begun: the fifth is told that there is no room.
    let mut late: Vec<Peer> = (0..2).map(|_| broker.open("")).collect();
    late.iter().for_each(|peer| peer.write(&bytes[..100_000]));
    broker.world.advance_ms(1);
    broker.turns(20);
    late.iter_mut().for_each(|peer| peer.read(usize::MAX));
    let refused = late.iter().filter(|peer| peer.has_error(ErrorCode::BuffersExhausted)).count();
    let timed_out: Vec<bool> = hangers
        .iter_mut()
        .map(|peer| {
            peer.read(usize::MAX);
            peer.has_error(ErrorCode::FrameTimeout)
        })
        .collect();
    assert_eq!((refused, timed_out), (0, vec![true, true, false, false]));
}

/// While a publisher waits for a reader nobody reads the rest of its frame, which is not its fault.
#[test]
fn a_frame_has_its_time_again_when_its_connection_is_read_again() {
    let settings = ShardSettings { outbox_high_bytes: 50_000, ..ShardSettings::default() };
    let mut broker = SimBroker::new(SimWorld::new(1, Faults::none()), &plan(), settings);
    let slow_consumer = SlowConsumer { backpressure_ms: 60_000, ..SlowConsumer::default() };
    broker.listen(9, ListenerSettings { slow_consumer, ..ListenerProtocol::Native.into() });
    let mut slow = broker.connect_to(9, 2_000);
    slow.hello("slow");
    broker.until(&mut slow, |slow| slow.is_open);
    slow.subscribe(1, "x", "");
    broker.barrier(&mut slow);
    let mut publisher = broker.open("publisher");
    let bytes = frame(1_000);
    let (first, rest) = bytes.split_at(500);
    // All of it in one receive block, so that the frame begins before anybody waits.
    publisher.write(&[bytes.repeat(55).as_slice(), first].concat());
    // Longer than a frame may take.
    for _ in 0..50 {
        broker.world.advance_ms(1_000);
        broker.turns(3);
    }
    assert!(broker.shard.counters().stalls > 0, "the publisher waits");
    broker.until(&mut slow, |slow| slow.seen.len() == 55);
    for _ in 0..5 {
        broker.world.advance_ms(1_000);
        broker.turns(3);
    }
    publisher.write(rest);
    broker.until(&mut slow, |slow| slow.seen.len() == 56);
    publisher.read(usize::MAX);
    assert!(publisher.errors.is_empty(), "{publisher:?}");
}
