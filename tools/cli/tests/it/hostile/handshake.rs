//! Connections that do not begin as one with Coilgun begins.

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::native::{Hello, Preface};

use super::frames;
use super::peer::{Peer, Said};
use super::scene::Scene;

#[test]
fn versions_nobody_shares_are_answered_with_ours() {
    let scene = Scene::set(&[]);
    for (version_min, version_max) in [(0, 0), (2, 2), (2, u16::MAX), (u16::MAX, u16::MAX)] {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(&Preface { version_min, version_max }.encode());
        assert_eq!(peer.raw_preface(), Preface::OURS, "{version_min} to {version_max}");
        peer.raw_rest();
    }
    scene.end();
}

#[test]
fn versions_that_are_no_range_are_closed() {
    let scene = Scene::set(&[]);
    for (version_min, version_max) in [(2, 1), (1, 0), (u16::MAX, 0)] {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(&Preface { version_min, version_max }.encode());
        peer.raw_rest();
    }
    scene.end();
}

#[test]
fn what_is_not_coilgun_is_closed_without_an_answer() {
    let scene = Scene::set(&[]);
    // The beginning of what a TLS 1.3 client sends.
    let mut client_hello = vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    client_hello.extend_from_slice(&[0x5a; 506]);
    let strangers: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT {\"verbose\":false}\r\nPING\r\n",
        &client_hello,
        b"COIM\x01\0\x01\0",
        b"coil\x01\0\x01\0",
        b"C0",
        b"\0",
    ];
    for stranger in strangers {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(stranger);
        let answer = peer.raw_rest();
        assert!(answer.is_empty(), "{}: {answer:02x?}", stranger.escape_ascii());
    }
    scene.end();
}

#[test]
fn frames_before_hello_are_refused() {
    let scene = Scene::set(&[]);
    for (name, frame) in frames::of_each_kind() {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(&[&Preface::OURS.encode()[..], &frame].concat());
        peer.is_refused_for(ErrorCode::HandshakeExpected, name);
    }
    scene.end();
}

#[test]
fn a_second_hello_is_refused_and_what_came_before_it_is_carried_out() {
    let scene = Scene::set(&[]);
    let mut peer = Peer::open(&scene.broker);
    peer.write(&[frames::publish("spoilt", b"before"), frames::hello()].concat());
    assert_eq!(peer.next(), Said::Outcome { correlation: 7, code: 0, receivers: 0 });
    peer.is_refused_for(ErrorCode::HandshakeExpected, "a second HELLO");
    let mut peer = Peer::connect(&scene.broker);
    peer.write(&[frames::handshake(), frames::hello()].concat());
    peer.is_refused_for(ErrorCode::HandshakeExpected, "a second HELLO at once");
    drop(peer);
    scene.end();
}

#[test]
fn operations_that_do_not_exist_or_are_the_brokers_are_refused() {
    let scene = Scene::set(&[]);
    let ours = [
        frames::HELLO,
        frames::PUBLISH,
        frames::SUBSCRIBE,
        frames::UNSUBSCRIBE,
        frames::CREDIT,
        frames::GOODBYE,
        frames::PING,
        frames::PONG,
    ];
    let is_ours = |operation: &u8| ours.contains(operation) || frames::STREAMS.contains(operation);
    for operation in (0..=u8::MAX).filter(|operation| !is_ours(operation)) {
        let mut peer = Peer::open(&scene.broker);
        peer.write(&frames::header(u32::MAX, operation, 0xff, u16::MAX));
        peer.is_refused_for(ErrorCode::UnknownOperation, &format!("operation {operation:#04x}"));
    }
    for operation in frames::STREAMS {
        let mut peer = Peer::open_as(&scene.broker, Hello::default());
        peer.write(&frames::header(u32::MAX, operation, 0xff, u16::MAX));
        let what = format!("operation {operation:#04x} without the feature");
        peer.is_refused_for(ErrorCode::UnknownOperation, &what);
    }
    scene.end();
}

#[test]
fn who_does_not_finish_the_handshake_is_cut_off() {
    let scene = Scene::set(&[]);
    let handshake = frames::handshake();
    let mut peers: Vec<(usize, Peer)> = [0, 3, 8, 12, handshake.len() - 1]
        .into_iter()
        .map(|len| (len, Peer::connect(&scene.broker)))
        .collect();
    for (len, peer) in &mut peers {
        peer.write(&handshake[..*len]);
    }
    for (len, peer) in &mut peers {
        let said = peer.ends(&format!("{len} bytes of a handshake"));
        let late = Said::Error { code: ErrorCode::HandshakeTimeout as u16 };
        let expected = if *len < 8 { vec![] } else { vec![Said::Preface, late] };
        assert_eq!(said, expected, "{len} bytes of a handshake");
    }
    drop(peers);
    scene.end();
}
