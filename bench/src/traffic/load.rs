//! The load's connections and lanes, and the moving of bytes between them.
//!
//! One thread, nonblocking sockets, one receive and one send per ready connection and turn.

use std::time::Duration;

use crate::error::BenchError;
use crate::interrupt::Interrupt;
use crate::traffic::connection::{Connection, Flushed, Received, Traffic};
use crate::traffic::echo_load::EchoWire;
use crate::traffic::elbus_load::ElbusWire;
use crate::traffic::lane::{Lane, Then};
use crate::traffic::message::{Arrival, Faults, MessageError, read_stamp};
use crate::traffic::native_load::NativeWire;
use crate::traffic::poller::{Interest, Poller, Ready};

/// Longest wait before the load looks whether it was interrupted.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How the bytes of a connection are cut into payloads.
#[derive(Debug)]
pub enum Wire {
    /// Bare payloads of one length, as they come back from the echo.
    Echo(EchoWire),
    /// Frames of the native protocol.
    Native(NativeWire),
    /// Frames of elbus.
    Elbus(ElbusWire),
}

/// Connections and the lanes over them.
#[derive(Debug)]
pub struct Load {
    poller: Poller,
    links: Vec<Link>,
    lanes: Vec<Lane>,
    interrupt: Interrupt,
}

#[derive(Debug)]
struct Link {
    connection: Connection,
    wire: Wire,
    /// The socket took no more at the last flush.
    is_blocked: bool,
}

/// A message that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Index of its lane.
    pub lane: usize,
    /// When it was meant to be sent, in nanoseconds of the monotonic clock.
    pub intended_ns: u64,
    /// What it sets off.
    pub then: Then,
}

impl Wire {
    /// Which server speaks it, for messages to people.
    fn server_name(&self) -> &'static str {
        match self {
            Wire::Echo(_) => "echo server",
            Wire::Native(_) | Wire::Elbus(_) => "broker",
        }
    }
}

impl Load {
    /// Lanes over connections that are ready for messages.
    ///
    /// # Errors
    /// If the system refuses to wait for them.
    ///
    /// # Panics
    /// If a lane names a connection or a lane that is not there.
    pub fn new(
        connections: Vec<(Connection, Wire)>,
        lanes: Vec<Lane>,
        interrupt: Interrupt,
    ) -> Result<Load, BenchError> {
        for lane in &lanes {
            let is_known =
                lane.from < connections.len() && lane.receivers().end <= connections.len();
            assert!(is_known, "a lane connects connections of its load");
            let (Then::Relay { lane } | Then::Done { restart: lane }) = lane.then;
            assert!(lane < lanes.len(), "a lane sets off messages of lanes of its load");
        }
        let poller = Poller::new().map_err(BenchError::system("making a poller"))?;
        for (token, (connection, _)) in connections.iter().enumerate() {
            poller
                .add(connection.descriptor(), token, Interest::Read)
                .map_err(BenchError::system("adding a socket to a poller"))?;
        }
        let links = connections
            .into_iter()
            .map(|(connection, wire)| Link { connection, wire, is_blocked: false })
            .collect();
        Ok(Load { poller, links, lanes, interrupt })
    }

    /// The lanes.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// How many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.links.len()
    }

    /// What has gone through all connections.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let mut sum = Traffic::default();
        for link in &self.links {
            sum += link.connection.traffic();
        }
        sum
    }

    /// What went wrong on all lanes, if nothing else arrives.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut sum = Faults::default();
        for lane in &self.lanes {
            sum += lane.faults();
        }
        sum
    }

    /// How many arrivals are still to come of what was sent.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.lanes.iter().map(Lane::outstanding).sum()
    }

    /// Appends the lane's next message to its connection's output.
    #[inline]
    pub fn push(&mut self, lane: usize, intended_ns: u64) {
        let lane = &mut self.lanes[lane];
        lane.push(intended_ns, self.links[lane.from].connection.output());
    }

    /// Sends what waits on the connection a lane leaves by, unless its socket is full.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush_lane(&mut self, lane: usize) -> Result<(), BenchError> {
        let index = self.lanes[lane].from;
        if self.links[index].is_blocked {
            return Ok(());
        }
        self.flush(index)
    }

    /// Bytes that wait to be sent on the connection a lane leaves by.
    #[must_use]
    pub fn pending_bytes(&self, lane: usize) -> usize {
        self.links[self.lanes[lane].from].connection.pending_bytes()
    }

    /// Whether two lanes leave by the same connection.
    #[must_use]
    pub fn leave_together(&self, one: usize, other: usize) -> bool {
        self.lanes[one].from == self.lanes[other].from
    }

    /// Waits until something can be received or sent, at most for `timeout`.
    ///
    /// # Errors
    /// If the system refuses, or somebody asked for the end.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> Result<(), BenchError> {
        if self.interrupt.is_raised() {
            return Err(BenchError::Interrupted);
        }
        self.poller
            .wait(timeout.min(WAIT_MAX), ready)
            .map_err(BenchError::system("waiting for sockets"))
    }

    /// Sends and receives where it is possible without waiting, and puts the messages that arrived
    /// into `arrived`, in order and in place of what was there.
    ///
    /// # Errors
    /// If the connection is broken, or what arrived is not what was sent.
    pub fn on_ready(&mut self, ready: Ready, arrived: &mut Vec<Arrived>) -> Result<(), BenchError> {
        arrived.clear();
        let index = ready.token;
        if ready.writable && self.links[index].is_blocked {
            self.flush(index)?;
        }
        if ready.readable {
            self.receive(index, arrived)?;
        }
        Ok(())
    }

    fn flush(&mut self, index: usize) -> Result<(), BenchError> {
        let link = &mut self.links[index];
        let flushed = link.connection.flush().map_err(BenchError::system("sending"))?;
        let is_blocked = flushed == Flushed::Blocked;
        if is_blocked == link.is_blocked {
            return Ok(());
        }
        link.is_blocked = is_blocked;
        let interest = if is_blocked { Interest::ReadAndWrite } else { Interest::Read };
        self.poller
            .change(link.connection.descriptor(), index, interest)
            .map_err(BenchError::system("changing what a poller waits for"))
    }

    fn receive(&mut self, index: usize, arrived: &mut Vec<Arrived>) -> Result<(), BenchError> {
        let Load { links, lanes, .. } = self;
        let Link { connection, wire, .. } = &mut links[index];
        match connection.receive().map_err(BenchError::system("receiving"))? {
            Received::Bytes => {}
            Received::Nothing => return Ok(()),
            Received::End => return Err(BenchError::Closed(wire.server_name())),
        }
        let mut on_payload = |payload: &[u8]| note_arrival(lanes, index, payload, arrived);
        let consumed = match wire {
            Wire::Echo(echo) => echo.split(connection.input(), &mut on_payload)?,
            Wire::Native(native) => native.split(connection.input(), &mut on_payload)?,
            Wire::Elbus(elbus) => elbus.split(connection.input(), &mut on_payload)?,
        };
        connection.consume(consumed);
        match wire {
            Wire::Native(native) if native.has_answers() => {
                native.take_answers(connection.output());
                self.flush(index)
            }
            Wire::Native(_) | Wire::Echo(_) | Wire::Elbus(_) => Ok(()),
        }
    }
}

/// Checks a message that arrived on a connection, and notes it unless it came before.
#[inline]
fn note_arrival(
    lanes: &mut [Lane],
    connection: usize,
    payload: &[u8],
    arrived: &mut Vec<Arrived>,
) -> Result<(), MessageError> {
    let stamp = read_stamp(payload)?;
    let index = stamp.lane as usize;
    let Some(lane) = lanes.get_mut(index) else {
        return Err(MessageError::UnknownLane(stamp.lane));
    };
    match lane.on_arrival(stamp, payload, connection)? {
        Arrival::First => {
            arrived.push(Arrived { lane: index, intended_ns: stamp.intended_ns, then: lane.then });
        }
        Arrival::Again => {}
    }
    Ok(())
}
