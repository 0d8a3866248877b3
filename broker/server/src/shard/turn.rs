//! The shard and its turn.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::os::fd::RawFd;

use coilgun_core::router::{Plan, RouteHint, Router, Target};
use coilgun_protocol::model::{ClientId, Commands, NamespaceId, Timestamp};
use coilgun_protocol::session::Traffic;

use super::arriving::ARRIVAL_HINTS;
use super::broker_client::{AnswerText, SpeakerQueue};
use super::client::Clients;
use super::control::ControlQueue;
use super::counters::ShardCounters;
use super::deadlines::Deadlines;
use super::draining::Draining;
use super::interest::InterestState;
use super::listed::Listed;
use super::naming::Usurpers;
use super::placing::{Arrival, ShardPlace};
use super::rate::Throttled;
use super::settings::{ListenerSettings, ShardSettings};
use super::streaming::Streams;
use crate::env::{Env, Turn, Work};
use crate::mesh::Mesh;
use crate::mutant::{self, Mutant};
use crate::net::{End, Net, NetEvent, Ring, SocketKind, Trimming};
use crate::security::Authentication;

/// Connections whose bytes are looked at in one turn (law S23).
const SLICES_PER_TURN: usize = 64;

/// Subscriptions that publishers of other shards wait for no more, of clients with very many.
const UNPRESSED_PER_TURN: usize = 1024;

/// One shard.
#[derive(Debug)]
pub struct Shard<E: Env> {
    pub(super) env: E,
    pub(super) net: Net<E::Ring>,
    pub(super) router: Router,
    pub(super) mesh: Mesh<E::Mesh>,
    pub(super) interest: InterestState,
    /// How many changes of what this shard wants were announced.
    pub(super) last_announced: u64,
    /// Where the previous messages from each shard found their routes, by their publishers.
    pub(super) arrival_hints: Vec<RouteHint>,
    /// Targets that were found full, for which publishers on other shards shall wait.
    pub(super) to_press: Vec<Target>,
    /// An answer in the name of `.broker` that is being written.
    pub(super) answer: AnswerText,
    /// Clients that take a name from somebody, by the name, in the order in which they came: at its
    /// arbiter.
    pub(super) usurpers: Usurpers,
    /// Clients that have gone and were announced.
    pub(super) departed: VecDeque<(NamespaceId, Box<[u8]>)>,
    /// What other threads want said in the name of `.broker`, on the shard that says it.
    pub(super) words: Option<SpeakerQueue>,
    /// Lists of clients that are being gathered.
    pub(super) lists: usize,
    /// What travelled on connections that are gone.
    pub(super) traffic_gone: Traffic,
    /// Where it listens, for people, in the order in which the network knows it.
    pub(super) listener_names: Vec<String>,
    /// When it was made.
    pub(super) started: Timestamp,
    /// Somebody was cut off for the message that is being planned.
    pub(super) has_cut: bool,
    /// Reused for names of queue groups.
    pub(super) group_names: Vec<u8>,
    pub(super) settings: ShardSettings,
    pub(super) clients: Clients,
    /// What holds on the listening sockets, in the order in which the network knows them.
    pub(super) listeners: Vec<ListenerSettings>,
    /// Those with bytes or held commands to look at, first come first served.
    pub(super) ready: VecDeque<ClientId>,
    /// Those whose outbox somebody waits for, the wait that ends first in front. An entry counts if
    /// the client still agrees about the time.
    pub(super) pressed: BinaryHeap<Reverse<(Timestamp, ClientId)>>,
    pub(super) throttled: Throttled,
    /// Those that are gone and whose subscriptions are not, yet.
    pub(super) leaving: VecDeque<ClientId>,
    pub(super) deadlines: Deadlines,
    pub(super) draining: Draining,
    /// When those are closed that could not be told to go; the beginning of time: they were.
    pub(super) mute_until: Timestamp,
    pub(super) trimming: Trimming,
    pub(super) controls: ControlQueue,
    pub(super) authentication: Authentication,
    /// Clients of elbus that are looked up by their names.
    pub(super) listed: Listed,
    pub(super) place: ShardPlace,
    pub(super) streams: Streams<E::Disk>,
    pub(super) events: Vec<NetEvent>,
    pub(super) commands: Commands,
    pub(super) plan: Plan,
    pub(super) counters: ShardCounters,
}

impl<E: Env> Shard<E> {
    /// A shard on a network that nobody listens on yet, with its end of the lanes to other shards.
    ///
    /// # Errors
    /// If there is no memory for what is said to other shards.
    pub fn new(
        mut env: E,
        net: Net<E::Ring>,
        port: E::Mesh,
        settings: ShardSettings,
        controls: ControlQueue,
    ) -> io::Result<Shard<E>> {
        let mesh = Mesh::new(&mut env, port, settings.outbox_high_bytes)?;
        let seeds = [env.random(), env.random(), env.random(), env.random()];
        let mut router = Router::new(seeds, settings.router);
        router.join_mesh(mesh.shard(), mesh.shard_count());
        let started = env.now();
        let seeds = std::array::from_fn(|_| env.random());
        let streams = Streams::none(env.doorbell(), seeds);
        Ok(Shard {
            router,
            interest: InterestState::new(mesh.shard(), mesh.shard_count()),
            last_announced: 0,
            arrival_hints: vec![RouteHint::default(); ARRIVAL_HINTS * mesh.shard_count()],
            to_press: Vec::new(),
            answer: AnswerText::default(),
            usurpers: Usurpers::new(),
            departed: VecDeque::new(),
            words: None,
            lists: 0,
            traffic_gone: Traffic::default(),
            listener_names: Vec::new(),
            started,
            has_cut: false,
            group_names: Vec::new(),
            mesh,
            env,
            net,
            settings,
            clients: Clients::default(),
            listeners: Vec::new(),
            ready: VecDeque::new(),
            pressed: BinaryHeap::new(),
            throttled: Throttled::default(),
            leaving: VecDeque::new(),
            deadlines: Deadlines::default(),
            draining: Draining::default(),
            mute_until: Timestamp::default(),
            trimming: Trimming::default(),
            controls,
            authentication: Authentication::default(),
            listed: Listed::default(),
            place: ShardPlace::default(),
            events: Vec::new(),
            commands: Commands::default(),
            streams,
            plan: Plan::default(),
            counters: ShardCounters::default(),
        })
    }

    /// Begins to accept connections on a listening socket, for itself and the other shards.
    pub fn listen(
        &mut self,
        descriptor: RawFd,
        kind: SocketKind,
        settings: impl Into<ListenerSettings>,
    ) {
        self.listeners.push(settings.into());
        if self.place.shard_count() == 1 {
            self.net.listen(descriptor, kind);
        } else {
            self.net.listen_for_others(descriptor, kind);
        }
    }

    /// Says what other threads want said in the name of `.broker`.
    pub fn speak_for(&mut self, words: SpeakerQueue) {
        self.words = Some(words);
    }

    /// Is told what its listening sockets are called, in the order in which it was told of them.
    pub fn name_listeners(&mut self, names: impl IntoIterator<Item = String>) {
        self.listener_names = names.into_iter().collect();
    }

    /// The network, for what it holds.
    #[must_use]
    pub fn net(&self) -> &Net<E::Ring> {
        &self.net
    }

    /// What is between it and the other shards.
    #[must_use]
    pub fn mesh(&self) -> &Mesh<E::Mesh> {
        &self.mesh
    }

    /// The router, for what it holds.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Puts a connection into the queue of those to look at.
    pub(super) fn make_ready(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.is_ready
            && client.may_run()
        {
            client.is_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Gives memory of blocks that nobody needs back to the system.
    fn trim(&mut self, now: Timestamp) {
        let Shard { env, net, mesh, trimming, .. } = self;
        let pools = net.all_pools().chain(mesh.pools());
        // SAFETY: memory of free blocks of pools is handed out only: it came from the same environment,
        // and a free block has no holder who could refer to it.
        trimming.trim(now, pools, |base, len| unsafe { env.discard(base, len) });
    }

    fn on_net_event(&mut self, now: Timestamp, event: NetEvent) {
        match event {
            NetEvent::Opened(id) => self.on_opened(now, id),
            NetEvent::Accepted { descriptor, kind, listener } => {
                self.place(now, Arrival { descriptor, kind, listener, is_surplus: false });
            }
            NetEvent::Received(id) => {
                self.make_ready(id);
                self.pause_if_full(id);
            }
            NetEvent::Sent(id) => self.on_sent(now, id),
            NetEvent::Exhausted(id) => self.on_exhausted(now, id),
            NetEvent::Ended(id, end) => {
                self.counters.exhausted += u64::from(end == End::Exhausted);
                self.remove(id);
            }
            NetEvent::Freed(id) => self.on_freed(id),
            NetEvent::TurnedAway => self.counters.refused += 1,
            NetEvent::Linked(id) => self.on_linked(now, id),
            NetEvent::LinkTurnedAway => {
                self.counters.refused += 1;
                self.place.forget();
            }
        }
    }

    /// Asks for a sign at the next time at which there is something to do.
    fn set_alarm(&mut self) {
        let deadlines = [
            self.deadlines.earliest(),
            self.net.deadline(),
            self.pressure_ends(),
            self.throttled.earliest(),
            self.drain_ends(),
            self.stream_deadline(),
            self.trimming.due(self.net.all_pools().chain(self.mesh.pools())),
        ];
        if let Some(at) = deadlines.into_iter().flatten().min() {
            self.net.wake_at(at);
        }
    }

    /// Whether another thread has put something where the shard looks in its next turn.
    fn has_news(&mut self) -> bool {
        self.net.has_link_work()
            || self.authentication.has_verdict()
            || self.listed.has_news()
            || self.has_stream_news()
            || !self.controls.is_empty()
            || self.words.as_ref().is_some_and(|words| !words.is_empty())
            || self.mesh.has_work()
    }

    fn run_events(&mut self, now: Timestamp) -> usize {
        let mut events = std::mem::take(&mut self.events);
        let count = events.len();
        for event in events.drain(..) {
            self.on_net_event(now, event);
        }
        // What the events caused comes in the next turn; the list that was filled keeps its memory.
        events.append(&mut self.events);
        self.events = events;
        count
    }

    fn run_ready(&mut self, now: Timestamp) -> usize {
        let count = self.ready.len().min(SLICES_PER_TURN);
        for _ in 0..count {
            let Some(id) = self.ready.pop_front() else { break };
            if let Some(client) = self.clients.get_mut(id) {
                client.is_ready = false;
                self.run_slice(now, id);
            }
        }
        count
    }
}

impl<E: Env> Turn for Shard<E> {
    fn now(&mut self) -> Timestamp {
        self.env.now()
    }

    fn turn(&mut self, now: Timestamp) -> io::Result<Work> {
        self.counters.turns += 1;
        if mutant::is_active(Mutant::PlantedAllocation) {
            drop(std::hint::black_box(Box::new(7u8)));
        }
        let mut events = std::mem::take(&mut self.events);
        let polled = self.net.poll(now, &mut events);
        self.events = events;
        let mut work = polled?;
        self.net.tick(now);
        // First who is gone: nothing that arrives from other shards is for them.
        work += self.run_events(now);
        self.streams.turn = now;
        // Whoever wants the name of one who has gone finds it free.
        self.free_names();
        work += self.run_mesh(now);
        work += self.run_words(now);
        self.run_controls(now);
        self.run_verdicts();
        self.follow_access(now);
        self.look_for_lost(now);
        self.run_deadlines(now);
        self.run_throttled(now);
        work += self.run_streams(now);
        work += self.run_ready(now);
        self.end_orphans(now);
        self.announce_departures(now);
        work += self.run_leaving();
        work += self.router.unpress_more(UNPRESSED_PER_TURN);
        let mut events = std::mem::take(&mut self.events);
        let flushed = self.net.flush(now, &mut events);
        self.events = events;
        flushed?;
        // Clients first: what other shards are told may have to wake them, which takes a while.
        self.flush_mesh();
        self.trim(now);
        if self.has_log_fault() {
            // Whoever waited was told in this turn (law L14).
            return Err(io::Error::other("a log failed"));
        }
        if self.run_draining(now) {
            return Ok(Work::Done);
        }
        let more = work > 0
            || self.net.has_link_work()
            || !self.events.is_empty()
            || !self.ready.is_empty()
            || self.mesh.is_refused();
        self.place.on_turn(now, more);
        Ok(if more { Work::More } else { Work::Idle })
    }

    fn waits_for_disk(&self) -> bool {
        self.waits_for_logs()
    }

    fn nap(&mut self, ns: u64) -> io::Result<bool> {
        self.set_alarm();
        Ok(self.has_news() || self.net.wait(ns)?)
    }

    fn prepare_park(&mut self) -> io::Result<bool> {
        self.set_alarm();
        let idle = self.net.ring_mut().prepare_park()?;
        Ok(idle && !self.has_news())
    }

    fn end_park(&mut self) {
        self.net.ring_mut().end_park();
    }
}
