//! The parts of a simulation, and one round of it.

use coilgun_server::env::sim::SimWorld;

use crate::client::{Client, Reading};
use crate::cluster::Cluster;
use crate::dice::Dice;
use crate::finding::Finding;
use crate::profile::Profile;
use crate::report::Tally;
use crate::shadow::Shadow;
use crate::trace::Trace;

/// A simulation under way.
#[derive(Debug)]
pub(super) struct Simulation {
    pub(super) world: SimWorld,
    pub(super) dice: Dice,
    pub(super) profile: Profile,
    pub(super) cluster: Cluster,
    pub(super) clients: Vec<Client>,
    pub(super) shadow: Shadow,
    pub(super) trace: Trace,
    pub(super) tally: Tally,
    pub(super) round: u64,
    /// The broker was told to drain.
    pub(super) is_draining: bool,
    /// Everything is to come to rest: nobody makes difficulties any more.
    pub(super) is_settling: bool,
    next_correlation: u64,
}

impl Simulation {
    pub(super) fn new(world: SimWorld, profile: Profile, trace: Trace) -> Simulation {
        world.set_faults(profile.faults);
        world.set_ring_parcels(profile.ring_parcels);
        Simulation {
            dice: Dice::new(world.clone()),
            cluster: Cluster::new(&world, &profile),
            world,
            shadow: Shadow::new(profile.shards),
            profile,
            clients: Vec::new(),
            trace,
            tally: Tally::default(),
            round: 0,
            is_draining: false,
            is_settling: false,
            next_correlation: 1,
        }
    }

    /// A number for a question, used by nobody else in this world.
    pub(super) fn next_correlation(&mut self) -> u64 {
        let correlation = self.next_correlation;
        self.next_correlation += 1;
        correlation
    }

    /// Everybody writes and reads a bit, the shards take a step, and some time passes.
    pub(super) fn round(&mut self) -> Result<(), Finding> {
        self.round += 1;
        for at in 0..self.clients.len() {
            self.write_some(at);
            self.read_some(at)?;
        }
        self.cluster.step()?;
        self.cluster.check_memory()?;
        for at in 0..self.clients.len() {
            self.look_at_end(at)?;
        }
        // Who waits for time to pass sees what travels between shards as well.
        if self.is_settling {
            self.world.advance_ms(2);
        } else if self.dice.percent(25) {
            self.world.advance_ms(self.dice.between(1, 7) as u64);
        }
        Ok(())
    }

    fn write_some(&mut self, at: usize) {
        let client = &mut self.clients[at];
        if client.unwritten() == 0 || client.is_gone {
            return;
        }
        let all = self.is_settling || self.dice.percent(80);
        let bytes_max = if all { usize::MAX } else { self.dice.between(1, client.unwritten()) };
        client.write(bytes_max);
        if client.unwritten() == 0 && client.has_ended {
            self.world.end(client.socket.id());
        }
    }

    /// How many bytes a client reads in this round.
    pub(super) fn appetite(&mut self, at: usize) -> usize {
        let client = &mut self.clients[at];
        if let Reading::Deaf(until) = client.reading
            && until <= self.round
        {
            client.reading = Reading::All;
        }
        match client.reading {
            _ if self.is_settling => usize::MAX,
            Reading::All if self.dice.percent(75) => usize::MAX,
            Reading::All | Reading::Deaf(_) => 0,
            Reading::Pieces(most) => self.dice.between(1, most),
        }
    }

    /// Sees whether the broker has closed a connection.
    fn look_at_end(&mut self, at: usize) -> Result<(), Finding> {
        let client = &mut self.clients[at];
        let id = client.socket.id();
        if client.is_gone || !self.world.broker_ended(id) {
            return Ok(());
        }
        self.shadow.on_closed(client.number, self.world.is_reset(id))?;
        if !client.has_ended {
            client.has_ended = true;
            self.world.end(id);
        }
        if self.world.broker_closed(id) {
            client.is_gone = true;
            self.shadow.on_gone(client.number);
            self.trace.line(format_args!("{} client {at} is gone", self.round));
        }
        Ok(())
    }
}
