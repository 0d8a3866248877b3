//! A client of elbus on a simulated socket.

use coilgun_protocol::elbus::{
    GREETING, Operation, Qos, RpcFrame, ServerFrame, ServerReading, encode_frame, encode_rpc,
    read_rpc, read_server_frame,
};
use coilgun_server::env::sim::{PeerId, SimWorld};

use crate::cluster::Cluster;

/// Each shard of a cluster listens for elbus on its number and this.
pub(crate) const ELBUS_BASE: i32 = 200;

/// What it heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Ack { op_id: u32, code: u8 },
    Message { sender: String, topic: Option<String>, payload: Vec<u8> },
}

/// One client.
pub(crate) struct ElbusPeer {
    world: SimWorld,
    id: PeerId,
    input: Vec<u8>,
    /// Bytes of the handshake that came: EB 01 00, 01, and a code.
    pub(crate) greeting: Vec<u8>,
    pub(crate) heard: Vec<Heard>,
    op_id: u32,
}

impl ElbusPeer {
    /// Connects to a shard and says its name; whether it is let in is in its greeting.
    pub(crate) fn connect(cluster: &mut Cluster, shard: usize, name: &str) -> ElbusPeer {
        let mut peer = ElbusPeer::begin(cluster, shard, name);
        peer.until(cluster, |peer| peer.greeting.len() == 5);
        peer
    }

    /// Connects to a shard and says its name, and does not wait for what comes of it.
    pub(crate) fn begin(cluster: &mut Cluster, shard: usize, name: &str) -> ElbusPeer {
        let world = cluster.world.clone();
        let id = world.connect(ELBUS_BASE + shard as i32, 1 << 20);
        let mut peer = ElbusPeer {
            world,
            id,
            input: Vec::new(),
            greeting: Vec::new(),
            heard: Vec::new(),
            op_id: 0,
        };
        peer.write(&[&GREETING[..], &(name.len() as u16).to_le_bytes(), name.as_bytes()].concat());
        peer
    }

    /// The same, and it is let in.
    pub(crate) fn open(cluster: &mut Cluster, shard: usize, name: &str) -> ElbusPeer {
        let peer = ElbusPeer::connect(cluster, shard, name);
        assert_eq!(peer.code(), 0x01, "{name} is let in");
        peer
    }

    /// The last byte of the handshake.
    pub(crate) fn code(&self) -> u8 {
        self.greeting[4]
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.world.write(self.id, bytes);
    }

    /// Sends a frame, and returns its number.
    pub(crate) fn say(&mut self, operation: Operation, qos: Qos, parts: &[&[u8]]) -> u32 {
        self.op_id += 1;
        let mut bytes = Vec::new();
        encode_frame(self.op_id, operation, qos, parts, &mut bytes);
        self.write(&bytes);
        self.op_id
    }

    /// Sends a frame, waits for its acknowledgement, and returns its code.
    pub(crate) fn ask(
        &mut self,
        cluster: &mut Cluster,
        operation: Operation,
        parts: &[&[u8]],
    ) -> u8 {
        let number = self.say(operation, Qos::PROCESSED, parts);
        self.until(cluster, |peer| peer.ack(number).is_some());
        self.ack(number).expect("it came")
    }

    /// Calls a method, and returns the result, or the code of the failure.
    pub(crate) fn call(
        &mut self,
        cluster: &mut Cluster,
        target: &str,
        method: &str,
        params: &[u8],
    ) -> Result<Vec<u8>, i16> {
        let call_id = self.op_id + 1;
        let (method, mut payload) = (method.as_bytes(), Vec::new());
        encode_rpc(&RpcFrame::Request { call_id, method, params }, &mut payload);
        self.say(Operation::Message, Qos::PROCESSED, &[target.as_bytes(), &payload]);
        self.until(cluster, |peer| peer.result(call_id).is_some());
        self.result(call_id).expect("it came")
    }

    fn result(&self, call: u32) -> Option<Result<Vec<u8>, i16>> {
        self.payloads().iter().find_map(|payload| match read_rpc(payload) {
            Some(RpcFrame::Reply { call_id, payload }) if call_id == call => {
                Some(Ok(payload.to_vec()))
            }
            Some(RpcFrame::Error { call_id, code, .. }) if call_id == call => Some(Err(code)),
            _ => None,
        })
    }

    /// The acknowledgements of a frame, as they came.
    pub(crate) fn acks(&self, number: u32) -> Vec<u8> {
        let code = |heard: &Heard| match heard {
            Heard::Ack { op_id, code } if *op_id == number => Some(*code),
            Heard::Ack { .. } | Heard::Message { .. } => None,
        };
        self.heard.iter().filter_map(code).collect()
    }

    fn ack(&self, number: u32) -> Option<u8> {
        self.acks(number).first().copied()
    }

    /// The payloads of all messages, as they came.
    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        let payload = |heard: &Heard| match heard {
            Heard::Message { payload, .. } => Some(payload.clone()),
            Heard::Ack { .. } => None,
        };
        self.heard.iter().filter_map(payload).collect()
    }

    /// The payloads of what was published to a topic, as they came.
    pub(crate) fn published(&self, wanted: &str) -> Vec<Vec<u8>> {
        let payload = |heard: &Heard| match heard {
            Heard::Message { topic: Some(topic), payload, .. } if topic == wanted => {
                Some(payload.clone())
            }
            Heard::Message { .. } | Heard::Ack { .. } => None,
        };
        self.heard.iter().filter_map(payload).collect()
    }

    /// Takes turns until it has seen something.
    pub(crate) fn until(&mut self, cluster: &mut Cluster, seen: impl Fn(&ElbusPeer) -> bool) {
        for _ in 0..20_000 {
            self.read();
            if seen(self) {
                return;
            }
            cluster.turn();
        }
        panic!("it never sees it: {:?} {:?}", self.greeting, self.heard);
    }

    /// Everything before has taken effect everywhere.
    pub(crate) fn settle(&mut self, cluster: &mut Cluster) {
        self.ask(cluster, Operation::Unsubscribe, &[b"nothing/of/the/kind"]);
    }

    /// Takes turns until the broker has ended the connection.
    pub(crate) fn until_ended(&mut self, cluster: &mut Cluster) {
        for _ in 0..20_000 {
            if self.is_ended() {
                return;
            }
            cluster.turn();
        }
        panic!("its connection never ends");
    }

    /// Whether the broker has ended the connection.
    pub(crate) fn is_ended(&self) -> bool {
        self.world.broker_ended(self.id)
    }

    /// Goes.
    pub(crate) fn end(&mut self) {
        self.world.end(self.id);
    }

    /// Reads what has come.
    pub(crate) fn read(&mut self) {
        self.input.extend(self.world.read(self.id, usize::MAX));
        while self.greeting.len() < 5 && !self.input.is_empty() {
            self.greeting.push(self.input.remove(0));
        }
        let mut used = 0;
        while self.greeting.len() == 5
            && let ServerReading::Frame(frame, len) =
                read_server_frame(&self.input[used..], 16 << 20)
        {
            used += len;
            match frame {
                ServerFrame::Ping => {}
                ServerFrame::Ack { op_id, code } => self.heard.push(Heard::Ack { op_id, code }),
                ServerFrame::Message { sender, topic, payload, .. } => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    self.heard.push(Heard::Message {
                        sender: text(sender),
                        topic: topic.map(text),
                        payload: payload.to_vec(),
                    });
                }
            }
        }
        self.input.drain(..used);
    }
}
