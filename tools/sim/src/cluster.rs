//! The shards of one simulated broker, and when each of them gets its turns.

use coilgun_protocol::model::ShardId;
use coilgun_server::env::sim::{PeerId, SimEnv, SimWorld};
use coilgun_server::env::{Turn, Waker, Work};
use coilgun_server::net::SocketKind;
use coilgun_server::setup::build_network;
use coilgun_server::shard::{
    Control, ControlSender, ListenerProtocol, LoadTable, PlacementPolicy, Shard, ShardCounters,
    ShardPlace, control_queue,
};

use crate::dice::Dice;
use crate::finding::{Finding, demand};
use crate::profile::Profile;

/// Listening descriptor of the first shard; the others follow.
const FIRST_LISTENER: i32 = 7;

/// How many answers may wait for a client beside what the high mark allows: those of one slice.
const ANSWERS_BYTES: usize = 64 * 1024;

/// Shards on one thread.
#[derive(Debug)]
pub struct Cluster {
    world: SimWorld,
    dice: Dice,
    shards: Vec<Place>,
    /// Where connections are counted, if the first shard accepts for all.
    loads: Option<LoadTable>,
    outbox_bytes_max: usize,
}

#[derive(Debug)]
struct Place {
    shard: Shard<SimEnv>,
    control: ControlSender,
    /// It has reached its end and takes no more turns.
    is_done: bool,
    /// It gets no turn for so many steps.
    stalled: usize,
    /// It has said that it has nothing to do.
    is_parked: bool,
}

impl Cluster {
    /// As many shards as the profile says, in one world.
    ///
    /// # Panics
    /// If the process has no descriptor left for a shard's waker.
    #[must_use]
    pub fn new(world: &SimWorld, profile: &Profile) -> Cluster {
        let loads = profile.placement.map(|_| LoadTable::new(profile.shards));
        let shards = (0..profile.shards).map(|number| {
            let placement = profile.placement.zip(loads.as_ref());
            place(world, number, profile, placement)
        });
        Cluster {
            shards: shards.collect(),
            loads,
            world: world.clone(),
            dice: Dice::new(world.clone()),
            outbox_bytes_max: (2 * profile.shards + 1) * profile.outbox_high_bytes + ANSWERS_BYTES,
        }
    }

    /// How many shards there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// A client connects to a shard, or, if the first one accepts for all, to any.
    #[must_use]
    pub fn connect(&self, shard: usize, window: usize) -> PeerId {
        let accepting = if self.loads.is_some() { 0 } else { shard };
        self.world.connect(listener(accepting), window)
    }

    /// A shard gets no turn for so many steps.
    pub fn stall(&mut self, shard: usize, steps: usize) {
        self.shards[shard].stalled = steps;
    }

    /// Every shard gets its turns again.
    pub fn end_stalls(&mut self) {
        self.shards.iter_mut().for_each(|place| place.stalled = 0);
    }

    /// What one shard says to another is held up, or let go on; nothing is, if there is one shard.
    pub fn hold(&self, from: usize, to: usize, is_held: bool) {
        if from != to {
            self.world.hold_lane(ShardId::new(from), ShardId::new(to), is_held);
        }
    }

    /// Nothing that shards say to each other is held up any more.
    pub fn end_holds(&self) {
        for from in 0..self.shards.len() {
            (0..self.shards.len()).for_each(|to| self.hold(from, to, false));
        }
    }

    /// Tells every shard to drain.
    pub fn drain(&self) {
        self.shards.iter().for_each(|place| place.control.send(Control::Drain));
    }

    /// Whether every shard has reached its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shards.iter().all(|place| place.is_done)
    }

    /// Some shards take a turn, in an order of the dice. One that has parked takes none before its
    /// ring or its queues have something for it (law S24).
    ///
    /// # Errors
    /// If a ring breaks, which no simulated one does.
    pub fn step(&mut self) -> Result<(), Finding> {
        let count = self.shards.len();
        let first = if count > 1 { self.dice.below(count) } else { 0 };
        for offset in 0..count {
            let number = (first + offset) % count;
            let place = &mut self.shards[number];
            if place.stalled > 0 {
                place.stalled -= 1;
            } else if !place.is_done && (count == 1 || self.dice.percent(80)) {
                let is_rung = self.world.take_rung(ShardId::new(number));
                place
                    .step(is_rung)
                    .map_err(|error| Finding::new("no ring breaks", error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Looks whether memory is within what was declared.
    ///
    /// # Errors
    /// If more waits for a client than may.
    pub fn check_memory(&self) -> Result<(), Finding> {
        for (shard, place) in self.shards.iter().enumerate() {
            let net = place.shard.net();
            for id in net.ids() {
                let Some(socket) = net.socket(id) else { continue };
                let waits = socket.outbox().pending_bytes();
                demand(waits <= self.outbox_bytes_max, "S19: what waits is bounded", || {
                    format!("shard {shard} connection {id}: {waits} bytes")
                })?;
            }
        }
        Ok(())
    }

    /// Looks whether every router agrees with itself.
    ///
    /// # Errors
    /// If one does not.
    pub fn check_routers(&self) -> Result<(), Finding> {
        for place in &self.shards {
            let found = place.shard.router().invariants();
            found.map_err(|text| Finding::new("a router agrees with itself", text))?;
        }
        Ok(())
    }

    /// Looks whether nothing is left in shards that have reached their end.
    ///
    /// # Errors
    /// If something is.
    pub fn check_empty(&self) -> Result<(), Finding> {
        self.check_routers()?;
        for (number, place) in self.shards.iter().enumerate() {
            let shard = &place.shard;
            let pools = shard.net().pools();
            let pools = [&pools.small, &pools.large].into_iter().chain(shard.mesh().pools());
            let blocks = pools.map(|pool| pool.block_count() - pool.free_count()).sum();
            let left = [
                shard.net().socket_count(),
                shard.router().counts().subscriptions,
                shard.counters().connections as usize,
                blocks,
            ];
            demand(left == [0; 4], "S1: at the end everything is given back", || {
                format!("shard {number}: connections, subscriptions, clients, blocks: {left:?}")
            })?;
        }
        let counted = self.loads.as_ref().map_or(0, LoadTable::connections);
        let text = || format!("{counted} are counted");
        demand(counted == 0, "S3: a connection that is over is counted for nobody", text)?;
        let lent = self.world.lent_count();
        demand(lent == 0, "S8: every loan comes back", || format!("{lent} are out"))
    }

    /// What all shards counted.
    #[must_use]
    pub fn counters(&self) -> ShardCounters {
        self.shards.iter().map(|place| place.shard.counters()).sum()
    }
}

impl Place {
    fn step(&mut self, is_rung: bool) -> std::io::Result<()> {
        if self.is_parked && !is_rung {
            self.is_parked = self.shard.prepare_park()?;
            self.shard.end_park();
            if self.is_parked {
                return Ok(());
            }
        }
        let now = self.shard.now();
        match self.shard.turn(now)? {
            Work::More => self.is_parked = false,
            Work::Idle => self.is_parked = true,
            Work::Done => self.is_done = true,
        }
        Ok(())
    }
}

/// The only place that knows how a shard is made.
fn place(
    world: &SimWorld,
    number: usize,
    profile: &Profile,
    placement: Option<(PlacementPolicy, &LoadTable)>,
) -> Place {
    let id = ShardId::new(number);
    let mut env = SimEnv::in_mesh(world.clone(), id, profile.shards);
    let net = build_network(&mut env, &profile.memory()).expect("a simulated world has memory");
    let (control, controls) = control_queue(Waker::new().expect("there are descriptors"));
    let port = env.port();
    let mut shard = Shard::new(env, net, port, profile.settings(), controls)
        .expect("a simulated world has memory");
    if let Some((policy, loads)) = placement {
        shard = shard.placed(ShardPlace::new(id, policy, loads.clone()));
    }
    if placement.is_some() && number > 0 {
        shard.know_listener(ListenerProtocol::Native);
    } else {
        shard.listen(listener(number), SocketKind::Tcp, ListenerProtocol::Native);
    }
    Place { shard, control, is_done: false, stalled: 0, is_parked: false }
}

fn listener(shard: usize) -> i32 {
    FIRST_LISTENER + shard as i32
}
