//! Clients of elbus that break every rule there is.

use coilgun_protocol::elbus::{GREETING, Operation, PING, Qos};
use coilgun_protocol::model::limits::{FRAME_OVERHEAD_BYTES_MAX, PAYLOAD_BYTES_DEFAULT};

use super::scene::Scene;
use crate::elbus_peer::{ElbusPeer, Told, handshake};

/// Connections that come and go.
const CONNECTIONS: usize = 10_000;
/// How many of them are there at a time.
const BURST: usize = 250;

/// A header: operation and class of service, and the length that is announced.
fn header(flags: u8, length: u32) -> Vec<u8> {
    [&7_u32.to_le_bytes()[..], &[flags], &length.to_le_bytes()].concat()
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    [header(flags, body.len() as u32), body.to_vec()].concat()
}

#[test]
fn frames_that_are_none_end_the_connection_without_a_word() {
    let scene = Scene::set(&[]);
    let longest = (PAYLOAD_BYTES_DEFAULT + FRAME_OVERHEAD_BYTES_MAX) as u32;
    let mut broken = vec![
        frame(0x3F, b""),
        frame(0x47, b"a\0b"),
        frame(0x14, b"a\0b"),
        // A body without a NUL, also of an operation that does nothing.
        frame(0x41, b"topic"),
        frame(0x52, b""),
        frame(0x13, b"mask"),
        frame(0x46, b"topic\0name"),
        frame(0x80, b"x"),
        // What is no UTF-8.
        frame(0x41, b"\xC3\x28\0x"),
        frame(0x52, b"\xFF\0x"),
        frame(0x42, b"a\0\xC0\x80"),
        frame(0x44, b"\xFF"),
        frame(0x46, b"topic\0\xFF\0x"),
    ];
    // A length beyond the limit is refused before any byte of it.
    for operation in [0x01, 0x02, 0x04, 0x06, 0x12, 0x13, 0x40] {
        broken.extend([header(operation, longest + 1), header(operation, u32::MAX)]);
    }
    for bytes in broken {
        let mut peer = ElbusPeer::open(&scene.broker, b"broken");
        peer.write(&bytes);
        assert_eq!(peer.next(), Told::End, "{bytes:02x?}");
    }
    let mut peer = ElbusPeer::open(&scene.broker, b"broken");
    peer.write(&PING);
    peer.write(&header(0x00, u32::MAX));
    peer.goes_on("a ping has no body, whatever it says");
    drop(peer);
    scene.end();
}

#[test]
fn names_that_cannot_be_are_refused_with_their_code() {
    let scene = Scene::set(&[]);
    let long = vec![b'n'; 600];
    for (name, code) in [
        (&b""[..], Some(0x72)),
        (b".broker", Some(0x72)),
        (b".", Some(0x72)),
        (b"a\0b", Some(0x72)),
        (&long, Some(0x72)),
        (b"\xC3\x28", None),
    ] {
        let mut peer = ElbusPeer::connect(&scene.broker);
        peer.write(&handshake(name));
        let told = [&GREETING[..], &[1], code.as_slice()].concat();
        assert_eq!(peer.raw_rest(), told, "{}", name.escape_ascii());
    }
    for greeting in [&b"\xEB\x02\x00"[..], b"\xEC\x01\x00", b"GET / HTTP/1.1\r\n", &[0; 64]] {
        let mut peer = ElbusPeer::connect(&scene.broker);
        peer.write(greeting);
        assert_eq!(peer.raw_rest(), [&GREETING[..], &[0x75]].concat(), "{greeting:02x?}");
    }
    scene.end();
}

#[test]
fn half_a_handshake_has_its_time() {
    let scene = Scene::set(&[]);
    let whole = handshake(b"late");
    let mut silent: Vec<ElbusPeer> = [0, 1, 3, 4, whole.len() - 1]
        .iter()
        .map(|said| {
            let mut peer = ElbusPeer::connect(&scene.broker);
            peer.write(&whole[..*said]);
            peer
        })
        .collect();
    for peer in &mut silent {
        let told = peer.raw_rest();
        assert!(told.starts_with(&GREETING) && told.len() <= 4, "{told:02x?}");
    }
    scene.end();
}

#[test]
fn frames_of_the_limit_pass() {
    let scene = Scene::set(&[]);
    let mut peer = ElbusPeer::open(&scene.broker, b"large");
    let payload = vec![7; PAYLOAD_BYTES_DEFAULT];
    peer.say(1, Operation::Message, Qos::PROCESSED, &[b"large", &payload]);
    let sender = "large".to_owned();
    assert_eq!(peer.next(), Told::Message { sender, topic: None, payload });
    assert_eq!(peer.next(), Told::Ack { op_id: 1, code: 1 });
    drop(peer);
    scene.end();
}

/// Sends to a client that does not read until its acknowledgements say that it is gone; returns their
/// codes, each once.
fn send_to_one_who_stops(policy: &str) -> Vec<u8> {
    let scene = Scene::set(&["--slow-consumer", policy]);
    let mut stopped = ElbusPeer::open(&scene.broker, b"stopped");
    stopped.say(1, Operation::Subscribe, Qos::PROCESSED, &[b"all/#"]);
    assert_eq!(stopped.next(), Told::Ack { op_id: 1, code: 1 });
    // In the middle of a frame, too.
    stopped.write(&frame(0x52, b"stopped\0whole")[..12]);
    let mut sender = ElbusPeer::open(&scene.broker, b"sender");
    let payload = vec![7; 64 * 1024];
    let mut codes = vec![];
    // Ends with the receiver, whose outbox and socket hold a few megabytes.
    for op_id in 2..2_000 {
        sender.say(op_id, Operation::Message, Qos::PROCESSED, &[b"stopped", &payload]);
        let Told::Ack { op_id: acked, code } = sender.next() else { panic!("it is acknowledged") };
        assert_eq!(acked, op_id);
        if codes.last() != Some(&code) {
            codes.push(code);
        }
        if code == 0x71 {
            break;
        }
    }
    sender.goes_on("who sends goes on");
    // What it would still read is cut somewhere.
    drop(stopped);
    drop(sender);
    scene.end();
    codes
}

#[test]
fn who_stops_reading_is_cut_off_and_its_senders_are_told() {
    assert_eq!(send_to_one_who_stops("disconnect"), [0x01, 0x77, 0x71], "theirs");
    // Senders wait for it once, in vain.
    assert_eq!(send_to_one_who_stops("backpressure"), [0x01, 0x77, 0x71], "ours");
}

#[test]
fn ten_thousand_clients_that_come_and_go_leave_nothing_behind() {
    let scene = Scene::set(&[]);
    for round in 0..CONNECTIONS / BURST {
        let mut burst: Vec<ElbusPeer> =
            (0..BURST).map(|_| ElbusPeer::connect(&scene.broker)).collect();
        for (number, peer) in burst.iter_mut().enumerate() {
            let name = format!("client.{round}.{number}");
            let whole = handshake(name.as_bytes());
            match round % 4 {
                0 => {}
                1 => peer.write(&whole[..4]),
                _ => peer.write(&whole),
            }
        }
        if round % 4 >= 2 {
            for peer in &mut burst {
                assert_eq!(peer.raw(5), [&GREETING[..], &[1, 1]].concat());
                peer.say(1, Operation::Subscribe, Qos::PROCESSED, &[b"spoilt/#", b"x"]);
                if round % 4 == 3 {
                    assert_eq!(peer.next(), Told::Ack { op_id: 1, code: 1 });
                }
            }
        }
        drop(burst);
    }
    scene.end();
}
