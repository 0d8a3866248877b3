//! Traffic that goes on all the time: pairs, a fan-out, and requests with their replies.

use std::time::Duration;

use coilgun_protocol::model::{PublishFlags, Ticket};
use coilgun_server::net::ListenAddress;

use crate::cpu::monotonic_ns;
use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::traffic::lane::{Lane, Then};
use crate::traffic::load::{Arrived, Load, Wire};
use crate::traffic::native_load::{NativeClient, Publishing, publish_template};
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
    /// Lanes on which something begins, each with the messages that were due so far.
    origins: Vec<(usize, u64)>,
    began_ns: u64,
    deliveries: u64,
    ready: Vec<Ready>,
    arrived: Vec<Arrived>,
}

impl Steady {
    /// Opens everything; all subscriptions stand when this returns.
    ///
    /// # Errors
    /// If a connection or a subscription cannot be made.
    pub fn open(address: &ListenAddress, interrupt: &Interrupt) -> Result<Steady, BenchError> {
        let (mut connections, mut lanes) = (Vec::new(), Vec::new());
        let mut connect = |filter: Option<&str>, bytes| -> Result<usize, BenchError> {
            let mut client = NativeClient::open(address, bytes)?;
            filter.map_or(Ok(()), |filter| client.subscribe(filter))?;
            let (connection, wire) = client.into_parts();
            connections.push((connection, Wire::Native(wire)));
            Ok(connections.len() - 1)
        };
        for (lane, bytes) in (0u16..).zip(PAIR_PAYLOADS) {
            let subject = format!("soak.pair.{lane}");
            let from = connect(None, bytes)?;
            let to = connect(Some(&subject), bytes)?;
            let frame = publish_template(lane, bytes, Publishing::to(&subject))?;
            lanes.push(Lane::new(frame, from, to, Then::Done { restart: lane.into() }));
        }
        let wide = lanes.len();
        let number = |lane: usize| u16::try_from(lane).expect("there are a handful of lanes");
        let from = connect(None, PAYLOAD_BYTES)?;
        for _ in 0..FAN_OUT {
            connect(Some("soak.wide.*"), PAYLOAD_BYTES)?;
        }
        let frame = publish_template(number(wide), PAYLOAD_BYTES, Publishing::to("soak.wide.all"))?;
        let receivers = from + 1..from + 1 + FAN_OUT;
        lanes.push(Lane::to_all(frame, from, receivers, Then::Done { restart: wide }));
        let (call, answer) = (wide + 1, wide + 2);
        let requester = connect(Some("_INBOX.soak"), PAYLOAD_BYTES)?;
        let responder = connect(Some("soak.call"), PAYLOAD_BYTES)?;
        let request = Publishing {
            subject: "soak.call",
            reply: "_INBOX.soak",
            flags: PublishFlags::REQUEST,
            correlation: Ticket(7),
        };
        let frame = publish_template(number(call), PAYLOAD_BYTES, request)?;
        lanes.push(Lane::new(frame, requester, responder, Then::Relay { lane: answer }));
        let frame = publish_template(number(answer), PAYLOAD_BYTES, Publishing::to("_INBOX.soak"))?;
        lanes.push(Lane::new(frame, responder, requester, Then::Done { restart: call }));
        Ok(Steady {
            load: Load::new(connections, lanes, interrupt.clone())?,
            origins: (0..=call).map(|lane| (lane, 0)).collect(),
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
            for message in &self.arrived {
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
