//! Limits are exact, and a refusal names both numbers.

use coilgun_protocol::model::ErrorCode;
use coilgun_protocol::model::limits::{
    CONTROL_FRAME_BYTES_MAX, HEADERS_BYTES_MAX, SUBJECT_BYTES_MAX,
};
use coilgun_protocol::native::{
    ClientFrame, Features, FrameHeader, HEADER_BYTES, Hello, NativeConfig, Operation, Preface,
    PublishFrame,
};
use coilgun_protocol::session::SessionError;

use crate::harness::{Harness, encoded};

fn config(payload_bytes_max: u32) -> NativeConfig {
    NativeConfig { payload_bytes_max, ..NativeConfig::default() }
}

fn publish(payload: &[u8]) -> Vec<u8> {
    encoded(&ClientFrame::Publish(PublishFrame { subject: b"a", payload, ..Default::default() }))
}

fn refusal(harness: &mut Harness, bytes: &[u8]) -> SessionError {
    harness.feed(bytes).expect_err("the bytes break a limit")
}

#[test]
fn a_payload_may_be_as_large_as_the_limit() {
    let mut harness = Harness::open(config(100), Features::default());
    harness.feed(&publish(&[1; 100])).expect("the payload is within the limit");
    let error = refusal(&mut harness, &publish(&[1; 101]));
    assert_eq!(error.code, ErrorCode::PayloadTooLarge);
    assert!(error.detail.contains("101") && error.detail.contains("100"), "{}", error.detail);
}

#[test]
fn s7_no_byte_of_a_frame_that_is_too_long_is_waited_for() {
    let mut harness = Harness::open(config(100), Features::default());
    let operation = Operation::Publish;
    let length = 10_000_000;
    let header = FrameHeader { length, operation, flags: 0, head_len: 24 };
    let error = refusal(&mut harness, &header.encode());
    assert_eq!(error.code, ErrorCode::FrameTooLarge);
    assert!(error.detail.contains("10000008"), "{}", error.detail);
}

#[test]
fn before_hello_no_frame_is_longer_than_a_control_frame() {
    for (extra, fits) in [(0, true), (1, false)] {
        let mut harness = Harness::new(config(1 << 20));
        harness.feed(&Preface::OURS.encode()).expect("the preface is valid");
        let length = (CONTROL_FRAME_BYTES_MAX - HEADER_BYTES + extra) as u32;
        let header =
            FrameHeader { length, operation: Operation::Hello, flags: 0, head_len: length as u16 };
        let read = harness.feed(&header.encode());
        assert_eq!(read.is_ok(), fits, "{read:?}");
    }
}

#[test]
fn subjects_longer_than_any_are_refused_by_their_length() {
    let longest = vec![b'a'; SUBJECT_BYTES_MAX];
    let message = PublishFrame { subject: &longest, reply: &longest, ..Default::default() };
    let bytes = encoded(&ClientFrame::Publish(message));
    let mut harness = Harness::open(NativeConfig::default(), Features::default());
    harness.feed(&bytes).expect("both subjects are within the limit");
    for (at, part) in [(24, "subject"), (26, "reply subject")] {
        let mut longer = bytes.clone();
        let len = (SUBJECT_BYTES_MAX + 1) as u16;
        longer[at..at + 2].copy_from_slice(&len.to_le_bytes());
        let mut harness = Harness::open(NativeConfig::default(), Features::default());
        let error = refusal(&mut harness, &longer);
        assert_eq!(error.code, ErrorCode::InvalidSubject);
        assert!(error.detail.contains(part) && error.detail.contains("4097"), "{}", error.detail);
    }
}

#[test]
fn headers_longer_than_the_limit_are_refused() {
    let mut bytes = publish(&vec![0; HEADERS_BYTES_MAX + 1]);
    let len = (HEADERS_BYTES_MAX + 1) as u32;
    bytes[20..24].copy_from_slice(&len.to_le_bytes());
    let mut harness = Harness::open(NativeConfig::default(), Features::default());
    let error = refusal(&mut harness, &bytes);
    assert_eq!(error.code, ErrorCode::HeadersTooLarge);
    assert!(error.detail.contains("65536"), "{}", error.detail);
    let config = NativeConfig { headers_bytes_max: 100, ..NativeConfig::default() };
    let mut bytes = publish(&[0; 101]);
    bytes[20..24].copy_from_slice(&101u32.to_le_bytes());
    let error = refusal(&mut Harness::open(config, Features::default()), &bytes);
    assert_eq!(error.code, ErrorCode::HeadersTooLarge);
    assert!(error.detail.contains("101") && error.detail.contains("100"), "{}", error.detail);
}

#[test]
fn credentials_of_the_largest_size_fit_hello() {
    let mut harness = Harness::new(NativeConfig::default());
    let (name, credential) = ([b'n'; 512], [b'c'; 4096]);
    let hello = Hello {
        namespace: &[b's'; 64],
        name: &name,
        user: &credential,
        secret: &credential,
        ..Hello::default()
    };
    let bytes = [Preface::OURS.encode().to_vec(), encoded(&ClientFrame::Hello(hello))].concat();
    harness.feed(&bytes).expect("every part is within its limit");
    assert_eq!(harness.take_commands(&bytes).len(), 1);
}
