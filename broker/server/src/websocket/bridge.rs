//! The thread that moves the bytes of all WebSockets of a broker.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use coilgun_protocol::model::Timestamp;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

use super::connection::{Connection, Look};
use super::wakers::{LinkWaker, Woken};
use crate::env::monotonic_now;
use crate::faults::Fault;
use crate::link::Connector;

/// What wakes the thread for links, and to end.
const WAKER: Token = Token(usize::MAX);
/// Events that are looked at in one turn.
const EVENTS: usize = 256;
/// How long those that are left may take when the thread is told to end.
const END_MS: u64 = 1_000;
/// How long nothing is accepted when there are no descriptors.
const PAUSE_MS: u64 = 100;

/// A socket that listens, and how those that come through it reach the broker.
#[derive(Debug)]
pub(crate) struct BridgeListener {
    /// Listens, and does not block.
    pub(crate) socket: std::net::TcpListener,
    /// Says which settings hold.
    pub(crate) connector: Connector,
}

/// What holds for all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BridgeSettings {
    /// Connections at a time.
    pub(crate) connections_max: usize,
    /// How long a handshake may take, in milliseconds.
    pub(crate) handshake_ms: u64,
    /// Largest message of a client in bytes.
    pub(crate) message_bytes_max: usize,
}

/// The thread. It ends with this, after a last second for its connections.
#[derive(Debug)]
pub(crate) struct Bridge {
    thread: Option<JoinHandle<io::Result<()>>>,
    woken: Arc<Woken>,
    is_ending: Arc<AtomicBool>,
}

impl Bridge {
    /// Starts the thread. `on_fault` is called on it if it breaks: nobody would hear of that otherwise.
    ///
    /// # Errors
    /// If there is no thread to be had, or no poll.
    pub(crate) fn start(
        listeners: Vec<BridgeListener>,
        settings: BridgeSettings,
        on_fault: impl FnOnce() + Send + 'static,
    ) -> io::Result<Bridge> {
        let poll = Poll::new()?;
        let woken = Arc::new(Woken::new(mio::Waker::new(poll.registry(), WAKER)?));
        let is_ending = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            poll,
            settings,
            listeners: Vec::new(),
            connections: HashMap::new(),
            last_token: listeners.len(),
            woken: Arc::clone(&woken),
            is_ending: Arc::clone(&is_ending),
            more: Vec::new(),
            pauses_until: None,
        };
        for (number, listener) in listeners.into_iter().enumerate() {
            let mut socket = TcpListener::from_std(listener.socket);
            work.poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
            work.listeners.push((socket, listener.connector));
        }
        let builder = std::thread::Builder::new().name("coilgun-websocket".to_owned());
        let thread = builder.spawn(move || {
            let fault = Fault::new(on_fault);
            let ended = work.run();
            if ended.is_ok() {
                fault.none();
            }
            ended
        })?;
        Ok(Bridge { thread: Some(thread), woken, is_ending })
    }

    /// Ends it, and waits until it has ended; says whether it ended well.
    pub(crate) fn join(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        self.is_ending.store(true, Ordering::Release);
        self.woken.wake();
        self.thread.take().is_none_or(|thread| thread.join().is_ok_and(|ended| ended.is_ok()))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if self.thread.is_some() && !self.end() {
            eprintln!("coilgun: the thread of the WebSockets ended badly");
        }
    }
}

/// The work of the thread.
struct Work {
    poll: Poll,
    settings: BridgeSettings,
    listeners: Vec<(TcpListener, Connector)>,
    connections: HashMap<Token, Connection>,
    last_token: usize,
    woken: Arc<Woken>,
    is_ending: Arc<AtomicBool>,
    /// Those that have more to do.
    more: Vec<Token>,
    /// Until then nothing is accepted.
    pauses_until: Option<Timestamp>,
}

impl Work {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut ends_at = None;
        // Ends when it is told to and all connections are over, or time runs out.
        loop {
            let now = monotonic_now();
            if self.is_ending.load(Ordering::Acquire) {
                self.listeners.clear();
                let latest = *ends_at.get_or_insert(now.plus_ms(END_MS));
                if self.connections.is_empty() || now >= latest {
                    return Ok(());
                }
            }
            match self.poll.poll(&mut events, self.wait(now, ends_at)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let now = monotonic_now();
            let mut due = std::mem::take(&mut self.more);
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(number) if number < self.listeners.len() => {
                        self.accept(now, number, &mut due);
                    }
                    token => due.push(token),
                }
            }
            // Ends because each connection stands in the queue once.
            while let Some(token) = self.woken.next() {
                due.push(token);
            }
            if self.pauses_until.is_some_and(|until| until <= now) {
                self.pauses_until = None;
                (0..self.listeners.len()).for_each(|number| self.accept(now, number, &mut due));
            }
            due.sort_unstable();
            due.dedup();
            due.into_iter().for_each(|token| self.look_at(now, token));
            self.end_late(now);
        }
    }

    /// How long there is nothing to do unless something happens.
    fn wait(&self, now: Timestamp, ends_at: Option<Timestamp>) -> Option<Duration> {
        if !self.more.is_empty() {
            return Some(Duration::ZERO);
        }
        let ends = self.connections.values().filter_map(|connection| connection.ends_at);
        let next = ends.chain(ends_at).chain(self.pauses_until).min()?;
        Some(Duration::from_nanos(next.0.saturating_sub(now.0)))
    }

    fn accept(&mut self, now: Timestamp, number: usize, due: &mut Vec<Token>) {
        // Ends when nobody is left who wants to connect.
        while let Some((listener, connector)) = self.listeners.get(number) {
            let (stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                // There are no descriptors: those that wait are accepted later.
                Err(_) => {
                    self.pauses_until = Some(now.plus_ms(PAUSE_MS));
                    return;
                }
            };
            if self.connections.len() >= self.settings.connections_max {
                continue;
            }
            let connector = connector.clone();
            self.take_in(now, (stream, peer), connector, due);
        }
    }

    fn take_in(
        &mut self,
        now: Timestamp,
        (mut stream, peer): (TcpStream, SocketAddr),
        connector: Connector,
        due: &mut Vec<Token>,
    ) {
        self.last_token += 1;
        let token = Token(self.last_token);
        // Frames are small and answers are waited for. A connection for which the system refuses this, or
        // to watch it, is closed.
        let interest = Interest::READABLE | Interest::WRITABLE;
        let is_fine = stream.set_nodelay(true).is_ok()
            && self.poll.registry().register(&mut stream, token, interest).is_ok();
        if !is_fine {
            return;
        }
        let ends_at = now.plus_ms(self.settings.handshake_ms);
        let waker = LinkWaker::new(token, Arc::clone(&self.woken));
        let bytes_max = self.settings.message_bytes_max;
        let stream = (stream, peer);
        let connection = Connection::new(now, stream, connector, waker, ends_at, bytes_max);
        self.connections.insert(token, connection);
        due.push(token);
    }

    fn look_at(&mut self, now: Timestamp, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        match connection.look(now) {
            Look::Waits => {}
            Look::GoesOn => self.more.push(token),
            Look::Over => self.forget(token),
        }
    }

    /// Ends those whose time is over.
    fn end_late(&mut self, now: Timestamp) {
        let is_late = |connection: &Connection| connection.ends_at.is_some_and(|at| at <= now);
        let late = self.connections.iter().filter(|(_, connection)| is_late(connection));
        let late: Vec<_> = late.map(|(token, _)| *token).collect();
        late.into_iter().for_each(|token| self.forget(token));
    }

    fn forget(&mut self, token: Token) {
        if let Some(mut connection) = self.connections.remove(&token) {
            deregister(self.poll.registry(), &mut connection);
        }
    }
}

/// Watches a connection no more. What the system says about one that is closed anyway changes nothing.
fn deregister(registry: &Registry, connection: &mut Connection) {
    if let Some(stream) = connection.stream_mut() {
        let _ = registry.deregister(stream);
    }
}
