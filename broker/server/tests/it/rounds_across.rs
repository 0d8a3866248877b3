//! Law S12 on real threads: who was told that its subscription stands misses nothing that is published
//! afterwards, by whomever, on whatever shard.

use std::io::{Read, Write};
use std::net::TcpStream;

use coilgun_protocol::model::{SubscriptionId, Ticket, Unsubscribe};
use coilgun_protocol::native::{
    ClientFrame, Hello, Incoming, Preface, PublishFrame, ServerFrame, ServerReader,
    SubscribeRequest, encode_frame,
};
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits};
use coilgun_server::net::ListenAddress;

/// Bits of a client's slot; those above are the number of its shard.
const SLOT_BITS: u32 = 24;

/// A client that writes frames and waits for what it expects.
struct Peer {
    stream: TcpStream,
    reader: ServerReader,
    bytes: Vec<u8>,
    shard: u32,
    last_pong: u64,
    delivered: u64,
}

impl Peer {
    fn open(address: std::net::SocketAddr) -> Peer {
        let stream = TcpStream::connect(address).expect("the broker accepts");
        stream.set_nodelay(true).expect("the socket can");
        let (reader, bytes) = (ServerReader::default(), Vec::new());
        let mut peer = Peer { stream, reader, bytes, shard: u32::MAX, last_pong: 0, delivered: 0 };
        let mut hello = Preface::OURS.encode().to_vec();
        encode_frame(&ClientFrame::Hello(Hello::default()), &mut hello).expect("a small frame");
        peer.stream.write_all(&hello).expect("the broker reads");
        peer.until(|peer| peer.shard != u32::MAX);
        peer
    }

    /// A client on another shard than `other`.
    fn elsewhere(address: std::net::SocketAddr, other: u32) -> Peer {
        let mut peers = (0..64).map(|_| Peer::open(address));
        peers.find(|peer| peer.shard != other).expect("connections are spread")
    }

    fn send(&mut self, frames: &[ClientFrame<'_>]) {
        let mut bytes = Vec::new();
        for frame in frames {
            encode_frame(frame, &mut bytes).expect("a small frame");
        }
        self.stream.write_all(&bytes).expect("the broker reads");
    }

    fn until(&mut self, seen: impl Fn(&Peer) -> bool) {
        let mut buffer = [0; 4096];
        while !seen(self) {
            let count = self.stream.read(&mut buffer).expect("the connection holds");
            assert!(count > 0, "the broker lets nobody go");
            self.bytes.extend_from_slice(&buffer[..count]);
            self.understand();
        }
    }

    fn understand(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut at = 0;
        loop {
            match self.reader.read(&bytes[at..]).expect("the broker speaks the protocol") {
                Incoming::Preface { used, .. } => at += used,
                Incoming::Incomplete { .. } => break,
                Incoming::Frame { frame, used } => {
                    at += used;
                    match frame {
                        ServerFrame::Welcome(it) => self.shard = it.client.slot >> SLOT_BITS,
                        ServerFrame::Pong { token } => self.last_pong = token,
                        ServerFrame::Deliver(_) => self.delivered += 1,
                        ServerFrame::Outcome(_)
                        | ServerFrame::Error(_)
                        | ServerFrame::Notice(_)
                        | ServerFrame::GoAway(_)
                        | ServerFrame::Stream(_)
                        | ServerFrame::Ping { .. } => panic!("nobody asked for {frame:?}"),
                    }
                }
            }
        }
        self.bytes = bytes[at..].to_vec();
    }
}

#[test]
fn s12_what_is_published_behind_the_pong_of_a_subscription_is_never_missed() {
    let full = std::env::var_os("COILGUN_TEST_FULL").is_some();
    let rounds = if full { 100_000 } else { 5_000 };
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards: 2,
        limits: Limits { connections_max: 128, ..Limits::default() },
        ..Config::default()
    };
    let broker = Broker::start(config).expect("the broker starts");
    let ListenAddress::Tcp(address) = broker.addresses()[0].clone() else { panic!("it is TCP") };
    let mut reader = Peer::open(address);
    let mut writer = Peer::elsewhere(address, reader.shard);
    for round in 1..=rounds {
        let number = SubscriptionId(round);
        // A subject of its own, a literal, a wildcard and a name used again and again by turns.
        let subject =
            ["round.now".to_owned(), format!("round.{round}")][round as usize % 2].clone();
        let filter = if round % 3 == 0 { "round.*" } else { &subject };
        reader.send(&[
            ClientFrame::Subscribe(SubscribeRequest::plain(number, filter.as_bytes())),
            ClientFrame::Ping { token: round },
        ]);
        reader.until(|reader| reader.last_pong == round);
        let message = PublishFrame { subject: subject.as_bytes(), ..PublishFrame::default() };
        writer.send(&[ClientFrame::Publish(message), ClientFrame::Ping { token: round }]);
        writer.until(|writer| writer.last_pong == round);
        // What crossed before the PONG of its publisher is in the outbox: this barrier is behind it.
        let end = Unsubscribe { subscription: number, ticket: Ticket::NONE, deliveries_max: 0 };
        reader
            .send(&[ClientFrame::Unsubscribe(end), ClientFrame::Ping { token: u64::MAX - round }]);
        reader.until(|reader| reader.last_pong == u64::MAX - round);
        assert_eq!(reader.delivered, round, "S12: it was missed in round {round}");
    }
    assert_eq!(writer.delivered, 0);
    broker.shutdown_handle().stop();
    let counters = broker.wait().expect("the broker ends in good order");
    assert_eq!((counters.hops, counters.crossed), (rounds, rounds), "every message crossed");
}
