//! One file of hexadecimal bytes for the preface and for every kind of frame.

use std::fmt::Write as _;

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    AddCredit, BarrierDone, ClientId, Closing, Delivery, ErrorCode, Event, Header, Headers, Notice,
    Opened, Outcome, PublishFlags, SlowConsumerWish, SubscriptionId, Ticket, Unsubscribe,
    Visibility, encode_header,
};
use coilgun_protocol::native::{
    ClientFrame, Features, FrameHeader, HEADER_BYTES, Hello, Incoming, NativeConfig, Preface,
    PublishFrame, ServerReader, SubscribeRequest,
};
use coilgun_protocol::session::Session;

use crate::files::compare;
use crate::golden_stream_frames;
use crate::harness::{Harness, encoded};
use crate::server_text::describe_server_frame;

/// One block of headers: `Trace-Id: 7`.
fn header_block() -> Vec<u8> {
    let mut block = Vec::new();
    encode_header(Header { name: b"Trace-Id", value: b"7" }, &mut block).expect("the name is one");
    block
}

fn hello() -> Hello<'static> {
    Hello {
        namespace: b"default",
        name: b"worker.1",
        user: b"",
        secret: b"",
        features: Features::KNOWN,
        software: "example/1.0",
        no_echo: true,
        once_per_message: false,
        slow_consumer: SlowConsumerWish::default(),
    }
}

/// Settings of a broker with streams.
fn streams_config(software: &'static str) -> NativeConfig {
    NativeConfig { software, streams: true, ..NativeConfig::default() }
}

/// What clients send, each with a name and a sentence.
fn client_frames<'a>(
    headers: &'a [u8],
    body: &'a [u8],
) -> Vec<(&'static str, &'static str, ClientFrame<'a>)> {
    let publish = PublishFrame { subject: b"orders.eu", payload: b"hello", ..Default::default() };
    let request = PublishFrame {
        correlation: Ticket(7),
        deadline_ms: 2_000,
        flags: PublishFlags::ACK.with(PublishFlags::REQUEST),
        subject: b"orders.eu",
        reply: b"_INBOX.1",
        headers: Headers::parse(headers).expect("the block is one"),
        payload: b"hello",
    };
    let subscribe = SubscribeRequest {
        subscription: SubscriptionId(3),
        correlation: Ticket(8),
        filter: b"orders.>",
        queue_group: b"workers",
        credit: 100,
        deliveries_max: 0,
        visibility: Visibility::PLAIN,
        slow_consumer: SlowConsumerWish::default(),
    };
    let ticket = Ticket(9);
    let subscription = SubscriptionId(3);
    let mut frames = vec![
        ("hello", "A client with a name asks for every feature.", ClientFrame::Hello(hello())),
        ("publish", "A message without anything optional.", ClientFrame::Publish(publish)),
        ("publish_request", "A request with everything.", ClientFrame::Publish(request)),
        ("subscribe", "A member of a queue group, with credit.", ClientFrame::Subscribe(subscribe)),
        (
            "unsubscribe",
            "End the subscription at once.",
            ClientFrame::Unsubscribe(Unsubscribe { subscription, ticket, deliveries_max: 0 }),
        ),
        (
            "credit",
            "Fifty messages more.",
            ClientFrame::Credit(AddCredit { subscription, messages: 50 }),
        ),
        ("goodbye", "The client leaves.", ClientFrame::Goodbye),
        ("ping_client", "A barrier.", ClientFrame::Ping { token: 0x0102_0304_0506_0708 }),
        ("pong_client", "A sign of life.", ClientFrame::Pong { token: 1 }),
    ];
    frames.extend(golden_stream_frames::client_frames(body));
    frames
}

/// A message for a subscription, as a broker without that message's publisher sees it.
fn delivery(headers: &[u8]) -> Delivery<'_> {
    Delivery {
        subscription: SubscriptionId(3),
        subject: b"orders.eu",
        reply: b"_INBOX.1",
        headers,
        payload: Chunk::plain(b"hello"),
        tail: None,
        sender: b"worker.1",
        correlation: Ticket(7),
        deadline_ms: 2_000,
        flags: PublishFlags::ACK.with(PublishFlags::REQUEST),
        missed: 2,
    }
}

/// What the broker sends, each with a name, a sentence and its bytes, written by one session.
fn server_frames(headers: &[u8], body: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let config = streams_config("coilgun/golden");
    let mut harness = Harness::new(config);
    let greeting =
        [Preface::OURS.encode().to_vec(), encoded(&ClientFrame::Hello(hello()))].concat();
    harness.feed(&greeting).expect("the greeting is valid");
    assert_eq!(harness.take_written(), Preface::OURS.encode());
    harness.commands.clear();

    let mut frames = Vec::new();
    let client = ClientId { slot: 5, generation: 1 };
    let events = [
        ("welcome", "The client is in.", Event::Opened(Opened { client })),
        ("deliver", "The request of publish_request.hex.", Event::Deliver(delivery(headers))),
        (
            "outcome",
            "The request of publish_request.hex reached two receivers.",
            Event::Outcome(Outcome {
                ticket: Ticket(7),
                code: ErrorCode::Ok,
                receivers: 2,
                is_starved: false,
            }),
        ),
        (
            "outcome_no_responders",
            "Nobody serves the subject of a request.",
            Event::Outcome(Outcome {
                ticket: Ticket(7),
                code: ErrorCode::NoResponders,
                receivers: 0,
                is_starved: false,
            }),
        ),
        (
            "pong_server",
            "The answer to ping_client.hex.",
            Event::BarrierDone(BarrierDone { token: 0x0102_0304_0506_0708 }),
        ),
        (
            "notice",
            "Messages were dropped because the client did not read in time.",
            Event::Notice(Notice { code: ErrorCode::DroppedNewest, count: 40 }),
        ),
    ];
    let about_streams = golden_stream_frames::server_events(body)
        .into_iter()
        .map(|(name, sentence, event)| (name, sentence, Event::Stream(event)));
    for (name, sentence, event) in events.into_iter().chain(about_streams) {
        harness.event(&event);
        frames.push((name, sentence, harness.take_written()));
    }
    harness.now = harness.session.deadline().expect("an open session waits for signs of life");
    let Harness { session, commands, out, now } = &mut harness;
    session.on_tick(*now, commands, out);
    frames.push(("ping_server", "The client was silent.", harness.take_written()));
    harness.session.on_drain(&mut harness.out);
    frames.push(("go_away", "The broker shuts down.", harness.take_written()));
    let closing = Closing { code: ErrorCode::SlowConsumer, detail: "4 MiB wait to be read" };
    harness.event(&Event::Closing(closing));
    frames.push(("error", "The client did not read in time.", harness.take_written()));
    frames
}

/// The bytes in rows of sixteen, header, head and body apart.
fn page(sentence: &str, reads_as: &str, frame: &[u8]) -> String {
    let mut text = format!("# {sentence}\n# {reads_as}\n");
    let header = frame.first_chunk::<HEADER_BYTES>().expect("a frame has a header");
    let header = FrameHeader::decode(*header).expect("the operation is known");
    let FrameHeader { length, operation, flags, head_len } = header;
    let number = operation as u8;
    let title = format!(
        "header: length {length}, op {number:#04x} {operation}, flags {flags}, head_len {head_len}"
    );
    let (head, body) = frame[HEADER_BYTES..].split_at(head_len.into());
    rows(&title, &frame[..HEADER_BYTES], &mut text);
    rows("head", head, &mut text);
    rows("body", body, &mut text);
    text
}

fn rows(title: &str, bytes: &[u8], text: &mut String) {
    if bytes.is_empty() {
        return;
    }
    writeln!(text, "# {title}").expect("a string takes any text");
    for row in bytes.chunks(16) {
        let row: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{}", row.join(" ")).expect("a string takes any text");
    }
}

/// Compares or writes the preface.
pub(crate) fn preface() {
    let mut text = String::from("# What each side sends first.\n");
    rows("magic, version_min 1, version_max 1", &Preface::OURS.encode(), &mut text);
    compare("golden", "preface.hex", &text);
}

/// Compares or writes what clients send, and reads it as the broker does.
pub(crate) fn frames_of_the_client() {
    let (headers, body) = (header_block(), golden_stream_frames::batch_body());
    for (name, sentence, frame) in client_frames(&headers, &body) {
        let bytes = encoded(&frame);
        let mut harness = if name == "hello" {
            let mut harness = Harness::new(NativeConfig::default());
            harness.feed(&Preface::OURS.encode()).expect("the preface is valid");
            harness
        } else {
            Harness::open(streams_config("coilgun/golden"), Features::KNOWN)
        };
        let consumed = harness.feed(&bytes).expect("the frame is valid");
        assert_eq!((consumed.bytes, consumed.need), (bytes.len(), 0), "{name}");
        let reads_as = match harness.take_commands(&bytes).as_slice() {
            [] => String::from("the broker does nothing"),
            [command] => format!("the broker reads: {command}"),
            more => panic!("{name} is one frame, but gave {more:?}"),
        };
        compare("golden", &format!("{name}.hex"), &page(sentence, &reads_as, &bytes));
    }
}

/// Compares or writes what the broker sends, and reads it as a client does.
pub(crate) fn frames_of_the_broker() {
    let (headers, body) = (header_block(), golden_stream_frames::batch_body());
    let mut reader = ServerReader::default();
    reader.read(&Preface::OURS.encode()).expect("the preface is valid");
    for (name, sentence, bytes) in server_frames(&headers, &body) {
        let read = reader.read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Incoming::Frame { frame, used } = read else { panic!("{name} is whole") };
        assert_eq!(used, bytes.len(), "{name} is one frame");
        let reads_as = format!("a client reads: {}", describe_server_frame(&frame));
        compare("golden", &format!("{name}.hex"), &page(sentence, &reads_as, &bytes));
    }
}

/// The names of the files above, and the numbers of the operations in them.
pub(crate) fn names_and_operations() -> (Vec<String>, Vec<u8>) {
    let (headers, body) = (header_block(), golden_stream_frames::batch_body());
    let client = client_frames(&headers, &body).into_iter().map(|(name, _, frame)| {
        let bytes = encoded(&frame);
        (name, bytes)
    });
    let server = server_frames(&headers, &body).into_iter().map(|(name, _, bytes)| (name, bytes));
    let frames: Vec<_> = client.chain(server).collect();
    let preface = String::from("preface.hex");
    let names = frames.iter().map(|(name, _)| format!("{name}.hex")).chain([preface]).collect();
    (names, frames.iter().map(|(_, bytes)| bytes[4]).collect())
}
