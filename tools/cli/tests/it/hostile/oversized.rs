//! Frames that announce or hold more than any may.

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::model::limits::{
    CONTROL_FRAME_BYTES_MAX, FRAME_BYTES_DEFAULT, HEADER_COUNT_MAX, HEADERS_BYTES_MAX,
    PAYLOAD_BYTES_DEFAULT, SUBJECT_BYTES_MAX,
};

use super::frames::{self, frame, header, publish_head};
use super::peer::{Peer, Said};
use super::scene::Scene;

const CONTROL_LENGTH_MAX: u32 = CONTROL_FRAME_BYTES_MAX as u32 - 8;
const MESSAGE_LENGTH_MAX: u32 = FRAME_BYTES_DEFAULT as u32 - 8;

#[test]
fn s7_a_length_beyond_its_limit_is_refused_before_any_byte_behind_the_header() {
    let scene = Scene::set(&[]);
    let control = [
        frames::SUBSCRIBE,
        frames::UNSUBSCRIBE,
        frames::CREDIT,
        frames::GOODBYE,
        frames::PING,
        frames::PONG,
    ];
    let mut headers = vec![
        header(MESSAGE_LENGTH_MAX + 1, frames::PUBLISH, 0, 24),
        header(u32::MAX, frames::PUBLISH, 0, 24),
    ];
    for operation in control {
        headers.push(header(CONTROL_LENGTH_MAX + 1, operation, 0, 0));
        headers.push(header(u32::MAX, operation, 0, u16::MAX));
    }
    for header in headers {
        let mut peer = Peer::open(&scene.broker);
        peer.write(&header);
        peer.is_refused_for(ErrorCode::FrameTooLarge, &format!("header {header:02x?}"));
    }
    scene.end();
}

#[test]
fn before_hello_every_frame_is_as_short_as_a_control_frame() {
    let scene = Scene::set(&[]);
    for header in [
        header(CONTROL_LENGTH_MAX + 1, frames::HELLO, 0, 0),
        header(u32::MAX, frames::HELLO, 0, u16::MAX),
        header(CONTROL_LENGTH_MAX + 1, frames::PUBLISH, 0, 24),
        header(u32::MAX, frames::PUBLISH, 0, 24),
    ] {
        let mut peer = Peer::connect(&scene.broker);
        peer.write(&coilgun_protocol::native::Preface::OURS.encode());
        peer.write(&header);
        peer.is_refused_for(ErrorCode::FrameTooLarge, &format!("header {header:02x?}"));
    }
    scene.end();
}

#[test]
fn a_payload_of_the_limit_passes_and_one_byte_more_is_refused() {
    let scene = Scene::set(&[]);
    let mut peer = Peer::open(&scene.broker);
    peer.write(&frames::publish("spoilt", &vec![b'x'; PAYLOAD_BYTES_DEFAULT]));
    assert_eq!(peer.next(), Said::Outcome { correlation: 7, code: 0, receivers: 0 });
    peer.write(&frames::publish("spoilt", &vec![b'x'; PAYLOAD_BYTES_DEFAULT + 1]));
    peer.is_refused_for(ErrorCode::PayloadTooLarge, "one byte more than the limit");
    drop(peer);
    scene.end();
}

#[test]
fn headers_beyond_their_limits_are_refused() {
    let scene = Scene::set(&[]);
    let header_of = |value_len: usize| {
        let len = u16::try_from(value_len).expect("it is below 64 KiB");
        [&1_u16.to_le_bytes()[..], &len.to_le_bytes(), b"n", &vec![b'v'; value_len]].concat()
    };
    let fits = header_of(HEADERS_BYTES_MAX - 5 - 100);
    let too_long = [header_of(HEADERS_BYTES_MAX - 5 - 100), header_of(100)].concat();
    let most = header_of(0).repeat(HEADER_COUNT_MAX);
    let too_many = header_of(0).repeat(HEADER_COUNT_MAX + 1);
    for (block, refusal) in [
        (fits, None),
        (too_long, Some(ErrorCode::HeadersTooLarge)),
        (most, None),
        (too_many, Some(ErrorCode::MalformedFrame)),
    ] {
        let headers_len = u32::try_from(block.len()).expect("it is small");
        let body = [b"spoilt", &block[..]].concat();
        let mut peer = Peer::open(&scene.broker);
        peer.write(&frame(frames::PUBLISH, 0, &publish_head(6, 0, headers_len, 0), &body));
        let what = format!("{headers_len} bytes of headers");
        match refusal {
            None => peer.goes_on(&what),
            Some(code) => peer.is_refused_for(code, &what),
        }
    }
    scene.end();
}

#[test]
fn subjects_beyond_their_limit_are_refused() {
    let scene = Scene::set(&[]);
    let long = vec![b's'; SUBJECT_BYTES_MAX + 1];
    let len = u16::try_from(long.len()).expect("it is small");
    for (head, body) in [
        (publish_head(len, 0, 0, 0), long.clone()),
        (publish_head(6, len, 0, 0), [b"spoilt", &long[..]].concat()),
        (publish_head(u16::MAX, u16::MAX, 0, 0), vec![b's'; 2 * usize::from(u16::MAX)]),
    ] {
        let mut peer = Peer::open(&scene.broker);
        peer.write(&frame(frames::PUBLISH, 0, &head, &body));
        peer.is_refused_for(ErrorCode::InvalidSubject, &format!("{} bytes", body.len()));
    }
    scene.end();
}
