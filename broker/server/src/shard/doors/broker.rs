//! A shard in a simulated world that listens for every protocol of this room.

use crate::env::Turn;
use crate::env::Waker;
use crate::env::Work;
use crate::env::sim::{PeerId, SimEnv, SimWorld};
use crate::net::SocketKind;
use crate::setup::{MemoryPlan, build_network};
use crate::shard::{ListenerProtocol, ListenerSettings, Shard, ShardSettings, control_queue};

use coilgun_protocol::elbus::ElbusConfig;
use coilgun_protocol::model::limits;

/// Turns without work after which nothing more happens by itself, even where a kernel dawdles.
const IDLE_TURNS: usize = 8;
/// Turns a conversation may take from one line to the next.
const TURNS_MAX: usize = 100_000;

/// Elbus as it is unless configured otherwise.
pub(super) const ELBUS: ListenerProtocol = ListenerProtocol::Elbus(ElbusConfig::new());

/// What is listened for; the place in the list is the descriptor.
const PROTOCOLS: [ListenerProtocol; 4] =
    [ListenerProtocol::Native, ListenerProtocol::NatsProbe, ELBUS, ListenerProtocol::Rude];

/// The shard and its world.
pub(super) struct Broker {
    pub(super) world: SimWorld,
    pub(super) shard: Shard<SimEnv>,
}

impl Broker {
    pub(super) fn new(world: SimWorld, settings: ShardSettings) -> Broker {
        Broker::with_listeners(world, settings, ListenerProtocol::Native.into())
    }

    /// A shard on whose listeners this holds, whatever is spoken there.
    pub(super) fn with_listeners(
        world: SimWorld,
        settings: ShardSettings,
        common: ListenerSettings,
    ) -> Broker {
        let plan = MemoryPlan {
            receive_blocks: 8,
            output_bytes: 64 * limits::BLOCK_BYTES,
            large_bytes: 4 * limits::FRAME_BYTES_DEFAULT,
            sockets_max: 16,
            ..MemoryPlan::default()
        };
        let mut env = SimEnv::new(world.clone());
        let net = build_network(&mut env, &plan).expect("a simulated world has memory");
        let (_, controls) = control_queue(Waker::new().expect("there are descriptors"));
        let port = env.port();
        let mut shard =
            Shard::new(env, net, port, settings, controls).expect("a simulated world has memory");
        for (descriptor, protocol) in PROTOCOLS.iter().enumerate() {
            let settings = ListenerSettings { protocol: *protocol, ..common };
            shard.listen(descriptor as i32, SocketKind::Tcp, settings);
        }
        Broker { world, shard }
    }

    /// Connects to the listener of a protocol; the peer takes in `window` bytes before it reads.
    pub(super) fn connect(&mut self, protocol: ListenerProtocol, window: usize) -> PeerId {
        let place = PROTOCOLS.iter().position(|known| *known == protocol);
        let descriptor = place.expect("every protocol is listened for") as i32;
        self.world.connect(descriptor, window)
    }

    /// One turn; says whether there was nothing to do.
    pub(super) fn turn(&mut self) -> bool {
        let now = self.shard.now();
        let work = self.shard.turn(now).expect("a simulated ring does not break");
        work == Work::Idle
    }

    /// Takes turns until nothing happens any more, and says how many.
    pub(super) fn settle(&mut self) -> usize {
        let mut idle = 0;
        for turns in 0..TURNS_MAX {
            idle = if self.turn() { idle + 1 } else { 0 };
            if idle == IDLE_TURNS {
                return turns;
            }
        }
        panic!("the shard never rests");
    }

    /// Lets a peer say something, and reads what comes of it.
    pub(super) fn say(&mut self, peer: PeerId, bytes: &[u8]) -> Vec<u8> {
        self.world.write(peer, bytes);
        self.settle();
        self.world.read(peer, usize::MAX)
    }
}
