//! Brokers that break the protocol, go away, or never stop talking.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use coilgun_client::blocking::Client;
use coilgun_client::{ClientError, Options, Publication};
use coilgun_protocol::buffer::{Chunk, OutBuf, Pool, Region};
use coilgun_protocol::model::{
    ClientId, Closing, Command, Commands, Delivery, ErrorCode, Event, Opened, Outcome,
    PublishFlags, SubscriptionId, Ticket, Timestamp,
};
use coilgun_protocol::native::{NativeConfig, NativeSession};
use coilgun_protocol::session::Session;

use crate::fake_broker::FakeBroker;

const SECOND: Duration = Duration::from_secs(1);

/// A session past its handshake, and the bytes that came after it.
pub(crate) struct LetIn {
    session: NativeSession,
    kept: Vec<u8>,
}

/// What a client sent.
#[derive(Default)]
pub(crate) struct Sent {
    /// Its messages that have a subject for replies.
    pub(crate) requests: Vec<Request>,
    /// The subscription to an inbox, if it was made.
    pub(crate) inbox: Option<SubscriptionId>,
}

/// A message that wants a reply.
pub(crate) struct Request {
    pub(crate) reply: Vec<u8>,
}

fn out_buf() -> OutBuf {
    OutBuf::new(Pool::new(Region::heap(1 << 20), 64 * 1024), 1024)
}

fn bytes_of(out: &OutBuf) -> Vec<u8> {
    out.segments().flatten().copied().collect()
}

/// Lets the client in.
pub(crate) fn welcome(stream: &mut TcpStream, config: NativeConfig) -> LetIn {
    let mut session = NativeSession::new(config);
    let (mut out, mut commands) = (out_buf(), Commands::default());
    let mut kept = Vec::new();
    while commands.list().is_empty() {
        let mut room = [0; 4096];
        let count = stream.read(&mut room).expect("the client speaks");
        assert!(count > 0, "the client says who it is");
        kept.extend_from_slice(&room[..count]);
        let read = session.on_bytes(Timestamp(1), Chunk::plain(&kept), &mut commands, &mut out);
        kept.drain(..read.expect("the client speaks the protocol").bytes);
    }
    let client = ClientId { slot: 0, generation: 0 };
    session.on_event(Timestamp(2), &Event::Opened(Opened { client }), &mut out);
    stream.write_all(&bytes_of(&out)).expect("the client reads");
    LetIn { session, kept }
}

/// Waits for what the client sends next, and accepts its subscriptions; nothing, if it is gone.
pub(crate) fn next_commands(stream: &mut TcpStream, opened: &mut LetIn) -> Option<Sent> {
    let mut room = [0; 65_536];
    let count = stream.read(&mut room).ok().filter(|count| *count > 0)?;
    opened.kept.extend_from_slice(&room[..count]);
    let (mut out, mut commands) = (out_buf(), Commands::default());
    let chunk = Chunk::plain(&opened.kept);
    let read = opened.session.on_bytes(Timestamp(1), chunk, &mut commands, &mut out);
    let mut sent = Sent::default();
    for command in commands.list() {
        match command {
            Command::Publish(publish) if !publish.reply.is_empty() => {
                sent.requests.push(Request { reply: chunk.slice(publish.reply).bytes().to_vec() });
            }
            Command::Subscribe(subscribe) => {
                sent.inbox = Some(subscribe.subscription);
                let (ticket, code) = (subscribe.ticket, ErrorCode::Ok);
                let outcome =
                    Event::Outcome(Outcome { ticket, code, receivers: 0, is_starved: false });
                opened.session.on_event(Timestamp(2), &outcome, &mut out);
            }
            Command::Publish(_)
            | Command::Open(_)
            | Command::Unsubscribe(_)
            | Command::Exclude(_)
            | Command::AddCredit(_)
            | Command::Barrier(_)
            | Command::Stream(_)
            | Command::Close(_) => {}
        }
    }
    opened.kept.drain(..read.expect("the client speaks the protocol").bytes);
    stream.write_all(&bytes_of(&out)).expect("the client reads");
    Some(sent)
}

/// The frame of a message.
pub(crate) fn deliver_frame(
    subscription: SubscriptionId,
    subject: &[u8],
    payload: &[u8],
    flags: PublishFlags,
) -> Vec<u8> {
    let delivery = Delivery {
        subscription,
        subject,
        reply: b"",
        headers: b"",
        payload: Chunk::plain(payload),
        tail: None,
        sender: b"",
        correlation: Ticket::NONE,
        deadline_ms: 0,
        flags,
        missed: 0,
    };
    event_frame(&Event::Deliver(delivery))
}

/// The frame of an event, from a session of its own.
fn event_frame(event: &Event<'_>) -> Vec<u8> {
    let mut session = NativeSession::new(NativeConfig::default());
    let (mut out, mut commands) = (out_buf(), Commands::default());
    let mut hello = coilgun_protocol::native::Preface::OURS.encode().to_vec();
    coilgun_protocol::native::Hello::default().encode(&mut hello).expect("it is short");
    session
        .on_bytes(Timestamp(1), Chunk::plain(&hello), &mut commands, &mut out)
        .expect("it is a handshake");
    let client = ClientId { slot: 0, generation: 0 };
    session.on_event(Timestamp(2), &Event::Opened(Opened { client }), &mut out);
    out.consume(out.pending_bytes());
    session.on_event(Timestamp(3), event, &mut out);
    bytes_of(&out)
}

/// A client that is connected to a broker that was told what to do once it let the client in.
fn client_of(serve: impl FnOnce(TcpStream) + Send + 'static) -> (FakeBroker, Client) {
    let broker = FakeBroker::tcp(|mut stream| {
        welcome(&mut stream, NativeConfig::default());
        serve(stream);
    });
    // It has a name, so that messages come without a subscription, and is told what went wrong instead
    // of coming back.
    let options = Options::new(broker.address.clone()).with_name("n").without_reconnect();
    (broker, Client::connect(options).expect("let in"))
}

#[test]
fn another_protocol_is_recognised() {
    let broker = FakeBroker::tcp(|mut stream| {
        stream.write_all(b"INFO {}\r\n").expect("the client reads");
        let _ = stream.read(&mut [0; 1024]);
    });
    let error = Client::connect(Options::new(broker.address.clone())).expect_err("not Coilgun");
    assert!(matches!(error, ClientError::Protocol(_)), "{error}");
    assert!(error.help().contains("7700"), "{}", error.help());
    broker.join();
}

#[test]
fn garbage_ends_the_connection_for_good() {
    let (broker, mut client) = client_of(|mut stream| {
        stream.write_all(&[0xff; 64]).expect("the client reads");
    });
    let error = client.next_message(SECOND).expect_err("this is no frame");
    assert!(matches!(error, ClientError::Protocol(_)) && error.is_fatal(), "{error}");
    let again = client.publish(&Publication::to("a")).expect_err("it is over");
    assert!(matches!(again, ClientError::Protocol(_)), "{again}");
    broker.join();
}

#[test]
fn a_length_that_no_broker_may_announce_is_refused_before_it_is_waited_for() {
    let (broker, mut client) = client_of(|mut stream| {
        let mut frame = u32::MAX.to_le_bytes().to_vec();
        frame.extend_from_slice(&[0x82, 0, 40, 0]);
        stream.write_all(&frame).expect("the client reads");
        let _ = stream.read(&mut [0; 16]);
    });
    let error = client.next_message(3600 * SECOND).expect_err("too long");
    assert!(matches!(error, ClientError::Protocol(_)), "{error}");
    drop(client);
    broker.join();
}

#[test]
fn messages_before_the_end_are_handed_out_first() {
    let (broker, mut client) = client_of(|mut stream| {
        let message =
            deliver_frame(SubscriptionId::NAME, b"a", b"last words", PublishFlags::default());
        stream.write_all(&message).expect("the client reads");
    });
    let message = client.next_message(SECOND).expect("it came").expect("it came");
    assert_eq!(message.payload(), b"last words");
    for _ in 0..2 {
        let error = client.next_message(SECOND).expect_err("the broker is gone");
        assert!(matches!(error, ClientError::Gone), "{error}");
    }
    broker.join();
}

#[test]
fn a_broker_that_shuts_down_is_quoted() {
    let (broker, mut client) = client_of(|mut stream| {
        let closing = Event::Closing(Closing { code: ErrorCode::ShuttingDown, detail: "lunch" });
        stream.write_all(&event_frame(&closing)).expect("the client reads");
    });
    let error = client.next_message(SECOND).expect_err("the broker is gone");
    assert_eq!(error.to_string(), "the broker ended the connection: the broker shuts down (lunch)");
    assert_eq!(error.code(), Some(ErrorCode::ShuttingDown));
    assert!(error.is_retryable() && client.going_away().is_some());
    broker.join();
}

#[test]
fn why_the_broker_cut_the_client_off_is_read() {
    let (broker, mut client) = client_of(|mut stream| {
        let closing = Event::Closing(Closing { code: ErrorCode::SlowConsumer, detail: "" });
        stream.write_all(&event_frame(&closing)).expect("the client reads");
        stream.shutdown(std::net::Shutdown::Write).expect("it stands");
        while matches!(stream.read(&mut [0; 4096]), Ok(count) if count > 0) {}
    });
    let error = client.flush().expect_err("the broker ended it");
    assert_eq!(error.code(), Some(ErrorCode::SlowConsumer));
    drop(client);
    broker.join();
}

#[test]
fn a_ping_is_answered_by_whatever_reads_next() {
    let (answered, answer) = std::sync::mpsc::channel();
    let (broker, mut client) = client_of(move |mut stream| {
        let mut ping = 8_u32.to_le_bytes().to_vec();
        ping.extend_from_slice(&[0x10, 0, 8, 0]);
        ping.extend_from_slice(&0x1234_u64.to_le_bytes());
        stream.write_all(&ping).expect("the client reads");
        let mut pong = [0; 16];
        stream.read_exact(&mut pong).expect("the client answers");
        answered.send(pong).expect("the test waits");
        let message = deliver_frame(SubscriptionId::NAME, b"a", b"", PublishFlags::default());
        stream.write_all(&message).expect("the client reads");
        let _ = stream.read(&mut [0]);
    });
    client.next_message(10 * SECOND).expect("connected").expect("it comes after the answer");
    let pong = answer.recv().expect("the broker got one");
    assert_eq!(pong[4], 0x11);
    assert_eq!(pong[8..], 0x1234_u64.to_le_bytes());
    drop(client);
    broker.join();
}

#[test]
fn a_broker_that_never_stops_asking_keeps_no_call_from_returning() {
    let (broker, mut client) = client_of(|mut stream| {
        let mut ping = 8_u32.to_le_bytes().to_vec();
        ping.extend_from_slice(&[0x10, 0, 8, 0]);
        ping.extend_from_slice(&[7; 8]);
        let many = ping.repeat(4096);
        // Nothing is read, so the answers pile up; ends when the client is gone.
        while stream.write_all(&many).is_ok() {}
    });
    let message = client.next_message(Duration::from_millis(100)).expect("connected");
    assert!(message.is_none());
    client.keep_alive().expect("connected");
    drop(client);
    broker.join();
}
