//! Lines of a conversation into frames and events.

use std::collections::BTreeMap;

use coilgun_protocol::buffer::Chunk;
use coilgun_protocol::model::{
    AddCredit, BarrierDone, ClientId, Closing, Delivery, ErrorCode, Event, Header, Headers, Notice,
    Opened, Outcome, PublishFlags, SlowConsumerPolicy, SlowConsumerWish, SubscriptionId, Ticket,
    Unsubscribe, Visibility, encode_header,
};
use coilgun_protocol::native::{
    ClientFrame, Features, Hello, NativeConfig, Preface, PublishFrame, SubscribeRequest,
};

use super::stream_input::{stream_event, stream_request};
use crate::harness::encoded;

/// The words of a line: a name, and `field=value` in any order.
pub(crate) struct Words<'a> {
    pub(crate) name: &'a str,
    fields: BTreeMap<&'a str, &'a str>,
    plain: Vec<&'a str>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(line: &'a str) -> Words<'a> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or("");
        let mut fields = BTreeMap::new();
        let mut plain = Vec::new();
        for word in words {
            match word.split_once('=') {
                Some((field, value)) => {
                    fields.insert(field, value);
                }
                None => plain.push(word),
            }
        }
        Words { name, fields, plain }
    }

    pub(super) fn text(&self, field: &str) -> &'a str {
        self.fields.get(field).copied().unwrap_or("")
    }

    pub(super) fn bytes(&self, field: &str) -> &'a [u8] {
        self.text(field).as_bytes()
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, field: &str, absent: T) -> T {
        match self.fields.get(field) {
            Some(text) => text.parse().unwrap_or_else(|_| panic!("{field}={text} is no number")),
            None => absent,
        }
    }

    /// The value of a field that is a list of names, each of which stands for a bit.
    fn bits(&self, field: &str, known: &[(&str, u64)]) -> u64 {
        let names = self.text(field).split(',').filter(|name| !name.is_empty());
        names.fold(0, |bits, name| {
            let found = known.iter().find(|(known, _)| *known == name);
            bits | found.unwrap_or_else(|| panic!("{field}={name} has no bit")).1
        })
    }

    fn flags(&self) -> PublishFlags {
        let known = [("ack", 1), ("request", 2), ("more", 4), ("broadcast", 8)];
        PublishFlags(self.bits("flags", &known) as u8)
    }

    fn subscription(&self) -> SubscriptionId {
        SubscriptionId(self.number("subscription", 1))
    }

    fn wish(&self) -> SlowConsumerWish {
        let policy = match self.text("slow_consumer") {
            "" => None,
            name => Some(SlowConsumerPolicy::from_name(name).expect("there is such a policy")),
        };
        let has_ms = self.fields.contains_key("backpressure_ms");
        SlowConsumerWish {
            policy,
            backpressure_ms: has_ms.then(|| self.number("backpressure_ms", 0)),
        }
    }

    pub(super) fn code(&self) -> ErrorCode {
        let name = self.text("code");
        let found = ErrorCode::ALL.iter().find(|code| code.name() == name);
        *found.unwrap_or_else(|| panic!("there is no error {name}"))
    }
}

/// The settings of a session.
pub(crate) fn config(line: &str) -> NativeConfig {
    let words = Words::new(line);
    let ours = NativeConfig { software: "coilgun/test", ..NativeConfig::default() };
    NativeConfig {
        software: ours.software,
        payload_bytes_max: words.number("payload_bytes_max", ours.payload_bytes_max),
        headers_bytes_max: words.number("headers_bytes_max", ours.headers_bytes_max),
        ping_interval_ms: words.number("ping_interval_ms", ours.ping_interval_ms),
        streams: words.number("streams", ours.streams),
        record_bytes_max: words.number("record_bytes_max", ours.record_bytes_max),
    }
}

/// What a client sends, as bytes.
pub(crate) fn client_bytes(line: &str) -> Vec<u8> {
    let words = Words::new(line);
    match words.name {
        "hex" => words.plain.iter().flat_map(|word| hex(word)).collect(),
        "text" => line.as_bytes()["text ".len()..].to_vec(),
        "preface" => {
            let version_min = words.number("version_min", 1);
            Preface { version_min, version_max: words.number("version_max", 1) }.encode().to_vec()
        }
        "publish" => publish(&words),
        "hello" => encoded(&ClientFrame::Hello(hello(&words))),
        "subscribe" => encoded(&ClientFrame::Subscribe(subscribe(&words))),
        "unsubscribe" => encoded(&ClientFrame::Unsubscribe(Unsubscribe {
            subscription: words.subscription(),
            ticket: Ticket(words.number("correlation", 0)),
            deliveries_max: words.number("deliveries_max", 0),
        })),
        "credit" => encoded(&ClientFrame::Credit(AddCredit {
            subscription: words.subscription(),
            messages: words.number("messages", 1),
        })),
        "goodbye" => encoded(&ClientFrame::Goodbye),
        "ping" => encoded(&ClientFrame::Ping { token: words.number("token", 0) }),
        "pong" => encoded(&ClientFrame::Pong { token: words.number("token", 0) }),
        _ => encoded(&stream_request(&words, &mut Vec::new())),
    }
}

pub(super) fn hex(word: &str) -> Vec<u8> {
    let digits: Vec<_> = word.bytes().map(char::from).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).expect("two digits a byte"))
        .collect()
}

fn hello<'a>(words: &Words<'a>) -> Hello<'a> {
    let known =
        [("credit", 1), ("sender_names", 2), ("notices", 4), ("streams", 8), ("unknown", 1 << 63)];
    Hello {
        namespace: words.bytes("namespace"),
        name: words.bytes("name"),
        user: words.bytes("user"),
        secret: words.bytes("secret"),
        features: Features(words.bits("features", &known)),
        software: words.text("software"),
        no_echo: words.number("no_echo", false),
        once_per_message: words.number("once_per_message", false),
        slow_consumer: words.wish(),
    }
}

fn publish(words: &Words<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    if let Some((name, value)) = words.text("header").split_once(':') {
        let header = Header { name: name.as_bytes(), value: value.as_bytes() };
        encode_header(header, &mut block).expect("the name is one");
    }
    let fill = vec![b'x'; words.number("payload_bytes", 0)];
    let payload = if fill.is_empty() { words.bytes("payload") } else { &fill };
    encoded(&ClientFrame::Publish(PublishFrame {
        correlation: Ticket(words.number("correlation", 0)),
        deadline_ms: words.number("deadline_ms", 0),
        flags: words.flags(),
        subject: words.bytes("subject"),
        reply: words.bytes("reply"),
        headers: Headers::parse(&block).expect("the block is one"),
        payload,
    }))
}

fn subscribe<'a>(words: &Words<'a>) -> SubscribeRequest<'a> {
    SubscribeRequest {
        subscription: words.subscription(),
        correlation: Ticket(words.number("correlation", 0)),
        filter: words.bytes("filter"),
        queue_group: words.bytes("queue_group"),
        credit: words.number("credit", SubscribeRequest::CREDIT_UNLIMITED),
        deliveries_max: words.number("deliveries_max", 0),
        visibility: Visibility(words.number("visibility", 0)),
        slow_consumer: words.wish(),
    }
}

/// What the broker says.
pub(crate) fn event(line: &str) -> Event<'_> {
    let words = Words::new(line);
    match words.name {
        "opened" => Event::Opened(Opened {
            client: ClientId {
                slot: words.number("slot", 0),
                generation: words.number("generation", 0),
            },
        }),
        "deliver" => Event::Deliver(Delivery {
            subscription: words.subscription(),
            subject: words.bytes("subject"),
            reply: words.bytes("reply"),
            headers: &[],
            payload: Chunk::plain(words.bytes("payload")),
            tail: None,
            sender: words.bytes("sender"),
            correlation: Ticket(words.number("correlation", 0)),
            deadline_ms: words.number("deadline_ms", 0),
            flags: words.flags(),
            missed: words.number("missed", 0),
        }),
        "outcome" => Event::Outcome(Outcome {
            ticket: Ticket(words.number("ticket", 0)),
            code: words.code(),
            receivers: words.number("receivers", 0),
            is_starved: words.number("is_starved", 0) != 0,
        }),
        "barrier_done" => Event::BarrierDone(BarrierDone { token: words.number("token", 0) }),
        "notice" => Event::Notice(Notice { code: words.code(), count: words.number("count", 0) }),
        "closing" => Event::Closing(Closing { code: words.code(), detail: words.text("detail") }),
        _ => Event::Stream(stream_event(&words)),
    }
}
