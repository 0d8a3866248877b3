//! Traffic that goes on all the time: pairs, a fan-out, and requests with their replies.
//!
//! Where the broker has several shards there are also, for each of them, a connection that gets what
//! it publishes itself, and a pair that leads to the next shard.

use std::time::Duration;

use coilgun_protocol::model::{PublishFlags, Ticket};
use coilgun_server::net::ListenAddress;

use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::traffic::connection::Connection;
use crate::traffic::lane::{FrameTemplate, Lane, Then};
use crate::traffic::load::{Arrived, Load, Wire};
use crate::traffic::native_load::{NativeClient, Publishing, publish_template};
use crate::traffic::placed::PlacedClients;
use crate::traffic::poller::Ready;

/// Bytes of the payload on each pair.
const PAIR_PAYLOADS: [usize; 4] = [16, 300, 5_000, 70_000];
/// Subscribers of the fan-out.
const FAN_OUT: usize = 6;
/// Bytes of every other payload.
const PAYLOAD_BYTES: usize = 64;
/// Messages per second on each lane that begins something.
const MESSAGES_PER_SECOND: u64 = 500;
/// Most messages under way on a lane: less than an outbox holds, so that nobody is held back.
const UNDER_WAY_MAX: u64 = 32;
/// How long nothing may arrive at the end while messages are under way, in nanoseconds.
const STALL_NS: u64 = 10_000_000_000;

/// The traffic and its connections.
#[derive(Debug)]
pub struct Steady {
    load: Load,
    /// The shard of each connection.
    homes: Vec<usize>,
    /// What has arrived on each shard.
    ways: Vec<Ways>,
    /// Lanes on which something begins, each with the messages that were due so far.
    origins: Vec<(usize, u64)>,
    began_ns: u64,
    deliveries: u64,
    ready: Vec<Ready>,
    arrived: Vec<Arrived>,
}

/// Which way messages came to a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// Deliveries of messages that were published on the same shard.
    pub stayed: u64,
    /// Deliveries of messages that were published on another shard.
    pub crossed: u64,
}

/// Connections and lanes while they are made.
struct Opening<'a> {
    address: &'a ListenAddress,
    connections: Vec<(Connection, Wire)>,
    homes: Vec<usize>,
    lanes: Vec<Lane>,
}

impl Steady {
    /// Opens everything to a broker of so many shards; all subscriptions stand when this returns.
    ///
    /// # Errors
    /// If a connection or a subscription cannot be made.
    pub fn open(
        address: &ListenAddress,
        shards: usize,
        interrupt: &Interrupt,
    ) -> Result<Steady, BenchError> {
        let (connections, homes, lanes) = (Vec::new(), Vec::new(), Vec::new());
        let mut opening = Opening { address, connections, homes, lanes };
        opening.pairs()?;
        opening.fan_out()?;
        if shards > 1 {
            opening.every_shard(shards)?;
        }
        opening.requests()?;
        let Opening { connections, homes, lanes, .. } = opening;
        // All but the last lane, on which replies travel.
        let origins = (0..lanes.len() - 1).map(|lane| (lane, 0)).collect();
        Ok(Steady {
            load: Load::new(connections, lanes, interrupt.clone())?,
            homes,
            ways: vec![Ways::default(); shards],
            origins,
            began_ns: monotonic_ns(),
            deliveries: 0,
            ready: Vec::new(),
            arrived: Vec::new(),
        })
    }

    /// How many connections it has.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.load.connection_count()
    }

    /// How many deliveries have arrived, each checked.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Which way they came, by the shard on which they arrived.
    #[must_use]
    pub fn ways(&self) -> &[Ways] {
        &self.ways
    }

    /// Sends what is due, waits for at most `wait`, and checks what has arrived.
    ///
    /// # Errors
    /// If a connection breaks, or what arrives is not what was sent.
    pub fn turn(&mut self, now: u64, wait: Duration) -> Result<(), BenchError> {
        let due = (now - self.began_ns) / 1_000_000 * MESSAGES_PER_SECOND / 1_000;
        for (lane, scheduled) in &mut self.origins {
            let under_way = self.load.lanes()[*lane].outstanding();
            // What cannot be sent now is left out, and not made up for.
            let count = (due - *scheduled).min(UNDER_WAY_MAX.saturating_sub(under_way));
            *scheduled = due;
            for _ in 0..count {
                self.load.push(*lane, now);
            }
            self.load.flush_lane(*lane)?;
        }
        self.receive(wait)
    }

    /// Waits for what is still under way, as long as something arrives.
    ///
    /// # Errors
    /// As [`Steady::turn`], and if a message was lost, doubled or overtaken.
    pub fn finish(&mut self) -> Result<(), BenchError> {
        let mut last = (monotonic_ns(), self.deliveries);
        // Ends because everything has arrived, or nothing arrives any more.
        while self.load.outstanding() > 0 && monotonic_ns() - last.0 < STALL_NS {
            self.receive(Duration::from_millis(50))?;
            if self.deliveries > last.1 {
                last = (monotonic_ns(), self.deliveries);
            }
        }
        let faults = self.load.faults();
        if faults.is_none() { Ok(()) } else { Err(BenchError::Faults(faults)) }
    }

    fn receive(&mut self, wait: Duration) -> Result<(), BenchError> {
        self.load.wait(wait, &mut self.ready)?;
        for ready in &self.ready {
            self.load.on_ready(*ready, &mut self.arrived)?;
            self.deliveries += self.arrived.len() as u64;
            let to = self.homes[ready.token];
            for message in &self.arrived {
                let ways = &mut self.ways[to];
                if self.homes[self.load.lanes()[message.lane].from] == to {
                    ways.stayed += 1;
                } else {
                    ways.crossed += 1;
                }
                match message.then {
                    Then::Relay { lane } => {
                        self.load.push(lane, message.intended_ns);
                        self.load.flush_lane(lane)?;
                    }
                    Then::Done { .. } => {}
                }
            }
        }
        Ok(())
    }
}

impl Opening<'_> {
    /// Opens a connection wherever the broker puts it, subscribed or not.
    fn connect(&mut self, filter: Option<&str>, bytes: usize) -> Result<usize, BenchError> {
        let client = NativeClient::open(self.address, bytes)?;
        self.add(client, filter)
    }

    /// Makes a connection one of the load's, subscribed or not.
    fn add(&mut self, mut client: NativeClient, filter: Option<&str>) -> Result<usize, BenchError> {
        filter.map_or(Ok(()), |filter| client.subscribe(filter))?;
        self.homes.push(client.shard());
        let (connection, wire) = client.into_parts();
        self.connections.push((connection, Wire::Native(wire)));
        Ok(self.connections.len() - 1)
    }

    /// The frame of the next lane.
    fn frame(&self, bytes: usize, publishing: Publishing<'_>) -> Result<FrameTemplate, BenchError> {
        let number = u16::try_from(self.lanes.len()).expect("there are at most some hundred lanes");
        publish_template(number, bytes, publishing)
    }

    /// A lane between two connections, for what is published to a subject.
    fn lane(
        &mut self,
        from: usize,
        to: usize,
        bytes: usize,
        subject: &str,
    ) -> Result<(), BenchError> {
        let frame = self.frame(bytes, Publishing::to(subject))?;
        let restart = self.lanes.len();
        self.lanes.push(Lane::new(frame, from, to, Then::Done { restart }));
        Ok(())
    }

    fn pairs(&mut self) -> Result<(), BenchError> {
        for (number, bytes) in PAIR_PAYLOADS.into_iter().enumerate() {
            let subject = format!("soak.pair.{number}");
            let from = self.connect(None, bytes)?;
            let to = self.connect(Some(&subject), bytes)?;
            self.lane(from, to, bytes, &subject)?;
        }
        Ok(())
    }

    fn fan_out(&mut self) -> Result<(), BenchError> {
        let from = self.connect(None, PAYLOAD_BYTES)?;
        for _ in 0..FAN_OUT {
            self.connect(Some("soak.wide.*"), PAYLOAD_BYTES)?;
        }
        let frame = self.frame(PAYLOAD_BYTES, Publishing::to("soak.wide.all"))?;
        let restart = self.lanes.len();
        let receivers = from + 1..from + 1 + FAN_OUT;
        self.lanes.push(Lane::to_all(frame, from, receivers, Then::Done { restart }));
        Ok(())
    }

    /// On every shard one that hears itself, and from every shard a pair to the next.
    fn every_shard(&mut self, shards: usize) -> Result<(), BenchError> {
        let mut placed = PlacedClients::new(self.address, PAYLOAD_BYTES);
        for shard in 0..shards {
            let subject = format!("soak.own.{shard}");
            let own = self.add(placed.on(shard)?, Some(&subject))?;
            self.lane(own, own, PAYLOAD_BYTES, &subject)?;
            let subject = format!("soak.next.{shard}");
            let from = self.add(placed.on(shard)?, None)?;
            let to = self.add(placed.on((shard + 1) % shards)?, Some(&subject))?;
            self.lane(from, to, PAYLOAD_BYTES, &subject)?;
        }
        Ok(())
    }

    /// Requests and their replies, on the last two lanes.
    fn requests(&mut self) -> Result<(), BenchError> {
        let (call, answer) = (self.lanes.len(), self.lanes.len() + 1);
        let requester = self.connect(Some("_INBOX.soak"), PAYLOAD_BYTES)?;
        let responder = self.connect(Some("soak.call"), PAYLOAD_BYTES)?;
        let request = Publishing {
            subject: "soak.call",
            reply: "_INBOX.soak",
            flags: PublishFlags::REQUEST,
            correlation: Ticket(7),
        };
        let frame = self.frame(PAYLOAD_BYTES, request)?;
        self.lanes.push(Lane::new(frame, requester, responder, Then::Relay { lane: answer }));
        let frame = self.frame(PAYLOAD_BYTES, Publishing::to("_INBOX.soak"))?;
        self.lanes.push(Lane::new(frame, responder, requester, Then::Done { restart: call }));
        Ok(())
    }
}
