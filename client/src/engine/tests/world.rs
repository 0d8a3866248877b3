//! An engine, a driver without sockets, and a broker of ten lines on the real session.

use std::collections::VecDeque;
use std::time::Duration;

use coilgun_protocol::buffer::{Chunk, OutBuf, Pool, Region};
use coilgun_protocol::model::{
    BarrierDone, ClientId, Closing, Command, Commands, Delivery, ErrorCode, Event as Told, Filter,
    Opened, Outcome, Publish, PublishFlags, Span, StreamCommand, Subject, Subscribe,
    SubscriptionId, Ticket, Timestamp,
};
use coilgun_protocol::native::{GoAway, NativeConfig, NativeSession};
use coilgun_protocol::session::Session;

use crate::address::Address;
use crate::engine::{Answer, Call, Engine, Event};
use crate::error::ClientError;
use crate::message::Message;
use crate::options::Options;
use crate::publication::Publication;
use crate::subscription::SubscribeOptions;

const BLOCK_BYTES: usize = 64 * 1024;
const BLOCKS: usize = 64;
/// A time limit that no test reaches by itself.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// One connection as the broker sees it.
struct Peer {
    session: NativeSession,
    out: OutBuf,
    input: Vec<u8>,
    subscriptions: Vec<(Subscribe, Vec<u8>)>,
}

/// What the broker does with the next HELLO or SUBSCRIBE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Kind,
    RefusesHello(ErrorCode),
    RefusesSubscribe(ErrorCode),
    /// It answers nothing that was asked of it, but still delivers.
    Silent,
}

/// What came that is not answered with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Stream(StreamCommand),
    Barrier,
}

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Timestamp,
    pub(super) mood: Mood,
    /// Bytes from the broker that the client has not read.
    pub(super) arriving: VecDeque<u8>,
    pub(super) buffer: Vec<u8>,
    pub(super) written: usize,
    /// Filters of SUBSCRIBE with their credit, as they came on this connection.
    pub(super) subscribed: Vec<(String, u32, u32)>,
    /// Subjects of messages that came to the broker, on all connections.
    pub(super) published: Vec<String>,
    /// Whether the broker has streams; what becomes of commands about them is up to the test.
    pub(super) has_streams: bool,
    /// Commands about streams, and barriers, as they came on all connections.
    pub(super) asked: Vec<Asked>,
    peer: Option<Peer>,
}

impl World {
    pub(super) fn new(change: impl FnOnce(Options) -> Options) -> World {
        let options = Options::new(Address::Tcp("h:1".to_owned()));
        let now = Timestamp(1);
        World {
            engine: Engine::new(change(options), 7, now),
            now,
            mood: Mood::Kind,
            arriving: VecDeque::new(),
            buffer: Vec::new(),
            written: 0,
            subscribed: Vec::new(),
            published: Vec::new(),
            has_streams: false,
            asked: Vec::new(),
            peer: None,
        }
    }

    /// A world whose client is in, with a broker that has streams.
    pub(super) fn with_streams() -> World {
        let mut world = World::new(|options| options);
        world.has_streams = true;
        world.connect();
        world.settle();
        world
    }

    /// The broker says something of its own accord.
    pub(super) fn tell(&mut self, event: &Told<'_>) {
        let mut peer = self.peer.take().expect("there is a connection");
        peer.tell(event);
        self.peer = Some(peer);
        self.on_input(&[]);
        self.settle();
    }

    /// A world whose client is in.
    pub(super) fn connected() -> World {
        let mut world = World::new(|options| options);
        world.connect();
        world.settle();
        assert!(world.engine.server().is_some(), "the broker let it in");
        world
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = Timestamp(self.now.0 + time.as_nanos() as u64);
    }

    /// Connects, whenever that is due.
    pub(super) fn connect(&mut self) {
        if let Some(at) = self.engine.deadline() {
            self.now = self.now.max(at);
        }
        assert!(self.engine.next_connect(self.now).is_some(), "it wants to connect");
        self.accept();
    }

    pub(super) fn accept(&mut self) {
        let mut peer = Peer {
            session: NativeSession::new(NativeConfig {
                streams: self.has_streams,
                ..NativeConfig::default()
            }),
            out: OutBuf::new(Pool::new(Region::heap(BLOCKS * BLOCK_BYTES), BLOCK_BYTES), 1024),
            input: Vec::new(),
            subscriptions: Vec::new(),
        };
        peer.session.on_open(self.now, &mut peer.out);
        self.peer = Some(peer);
        self.subscribed.clear();
        self.engine.on_connected(self.now);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.peer.is_some()
    }

    /// Moves bytes both ways until nothing moves any more.
    pub(super) fn settle(&mut self) {
        while self.write(usize::MAX) + self.read(usize::MAX) > 0 {}
    }

    /// Lets the broker have up to so many bytes, and says how many it got.
    pub(super) fn write(&mut self, count: usize) -> usize {
        if self.peer.is_none() {
            return 0;
        }
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.engine.take_output(&mut self.buffer, self.written);
            self.written = 0;
        }
        let end = self.buffer.len().min(self.written.saturating_add(count));
        let bytes = self.buffer[self.written..end].to_vec();
        self.written = end;
        self.on_input(&bytes);
        bytes.len()
    }

    /// Lets the client have up to so many bytes, and says how many it got.
    pub(super) fn read(&mut self, count: usize) -> usize {
        if self.engine.has_held_bytes() {
            self.engine.on_bytes(self.now, &[]).expect("the broker keeps to the protocol");
        }
        if self.engine.is_reading_paused() || self.peer.is_none() {
            return 0;
        }
        let bytes: Vec<u8> = self.arriving.drain(..count.min(self.arriving.len())).collect();
        match self.engine.on_bytes(self.now, &bytes) {
            Ok(()) => {}
            Err(error) => self.lose(error),
        }
        bytes.len()
    }

    /// The connection breaks.
    pub(super) fn lose(&mut self, error: ClientError) {
        self.peer = None;
        self.arriving.clear();
        self.engine.on_lost(self.now, error, &self.buffer, self.written);
        self.buffer.clear();
        self.written = 0;
    }

    pub(super) fn subscribe(&mut self, filter: &str, options: &SubscribeOptions) -> SubscriptionId {
        let (call, id) =
            self.engine.subscribe(self.now, filter, options, LONG).expect("it may subscribe");
        self.settle();
        assert_eq!(self.done(call).expect("the broker accepts it"), Answer::Done);
        id
    }

    pub(super) fn publish(&mut self, subject: &str, payload: &str) {
        let publication = Publication::to(subject).with_payload(payload);
        self.engine.publish(&publication).expect("it is taken");
    }

    /// What happened and was not looked at.
    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.engine.next_event()).collect()
    }

    /// The broker says that it is about to end.
    pub(super) fn go_away(&mut self) {
        let code = ErrorCode::ShuttingDown as u16;
        let mut frame = Vec::new();
        GoAway { code, detail: "", drain_ms: 4000 }.encode(&mut frame);
        self.arriving.extend(frame);
        self.settle();
    }

    /// The answer to a call that has one.
    pub(super) fn done(&mut self, call: Call) -> Result<Answer, ClientError> {
        self.engine.take_answer(call).expect("the call has an answer")
    }

    pub(super) fn messages(&mut self, id: SubscriptionId) -> Vec<Message> {
        let mut out = VecDeque::new();
        self.engine.take_messages(id, &mut out);
        out.into()
    }

    pub(super) fn payloads(&mut self, id: SubscriptionId) -> Vec<String> {
        let text = |it: &Message| String::from_utf8_lossy(it.payload()).into_owned();
        self.messages(id).iter().map(text).collect()
    }

    fn on_input(&mut self, bytes: &[u8]) {
        let Some(mut peer) = self.peer.take() else { return };
        peer.input.extend_from_slice(bytes);
        let mut input = core::mem::take(&mut peer.input);
        let mut is_over = false;
        // Ends because every turn uses bytes up, or is the last.
        while !is_over && !input.is_empty() {
            let chunk = Chunk::plain(&input);
            let mut commands = Commands::default();
            let read = peer.session.on_bytes(self.now, chunk, &mut commands, &mut peer.out);
            let used = read.expect("the client keeps to the protocol").bytes;
            for command in commands.list() {
                is_over |= self.carry_out(&mut peer, command, chunk);
            }
            if used == 0 {
                break;
            }
            input.drain(..used);
        }
        self.arriving.extend(peer.out.segments().flatten());
        let length = peer.out.segments().map(<[u8]>::len).sum();
        peer.out.consume(length);
        peer.input = input;
        self.peer = Some(peer);
    }

    /// Carries a command out, and says whether the connection is over.
    fn carry_out(&mut self, peer: &mut Peer, command: &Command, chunk: Chunk<'_>) -> bool {
        let text = |span: Span| chunk.slice(span).bytes();
        match (command, self.mood) {
            (Command::Open(_), Mood::RefusesHello(code)) => {
                peer.tell(&Told::Closing(Closing { code, detail: "" }));
                return true;
            }
            (Command::Open(_), _) => {
                let client = ClientId { slot: 6, generation: 1 };
                peer.tell(&Told::Opened(Opened { client }));
            }
            (Command::Publish(publish), mood) => {
                let subject = String::from_utf8_lossy(text(publish.subject)).into_owned();
                self.published.push(subject);
                peer.publish(publish, chunk, mood);
            }
            (Command::Subscribe(it), Mood::RefusesSubscribe(code)) => {
                peer.outcome(it.ticket, code, 0);
            }
            (Command::Subscribe(it), mood) => {
                let filter = String::from_utf8_lossy(text(it.filter)).into_owned();
                self.subscribed.push((filter, it.credit, it.deliveries_max));
                peer.subscriptions.push((*it, text(it.filter).to_vec()));
                if mood != Mood::Silent {
                    peer.outcome(it.ticket, ErrorCode::Ok, 0);
                }
            }
            (Command::Unsubscribe(it), mood) => {
                if it.deliveries_max == 0 {
                    peer.subscriptions.retain(|(held, _)| held.subscription != it.subscription);
                }
                if mood != Mood::Silent {
                    peer.outcome(it.ticket, ErrorCode::Ok, 0);
                }
            }
            (Command::Exclude(_), _) => panic!("the native protocol excludes nothing"),
            (Command::Stream(it), _) => self.asked.push(Asked::Stream(*it)),
            (Command::AddCredit(_), _) | (Command::Barrier(_), Mood::Silent) => {}
            (Command::Barrier(it), _) => {
                self.asked.push(Asked::Barrier);
                peer.tell(&Told::BarrierDone(BarrierDone { token: it.token }));
            }
            (Command::Close(it), _) => {
                peer.tell(&Told::Closing(Closing { code: it.code, detail: "" }));
                return true;
            }
        }
        false
    }
}

impl Peer {
    fn publish(&mut self, publish: &Publish, chunk: Chunk<'_>, mood: Mood) {
        let subject = chunk.slice(publish.subject).bytes();
        let parsed = Subject::parse(subject).expect("the client checks subjects");
        let mut receivers = 0;
        for at in 0..self.subscriptions.len() {
            let (held, filter) = &self.subscriptions[at];
            let filter = Filter::parse(filter).expect("the client checks filters");
            if !filter.matches(parsed, held.visibility) {
                continue;
            }
            receivers += 1;
            let delivery = Delivery {
                subscription: held.subscription,
                subject,
                reply: chunk.slice(publish.reply).bytes(),
                headers: chunk.slice(publish.headers).bytes(),
                payload: chunk.slice(publish.payload),
                tail: None,
                sender: b"echo",
                correlation: publish.ticket,
                deadline_ms: publish.deadline_ms,
                flags: publish.flags,
                missed: 0,
            };
            self.tell(&Told::Deliver(delivery));
        }
        if mood == Mood::Silent {
            return;
        }
        let is_request = publish.flags.contains(PublishFlags::REQUEST);
        if is_request && receivers == 0 {
            self.outcome(publish.ticket, ErrorCode::NoResponders, 0);
        } else if publish.flags.contains(PublishFlags::ACK) {
            self.outcome(publish.ticket, ErrorCode::Ok, receivers);
        }
    }

    fn outcome(&mut self, ticket: Ticket, code: ErrorCode, receivers: u32) {
        if ticket.is_some() {
            self.tell(&Told::Outcome(Outcome { ticket, code, receivers, is_starved: false }));
        }
    }

    fn tell(&mut self, event: &Told<'_>) {
        self.session.on_event(Timestamp(3), event, &mut self.out);
    }
}
