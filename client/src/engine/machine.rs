//! The life of a client: connections come and go, the client stays.
//!
//! ```text
//!            next_connect            on_connected           WELCOME
//!   Away ------------------> Connecting ---------> Greeting -------> Open
//!    ^                           |                    |                |
//!    +--------- on_lost ---------+--------------------+----------------+
//!                                |  no retry helps, or none is left
//!                                v
//!   close: Open -> Leaving --> Closed
//! ```

use std::collections::VecDeque;

use coilgun_protocol::model::{SubscriptionId, Ticket, Timestamp};
use coilgun_protocol::native::ClientFrame;

use crate::address::Address;
use crate::engine::backoff::Backoff;
use crate::engine::calls::{Call, Calls, Kind, StreamKind, after};
use crate::engine::event::{ConnectionState, Event, Statistics};
use crate::engine::followers::Followers;
use crate::engine::incoming::Incoming;
use crate::engine::moving::Moving;
use crate::engine::outgoing::Outgoing;
use crate::engine::subscriptions::{Held, Stage as HeldStage, Subscriptions};
use crate::error::ClientError;
use crate::options::Options;
use crate::server_info::ServerInfo;
use crate::subscription::SubscribeOptions;

/// Events that are kept for [`Engine::next_event`].
const EVENTS_MAX: usize = 256;
/// The token of a sign of life; no call has it.
const ALIVE_TOKEN: u64 = u64::MAX;

/// One client over all its connections; see the [front page](crate::engine).
#[derive(Debug)]
pub struct Engine {
    pub(super) options: Options,
    pub(super) stage: Stage,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) calls: Calls,
    pub(super) subscriptions: Subscriptions,
    pub(super) followers: Followers,
    /// The subjects of replies without their last token, and the subscription to them.
    pub(super) inbox_prefix: String,
    pub(super) inbox: Option<SubscriptionId>,
    pub(super) info: Option<ServerInfo>,
    pub(super) statistics: Statistics,
    events: VecDeque<Event>,
    events_dropped: u64,
    pub(super) backoff: Backoff,
    address: Address,
    /// When a byte came last, or nothing could have come.
    pub(super) heard: Timestamp,
    pinged: bool,
    /// When the broker must have let the client in.
    greeting_ends: Timestamp,
    /// Why the broker is about to end the connection.
    pub(super) go_away: Option<ClientError>,
    /// How far leaving it has come.
    pub(super) moving: Option<Moving>,
}

/// Where the client stands.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The next attempt begins at this time.
    Away { retry: Timestamp },
    /// The driver connects.
    Connecting,
    /// HELLO is sent, WELCOME has not come.
    Greeting,
    /// The client is in.
    Open,
    /// GOODBYE is sent.
    Leaving,
    /// The client has ended.
    Closed(ClientError),
}

impl Engine {
    /// A client that wants to connect. `seed`: a number that no other client has, from which its
    /// inbox, its numbers and its delays are drawn.
    #[must_use]
    pub fn new(options: Options, seed: u64, now: Timestamp) -> Engine {
        let mut backoff = Backoff::new(&options, seed);
        let inbox_prefix = format!("_INBOX.{:016x}{:016x}.", backoff.roll(), backoff.roll());
        let mut subscriptions = Subscriptions::default();
        if !options.name.is_empty() {
            let queue = SubscribeOptions {
                queue_messages_max: options.queue_messages_max,
                queue_bytes_max: options.queue_bytes_max,
                ..SubscribeOptions::default()
            };
            let by_name = Held::new("", &queue, HeldStage::Live);
            subscriptions.insert(SubscriptionId::NAME, by_name);
        }
        Engine {
            stage: Stage::Away { retry: now },
            outgoing: Outgoing::new(options.away_bytes_max),
            incoming: Incoming::default(),
            calls: Calls::new(backoff.roll()),
            subscriptions,
            followers: Followers::default(),
            inbox_prefix,
            inbox: None,
            info: None,
            statistics: Statistics::default(),
            events: VecDeque::new(),
            events_dropped: 0,
            backoff,
            address: options.address.clone(),
            heard: now,
            pinged: false,
            greeting_ends: now,
            go_away: None,
            moving: None,
            options,
        }
    }

    /// Where to connect, if it is time to; the driver says next how that went.
    pub fn next_connect(&mut self, now: Timestamp) -> Option<Address> {
        match self.stage {
            Stage::Away { retry } if retry <= now => {}
            Stage::Away { .. }
            | Stage::Connecting
            | Stage::Greeting
            | Stage::Open
            | Stage::Leaving
            | Stage::Closed(_) => return None,
        }
        self.stage = Stage::Connecting;
        self.address = self.backoff.begin_attempt();
        self.greeting_ends = after(now, self.options.connect_timeout);
        Some(self.address.clone())
    }

    /// There is a connection: preface, HELLO and all subscriptions wait to be sent.
    pub fn on_connected(&mut self, now: Timestamp) {
        if !matches!(self.stage, Stage::Connecting) {
            return;
        }
        self.stage = Stage::Greeting;
        self.incoming = Incoming::default();
        (self.heard, self.pinged) = (now, false);
        self.outgoing.begin();
        if let Err(error) = self.outgoing.push_now(&ClientFrame::Hello(self.options.hello())) {
            self.end(&error.into());
            return;
        }
        for id in self.subscriptions.ids() {
            if id != SubscriptionId::NAME {
                self.begin_subscription(id);
            }
        }
    }

    /// Sends SUBSCRIBE for a subscription that is wanted.
    pub(super) fn begin_subscription(&mut self, id: SubscriptionId) {
        let Some(held) = self.subscriptions.find(id) else { return };
        let number = match held.stage {
            HeldStage::Asked(call) => call.0,
            HeldStage::Live => self.calls.next_number(),
            HeldStage::Ending | HeldStage::Ended => return,
        };
        let is_new = matches!(held.stage, HeldStage::Asked(_));
        let request = ClientFrame::Subscribe(held.begin(id, Ticket(number)));
        match self.outgoing.push_now(&request) {
            Ok(()) if is_new => {}
            Ok(()) => self.subscriptions.begin_again(number, id),
            Err(error) => {
                self.calls.end(Call(number), Err(error.into()));
                self.subscriptions.end(id);
            }
        }
    }

    /// The broker let the client in: what was kept is sent.
    pub(super) fn on_welcome(&mut self, now: Timestamp, info: ServerInfo) {
        if !matches!(self.stage, Stage::Greeting) {
            return;
        }
        self.stage = Stage::Open;
        self.backoff.on_success(now);
        let payload_bytes_max = info.payload_bytes_max;
        if self.info.replace(info).is_some() {
            self.statistics.reconnects += 1;
        }
        let has_streams = self.has_streams();
        let calls = &mut self.calls;
        self.outgoing.open(payload_bytes_max, has_streams, |call, sent| {
            let left = calls.ms_left(call, now);
            let entry = calls.pending(call)?;
            entry.is_sent = true;
            if let Kind::Flush { mark } = &mut entry.kind {
                *mark = sent;
            }
            Some(left)
        });
        self.begin_followers();
        let address = self.address.clone();
        let reconnects = self.statistics.reconnects;
        self.tell(Event::Connected { address, reconnects });
    }

    /// Does what is due: gives up calls, begins followers again that were refused, asks whether the broker is there, gives up a broker that
    /// says nothing. Says why the connection has to be given up, if it has to; the driver closes
    /// it then and says so to [`Engine::on_lost`].
    ///
    /// # Errors
    /// If the broker did not answer in time.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), ClientError> {
        // Ends because each turn ends a call.
        while let Some((call, kind)) = self.calls.expire(now) {
            self.outgoing.take_back(call);
            match kind {
                Kind::Subscribe { subscription, .. } => self.drop_subscription(subscription),
                Kind::Stream(StreamKind::Follow { follower, .. }) => self.drop_follower(follower),
                Kind::Close => {
                    self.end(&ClientError::Closed);
                    return Err(ClientError::Closed);
                }
                Kind::Flush { .. }
                | Kind::Drain
                | Kind::Ack { .. }
                | Kind::Unsubscribe { .. }
                | Kind::Request { .. }
                | Kind::Stream(_) => {}
            }
        }
        self.retry_followers(now);
        match self.stage {
            Stage::Connecting | Stage::Greeting if self.greeting_ends <= now => {
                let waited_for = "answer of a broker to the handshake";
                let waited = self.options.connect_timeout;
                Err(ClientError::TimedOut { waited_for, waited })
            }
            Stage::Open => self.check_move(now).and_then(|()| self.check_life(now)),
            Stage::Connecting
            | Stage::Greeting
            | Stage::Away { .. }
            | Stage::Leaving
            | Stage::Closed(_) => Ok(()),
        }
    }

    fn check_life(&mut self, now: Timestamp) -> Result<(), ClientError> {
        if self.is_reading_paused() {
            // Nobody listens, so silence says nothing.
            self.heard = now;
        }
        let interval = self.options.ping_interval;
        if interval.is_zero() || now < after(self.heard, interval) {
            return Ok(());
        }
        if !self.pinged {
            self.pinged = true;
            self.outgoing.push_now(&ClientFrame::Ping { token: ALIVE_TOKEN })?;
            return Ok(());
        }
        if now < after(self.heard, interval * 2) {
            return Ok(());
        }
        let waited_for = "sign of life of the broker";
        Err(ClientError::TimedOut { waited_for, waited: interval * 2 })
    }

    /// Bytes came.
    pub(super) fn hear(&mut self, now: Timestamp) {
        (self.heard, self.pinged) = (now, false);
    }

    /// When [`Engine::tick`] or [`Engine::next_connect`] has something to do at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let life = match self.stage {
            Stage::Away { retry } => Some(retry),
            Stage::Connecting | Stage::Greeting => Some(self.greeting_ends),
            Stage::Open if !self.options.ping_interval.is_zero() => {
                let intervals = 1 + u32::from(self.pinged);
                Some(after(self.heard, self.options.ping_interval * intervals))
            }
            Stage::Open | Stage::Leaving | Stage::Closed(_) => None,
        };
        // Whoever leaves for good does not move any more.
        let moves = matches!(self.stage, Stage::Open).then(|| self.move_deadline()).flatten();
        let others =
            self.calls.deadline().into_iter().chain(moves).chain(self.followers_deadline());
        life.into_iter().chain(others).min()
    }

    /// Where the client stands.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        match self.stage {
            Stage::Closed(_) => ConnectionState::Closed,
            Stage::Open | Stage::Leaving => ConnectionState::Connected,
            Stage::Away { .. } | Stage::Connecting | Stage::Greeting => match self.info {
                None => ConnectionState::Connecting,
                Some(_) => ConnectionState::Away,
            },
        }
    }

    /// Whether others can reach the client by name.
    #[must_use]
    pub fn has_name(&self) -> bool {
        !self.options.name.is_empty()
    }

    /// Why the client has ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<&ClientError> {
        match &self.stage {
            Stage::Closed(error) => Some(error),
            Stage::Away { .. }
            | Stage::Connecting
            | Stage::Greeting
            | Stage::Open
            | Stage::Leaving => None,
        }
    }

    /// What the latest broker said about itself.
    #[must_use]
    pub fn server(&self) -> Option<&ServerInfo> {
        self.info.as_ref()
    }

    /// What the client has counted.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            calls_pending: self.calls.pending_count(),
            queued: self.subscriptions.queued(),
            output_bytes: self.outgoing.waiting_bytes() + self.outgoing.away_bytes(),
            unsendable: self.outgoing.unsendable,
            ..self.statistics
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    /// The next thing that happened. Only the latest 256 are kept.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many events nobody fetched in time, in all.
    #[must_use]
    pub fn events_dropped(&self) -> u64 {
        self.events_dropped
    }
}
