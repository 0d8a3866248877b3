//! Drives a load through one scenario: when messages are sent, and what is done with arrivals.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cpu::{ProcessCpuClock, monotonic_ns};
use crate::error::BenchError;
use crate::sample::Sample;
use crate::traffic::lane::Then;
use crate::traffic::load::{Arrived, Load};
use crate::traffic::poller::Ready;
use crate::traffic::stalled_reader::StalledReader;
use crate::traffic::window::{Arrivals, Phase, Timing, Window, nanoseconds};

/// Longest wait for a socket where nothing else is to be done.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// Longest wait for a socket while a reader that does not read is to be kept stalled.
const STALLED_READER_INTERVAL: Duration = Duration::from_millis(1);
/// Most messages of a schedule that are sent in one turn, so that arrivals get theirs.
const BURST_MAX: usize = 1024;
/// Most bytes that may wait on one connection where the load sends by a schedule.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// When messages are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// One message is in flight per cycle of lanes; the next leaves when it is where it was going.
    PingPong,
    /// As fast as the server takes them, in writes of about so many bytes.
    Pipelined {
        /// Bytes per write, rounded up to whole frames.
        write_bytes: usize,
    },
    /// So many messages are under way on every lane; half of them leave again when half have arrived.
    Windowed {
        /// Messages under way on each lane, at least 2.
        messages: u64,
    },
    /// By a schedule, however the server does.
    OpenLoop {
        /// Messages per second, over all lanes.
        per_second: u64,
    },
}

/// Drives a load through one scenario.
#[derive(Debug)]
pub struct Driver {
    load: Load,
    pace: Pace,
    timing: Timing,
    window: Window,
    /// The lanes on which cycles begin.
    origins: Vec<usize>,
    /// The same, those together that leave by the same connection.
    origins_together: Vec<Vec<usize>>,
    started_ns: u64,
    /// How many messages of the schedule were sent.
    scheduled: u64,
    arrivals: Arrivals,
    /// Arrivals of whole cycles; a message counts when it is at all of its receivers.
    cycle_arrivals: u64,
    /// Receivers of each message that ends a cycle.
    width: u64,
    /// What goes on beside what is measured.
    stalled_reader: Option<StalledReader>,
    last_arrival_ns: u64,
    ready: Vec<Ready>,
    arrived: Vec<Arrived>,
}

impl Driver {
    /// A driver for `load`, against the server whose CPU clock is `server_clock`.
    ///
    /// # Panics
    /// If the load has no lane that ends, or a schedule has no messages.
    #[must_use]
    pub fn new(
        load: Load,
        pace: Pace,
        timing: Timing,
        server_clock: Option<ProcessCpuClock>,
    ) -> Driver {
        let now = monotonic_ns();
        let mut origins: Vec<usize> = load
            .lanes()
            .iter()
            .filter_map(|lane| match lane.then {
                Then::Done { restart } => Some(restart),
                Then::Relay { .. } => None,
            })
            .collect();
        origins.sort_unstable();
        origins.dedup();
        assert!(!origins.is_empty(), "a load has a lane that ends");
        let widths = load.lanes().iter().filter(|lane| matches!(lane.then, Then::Done { .. }));
        let widths: BTreeSet<usize> = widths.map(|lane| lane.receivers().len()).collect();
        assert_eq!(widths.len(), 1, "all messages of a load have equally many receivers");
        let width = widths.first().map_or(1, |width| *width as u64);
        assert!(width == 1 || pace != Pace::PingPong, "one message in flight has one receiver");
        if let Pace::OpenLoop { per_second } = pace {
            assert!(per_second > 0, "a schedule has messages");
        }
        let together = origins.chunk_by(|one, other| load.leave_together(*one, *other));
        let origins_together = together.map(<[usize]>::to_vec).collect();
        Driver {
            load,
            origins_together,
            pace,
            timing,
            window: Window::new(now, timing, server_clock),
            origins,
            started_ns: now,
            scheduled: 0,
            arrivals: Arrivals::default(),
            cycle_arrivals: 0,
            width,
            stalled_reader: None,
            last_arrival_ns: now,
            ready: Vec::new(),
            arrived: Vec::new(),
        }
    }

    /// Lets a reader that never reads, and its publisher, go on beside the load.
    #[must_use]
    pub fn beside(mut self, stalled_reader: Option<StalledReader>) -> Driver {
        self.stalled_reader = stalled_reader;
        self
    }

    /// Plays the scenario to its end.
    ///
    /// # Errors
    /// If a connection breaks, a message is lost, doubled, overtaken or altered, the server cannot
    /// keep up with a schedule by far, or somebody asks for the end.
    pub fn run(mut self) -> Result<Sample, BenchError> {
        match self.pace {
            Pace::PingPong => self.serve_all(1)?,
            Pace::Windowed { messages } => self.serve_all(messages)?,
            Pace::Pipelined { .. } | Pace::OpenLoop { .. } => {}
        }
        // Ends because time passes.
        loop {
            let now = monotonic_ns();
            let phase = self.window.advance(now, self.arrivals, || self.load.traffic())?;
            let mut wait_max = WAIT_MAX;
            if let Some(stalled_reader) = &mut self.stalled_reader {
                stalled_reader.turn(now)?;
                wait_max = STALLED_READER_INTERVAL;
            }
            if phase == Phase::Over || self.is_stalled(now) {
                break;
            }
            let wait = self.send_due(now)?;
            self.receive(wait.min(wait_max), true)?;
        }
        self.finish_schedule()?;
        self.drain()?;
        let faults = self.load.faults();
        if !faults.is_none() {
            return Err(BenchError::Faults(faults));
        }
        let is_scheduled = matches!(self.pace, Pace::OpenLoop { .. });
        let mut sample = Sample::of(&self.window, is_scheduled, self.arrivals.messages)
            .expect("without faults the window came to its end");
        sample.stalled_reader = self.stalled_reader.as_ref().map(StalledReader::report);
        Ok(sample)
    }

    /// Sends the first messages of every cycle.
    fn serve_all(&mut self, messages: u64) -> Result<(), BenchError> {
        for index in 0..self.origins.len() {
            let lane = self.origins[index];
            for _ in 0..messages {
                self.load.push(lane, monotonic_ns());
            }
            self.load.flush_lane(lane)?;
        }
        Ok(())
    }

    /// Sends what is due, and returns how long there is nothing more to send.
    fn send_due(&mut self, now: u64) -> Result<Duration, BenchError> {
        match self.pace {
            Pace::PingPong | Pace::Windowed { .. } => Ok(WAIT_MAX),
            Pace::Pipelined { write_bytes } => self.fill(now, write_bytes),
            Pace::OpenLoop { per_second } => {
                self.follow_schedule(now, per_second)?;
                Ok(Duration::ZERO)
            }
        }
    }

    /// Gives every connection that has nothing to send the next write.
    fn fill(&mut self, now: u64, write_bytes: usize) -> Result<Duration, BenchError> {
        let mut is_all_blocked = true;
        // Lanes that leave by one connection share each of its writes.
        for lanes in &self.origins_together {
            let first = lanes[0];
            if self.load.pending_bytes(first) == 0 {
                for (lane, share) in lanes.iter().zip(1..) {
                    // Ends because every message has bytes.
                    while self.load.pending_bytes(first) < share * write_bytes / lanes.len() {
                        self.load.push(*lane, now);
                    }
                }
                self.load.flush_lane(first)?;
            }
            is_all_blocked &= self.load.pending_bytes(first) > 0;
        }
        Ok(if is_all_blocked { WAIT_MAX } else { Duration::ZERO })
    }

    /// Sends the messages whose time has come.
    fn follow_schedule(&mut self, now: u64, per_second: u64) -> Result<(), BenchError> {
        for _ in 0..BURST_MAX {
            let intended = self.intended_ns(per_second);
            if intended > now {
                break;
            }
            let lane = self.origins[(self.scheduled % self.origins.len() as u64) as usize];
            self.load.push(lane, intended);
            self.window.record_lag(intended, now);
            self.scheduled += 1;
        }
        for &lane in &self.origins {
            self.load.flush_lane(lane)?;
            let bytes = self.load.pending_bytes(lane);
            if bytes > WAITING_BYTES_MAX {
                return Err(BenchError::Overloaded { per_second, bytes });
            }
        }
        Ok(())
    }

    /// Sends what was due in the window and could not be sent because the load itself was held up:
    /// left out, it would be missing among the latencies.
    fn finish_schedule(&mut self) -> Result<(), BenchError> {
        let Pace::OpenLoop { per_second } = self.pace else { return Ok(()) };
        // Ends because every turn sends the message that is looked at.
        while self.intended_ns(per_second) < self.window_end_ns() {
            self.follow_schedule(monotonic_ns(), per_second)?;
        }
        Ok(())
    }

    /// When the next message of the schedule is due.
    fn intended_ns(&self, per_second: u64) -> u64 {
        let offset = u128::from(self.scheduled) * 1_000_000_000 / u128::from(per_second);
        self.started_ns + u64::try_from(offset).expect("a scenario takes less than five centuries")
    }

    /// Waits for sockets once, and deals with what arrived. `is_open`: new cycles may begin.
    fn receive(&mut self, wait: Duration, is_open: bool) -> Result<(), BenchError> {
        let mut ready = std::mem::take(&mut self.ready);
        self.load.wait(wait, &mut ready)?;
        for ready in &ready {
            let mut arrived = std::mem::take(&mut self.arrived);
            self.load.on_ready(*ready, &mut arrived)?;
            self.on_arrivals(&arrived, is_open)?;
            self.arrived = arrived;
        }
        self.ready = ready;
        Ok(())
    }

    fn on_arrivals(&mut self, arrived: &[Arrived], is_open: bool) -> Result<(), BenchError> {
        if arrived.is_empty() {
            return Ok(());
        }
        let now = monotonic_ns();
        self.last_arrival_ns = now;
        self.arrivals.deliveries += arrived.len() as u64;
        match self.pace {
            Pace::Pipelined { .. } => {
                self.count_cycles(arrived.len() as u64);
                return Ok(());
            }
            Pace::Windowed { messages } => {
                self.count_cycles(arrived.len() as u64);
                return if is_open { self.refill(arrived, messages, now) } else { Ok(()) };
            }
            Pace::PingPong | Pace::OpenLoop { .. } => {}
        }
        for message in arrived {
            match message.then {
                Then::Relay { lane } => {
                    self.load.push(lane, message.intended_ns);
                    self.load.flush_lane(lane)?;
                }
                Then::Done { restart } => {
                    self.count_cycles(1);
                    self.window.record_latency(message.intended_ns, now);
                    if is_open && self.pace == Pace::PingPong {
                        self.load.push(restart, now);
                        self.load.flush_lane(restart)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts arrivals that end a cycle.
    fn count_cycles(&mut self, arrivals: u64) {
        self.cycle_arrivals += arrivals;
        self.arrivals.messages = self.cycle_arrivals / self.width;
    }

    /// Sends on the lanes of what arrived, which is of one connection, what may be under way again.
    fn refill(&mut self, arrived: &[Arrived], messages: u64, now: u64) -> Result<(), BenchError> {
        let mut previous = None;
        for lane in arrived.iter().map(|message| message.lane) {
            if previous == Some(lane) {
                continue;
            }
            previous = Some(lane);
            let receivers = self.width;
            let under_way = self.load.lanes()[lane].outstanding().div_ceil(receivers);
            if under_way > messages / 2 {
                continue;
            }
            for _ in under_way..messages {
                self.load.push(lane, now);
            }
            self.load.flush_lane(lane)?;
        }
        Ok(())
    }

    /// Waits for the messages that are still under way, as long as some arrive.
    fn drain(&mut self) -> Result<(), BenchError> {
        self.last_arrival_ns = self.last_arrival_ns.max(self.window_end_ns());
        // Ends because everything has arrived, or nothing arrives any more.
        while self.load.outstanding() > 0 && !self.is_stalled(monotonic_ns()) {
            self.receive(WAIT_MAX, false)?;
        }
        Ok(())
    }

    fn window_end_ns(&self) -> u64 {
        self.window.snapshots().map_or(0, |(_, last)| last.at_ns)
    }

    /// Whether messages are under way and none has arrived for long.
    fn is_stalled(&self, now: u64) -> bool {
        now.saturating_sub(self.last_arrival_ns) > nanoseconds(self.timing.stall)
            && self.load.outstanding() > 0
    }
}
