//! Inputs to begin from: valid ones, and those that once broke a promise.

use super::stream_seeds::{
    follow_table, stream_answer_tables, stream_client_bytes, stream_request_tables,
    stream_requests, stream_server_bytes,
};
use crate::buffer::{Chunk, OutBuf, Pool, Region};
use crate::model::limits::BLOCK_BYTES;
use crate::model::{
    AddCredit, BarrierDone, ClientId, Closing, Commands, Delivery, ErrorCode, Event, Header,
    Headers, Opened, Outcome, PublishFlags, SlowConsumerPolicy, SlowConsumerWish, SubscriptionId,
    Ticket, Timestamp, UnixMs, Unsubscribe, Visibility, encode_header,
};
use crate::native::{
    ClientFrame, ErrorFrame, Features, GoAway, HEADER_BYTES, Hello, NativeConfig, NativeSession,
    Preface, PublishFrame, Record, SubscribeRequest, Welcome, append_record, encode_frame,
};
use crate::session::Session;

/// Valid inputs for one entry of [`FUZZ_TARGETS`](super::FUZZ_TARGETS); none for an unknown name.
#[must_use]
pub fn fuzz_seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "model_subject" => texts(&["a", "orders.eu.new", "$SYS.x", "_INBOX.1.2", "a%2Eb.%00"]),
        "model_filter" => texts(&["\u{3}a.*a.b", "\u{1}>a.b", "\u{5}a.>.ba.x", "\u{4}*.b.x.b.c"]),
        "model_escape" => texts(&["", "*", "%2E", "%252E", "a.b c", "%25%2A"]),
        "model_headers" => vec![Vec::new(), header_block()],
        "native_preface" => vec![Preface::OURS.encode().to_vec(), b"GET /".to_vec()],
        "native_framer" => {
            let body = batch_body();
            client_frames().iter().chain(&stream_requests(&body)).map(encoded).collect()
        }
        "native_records" => vec![with_first_byte(3, batch_body())],
        "native_hello" => vec![encoded(&ClientFrame::Hello(hello())).split_off(HEADER_BYTES)],
        "native_stream_requests" => stream_request_tables(),
        "native_stream_described" => vec![stream_answer_tables()[0].clone()],
        "native_stream_listed" => vec![stream_answer_tables()[1].clone()],
        "native_follow" => vec![follow_table()],
        "native_subscribe" => {
            vec![encoded(&ClientFrame::Subscribe(subscribe())).split_off(HEADER_BYTES)]
        }
        "native_welcome" => vec![welcome_table()],
        "native_error" => vec![error_table()],
        "native_go_away" => vec![go_away_table()],
        "native_session" => {
            vec![with_first_byte(7, client_bytes()), with_first_byte(11, stream_client_bytes())]
        }
        "native_client" => {
            vec![with_first_byte(120, server_bytes()), with_first_byte(90, stream_server_bytes())]
        }
        "elbus_text" => texts(&["a/b", "a.b", ".broker/info", "v1.2/a%2Fb", "a//%00", "%2500.b"]),
        "elbus_rpc" => elbus_calls(),
        "elbus_server_frame" => vec![hex("000000000000 fe0500000001 12050000000061000011 \
             010700000001612e6200782f7a")],
        "elbus_session" => vec![with_first_byte(5, elbus_bytes())],
        _ => Vec::new(),
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A conversation with every operation, and a ping in the middle.
fn elbus_bytes() -> Vec<u8> {
    hex("eb0100 0300612e62 \
         010000000207000000782f2300792f2b 020000004205000000612f230062 \
         020000005206000000612e63006869 03000000130600000061 2e2a006869 \
         05000000c105000000782f31007a 000000000000000000 \
         060000004402000000 2300 070000000503000000 23006b \
         080000004606000000 612f6200 6100 090000004303000000 612f23 0a00000040 01000000 00")
}

fn elbus_calls() -> Vec<Vec<u8>> {
    ["006e", "01010000007465737400", "110100000081a26f6bc3", "1201000000a780"].map(hex).to_vec()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("seeds are written in hex") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn with_first_byte(byte: u8, rest: Vec<u8>) -> Vec<u8> {
    [vec![byte], rest].concat()
}

/// The bytes of a frame.
pub(super) fn encoded(frame: &ClientFrame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(frame, &mut bytes).expect("every seed is within the limits");
    bytes
}

fn header_block() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [("Trace-Id", "7"), ("Trace-Id", ""), ("x", "\r\n")] {
        let header = Header { name: name.as_bytes(), value: value.as_bytes() };
        encode_header(header, &mut block).expect("every name is one");
    }
    block
}

/// Three records: with everything, with a payload alone, with nothing.
pub(super) fn batch_body() -> Vec<u8> {
    let block = header_block();
    let headers = Headers::parse(&block).expect("the block is one");
    let (key, producer_time) = (b"k".as_slice(), UnixMs(1_700_000_000_000));
    let mut body = Vec::new();
    for record in [
        Record { key, headers, payload: b"hello", producer_time },
        Record { payload: b"alone", ..Record::default() },
        Record::default(),
    ] {
        append_record(&record, &mut body).expect("every record is small");
    }
    body
}

fn hello() -> Hello<'static> {
    Hello {
        namespace: b"default",
        name: b"worker.1",
        user: b"somebody",
        secret: b"secret",
        features: Features::KNOWN,
        software: "seed/1",
        no_echo: true,
        once_per_message: true,
        slow_consumer: wish(),
    }
}

fn subscribe() -> SubscribeRequest<'static> {
    SubscribeRequest {
        subscription: SubscriptionId(3),
        correlation: Ticket(11),
        filter: b"orders.*.>",
        queue_group: b"workers",
        credit: 100,
        deliveries_max: 5,
        visibility: Visibility::INBOX,
        slow_consumer: wish(),
    }
}

fn wish() -> SlowConsumerWish {
    let policy = Some(SlowConsumerPolicy::DropOldest);
    SlowConsumerWish { policy, backpressure_ms: Some(250) }
}

/// One frame of each kind a client sends, in an order that a session accepts.
fn client_frames() -> Vec<ClientFrame<'static>> {
    let publish = PublishFrame {
        correlation: Ticket(7),
        deadline_ms: 500,
        flags: PublishFlags::ACK.with(PublishFlags::REQUEST),
        subject: b"orders.eu",
        reply: b"_INBOX.1",
        headers: Headers::default(),
        payload: b"hello",
    };
    vec![
        ClientFrame::Hello(hello()),
        ClientFrame::Subscribe(subscribe()),
        ClientFrame::Publish(publish),
        ClientFrame::Credit(AddCredit { subscription: SubscriptionId(3), messages: 9 }),
        ClientFrame::Ping { token: 1 },
        ClientFrame::Pong { token: 2 },
        ClientFrame::Unsubscribe(Unsubscribe {
            subscription: SubscriptionId(3),
            ticket: Ticket(12),
            deliveries_max: 0,
        }),
        ClientFrame::Goodbye,
    ]
}

/// A whole conversation of a client, with one message that has headers.
fn client_bytes() -> Vec<u8> {
    let mut bytes = Preface::OURS.encode().to_vec();
    let block = header_block();
    let headers = Headers::parse(&block).expect("the block is one");
    let mut frames = client_frames();
    let publish = PublishFrame { subject: b"a", headers, payload: b"x", ..PublishFrame::default() };
    frames.insert(2, ClientFrame::Publish(publish));
    for frame in &frames {
        bytes.extend_from_slice(&encoded(frame));
    }
    bytes
}

/// One frame of each kind a broker sends, written by the session itself.
fn server_bytes() -> Vec<u8> {
    let mut session = NativeSession::new(NativeConfig::default());
    let mut out = OutBuf::new(Pool::new(Region::heap(2 * BLOCK_BYTES), BLOCK_BYTES), 64);
    let greeting = [
        Preface::OURS.encode().as_slice(),
        &encoded(&ClientFrame::Hello(hello())),
        &encoded(&ClientFrame::Ping { token: 5 }),
    ]
    .concat();
    let now = Timestamp(1);
    session.on_open(now, &mut out);
    session
        .on_bytes(now, Chunk::plain(&greeting), &mut Commands::default(), &mut out)
        .expect("the greeting is valid");
    for event in [
        Event::Opened(Opened { client: ClientId { slot: 3, generation: 4 } }),
        Event::Deliver(delivery(&header_block())),
        Event::Outcome(Outcome {
            ticket: Ticket(7),
            code: ErrorCode::Ok,
            receivers: 2,
            is_starved: false,
        }),
        Event::BarrierDone(BarrierDone { token: 5 }),
    ] {
        session.on_event(now, &event, &mut out);
    }
    let later = session.deadline().expect("an open session waits for signs of life");
    session.on_tick(later, &mut Commands::default(), &mut out);
    session.on_drain(&mut out);
    let closing = Closing { code: ErrorCode::SlowConsumer, detail: "9 MiB wait" };
    session.on_event(later, &Event::Closing(closing), &mut out);
    out.segments().collect::<Vec<_>>().concat()
}

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
        deadline_ms: 500,
        flags: PublishFlags::REQUEST,
        missed: 1,
    }
}

fn welcome_table() -> Vec<u8> {
    let mut frame = Vec::new();
    Welcome {
        software: "seed/1",
        version: 1,
        client: ClientId { slot: 3, generation: 4 },
        features: Features::KNOWN,
        payload_bytes_max: 1 << 20,
        ping_interval_ms: 30_000,
    }
    .encode(&mut frame)
    .expect("the seed is within the limits");
    frame.split_off(HEADER_BYTES)
}

fn error_table() -> Vec<u8> {
    let mut frame = Vec::new();
    ErrorFrame::new(ErrorCode::NameTaken, "worker.1").encode(&mut frame);
    frame.split_off(HEADER_BYTES)
}

fn go_away_table() -> Vec<u8> {
    let mut frame = Vec::new();
    GoAway { code: 302, detail: "bye", drain_ms: 5_000 }.encode(&mut frame);
    frame.split_off(HEADER_BYTES)
}
