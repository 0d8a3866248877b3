//! Connections inside the process that speak the protocol of elbus.

use std::task::Waker;
use std::thread;

use coilgun_protocol::elbus::{
    GREETING, Operation, Qos, RpcFrame, ServerFrame, ServerReading, encode_frame, encode_rpc,
    read_rpc, read_server_frame,
};
use coilgun_protocol::link::{Link, LinkConnector};
use coilgun_server::Broker;
use coilgun_server::config::Config;
use coilgun_server::link::LinkOrigin;

use crate::unpark::waker_of_this_thread;

/// A client, whose thread parks when nothing has come.
struct Client {
    link: Box<dyn Link>,
    waker: Waker,
    bytes: Vec<u8>,
}

impl Client {
    fn open(connector: &impl LinkConnector, name: &str) -> Client {
        let link = connector.connect().expect("there is room");
        let waker = waker_of_this_thread();
        let mut client = Client { link, waker, bytes: Vec::new() };
        client.send(&[&GREETING[..], &(name.len() as u16).to_le_bytes(), name.as_bytes()].concat());
        let greeted = client.until(|bytes| (bytes.len() >= 5).then(|| (bytes[..5].to_vec(), 5)));
        assert_eq!(greeted, [0xEB, 1, 0, 1, 1], "{name} is let in");
        client
    }

    /// Sends few bytes.
    fn send(&mut self, bytes: &[u8]) {
        assert_eq!(self.link.send(bytes), Ok(bytes.len()), "there is room");
    }

    /// Receives until there is something to take from the front.
    fn until<T>(&mut self, take: impl Fn(&[u8]) -> Option<(T, usize)>) -> T {
        // Ends when it has come; if a wake-up were lost the test would stand still.
        loop {
            if let Some((taken, used)) = take(&self.bytes) {
                self.bytes.drain(..used);
                return taken;
            }
            let mut room = [0; 4096];
            let count = self.link.receive(&mut room).expect("the broker goes on");
            self.bytes.extend(&room[..count]);
            if count == 0 && !self.link.wake(&self.waker, false) {
                thread::park();
            }
        }
    }

    /// The payload of the next message.
    fn message(&mut self) -> Vec<u8> {
        // Ends with the first frame that is one.
        loop {
            let next = self.until(|bytes| match read_server_frame(bytes, 1 << 20) {
                ServerReading::Frame(ServerFrame::Message { payload, .. }, used) => {
                    Some((Some(payload.to_vec()), used))
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
}

#[test]
fn clients_of_this_process_and_of_its_bridges_speak_elbus() {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let broker = Broker::start(Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards: 2,
        ..Config::default()
    });
    let broker = broker.expect("the broker starts");
    let inside = broker.elbus_connector();
    let bridge = inside.clone().from_there(LinkOrigin {
        address: Some("192.0.2.7:99".parse().expect("an address")),
        ..inside.origin()
    });
    let mut a = Client::open(&inside, "inside");
    let mut b = Client::open(&bridge, "far.away");
    let mut frame = Vec::new();
    encode_frame(1, Operation::Message, Qos::PROCESSED, &[b"inside", b"hello"], &mut frame);
    b.send(&frame);
    assert_eq!(a.message(), b"hello");
    let (mut call, mut frame) = (Vec::new(), Vec::new());
    let request = RpcFrame::Request { call_id: 7, method: b"client.list", params: b"" };
    encode_rpc(&request, &mut call);
    encode_frame(2, Operation::Message, Qos::PROCESSED, &[b".broker", &call], &mut frame);
    a.send(&frame);
    let reply = a.message();
    let Some(RpcFrame::Reply { call_id: 7, payload }) = read_rpc(&reply) else {
        panic!("it is answered: {reply:?}");
    };
    let list: serde_json::Value = rmp_serde::from_slice(payload).expect("it is a list");
    let row = |name: &str| {
        let rows = list["clients"].as_array().expect("it is a list");
        let row = rows.iter().rfind(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("{name} is in {list}")).clone()
    };
    assert_eq!(row("inside")["kind"], "internal");
    assert_eq!(row("inside")["source"], serde_json::Value::Null);
    assert_eq!(row("far.away")["kind"], "websocket");
    assert_eq!(row("far.away")["source"], "192.0.2.7:99");
    broker.shutdown().expect("it ends in good order");
}
