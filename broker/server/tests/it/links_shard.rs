//! Native clients inside the process on a simulated shard: a reader that is behind, a publisher that
//! finds no room, and both ends that go with messages in flight.

use std::sync::Arc;

use coilgun_protocol::link::{Link, LinkConnector, LinkEnded};
use coilgun_protocol::model::{ShardId, SubscriptionId};
use coilgun_protocol::native::{
    ClientFrame, Hello, Incoming, Preface, PublishFrame, ServerFrame, ServerReader,
    SubscribeRequest, encode_frame,
};
use coilgun_server::env::Waker;
use coilgun_server::env::sim::{Faults, SimWorld};
use coilgun_server::link::{Connector, Door, Doors, LinkPort, Placing};
use coilgun_server::shard::{
    Control, ListenerProtocol, LoadTable, PlacementPolicy, ShardPlace, ShardSettings,
};

use crate::native_peer::{SimBroker, plan};

/// Where clients of this process come in.
struct Entry {
    connector: Connector,
    _doors: Doors,
}

/// A native client inside the process.
struct LinkPeer {
    link: Box<dyn Link>,
    unsent: Vec<u8>,
    reader: ServerReader,
    bytes: Vec<u8>,
    numbers: Vec<u32>,
    pongs: u64,
}

impl LinkPeer {
    fn new(door: &Entry) -> LinkPeer {
        let mut peer = LinkPeer {
            link: door.connector.connect().expect("there is room"),
            unsent: Preface::OURS.encode().to_vec(),
            reader: ServerReader::default(),
            bytes: Vec::new(),
            numbers: Vec::new(),
            pongs: 0,
        };
        peer.say(&ClientFrame::Hello(Hello::default()));
        peer
    }

    fn say(&mut self, frame: &ClientFrame<'_>) {
        encode_frame(frame, &mut self.unsent).expect("the frame is within the limits");
    }

    fn publish(&mut self, number: u32) {
        let payload = [&number.to_le_bytes()[..], &[7; 196]].concat();
        let frame = PublishFrame { subject: b"x", payload: &payload, ..Default::default() };
        self.say(&ClientFrame::Publish(frame));
    }

    /// Sends what there is room for. Says whether that was all.
    fn flush(&mut self) -> bool {
        let sent = self.link.send(&self.unsent).expect("the broker goes on");
        self.unsent.drain(..sent);
        self.unsent.is_empty()
    }

    /// Reads at most `max` bytes, and understands what is whole.
    fn read(&mut self, max: usize) -> Result<usize, LinkEnded> {
        let mut room = vec![0; max];
        let count = self.link.receive(&mut room)?;
        self.bytes.extend(&room[..count]);
        let mut at = 0;
        // Ends because every frame takes bytes away.
        loop {
            match self.reader.read(&self.bytes[at..]).expect("the broker speaks the protocol") {
                Incoming::Preface { used, .. } => at += used,
                Incoming::Incomplete { .. } => break,
                Incoming::Frame { frame, used } => {
                    at += used;
                    if let ServerFrame::Deliver(it) = &frame {
                        let number = it.payload[..4].try_into().expect("four bytes");
                        self.numbers.push(u32::from_le_bytes(number));
                    }
                    self.pongs += u64::from(matches!(frame, ServerFrame::Pong { .. }));
                }
            }
        }
        self.bytes.drain(..at);
        Ok(count)
    }
}

/// A shard, its door, and a reader inside the process that is subscribed to everything.
fn start() -> (SimBroker, Entry, LinkPeer) {
    let world = SimWorld::new(1, Faults::rough());
    let settings = ShardSettings { outbox_high_bytes: 100_000, ..ShardSettings::default() };
    let SimBroker { world, shard, control, done } = SimBroker::new(world, &plan(), settings);
    let (policy, loads) = (PlacementPolicy::Spread, LoadTable::new(1));
    let shard = shard.placed(ShardPlace::new(ShardId::new(0), policy, loads.clone()));
    let mut broker = SimBroker { world, shard, control, done };
    let doors: Doors = [Arc::new(Door::new(Waker::new().expect("there are descriptors")))].into();
    let placing = Placing { loads, policy, connections_max: 8 };
    let door = Entry { connector: Connector::new(&doors, placing), _doors: Arc::clone(&doors) };
    broker
        .shard
        .serve_links(LinkPort::new(&doors, ShardId::new(0)), &[ListenerProtocol::Native.into()]);
    let mut reader = LinkPeer::new(&door);
    reader.say(&ClientFrame::Subscribe(SubscribeRequest::plain(SubscriptionId(1), b"x")));
    reader.say(&ClientFrame::Ping { token: 1 });
    assert!(reader.flush());
    while reader.pongs == 0 {
        broker.turns_until_it_sleeps();
        reader.read(1_000).expect("the broker goes on");
    }
    (broker, door, reader)
}

/// How many messages the writer below publishes: more than both rings, the outbox and the inbox hold.
const MESSAGES: u32 = 6_000;

/// A writer that has filled everything between it and a reader that reads nothing.
fn stuck(broker: &mut SimBroker, door: &Entry) -> LinkPeer {
    let mut writer = LinkPeer::new(door);
    (0..MESSAGES).for_each(|number| writer.publish(number));
    for _ in 0..50 {
        writer.flush();
        broker.turns_until_it_sleeps();
    }
    assert!(!writer.flush(), "the writer finds no room");
    assert!(broker.shard.counters().stalls > 0, "the shard waits for the reader");
    writer
}

#[test]
fn s5_s18_s35_a_reader_inside_the_process_holds_its_publisher_back_and_loses_nothing() {
    let (mut broker, door, mut reader) = start();
    let mut writer = stuck(&mut broker, &door);
    let mut socket = broker.open("elsewhere");
    broker.barrier(&mut socket);
    // As a thread that sleeps would: it reads when it was woken, and the shard goes on by its doorbell.
    while reader.numbers.len() < MESSAGES as usize {
        assert!(reader.link.wake(std::task::Waker::noop(), false), "the reader would sleep");
        reader.read(70_000).expect("the broker goes on");
        writer.flush();
        broker.turns_until_it_sleeps();
    }
    assert!(reader.numbers.iter().copied().eq(0..MESSAGES), "in order, each once");
    assert_eq!(broker.shard.counters().slow_consumers, 0);
}

#[test]
fn s35_a_publisher_that_goes_loses_nothing_that_it_sent() {
    let (mut broker, door, mut reader) = start();
    let writer = stuck(&mut broker, &door);
    drop(writer);
    let mut quiet = 0;
    while quiet < 3 {
        broker.turns_until_it_sleeps();
        let count = reader.read(70_000).expect("the broker goes on");
        quiet = if count == 0 { quiet + 1 } else { 0 };
    }
    let sent = reader.numbers.len();
    assert!(reader.numbers.iter().copied().eq(0..sent as u32), "in order, each once");
    assert!((1_000..MESSAGES as usize).contains(&sent), "{sent} is about what there was room for");
    assert_eq!(broker.shard.counters().connections, 1, "the reader is left");
}

#[test]
fn s35_a_reader_that_goes_lets_its_publisher_go_on() {
    let (mut broker, door, reader) = start();
    let mut writer = stuck(&mut broker, &door);
    drop(reader);
    writer.say(&ClientFrame::Ping { token: 9 });
    while writer.pongs == 0 {
        broker.turns_until_it_sleeps();
        writer.flush();
        writer.read(1_000).expect("the broker goes on");
    }
    assert_eq!(broker.shard.counters().connections, 1);
}

#[test]
fn s35_a_broker_that_ends_leaves_whole_messages_to_read_and_then_the_end() {
    let (mut broker, door, mut reader) = start();
    let mut writer = stuck(&mut broker, &door);
    broker.control.send(Control::Stop);
    broker.turns(20);
    assert!(broker.done, "it does not wait for clients");
    assert_eq!(writer.link.send(b"more"), Err(LinkEnded));
    // Ends with the end of the connection.
    while reader.read(10_000).is_ok() {}
    assert!(reader.numbers.len() > 500);
    assert!(reader.numbers.iter().copied().eq(0..reader.numbers.len() as u32));
    assert!(door.connector.connect().is_err());
}
