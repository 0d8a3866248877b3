//! What the broker does not do, and the number under which it says so.

use coilgun_protocol::model::{
    ErrorCode, Header, Headers, PublishFlags, SubscriptionId, Ticket, encode_header,
};
use coilgun_protocol::native::{ClientFrame, Hello, PublishFrame, SubscribeRequest};

use super::frames;
use super::peer::{Peer, Said};
use super::scene::Scene;

fn publish(subject: &[u8], reply: &[u8], flags: PublishFlags) -> Vec<u8> {
    frames::bytes(&ClientFrame::Publish(PublishFrame {
        correlation: Ticket(7),
        flags,
        subject,
        reply,
        ..PublishFrame::default()
    }))
}

fn subscribe(number: u64, filter: &[u8], queue_group: &[u8]) -> Vec<u8> {
    let plain = SubscribeRequest::plain(SubscriptionId(number), filter);
    let request = SubscribeRequest { correlation: Ticket(7), queue_group, ..plain };
    frames::bytes(&ClientFrame::Subscribe(request))
}

fn is_told(peer: &mut Peer, frame: &[u8], code: ErrorCode) {
    peer.write(frame);
    let told = Said::Outcome { correlation: 7, code: code as u16, receivers: 0 };
    assert_eq!(peer.next(), told, "{}", frame.escape_ascii());
}

#[test]
fn subjects_filters_and_groups_that_are_none_are_refused_and_the_connection_goes_on() {
    let scene = Scene::set(&[]);
    let mut peer = Peer::open(&scene.broker);
    let tokens = vec!["t"; 129].join(".");
    let ack = PublishFlags::ACK;
    let subjects: [&[u8]; 8] =
        [b"", b".", b"a..b", b".a", b"a.", b"a.*", b"a b", tokens.as_bytes()];
    for subject in subjects {
        is_told(&mut peer, &publish(subject, b"", ack), ErrorCode::InvalidSubject);
    }
    is_told(&mut peer, &publish(b"a", b"b c", ack), ErrorCode::InvalidSubject);
    is_told(&mut peer, &publish(b"a..b", b"", PublishFlags::BROADCAST), ErrorCode::InvalidFilter);
    for filter in [&b""[..], b"a..b", b">.a", b"a b", b"a.>.b", tokens.as_bytes()] {
        is_told(&mut peer, &subscribe(1, filter, b""), ErrorCode::InvalidFilter);
    }
    for group in [&b"two words"[..], &[b'g'; 257]] {
        is_told(&mut peer, &subscribe(1, b"a", group), ErrorCode::InvalidQueueGroup);
    }
    for reserved in [&b"$SYS.COUNTERS"[..], b"$NAME.me", b"$SYS.>"] {
        is_told(&mut peer, &subscribe(1, reserved, b""), ErrorCode::ReservedSubject);
    }
    is_told(&mut peer, &subscribe(0, b"a", b""), ErrorCode::SubscriptionTaken);
    is_told(&mut peer, &publish(b"a", b"", PublishFlags::REQUEST), ErrorCode::NoResponders);
    is_told(
        &mut peer,
        &publish(b"$SYS.UNKNOWN", b"a", PublishFlags::REQUEST),
        ErrorCode::NoResponders,
    );
    peer.goes_on("after all of them");
    drop(peer);
    scene.end();
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let scene = Scene::set(&["--connections-max", "8"]);
    let _taken = Peer::open_as(&scene.broker, Hello { name: b"taken", ..Hello::default() });
    for (hello, code) in [
        (Hello { namespace: b"nowhere", ..Hello::default() }, ErrorCode::UnknownNamespace),
        (Hello { name: b"a..b", ..Hello::default() }, ErrorCode::InvalidName),
        (Hello { name: b"taken", ..Hello::default() }, ErrorCode::NameTaken),
        (Hello { user: b"root", ..Hello::default() }, ErrorCode::CredentialsNotAccepted),
        (Hello { secret: b"hush", ..Hello::default() }, ErrorCode::CredentialsNotAccepted),
    ] {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(&frames::handshake_of(hello));
        peer.is_refused_for(code, "HELLO");
    }
    // Two good clients and the one with the name are there.
    let others: Vec<Peer> = (0..5).map(|_| Peer::open(&scene.broker)).collect();
    let mut ninth = Peer::connect(&scene.broker);
    ninth.write(&frames::handshake());
    ninth.is_refused_for(ErrorCode::TooManyConnections, "the ninth connection");
    drop((others, _taken));
    scene.base.has_descriptors_again();
    scene.end();
}

#[test]
fn every_limit_has_an_error_of_its_own() {
    let scene = Scene::set(&[
        // The total is that of one shard.
        "--shards",
        "1",
        "--subscriptions-max",
        "3",
        "--subscriptions-total-max",
        "10",
        "--headers-max",
        "100",
        "--payload-max",
        "1MiB",
    ]);
    let mut peer = Peer::open(&scene.broker);
    for number in 1..=3 {
        is_told(&mut peer, &subscribe(number, b"spoilt", b""), ErrorCode::Ok);
    }
    is_told(&mut peer, &subscribe(4, b"spoilt", b""), ErrorCode::TooManySubscriptions);
    let mut peers: Vec<Peer> = (0..3).map(|_| Peer::open(&scene.broker)).collect();
    // The good clients hold two and an inbox, and the first peer three.
    for number in 0..4 {
        is_told(&mut peers[number % 2], &subscribe(number as u64 + 1, b"a", b""), ErrorCode::Ok);
    }
    is_told(&mut peers[2], &subscribe(1, b"a", b""), ErrorCode::SubscriptionsExhausted);
    let mut block = Vec::new();
    encode_header(Header { name: b"Long", value: &[b'v'; 100] }, &mut block).expect("a name");
    let headers = Headers::parse(&block).expect("a block");
    let frame = PublishFrame { subject: b"a", headers, ..PublishFrame::default() };
    peer.write(&frames::bytes(&ClientFrame::Publish(frame)));
    peer.is_refused_for(ErrorCode::HeadersTooLarge, "108 bytes of headers");
    let large = vec![7; (1 << 20) + 1];
    peers[0].write(&frames::publish("a", &large));
    peers[0].is_refused_for(ErrorCode::PayloadTooLarge, "a byte too much");
    drop((peer, peers));
    scene.base.has_descriptors_again();
    scene.end();
}
