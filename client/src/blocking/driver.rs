//! Moves bytes between the engine and a socket, while a call waits.
//!
//! ```text
//!   step    1. one frame of what was read goes into the engine, its message into the queue
//!           2. else, while there is time: connect if it is time to, write, wait, read once
//! ```

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use coilgun_protocol::native::NoticeFrame;

use crate::blocking::clock::{Clock, Deadline};
use crate::blocking::frames::Frames;
use crate::blocking::queue::Queue;
use crate::blocking::socket::Socket;
use crate::broker_error::BrokerError;
use crate::engine::{Answer, Call, ConnectionState, Engine, Event, Taken, Woken};
use crate::error::ClientError;
use crate::message::Message;
use crate::options::Options;

/// Notices that are kept.
const NOTICES_MAX: usize = 64;
/// Other events that are kept.
const EVENTS_MAX: usize = 256;

/// A client's engine, its connection if there is one, and the messages that wait for the caller.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) queue: Queue,
    clock: Clock,
    socket: Option<Socket>,
    frames: Frames,
    output: Vec<u8>,
    /// How much of the output is gone.
    written: usize,
    /// Writing failed; what the broker said before is still read.
    is_output_broken: bool,
    /// Something is due, and the socket was looked at since.
    is_due_seen: bool,
    connect_timeout: Duration,
    notices: VecDeque<NoticeFrame>,
    events: VecDeque<Event>,
    going_away: Option<BrokerError>,
    last_loss: Option<ClientError>,
}

impl Driver {
    /// A driver that has not connected yet.
    pub(crate) fn new(options: Options, seed: u64) -> Driver {
        let clock = Clock::start();
        // Between calls nobody listens, so silence says nothing about the broker.
        let options = Options { ping_interval: Duration::ZERO, ..options };
        Driver {
            queue: Queue::new(options.queue_messages_max, options.queue_bytes_max),
            connect_timeout: options.connect_timeout,
            engine: Engine::new(options, seed, clock.now()),
            clock,
            socket: None,
            frames: Frames::default(),
            output: Vec::new(),
            written: 0,
            is_output_broken: false,
            is_due_seen: false,
            notices: VecDeque::new(),
            events: VecDeque::new(),
            going_away: None,
            last_loss: None,
        }
    }

    /// The engine, with the time it is.
    pub(crate) fn engine_now(&mut self) -> (&mut Engine, coilgun_protocol::model::Timestamp) {
        let now = self.clock.now();
        (&mut self.engine, now)
    }

    /// How long ago a message was read.
    pub(crate) fn age_of(&self, message: &Message) -> Duration {
        Duration::from_nanos(self.clock.now().0.saturating_sub(message.arrived().0))
    }

    /// Why the last attempt failed or the last connection broke.
    pub(crate) fn last_loss(&self) -> Option<&ClientError> {
        self.last_loss.as_ref()
    }

    /// What the broker said about leaving.
    pub(crate) fn going_away(&self) -> Option<&BrokerError> {
        self.going_away.as_ref()
    }

    /// The oldest notice that was not looked at.
    pub(crate) fn take_notice(&mut self) -> Option<NoticeFrame> {
        self.sort_events();
        self.notices.pop_front()
    }

    /// The oldest other event that was not looked at.
    pub(crate) fn take_event(&mut self) -> Option<Event> {
        self.sort_events();
        self.events.pop_front()
    }

    /// Waits for the next answer to a call, which the engine gives up when its time is over.
    ///
    /// # Errors
    /// That of the call, or that the queue has no room for what arrives; the call is forgotten then.
    pub(crate) fn wait_for(&mut self, call: Call) -> Result<Answer, ClientError> {
        let mut forever = Deadline::after(Duration::MAX);
        self.write_some();
        // Ends at the time limit of the call at the latest.
        loop {
            if let Some(answer) = self.engine.take_answer(call) {
                // Where there will be no other connection, why this one ended says more.
                let is_lost = matches!(answer, Err(ClientError::Lost { .. }));
                let ended = self.engine.closed().filter(|_| is_lost);
                return ended.map_or(answer, |error| Err(error.clone()));
            }
            if let Err(error) = self.step(&mut forever) {
                self.engine.forget(call);
                return Err(error);
            }
        }
    }

    /// Writes until everything that waits to be sent is with the system.
    ///
    /// # Errors
    /// If that takes longer than `timeout`, the client has ended, or what arrives meanwhile finds no
    /// room.
    pub(crate) fn write_out(&mut self, timeout: Duration) -> Result<(), ClientError> {
        let mut deadline = Deadline::after(timeout);
        self.write_some();
        // Ends because the deadline allows one look after its end, and each look reads a bounded
        // number of frames.
        while !self.is_written() {
            if !self.step(&mut deadline)? {
                let waited_for = "room to write";
                return Err(ClientError::TimedOut { waited_for, waited: timeout });
            }
        }
        Ok(())
    }

    fn is_written(&self) -> bool {
        self.written == self.output.len() && self.engine.statistics().output_bytes == 0
    }

    /// Takes one frame of what was read, or exchanges bytes with the broker once; says whether it did
    /// any of this before the deadline.
    ///
    /// # Errors
    /// If the client has ended, or a message waits in the connection for which the queue has no room.
    /// Nothing is lost then.
    pub(crate) fn step(&mut self, deadline: &mut Deadline) -> Result<bool, ClientError> {
        if self.frames.has_next() {
            self.check_room()?;
            self.take_frame();
            return Ok(true);
        }
        if let Some(error) = self.engine.closed() {
            return Err(error.clone());
        }
        if !deadline.allows_a_look() {
            return Ok(false);
        }
        self.exchange(deadline);
        Ok(true)
    }

    /// A message for a subscription of the caller stays in the connection until there is room; replies
    /// never do, because a call waits for them.
    fn check_room(&self) -> Result<(), ClientError> {
        let Some(delivery) = self.frames.delivery() else { return Ok(()) };
        let is_queued = self.queue.is_known(delivery.subscription);
        if is_queued && !self.queue.has_room(delivery.bytes) {
            return Err(self.queue.full());
        }
        Ok(())
    }

    /// Writes what there is room for. What fails is found by reading: the broker may have said why
    /// before it went.
    pub(crate) fn write_some(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        // Ends because the engine writes nothing by itself.
        while !self.is_output_broken {
            if self.written == self.output.len() {
                self.output.clear();
                self.engine.take_output(&mut self.output, self.written);
                self.written = 0;
                if self.output.is_empty() {
                    return;
                }
            }
            match socket.write(&self.output[self.written..]) {
                Ok(count) if count > 0 => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => self.is_output_broken = true,
            }
        }
    }

    /// Puts the next frame into the engine, and what it brought into the queue.
    fn take_frame(&mut self) {
        let now = self.clock.now();
        let frame = self.frames.next();
        let is_ping = frame.is_ping;
        let result = self.engine.on_bytes(now, frame.bytes);
        self.collect();
        match result {
            Ok(()) if is_ping => self.write_some(),
            Ok(()) => {}
            Err(error) => self.lose(error),
        }
    }

    /// Takes all messages out of the engine.
    pub(crate) fn collect(&mut self) {
        // Ends because nothing is woken meanwhile.
        while let Some(woken) = self.engine.next_woken() {
            match woken {
                // Their records stay in the engine, as many as the broker was let send.
                Woken::Call(_) | Woken::Follower(_) => {}
                Woken::Subscription(id) => {
                    let (mut taken, _) = self.engine.take_messages(id, self.queue.arriving());
                    if let Taken::Messages(_) = taken {
                        (taken, _) = self.engine.take_messages(id, self.queue.arriving());
                    }
                    self.queue.settle();
                    if taken == Taken::Ended && self.queue.is_known(id) {
                        self.queue.forget(id);
                        self.engine.drop_subscription(id);
                    }
                }
            }
        }
        self.sort_events();
    }

    fn sort_events(&mut self) {
        // Ends because nothing happens meanwhile.
        while let Some(event) = self.engine.next_event() {
            match event {
                Event::Notice(notice) => {
                    keep(&mut self.notices, notice, NOTICES_MAX);
                    continue;
                }
                Event::GoingAway(ref said) => self.going_away = Some(said.clone()),
                Event::Connected { .. } => self.going_away = None,
                Event::Lost { ref error, .. } => self.last_loss = Some(error.clone()),
                Event::SlowConsumer { .. } | Event::SubscriptionLost { .. } | Event::Closed(_) => {}
            }
            keep(&mut self.events, event, EVENTS_MAX);
        }
    }

    /// Does what is due, writes, waits until something can be read or written, or is due, or the
    /// deadline is over, and reads once.
    fn exchange(&mut self, deadline: &Deadline) {
        if !self.is_connected() && !self.connect(deadline) {
            self.tick();
            return;
        }
        let waits_for_room = self.written < self.output.len() || self.engine.has_output();
        self.write_some();
        if waits_for_room && self.written == self.output.len() {
            // Whoever only wanted to be rid of it has nothing to wait for.
            return;
        }
        let deadline = self.due().map_or_else(|| deadline.clone(), |due| due.min(deadline));
        let for_room = self.written < self.output.len() && !self.is_output_broken;
        let Some(socket) = &mut self.socket else { return };
        let ready = match socket.wait(for_room, &deadline) {
            Ok(ready) => ready,
            Err(error) => return self.lose(ClientError::io(error)),
        };
        if ready.writable {
            self.write_some();
        }
        if ready.readable {
            self.read_some();
        }
        self.tick();
    }

    /// When the engine has something to do.
    fn due(&self) -> Option<Deadline> {
        self.engine.deadline().map(|at| self.clock.deadline(at))
    }

    fn read_some(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        match self.frames.read(socket) {
            Ok(0) => self.lose(ClientError::Gone),
            Ok(_) => {}
            Err(error) if is_momentary(&error) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.lose(ClientError::Gone)
            }
            Err(error) => self.lose(ClientError::io(error)),
        }
    }

    /// Lets the engine do what is due; but what has arrived by then counts, so that a caller who came
    /// back late finds it.
    fn tick(&mut self) {
        let is_due = self.due().is_some_and(|due| due.is_over());
        if is_due && !self.is_due_seen {
            self.is_due_seen = true;
            return;
        }
        self.is_due_seen = false;
        let now = self.clock.now();
        if let Err(error) = self.engine.tick(now) {
            self.lose(error);
        }
        self.collect();
    }

    fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Makes a connection, if it is time to, or waits for that time; says whether there is one.
    fn connect(&mut self, deadline: &Deadline) -> bool {
        let left = deadline.remaining().unwrap_or(Duration::MAX);
        if left.is_zero() {
            return false;
        }
        let Some(address) = self.engine.next_connect(self.clock.now()) else {
            let due = self.due().and_then(|due| due.remaining()).unwrap_or(left);
            // Nothing unparks this thread but whoever wants it to look again.
            std::thread::park_timeout(due.min(left));
            return false;
        };
        let limit = Deadline::after(self.connect_timeout.min(left));
        match Socket::connect(&address, &limit) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.frames = Frames::default();
                self.is_output_broken = false;
                let now = self.clock.now();
                self.engine.on_connected(now);
                true
            }
            Err(error) => {
                self.lose(ClientError::Connect { address, source: Arc::new(error) });
                false
            }
        }
    }

    /// There is no connection any more, or there never was one.
    fn lose(&mut self, error: ClientError) {
        self.socket = None;
        self.frames = Frames::default();
        let now = self.clock.now();
        self.engine.on_lost(now, error, &self.output, self.written);
        self.output.clear();
        self.written = 0;
        self.is_output_broken = false;
        self.collect();
    }

    /// Where the client stands.
    pub(crate) fn state(&self) -> ConnectionState {
        self.engine.state()
    }
}

/// Whether the same call may succeed the next time.
fn is_momentary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Appends to a list of which only the latest are kept.
fn keep<T>(list: &mut VecDeque<T>, item: T, max: usize) {
    if list.len() == max {
        list.pop_front();
    }
    list.push_back(item);
}
