//! Clients of elbus through WebSockets, against a broker on threads.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use coilgun_protocol::elbus::{
    GREETING, Operation, PING, Qos, RpcFrame, ServerFrame, ServerReading, encode_frame, encode_rpc,
    read_rpc, read_server_frame,
};
use coilgun_protocol::link::LinkConnector;
use coilgun_server::Broker;
use coilgun_server::config::{Config, Elbus, ElbusClientConfig, ListenerConfig, Protocol};
use coilgun_server::net::ListenAddress;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Bytes, Message, WebSocket};

/// Longer than anything takes here, so that what hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker with a socket for WebSockets, changed first.
fn start(change: impl FnOnce(&mut Config)) -> (Broker, SocketAddr, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards: 2,
        listeners: vec![ListenerConfig {
            address: "127.0.0.1:0".to_owned(),
            protocol: Protocol::ElbusWebsocket,
            slow_consumer: None,
            backpressure_ms: None,
        }],
        elbus: Elbus { handshake_ms: 400, ..Elbus::default() },
        ..Config::default()
    };
    config.limits.connections_max = 64;
    change(&mut config);
    let broker = Broker::start(config).expect("the broker starts");
    let listener = broker.listeners().iter().find(|it| it.1 == Protocol::ElbusWebsocket);
    let Some((ListenAddress::Tcp(address), _)) = listener else { panic!("it listens") };
    let address = *address;
    (broker, address, data)
}

/// A client, and the bytes that came and were not understood yet.
struct Client {
    socket: WebSocket<TcpStream>,
    input: Vec<u8>,
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit above 0");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time limit above 0");
    stream
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let (socket, _) = tungstenite::client(format!("ws://{address}/"), tcp(address))
            .unwrap_or_else(|error| panic!("it is a WebSocket: {error}"));
        Client { socket, input: Vec::new() }
    }

    /// Connects and says its name; returns the last byte of the answer.
    fn introduce(address: SocketAddr, name: &str) -> (Client, u8) {
        let mut client = Client::connect(address);
        let len = (name.len() as u16).to_le_bytes();
        client.say(&[&GREETING[..], &len, name.as_bytes()].concat());
        let greeting = client.until(|bytes| (bytes.len() >= 5).then(|| (bytes[..5].to_vec(), 5)));
        assert_eq!(greeting[..4], [0xEB, 1, 0, 1]);
        (client, greeting[4])
    }

    fn open(address: SocketAddr, name: &str) -> Client {
        let (client, code) = Client::introduce(address, name);
        assert_eq!(code, 1, "{name} is let in");
        client
    }

    /// Sends bytes in one message.
    fn say(&mut self, bytes: &[u8]) {
        self.socket.send(Message::Binary(Bytes::copy_from_slice(bytes))).expect("it reads");
    }

    fn ask(&mut self, op_id: u32, operation: Operation, parts: &[&[u8]]) {
        let mut frame = Vec::new();
        encode_frame(op_id, operation, Qos::PROCESSED, parts, &mut frame);
        self.say(&frame);
    }

    /// Receives until there is something to take from the front.
    fn until<T>(&mut self, take: impl Fn(&[u8]) -> Option<(T, usize)>) -> T {
        // Ends because it comes, or time runs out.
        loop {
            if let Some((taken, used)) = take(&self.input) {
                self.input.drain(..used);
                return taken;
            }
            match self.socket.read().expect("the broker goes on") {
                Message::Binary(bytes) => self.input.extend(&bytes),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Text(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("nobody says this: {other:?}")
                }
            }
        }
    }

    /// The payload of the next message that is not about the broker.
    fn message(&mut self) -> Vec<u8> {
        // Ends with a message.
        loop {
            let next = self.until(|bytes| match read_server_frame(bytes, 4 << 20) {
                ServerReading::Frame(ServerFrame::Message { topic, payload, .. }, used) => {
                    let is_announced = topic.is_some_and(|topic| topic.starts_with(b".broker/"));
                    Some(((!is_announced).then(|| payload.to_vec()), used))
                }
                ServerReading::Frame(ServerFrame::Ack { .. } | ServerFrame::Ping, used) => {
                    Some((None, used))
                }
                ServerReading::Incomplete(_) => None,
                ServerReading::Malformed | ServerReading::TooLong(_) => panic!("it is no frame"),
            });
            if let Some(payload) = next {
                return payload;
            }
        }
    }

    /// The code with which the broker ends the connection.
    fn close_code(mut self) -> CloseCode {
        // Ends with the connection.
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(frame))) => return frame.code,
                Ok(_) => {}
                Err(error) => panic!("it ended without a word: {error}"),
            }
        }
    }
}

#[test]
fn clients_talk_through_websockets_however_their_bytes_are_cut() {
    let (broker, address, _data) = start(|_| {});
    let mut a = Client::open(address, "a");
    let mut b = Client::open(address, "b");
    let mut frames = Vec::new();
    encode_frame(1, Operation::Message, Qos::NO, &[b"b", b"one"], &mut frames);
    frames.extend(PING);
    encode_frame(2, Operation::Message, Qos::NO, &[b"b", b"two"], &mut frames);
    for byte in &frames {
        a.say(&[*byte]);
    }
    assert_eq!(b.message(), b"one");
    assert_eq!(b.message(), b"two");
    let large = vec![7; 1_000_000];
    a.ask(3, Operation::Message, &[b"b", &large]);
    assert!(b.message() == large);
    a.socket.send(Message::Ping(Bytes::from_static(b"?"))).expect("it reads");
    // Ends with the answer; acknowledgements come before it.
    loop {
        match a.socket.read().expect("the broker goes on") {
            Message::Binary(bytes) => a.input.extend(&bytes),
            Message::Pong(bytes) => break assert_eq!(bytes, "?"),
            other @ (Message::Text(_)
            | Message::Ping(_)
            | Message::Close(_)
            | Message::Frame(_)) => panic!("nobody says this: {other:?}"),
        }
    }
    let mut call = Vec::new();
    let request = RpcFrame::Request { call_id: 9, method: b"client.list", params: b"" };
    encode_rpc(&request, &mut call);
    a.ask(4, Operation::Message, &[b".broker", &call]);
    let reply = a.message();
    let Some(RpcFrame::Reply { call_id: 9, payload }) = read_rpc(&reply) else {
        panic!("it is answered: {reply:?}");
    };
    let list: serde_json::Value = rmp_serde::from_slice(payload).expect("it is a list");
    let rows = list["clients"].as_array().expect("it is a list");
    let row = rows.iter().find(|row| row["name"] == "a").expect("it is there");
    assert_eq!(row["kind"], "websocket");
    let port = a.socket.get_ref().local_addr().expect("it is connected").to_string();
    assert_eq!(row["source"], port.as_str());
    broker.shutdown().expect("it ends in good order");
}

#[test]
fn who_reads_late_holds_back_who_sends() {
    let (broker, address, _data) = start(|_| {});
    let mut late = Client::open(address, "late");
    let mut sender = Client::open(address, "sender");
    let payload = vec![1; 100_000];
    let writing = std::thread::spawn(move || {
        for _ in 0..100 {
            let mut frame = Vec::new();
            encode_frame(1, Operation::Message, Qos::NO, &[b"late", &payload], &mut frame);
            sender.say(&frame);
        }
        sender
    });
    for _ in 0..100 {
        assert_eq!(late.message().len(), 100_000);
    }
    let _sender = writing.join().expect("it writes");
    broker.stop().expect("it ends in good order");
}

#[test]
fn what_is_no_websocket_of_elbus_is_refused_with_a_reason() {
    let (broker, address, _data) = start(|_| {});
    let mut text = Client::connect(address);
    text.socket.send(Message::Text("hello".into())).expect("it reads");
    assert_eq!(text.close_code(), CloseCode::Unsupported);
    let mut large = Client::connect(address);
    // The system may refuse the rest when the broker has closed.
    let _ = large.socket.send(Message::Binary(Bytes::from(vec![0; 2 << 20])));
    assert_eq!(large.close_code(), CloseCode::Size);
    let mut bare = Client::connect(address);
    bare.socket.get_mut().write_all(b"\x82\x03abc").expect("it reads");
    assert_eq!(bare.close_code(), CloseCode::Protocol, "clients mask their frames");
    // Nonsense and silence instead of a request end the connection without a word.
    for begin in [&b"\x16\x03\x01 this is TLS\r\n\r\n"[..], b"GET / HTTP/1.1\r\n", b""] {
        let mut stream = tcp(address);
        stream.write_all(begin).expect("it reads");
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("it does not close: {error}"),
        }
        assert!(!rest.starts_with(b"HTTP/1.1 101"), "{}", rest.escape_ascii());
    }
    let mut good = Client::open(address, "good");
    good.ask(1, Operation::Message, &[b"good", b"still there"]);
    assert_eq!(good.message(), b"still there");
    broker.stop().expect("it ends in good order");
}

#[test]
fn the_end_of_the_broker_is_a_good_bye() {
    let (broker, address, _data) = start(|_| {});
    let client = Client::open(address, "a");
    let reading = std::thread::spawn(move || client.close_code());
    broker.shutdown().expect("it ends in good order");
    assert_eq!(reading.join().expect("it is told"), CloseCode::Away);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn where_a_websocket_comes_from_counts_for_who_is_listed() {
    let client = |name: &str, host: &str| ElbusClientConfig {
        hosts: Some(vec![host.to_owned()]),
        ..ElbusClientConfig::named(name)
    };
    let (broker, address, _data) = start(|config| {
        config.elbus_clients = vec![client("near", "127.0.0.0/8"), client("far", "192.0.2.1")];
    });
    assert_eq!(Client::introduce(address, "near").1, 1);
    assert_eq!(Client::introduce(address, "far").1, 0x79);
    assert_eq!(Client::introduce(address, "nobody").1, 0x79);
    broker.stop().expect("it ends in good order");
}

/// A client that is let in as soon as those before it are noticed to be gone.
fn eventually(address: SocketAddr, name: &str) -> Client {
    // Ends because the broker notices it.
    loop {
        let connected = tungstenite::client(format!("ws://{address}/"), tcp(address));
        if let Ok((socket, _)) = connected {
            let mut client = Client { socket, input: Vec::new() };
            let len = (name.len() as u16).to_le_bytes();
            client.say(&[&GREETING[..], &len, name.as_bytes()].concat());
            while client.input.len() < 5 {
                match client.socket.read() {
                    Ok(Message::Binary(bytes)) => client.input.extend(&bytes),
                    Ok(_) | Err(_) => break,
                }
            }
            if client.input.drain(..).eq([0xEB, 1, 0, 1, 1]) {
                return client;
            }
        }
    }
}

#[test]
fn those_that_come_and_go_leave_nothing_and_there_are_no_more_than_allowed() {
    let (broker, address, _data) = start(|config| config.limits.connections_max = 8);
    for number in 0..2_000 {
        // Some say who they are, some leave in the middle.
        match number % 4 {
            0 => drop(tcp(address)),
            1 => drop(tungstenite::client(format!("ws://{address}/"), tcp(address)).map(drop)),
            _ => drop(eventually(address, "again")),
        }
    }
    let mut all: Vec<_> = (0..8).map(|n| eventually(address, &format!("c{n}"))).collect();
    // One more is closed before it has shaken hands.
    let refused = tungstenite::client(format!("ws://{address}/"), tcp(address)).map(drop);
    assert!(refused.is_err());
    assert!(broker.elbus_connector().connect().is_err(), "all count");
    all[7].ask(1, Operation::Message, &[b"c0", b"hello"]);
    assert_eq!(all[0].message(), b"hello");
    broker.stop().expect("it ends in good order");
}
