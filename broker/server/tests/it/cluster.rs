//! Several shards in one simulated world, stepped in turn.

use coilgun_protocol::elbus::ElbusConfig;
use coilgun_protocol::model::ShardId;
use coilgun_server::env::sim::{SimEnv, SimWorld};
use coilgun_server::env::{Turn, Waker, Work};
use coilgun_server::net::SocketKind;
use coilgun_server::setup::{MemoryPlan, build_network};
use coilgun_server::shard::{
    Control, ControlSender, ListenerProtocol, LoadTable, PlacementPolicy, Shard, ShardCounters,
    ShardPlace, ShardSettings, control_queue,
};

use crate::elbus_peer::ELBUS_BASE;
use crate::native_peer::{Peer, plan};

/// The descriptor on which the first shard accepts for all, if connections are placed.
pub(crate) const FOR_ALL: usize = 100;

/// The shards of one broker. Each listens on a descriptor of its own: its number.
pub(crate) struct Cluster {
    pub(crate) world: SimWorld,
    pub(crate) shards: Vec<Shard<SimEnv>>,
    pub(crate) controls: Vec<ControlSender>,
    /// Those that have ended.
    pub(crate) done: Vec<bool>,
    /// Those that get no turn for now.
    pub(crate) stalled: Vec<bool>,
}

impl Cluster {
    pub(crate) fn new(world: &SimWorld, count: usize, settings: &ShardSettings) -> Cluster {
        Cluster::with_memory(world, count, settings, &plan())
    }

    pub(crate) fn with_memory(
        world: &SimWorld,
        count: usize,
        settings: &ShardSettings,
        plan: &MemoryPlan,
    ) -> Cluster {
        let mut cluster = Cluster {
            world: world.clone(),
            shards: Vec::new(),
            controls: Vec::new(),
            done: vec![false; count],
            stalled: vec![false; count],
        };
        for number in 0..count {
            let mut env = SimEnv::in_mesh(world.clone(), ShardId::new(number), count);
            let net = build_network(&mut env, plan).expect("a simulated world has memory");
            let port = env.port();
            let (control, controls) = control_queue(Waker::new().expect("there are descriptors"));
            let mut shard = Shard::new(env, net, port, settings.clone(), controls)
                .expect("a simulated world has memory");
            shard.listen(number as i32, SocketKind::Tcp, ListenerProtocol::Native);
            let elbus = ListenerProtocol::Elbus(ElbusConfig::default());
            shard.listen(ELBUS_BASE + number as i32, SocketKind::Tcp, elbus);
            cluster.shards.push(shard);
            cluster.controls.push(control);
        }
        cluster
    }

    /// The same, with one socket on which the first shard accepts for all.
    pub(crate) fn placed(mut self, policy: PlacementPolicy) -> (Cluster, LoadTable) {
        let loads = LoadTable::new(self.shards.len());
        let shards = std::mem::take(&mut self.shards).into_iter().enumerate();
        let placed = shards.map(|(number, shard)| {
            let place = ShardPlace::new(ShardId::new(number), policy, loads.clone());
            let mut shard = shard.placed(place);
            match number {
                0 => shard.listen(FOR_ALL as i32, SocketKind::Tcp, ListenerProtocol::Native),
                _ => shard.know_listener(ListenerProtocol::Native),
            }
            shard
        });
        self.shards = placed.collect();
        (self, loads)
    }

    /// One turn of each shard that is not stalled.
    pub(crate) fn turn(&mut self) {
        for number in 0..self.shards.len() {
            if !self.stalled[number] && !self.done[number] {
                self.turn_of(number);
            }
        }
    }

    /// One turn of one shard.
    pub(crate) fn turn_of(&mut self, number: usize) {
        let now = self.shards[number].now();
        let work = self.shards[number].turn(now).expect("a simulated ring does not break");
        self.done[number] |= work == Work::Done;
    }

    pub(crate) fn turns(&mut self, count: usize) {
        (0..count).for_each(|_| self.turn());
    }

    /// A client of a shard that is let in.
    pub(crate) fn open(&mut self, shard: usize, name: &str) -> Peer {
        let mut peer = self.connect(shard, 1 << 20);
        peer.hello(name);
        self.until(&mut peer, |peer| peer.is_open);
        peer
    }

    /// A client of a shard with one subscription that is in force.
    pub(crate) fn subscriber(&mut self, shard: usize, filter: &str) -> Peer {
        let mut peer = self.open(shard, "");
        peer.subscribe(1, filter, "");
        self.barrier(&mut peer);
        peer
    }

    /// A subscriber that takes in next to nothing until it reads.
    pub(crate) fn slow_subscriber(&mut self, shard: usize, filter: &str) -> Peer {
        let mut slow = self.connect(shard, 1_000);
        slow.hello("");
        self.until(&mut slow, |slow| slow.is_open);
        slow.subscribe(1, filter, "");
        self.barrier(&mut slow);
        slow
    }

    pub(crate) fn connect(&mut self, shard: usize, window: usize) -> Peer {
        Peer::new(self.world.clone(), self.world.connect(shard as i32, window))
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

    /// Holds up what one shard says to another, or lets it go on.
    pub(crate) fn hold(&self, from: usize, to: usize, is_held: bool) {
        self.world.hold_lane(ShardId::new(from), ShardId::new(to), is_held);
    }

    pub(crate) fn counters(&self, shard: usize) -> ShardCounters {
        self.shards[shard].counters()
    }

    /// Lets the broker begin to end.
    pub(crate) fn begin_drain(&mut self) {
        self.controls.iter().for_each(|control| control.send(Control::Drain));
    }

    /// Ends the broker, and checks that nothing is left of anything.
    pub(crate) fn drain(&mut self) {
        self.begin_drain();
        for _ in 0..200 {
            self.turns(20);
            if self.done.iter().all(|done| *done) {
                return self.check_nothing_left();
            }
            self.world.advance_ms(100);
        }
        panic!("it never ends: {:?}", self.done);
    }

    fn check_nothing_left(&self) {
        for shard in &self.shards {
            let pools = shard.net().pools();
            for pool in [&pools.small, &pools.large].into_iter().chain(shard.mesh().pools()) {
                assert_eq!(pool.free_count(), pool.block_count(), "every block is back");
            }
            shard.router().invariants().expect("the router is consistent");
        }
        assert_eq!(self.world.lent_count(), 0, "every loan came back");
    }
}
