//! Connections inside the process to a broker on threads: nobody sleeps on bytes that are there.

use std::task::Waker;
use std::thread;

use coilgun_protocol::link::{Link, LinkConnector, LinkEnded, LinkRefused};
use coilgun_protocol::native::{
    ClientFrame, Hello, Incoming, Preface, ServerFrame, ServerReader, encode_frame,
};
use coilgun_server::Broker;
use coilgun_server::config::{Config, Limits};

use crate::unpark::waker_of_this_thread;

/// A client on a thread of its own, which parks when it has nothing to do.
struct Client {
    link: Box<dyn Link>,
    waker: Waker,
    reader: ServerReader,
    bytes: Vec<u8>,
}

impl Client {
    fn new(link: Box<dyn Link>) -> Client {
        let waker = waker_of_this_thread();
        let mut client = Client { link, waker, reader: ServerReader::default(), bytes: Vec::new() };
        client.send(&Preface::OURS.encode());
        client.say(&[ClientFrame::Hello(Hello::default())]);
        client
    }

    fn say(&mut self, frames: &[ClientFrame<'_>]) {
        let mut bytes = Vec::new();
        for frame in frames {
            encode_frame(frame, &mut bytes).expect("the frame is within the limits");
        }
        self.send(&bytes);
    }

    fn send(&mut self, mut bytes: &[u8]) {
        // Ends when the broker has taken everything.
        while !bytes.is_empty() {
            let sent = self.link.send(bytes).expect("the broker goes on");
            bytes = &bytes[sent..];
            if sent == 0 {
                self.receive().expect("the broker goes on");
                self.park(true);
            }
        }
    }

    fn park(&mut self, for_room: bool) {
        if !self.link.wake(&self.waker, for_room) {
            thread::park();
        }
    }

    fn receive(&mut self) -> Result<usize, LinkEnded> {
        let mut room = [0; 4096];
        let count = self.link.receive(&mut room)?;
        self.bytes.extend(&room[..count]);
        Ok(count)
    }

    /// Reads PONGs until the one with this token.
    fn until_pong(&mut self, token: u64) {
        // Ends with the PONG; if a wake-up were lost the test would stand still.
        loop {
            let mut at = 0;
            let mut is_there = false;
            while let Ok(incoming) = self.reader.read(&self.bytes[at..]) {
                match incoming {
                    Incoming::Preface { used, .. } => at += used,
                    Incoming::Incomplete { .. } => break,
                    Incoming::Frame { frame, used } => {
                        at += used;
                        is_there |= matches!(frame, ServerFrame::Pong { token: it } if it == token);
                    }
                }
            }
            self.bytes.drain(..at);
            if is_there {
                return;
            }
            if self.receive().expect("the broker goes on") == 0 {
                self.park(false);
            }
        }
    }
}

fn start(shards: usize) -> (Broker, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("there is a temporary directory");
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        data: data.path().to_owned(),
        shards,
        limits: Limits { connections_max: 64, ..Limits::default() },
        ..Config::default()
    };
    (Broker::start(config).expect("the broker starts"), data)
}

#[test]
fn s24_s35_no_wake_up_is_lost_between_threads_of_one_process() {
    let (broker, _data) = start(2);
    let connector = broker.connector();
    let clients: Vec<_> = (0..3u64)
        .map(|number| {
            let connector = connector.clone();
            thread::spawn(move || {
                let mut client = Client::new(connector.connect().expect("the broker serves"));
                for token in 0..3_000 {
                    client.say(&[ClientFrame::Ping { token }]);
                    client.until_pong(token);
                }
                // More than both rings hold, from a client that reads only when it must.
                let many: Vec<_> =
                    (1..=60_000).map(|token| ClientFrame::Ping { token: token + number }).collect();
                client.say(&many);
                client.until_pong(60_000 + number);
            })
        })
        .collect();
    for client in clients {
        client.join().expect("the client saw every answer");
    }
    let mut last = Client::new(connector.connect().expect("the broker serves"));
    last.say(&[ClientFrame::Ping { token: 9 }]);
    last.until_pong(9);
    broker.shutdown_handle().stop();
    let counters = broker.wait().expect("it ends in good order");
    assert_eq!(counters.accepted, 4, "they count as any connection");
    // Ends with the end of the connection, behind what was sent before it.
    while last.receive().is_ok() {}
    assert!(matches!(connector.connect(), Err(LinkRefused::Ended)));
}
