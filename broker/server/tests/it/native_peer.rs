//! A native client on a simulated socket, for tests.

use coilgun_protocol::model::{ErrorCode, SubscriptionId, Ticket, limits};
use coilgun_protocol::native::{
    ClientFrame, Features, Hello, PublishFrame, ServerFrame, SubscribeRequest,
};
use coilgun_server::env::sim::{PeerId, SimClient, SimEnv, SimWorld};
use coilgun_server::env::{Turn, Waker, Work};
use coilgun_server::net::SocketKind;
use coilgun_server::setup::{MemoryPlan, build_network};
use coilgun_server::shard::{
    ControlSender, ListenerProtocol, ListenerSettings, Shard, ShardSettings, control_queue,
};

use crate::stream_peer::{self, Heard};

const LISTENER: i32 = 7;

/// A shard in a simulated world.
pub(crate) struct SimBroker {
    pub(crate) world: SimWorld,
    pub(crate) shard: Shard<SimEnv>,
    pub(crate) control: ControlSender,
    pub(crate) done: bool,
}

impl SimBroker {
    pub(crate) fn new(world: SimWorld, plan: &MemoryPlan, settings: ShardSettings) -> SimBroker {
        let mut env = SimEnv::new(world.clone());
        let net = build_network(&mut env, plan).expect("a simulated world has memory");
        let waker = Waker::new().expect("there are descriptors");
        let (control, controls) = control_queue(waker);
        let port = env.port();
        let mut shard =
            Shard::new(env, net, port, settings, controls).expect("a simulated world has memory");
        shard.listen(LISTENER, SocketKind::Tcp, ListenerProtocol::Native);
        SimBroker { world, shard, control, done: false }
    }

    pub(crate) fn turn(&mut self) {
        let now = self.shard.now();
        let work = self.shard.turn(now).expect("a simulated ring does not break");
        self.done |= work == Work::Done;
    }

    /// Takes turns as the executor does: until the shard would sleep, and the kernel has nothing for
    /// it although it was given a while (law S24).
    pub(crate) fn turns_until_it_sleeps(&mut self) {
        let mut quiet = 0;
        for _ in 0..100_000 {
            let now = self.shard.now();
            let work = self.shard.turn(now).expect("a simulated ring does not break");
            while work == Work::Idle && quiet < 4 {
                let idle = self.shard.prepare_park().expect("a simulated ring does not break");
                self.shard.end_park();
                if !idle {
                    break;
                }
                quiet += 1;
            }
            if quiet == 4 {
                return;
            }
            quiet = 0;
        }
        panic!("it works for ever");
    }

    pub(crate) fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.turn();
        }
    }

    pub(crate) fn connect(&mut self, window: usize) -> Peer {
        self.connect_to(LISTENER, window)
    }

    /// Listens on one more descriptor.
    pub(crate) fn listen(&mut self, descriptor: i32, settings: ListenerSettings) {
        self.shard.listen(descriptor, SocketKind::Tcp, settings);
    }

    pub(crate) fn connect_to(&mut self, listener: i32, window: usize) -> Peer {
        Peer::new(self.world.clone(), self.world.connect(listener, window))
    }

    /// A client that is let in.
    pub(crate) fn open(&mut self, name: &str) -> Peer {
        let mut peer = self.connect(1 << 20);
        peer.hello(name);
        self.until(&mut peer, |peer| peer.is_open);
        peer
    }

    /// Takes turns until the peer has seen something.
    pub(crate) fn until(&mut self, peer: &mut Peer, seen: impl Fn(&Peer) -> bool) {
        peer.reads_until(seen, || self.turn());
    }

    /// Takes turns until everything the peer sent has taken effect.
    pub(crate) fn barrier(&mut self, peer: &mut Peer) {
        let token = peer.ping();
        self.until(peer, |peer| peer.pongs.contains(&token));
    }
}

/// One delivery, as a peer saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) subscription: u64,
    pub(crate) subject: Vec<u8>,
    pub(crate) reply: Vec<u8>,
    pub(crate) sender: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) correlation: u64,
    pub(crate) missed: u32,
    pub(crate) deadline_ms: u32,
}

/// A native client on a simulated socket.
pub(crate) struct Peer {
    world: SimWorld,
    pub(crate) id: PeerId,
    client: SimClient,
    next_token: u64,
    pub(crate) is_open: bool,
    pub(crate) seen: Vec<Seen>,
    pub(crate) outcomes: Vec<(u64, u16, u32)>,
    pub(crate) pongs: Vec<u64>,
    pub(crate) errors: Vec<u16>,
    pub(crate) notices: Vec<(u16, u64)>,
    pub(crate) go_aways: usize,
    /// What it heard about streams, and outcomes, in order.
    pub(crate) heard: Vec<Heard>,
}

impl Peer {
    pub(crate) fn new(world: SimWorld, id: PeerId) -> Peer {
        Peer {
            client: SimClient::new(world.clone(), id),
            world,
            id,
            next_token: 1,
            is_open: false,
            seen: Vec::new(),
            outcomes: Vec::new(),
            pongs: Vec::new(),
            errors: Vec::new(),
            notices: Vec::new(),
            go_aways: 0,
            heard: Vec::new(),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        self.client.write(bytes);
    }

    pub(crate) fn send(&self, frame: &ClientFrame<'_>) {
        self.client.send(frame);
    }

    pub(crate) fn hello(&self, name: &str) {
        let features = Features::KNOWN;
        let hello = Hello { name: name.as_bytes(), features, ..Hello::default() };
        self.hello_with(hello);
    }

    pub(crate) fn hello_with(&self, hello: Hello<'_>) {
        self.client.greet(hello);
    }

    pub(crate) fn subscribe(&self, number: u64, filter: &str, group: &str) {
        let plain = SubscribeRequest::plain(SubscriptionId(number), filter.as_bytes());
        self.subscribe_with(SubscribeRequest { queue_group: group.as_bytes(), ..plain });
    }

    pub(crate) fn subscribe_with(&self, request: SubscribeRequest<'_>) {
        self.send(&ClientFrame::Subscribe(request));
    }

    pub(crate) fn publish(&self, subject: &str, payload: &[u8]) {
        let frame = PublishFrame { subject: subject.as_bytes(), payload, ..Default::default() };
        self.publish_with(frame);
    }

    pub(crate) fn publish_with(&self, frame: PublishFrame<'_>) {
        self.send(&ClientFrame::Publish(frame));
    }

    pub(crate) fn ping(&mut self) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.send(&ClientFrame::Ping { token });
        token
    }

    /// Reads at most `max` bytes, and understands what is whole.
    pub(crate) fn read(&mut self, max: usize) {
        let mut pings = Vec::new();
        let Peer { client, is_open, seen, outcomes, pongs, errors, notices, .. } = self;
        let (go_aways, heard) = (&mut self.go_aways, &mut self.heard);
        let on_frame = |frame: ServerFrame<'_>| match frame {
            ServerFrame::Welcome(_) => *is_open = true,
            ServerFrame::Deliver(it) => seen.push(Seen {
                subscription: it.subscription.0,
                subject: it.subject.to_vec(),
                reply: it.reply.to_vec(),
                sender: it.sender.to_vec(),
                payload: it.payload.to_vec(),
                correlation: it.correlation.0,
                missed: it.missed,
                deadline_ms: it.deadline_ms,
            }),
            ServerFrame::Outcome(it) => {
                outcomes.push((it.correlation.0, it.code, it.receivers));
                heard.push(stream_peer::heard(&frame));
            }
            ServerFrame::Error(it) => errors.push(it.code),
            ServerFrame::Notice(it) => notices.push((it.code, it.count)),
            ServerFrame::GoAway(_) => *go_aways += 1,
            ServerFrame::Stream(_) => heard.push(stream_peer::heard(&frame)),
            ServerFrame::Ping { token } => pings.push(token),
            ServerFrame::Pong { token } => pongs.push(token),
        };
        client.read(max, on_frame).expect("the broker speaks the protocol");
        pings.iter().for_each(|token| self.send(&ClientFrame::Pong { token: *token }));
    }

    /// Reads until it has seen something, and lets the broker take a turn before each look.
    pub(crate) fn reads_until(&mut self, seen: impl Fn(&Peer) -> bool, mut turn: impl FnMut()) {
        for _ in 0..10_000 {
            self.read(usize::MAX);
            if seen(self) {
                return;
            }
            turn();
        }
        panic!("it never comes: {self:?}");
    }

    /// Payloads it saw, as numbers.
    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        self.seen.iter().map(|seen| seen.payload.clone()).collect()
    }

    pub(crate) fn has_error(&self, code: ErrorCode) -> bool {
        self.errors.contains(&(code as u16))
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("seen", &self.seen.len())
            .field("outcomes", &self.outcomes)
            .field("pongs", &self.pongs)
            .field("errors", &self.errors)
            .field("ended", &self.world.broker_ended(self.id))
            .finish_non_exhaustive()
    }
}

/// A message with a ticket.
pub(crate) fn ticketed<'a>(subject: &'a str, payload: &'a [u8], ticket: u64) -> PublishFrame<'a> {
    PublishFrame {
        subject: subject.as_bytes(),
        payload,
        correlation: Ticket(ticket),
        ..Default::default()
    }
}

/// Memory for a small simulated shard.
pub(crate) fn plan() -> MemoryPlan {
    MemoryPlan {
        receive_blocks: 8,
        output_bytes: 256 * limits::BLOCK_BYTES,
        large_bytes: 16 * limits::FRAME_BYTES_DEFAULT,
        sockets_max: 64,
        ..MemoryPlan::default()
    }
}
