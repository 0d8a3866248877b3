//! A native client's side of a conversation.

use coilgun_protocol::model::{PublishFlags, SubscriptionId, Ticket, Visibility};
use coilgun_protocol::native::{
    ClientFrame, Features, Hello, Incoming, Preface, PublishFrame, ServerFrame, ServerReader,
    SubscribeRequest, encode_frame,
};

/// What a client says, as bytes: `hello NAME`, `subscribe NUMBER FILTER [field=value]...`,
/// `publish SUBJECT PAYLOAD [field=value]...`, `ping TOKEN`.
pub(super) fn client_bytes(line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |name: &str| -> u64 {
        let found = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.map_or(0, |value| value.parse().expect("the value is a number"))
    };
    match words.as_slice() {
        ["hello", name] => {
            let features = Features::SENDER_NAMES;
            let hello = Hello { name: name.as_bytes(), features, ..Hello::default() };
            [Preface::OURS.encode().to_vec(), frame(&ClientFrame::Hello(hello))].concat()
        }
        ["subscribe", subscription, filter, ..] => {
            let id = SubscriptionId(subscription.parse().expect("it is a number"));
            let plain = SubscribeRequest::plain(id, filter.as_bytes());
            let visibility = Visibility(number("visibility") as u8);
            frame(&ClientFrame::Subscribe(SubscribeRequest { visibility, ..plain }))
        }
        ["publish", subject, payload, ..] => frame(&ClientFrame::Publish(PublishFrame {
            subject: subject.as_bytes(),
            payload: payload.as_bytes(),
            correlation: Ticket(number("correlation")),
            flags: PublishFlags(number("flags") as u8),
            ..PublishFrame::default()
        })),
        ["ping", token] => {
            frame(&ClientFrame::Ping { token: token.parse().expect("it is a number") })
        }
        other => panic!("a client does not say {other:?}"),
    }
}

fn frame(frame: &ClientFrame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(frame, &mut bytes).expect("the frame is within the limits");
    bytes
}

/// What the broker says, a line a frame.
pub(super) fn server_lines(bytes: &[u8], reader: &mut ServerReader) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = 0;
    // Ends because every item takes bytes away.
    while at < bytes.len() {
        match reader.read(&bytes[at..]).expect("the broker speaks the protocol") {
            Incoming::Preface { used, .. } => at += used,
            Incoming::Frame { frame, used } => {
                at += used;
                lines.push(server_line(frame));
            }
            Incoming::Incomplete { need } => panic!("half a frame, {need} bytes needed"),
        }
    }
    lines
}

fn server_line(frame: ServerFrame<'_>) -> String {
    match frame {
        ServerFrame::Welcome(_) => "welcome".to_owned(),
        ServerFrame::Deliver(it) => format!(
            "deliver subscription={} sender=\"{}\" subject=\"{}\" reply=\"{}\" payload=\"{}\" \
             correlation={}",
            it.subscription.0,
            it.sender.escape_ascii(),
            it.subject.escape_ascii(),
            it.reply.escape_ascii(),
            it.payload.escape_ascii(),
            it.correlation.0,
        ),
        ServerFrame::Outcome(it) => {
            let (correlation, code, receivers) = (it.correlation.0, it.code, it.receivers);
            format!("outcome correlation={correlation} code={code} receivers={receivers}")
        }
        ServerFrame::Notice(it) => format!("notice code={} count={}", it.code, it.count),
        ServerFrame::Error(it) => format!("error code={}", it.code),
        ServerFrame::GoAway(it) => format!("go_away code={}", it.code),
        ServerFrame::Stream(it) => format!("stream {it:?}"),
        ServerFrame::Ping { token } => format!("ping token={token}"),
        ServerFrame::Pong { token } => format!("pong token={token}"),
    }
}
