//! Plays a conversation between a shard and its peers, and writes down what comes of it.
//!
//! ```text
//! in    nats:a connect        a peer connects; the word before the colon is its protocol
//!       nats:a > PING\r\n     it says something, and the shard does what it can
//!       nats:a >> PING\r\n    as above, in one go with what it says next
//!       nats:a end            it will say nothing more
//!       at 2500               time passes, to so many milliseconds after the beginning
//! out   nats:a < PONG\r\n     what it hears
//!       nats:a closed         the shard ended its connection
//! ```

use std::fmt::Write as _;

use coilgun_protocol::native::ServerReader;

use super::broker::{Broker, ELBUS};
use super::{native, notation};
use crate::env::sim::{Faults, PeerId, SimWorld};
use crate::shard::{ListenerProtocol, ShardSettings};

/// How the bytes of a conversation travel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Peers write so many bytes at a time, and the shard takes what is there in between.
    pub(super) piece_bytes: usize,
    /// What the kernel does to the shard.
    pub(super) faults: Faults,
}

struct Peer {
    name: String,
    protocol: ListenerProtocol,
    id: PeerId,
    reader: ServerReader,
    greeted: usize,
    is_closed: bool,
    /// What it says in one go with the next.
    kept: Vec<u8>,
}

struct Player {
    broker: Broker,
    peers: Vec<Peer>,
    way: Way,
    now_ms: u64,
    text: String,
}

/// The conversation with everything that comes out of it.
pub(super) fn play(text: &str, way: Way) -> String {
    let world = SimWorld::new(1, way.faults);
    let broker = Broker::new(world, ShardSettings::default());
    let mut player = Player { broker, peers: Vec::new(), way, now_ms: 0, text: String::new() };
    for line in text.lines().filter(|line| !is_output(line)) {
        player.line(line);
        player.step(line);
        player.outputs();
    }
    player.text
}

fn is_output(line: &str) -> bool {
    let word = line.split(' ').nth(1);
    !line.starts_with('#') && (word == Some("<") || word == Some("closed"))
}

impl Player {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a string takes any text");
    }

    fn step(&mut self, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let (who, rest) = line.split_once(' ').expect("a line names who and what");
        if who == "at" {
            let ms: u64 = rest.parse().expect("the time is a number of milliseconds");
            self.broker.world.advance_ms(ms - self.now_ms);
            self.now_ms = ms;
            self.broker.settle();
            return;
        }
        let (what, words) = rest.split_once(' ').unwrap_or((rest, ""));
        match what {
            "connect" => self.connect(who),
            ">>" => self.say(who, words, false),
            ">" => self.say(who, words, true),
            "end" => {
                let id = self.peer(who).id;
                self.broker.world.end(id);
                self.broker.settle();
            }
            other => panic!("nobody can {other}"),
        }
    }

    fn connect(&mut self, name: &str) {
        let protocol = match name.split(':').next() {
            Some("native") => ListenerProtocol::Native,
            Some("nats") => ListenerProtocol::NatsProbe,
            Some("elbus") => ELBUS,
            Some("rude") => ListenerProtocol::Rude,
            other => panic!("nobody speaks {other:?}"),
        };
        let id = self.broker.connect(protocol, 1 << 20);
        self.peers.push(Peer {
            name: name.to_owned(),
            protocol,
            id,
            reader: ServerReader::default(),
            greeted: 0,
            is_closed: false,
            kept: Vec::new(),
        });
        self.broker.settle();
    }

    fn peer(&mut self, name: &str) -> &mut Peer {
        self.peers.iter_mut().find(|peer| peer.name == name).expect("a peer connects first")
    }

    fn say(&mut self, name: &str, words: &str, is_all: bool) {
        let peer = self.peer(name);
        let bytes = match peer.protocol {
            ListenerProtocol::Native => native::client_bytes(words),
            ListenerProtocol::Elbus(_) => notation::binary(words),
            ListenerProtocol::NatsProbe | ListenerProtocol::Rude => notation::unescaped(words),
        };
        peer.kept.extend(bytes);
        if !is_all {
            return;
        }
        let (id, bytes) = (peer.id, std::mem::take(&mut peer.kept));
        for piece in bytes.chunks(self.way.piece_bytes) {
            self.broker.world.write(id, piece);
            self.broker.settle();
        }
    }

    fn outputs(&mut self) {
        let mut lines = Vec::new();
        for peer in &mut self.peers {
            let bytes = self.broker.world.read(peer.id, usize::MAX);
            let said = match peer.protocol {
                ListenerProtocol::Native => native::server_lines(&bytes, &mut peer.reader),
                ListenerProtocol::Elbus(_) => notation::binary_frames(&bytes, &mut peer.greeted),
                ListenerProtocol::NatsProbe | ListenerProtocol::Rude => {
                    notation::text_lines(&bytes)
                }
            };
            lines.extend(said.iter().map(|line| format!("{} < {line}", peer.name)));
            if !peer.is_closed && self.broker.world.broker_ended(peer.id) {
                peer.is_closed = true;
                lines.push(format!("{} closed", peer.name));
            }
        }
        for line in lines {
            self.line(&line);
        }
    }
}
