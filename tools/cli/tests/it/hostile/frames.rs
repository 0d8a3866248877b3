//! Frames of a client as bytes, well-formed ones and their raw material.

use coilgun_protocol::model::{AddCredit, PublishFlags, SubscriptionId, Ticket, Unsubscribe};
use coilgun_protocol::native::{
    ClientFrame, Features, Hello, Preface, PublishFrame, SubscribeRequest, encode_frame,
};

/// Numbers of the operations that a client may send, as docs/WIRE.md lists them.
pub(crate) const HELLO: u8 = 0x01;
pub(crate) const PUBLISH: u8 = 0x02;
pub(crate) const SUBSCRIBE: u8 = 0x03;
pub(crate) const UNSUBSCRIBE: u8 = 0x04;
pub(crate) const CREDIT: u8 = 0x05;
pub(crate) const GOODBYE: u8 = 0x06;
pub(crate) const PING: u8 = 0x10;
pub(crate) const PONG: u8 = 0x11;
/// What a client says about streams, if it asked for them.
pub(crate) const STREAMS: std::ops::RangeInclusive<u8> = 0x20..=0x27;

/// A frame as bytes.
pub(crate) fn bytes(frame: &ClientFrame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(frame, &mut bytes).expect("the frame is within the limits");
    bytes
}

/// Preface and HELLO of a client without a name that asks for every feature.
pub(crate) fn handshake() -> Vec<u8> {
    handshake_of(Hello { features: Features::KNOWN, ..Hello::default() })
}

/// Preface and this HELLO.
pub(crate) fn handshake_of(hello: Hello<'_>) -> Vec<u8> {
    [&Preface::OURS.encode()[..], &bytes(&ClientFrame::Hello(hello))].concat()
}

pub(crate) fn hello() -> Vec<u8> {
    bytes(&ClientFrame::Hello(Hello::default()))
}

/// A message that wants an ack under the number 7.
pub(crate) fn publish(subject: &str, payload: &[u8]) -> Vec<u8> {
    bytes(&ClientFrame::Publish(PublishFrame {
        correlation: Ticket(7),
        flags: PublishFlags::ACK,
        subject: subject.as_bytes(),
        payload,
        ..PublishFrame::default()
    }))
}

/// A subscription that is answered under the number 8.
pub(crate) fn subscribe(number: u64, filter: &str, queue_group: &[u8]) -> Vec<u8> {
    let plain = SubscribeRequest::plain(SubscriptionId(number), filter.as_bytes());
    bytes(&ClientFrame::Subscribe(SubscribeRequest {
        correlation: Ticket(8),
        queue_group,
        ..plain
    }))
}

/// The end of a subscription, answered under the number 9.
pub(crate) fn unsubscribe(number: u64) -> Vec<u8> {
    let (subscription, ticket) = (SubscriptionId(number), Ticket(9));
    bytes(&ClientFrame::Unsubscribe(Unsubscribe { subscription, ticket, deliveries_max: 0 }))
}

pub(crate) fn credit(number: u64) -> Vec<u8> {
    let subscription = SubscriptionId(number);
    bytes(&ClientFrame::Credit(AddCredit { subscription, messages: 5 }))
}

pub(crate) fn goodbye() -> Vec<u8> {
    bytes(&ClientFrame::Goodbye)
}

pub(crate) fn ping(token: u64) -> Vec<u8> {
    bytes(&ClientFrame::Ping { token })
}

pub(crate) fn pong(token: u64) -> Vec<u8> {
    bytes(&ClientFrame::Pong { token })
}

/// One frame of each kind that a client may send once it is let in, with its name.
pub(crate) fn of_each_kind() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("PUBLISH", publish("spoilt", b"cut short")),
        ("SUBSCRIBE", subscribe(1, "spoilt.>", b"workers")),
        ("UNSUBSCRIBE", unsubscribe(1)),
        ("CREDIT", credit(1)),
        ("GOODBYE", goodbye()),
        ("PING", ping(1)),
        ("PONG", pong(1)),
    ]
}

/// A header with these fields, whatever they are.
pub(crate) fn header(length: u32, operation: u8, flags: u8, head_len: u16) -> [u8; 8] {
    let [l0, l1, l2, l3] = length.to_le_bytes();
    let [h0, h1] = head_len.to_le_bytes();
    [l0, l1, l2, l3, operation, flags, h0, h1]
}

/// A frame with this head and body, and a length that fits.
pub(crate) fn frame(operation: u8, flags: u8, head: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(head.len() + body.len()).expect("it is small");
    let head_len = u16::try_from(head.len()).expect("it is small");
    [&header(length, operation, flags, head_len)[..], head, body].concat()
}

/// The head of a PUBLISH frame, which wants no answer.
pub(crate) fn publish_head(subject: u16, reply: u16, headers: u32, reserved: u32) -> Vec<u8> {
    let mut head = vec![0; 12];
    head.extend_from_slice(&headers.to_le_bytes());
    head.extend_from_slice(&subject.to_le_bytes());
    head.extend_from_slice(&reply.to_le_bytes());
    head.extend_from_slice(&reserved.to_le_bytes());
    head
}
